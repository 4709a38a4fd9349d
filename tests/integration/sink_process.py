"""The SQL sink as a process of its own, for tests that kill it.

Arguments: database URL, bootstrap servers, group.
"""

import logging
import signal
import sys
from threading import Event

from sinks.runner import RunnerSettings, run_sink
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.sink import SqlSink


def main(url: str, bootstrap_servers: str, group_id: str) -> None:
    """Run until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    logging.getLogger("kafka").setLevel(logging.ERROR)
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    engine = make_engine(url)
    upgrade(engine)
    run_sink(
        SqlSink(engine),
        bootstrap_servers=bootstrap_servers,
        group_id=group_id,
        stop=stop,
        # A quick hand-over, and small batches: more moments to be killed in.
        settings=RunnerSettings(
            poll_timeout_ms=100, max_poll_records=200, session_timeout_seconds=2
        ),
        client={"heartbeat_interval_ms": 300},
    )
    engine.dispose()
    logging.info("stopped cleanly")


if __name__ == "__main__":
    main(*sys.argv[1:])
