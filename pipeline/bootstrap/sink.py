"""A sink from Kafka to a SQL database."""

import logging
import signal
from pathlib import Path
from threading import Event
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from sqlalchemy.exc import OperationalError

from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.bootstrap.common import read_policy
from pipeline.bootstrap.read_model import forgetting, retention_of
from sinks.observe import LogObserver
from sinks.prefixed import PrefixedSink
from sinks.runner import RunnerSettings, run_sink
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.sink import SqlSink

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0


class CountingObserver(LogObserver):
    """Logs as ``LogObserver`` does, and counts what was written."""

    def __init__(self, metrics: Metrics, prefix: str) -> None:
        self._metrics = metrics
        self._prefix = prefix

    def written(
        self, topic: str, partition: int, *, records: int, rejected: int, seconds: float
    ) -> None:
        super().written(topic, partition, records=records, rejected=rejected, seconds=seconds)
        self._metrics.sink_rows.labels(topic.removeprefix(self._prefix)).inc(records)


def run_sql_sink(
    settings: KafkaSettings,
    url: str,
    *,
    policy_file: Path | None,
    host: str,
    port: int | None,
    session_seconds: int,
) -> None:
    """Write all outputs to the database at ``url``, until SIGINT or SIGTERM.

    Brings the schema up to date first, and deletes what is older than the policy keeps. Metrics
    are served at ``port``, ``None`` for nowhere. Raises ``ConfigError``, ``PolicyError``,
    ``ValueError`` for a database it does not know, ``SinkGap``, ``KafkaError``, ``OSError``.
    """
    retention = retention_of(read_policy(policy_file))
    stop = Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    metrics = Metrics(CollectorRegistry())
    if port is not None:
        start_http_server(port, host, metrics.registry)
    engine = make_engine(url)
    while not stop.is_set():
        try:
            upgrade(engine)
            break
        except OperationalError as error:  # away, or starting: so may it be at any later time
            log.warning("the database does not answer, trying again: %s", error.orig)
            stop.wait(_RETRY_SECONDS)
    options = settings.kafka_python_options()
    with forgetting(engine, retention):
        run_sink(
            PrefixedSink(SqlSink(engine), settings.prefix),
            bootstrap_servers=settings.bootstrap.split(","),
            group_id=f"{settings.group_id()}-sink",
            stop=stop,
            observer=CountingObserver(metrics, settings.prefix),
            settings=RunnerSettings(session_timeout_seconds=session_seconds),
            client={name: value for name, value in options.items() if name != "bootstrap_servers"},
        )
    engine.dispose()
