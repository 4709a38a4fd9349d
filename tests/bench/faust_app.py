"""The contender that Faust's own guide leads to: an agent, a table, a send for every output.

At least once at best: Faust acknowledges an event whose handler raised.
"""

import sys
from typing import Any

import faust

from pipeline.engine.ports import LogRecord, Read
from schemas.topics import EVENTS, OUTPUTS
from tests.bench.contender import PARTITIONS, Place, make_stage, parse_place


def make_app(place: Place) -> faust.App:
    """An app with Faust's defaults but for what a single broker demands."""
    stage = make_stage()
    app = faust.App(
        f"{place.prefix}faust",
        broker=f"kafka://{place.bootstrap}",
        datadir=str(place.data_dir),
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        web_enabled=False,
        value_serializer="raw",
    )
    source = app.topic(place.prefix + EVENTS, value_type=bytes, value_serializer="raw")
    outputs = {
        name: app.topic(place.prefix + name, value_type=bytes, value_serializer="raw")
        for name in OUTPUTS
    }
    customers: Any = app.Table("customers", key_type=bytes, value_type=bytes)

    @app.agent(source)
    async def perceive(stream: faust.StreamT[Any]) -> None:
        async for event in stream.events():
            message = event.message
            record = LogRecord(
                message.offset, message.key, event.value, int(message.timestamp * 1000)
            )
            read = stage.read(record, message.partition)
            if type(read) is not Read:
                continue
            before = customers.get(read.key)
            stepped = stage.step(read.key, before, [read.input], 0)
            for output in stepped.outputs:
                await outputs[output.topic].send(key=output.key, value=output.value)
            customers[read.key] = stepped.state

    return app


def main() -> None:
    """Serve until SIGTERM."""
    place = parse_place()
    place.data_dir.mkdir(parents=True, exist_ok=True)
    sys.argv = [sys.argv[0], "worker", "-l", "info", "--without-web"]
    make_app(place).main()


if __name__ == "__main__":
    main()
