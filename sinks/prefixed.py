"""Lets several installations share a cluster: topics with a prefix on the wire, none in tables."""

from collections.abc import Sequence

from sinks.port import Sink, SinkRecord, Written


class PrefixedSink:
    """``sink``, fed from topics that have ``prefix`` before their names."""

    def __init__(self, sink: Sink, prefix: str) -> None:
        self._sink = sink
        self._prefix = prefix

    @property
    def topics(self) -> Sequence[str]:
        return [self._prefix + topic for topic in self._sink.topics]

    def position(self, topic: str, partition: int) -> int | None:
        return self._sink.position(topic.removeprefix(self._prefix), partition)

    def write(
        self,
        topic: str,
        partition: int,
        records: Sequence[SinkRecord],
        *,
        position: int | None,
        next_offset: int,
    ) -> Written:
        logical = topic.removeprefix(self._prefix)
        return self._sink.write(
            logical, partition, records, position=position, next_offset=next_offset
        )
