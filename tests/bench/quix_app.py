"""The contender Quix Streams: exactly once, states in its RocksDB store and its changelog."""

from collections.abc import Iterator
from typing import Any

from quixstreams import Application
from quixstreams.models.serializers import BytesSerializer

from pipeline.engine.ports import LogRecord, Output, Read
from schemas.topics import EVENTS, OUTPUTS
from tests.bench.contender import Place, make_stage, parse_place

STATE_KEY = "customer"


class OutputSerializer(BytesSerializer):  # type: ignore[misc]
    """Writes the bytes of an ``Output``, which has come this far to say its topic."""

    def __call__(self, value: Output, ctx: object) -> bytes:
        return value.value


def make_app(place: Place, commit_interval_seconds: float) -> Any:
    """An application with Quix's defaults but for the guarantee and the time between commits."""
    stage = make_stage()
    app = Application(
        broker_address=place.bootstrap,
        consumer_group=f"{place.prefix}quix",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=commit_interval_seconds,
        state_dir=place.data_dir,
    )
    source = app.topic(place.prefix + EVENTS, value_deserializer="bytes", key_deserializer="bytes")
    outputs = {
        name: app.topic(
            place.prefix + name, value_serializer=OutputSerializer(), key_serializer="bytes"
        )
        for name in OUTPUTS
    }

    def perceive(
        value: bytes, key: bytes, timestamp: int, headers: object, state: Any
    ) -> Iterator[Output]:
        read = stage.read(LogRecord(0, key, value, timestamp), 0)
        if type(read) is not Read:
            return
        stepped = stage.step(key, state.get_bytes(STATE_KEY), [read.input], 0)
        if stepped.state is not None:
            state.set_bytes(STATE_KEY, stepped.state)
        yield from stepped.outputs

    stream = app.dataframe(source).apply(perceive, stateful=True, expand=True, metadata=True)
    stream.to_topic(lambda output, *_: outputs[output.topic])
    return app


def main() -> None:
    """Serve until SIGTERM."""
    make_app(parse_place(), commit_interval_seconds=1.0).run()


if __name__ == "__main__":
    main()
