"""What dispatch writes to Kafka: settled events, dead letters, and actions that it puts off.

Each is written until the cluster has acknowledged it. Written twice, it does no harm: a settled
event has the same id, an action that was put off twice is the same action.
"""

from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from pipeline.adapters.dispatch.ends import Parked, Progress
from pipeline.adapters.dispatch.settled import SettledEvent
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.sender import Headers, Sender
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.dead_letter import DeadLetter, FieldError, Reason
from schemas.topics import ACTION_DEAD_LETTERS, ACTION_RETRIES

NOT_BEFORE: Final = "not-before"
PROGRESS: Final = "progress"
COMPONENT: Final = "dispatch"


class Resume(NamedTuple):
    """When and where to go on with an action that was put off."""

    not_before: datetime
    progress: Progress


class Outbox:
    """Of one event loop."""

    def __init__(self, settings: KafkaSettings, version: str) -> None:
        self._settings = settings
        self._version = version
        self._sender = Sender(settings)

    async def settle(self, event: SettledEvent) -> None:
        """Append a settled event to the log of touches, where its customer's events stand."""
        partition = key_partition(event.key, self._settings.partitions)
        await self._sender.send(self._settings.source_topic, event.key, event.value, partition)

    async def park(self, record: ConsumerRecord, parked: Parked) -> None:
        """Put an action off: its bytes, and in headers when and where to go on."""
        headers = [
            (NOT_BEFORE, msgspec.json.encode(parked.not_before)),
            (PROGRESS, msgspec.json.encode(parked.progress)),
        ]
        await self._sender.send(ACTION_RETRIES, record.key, record.value, record.partition, headers)

    async def bury(
        self, record: ConsumerRecord, reason: Reason, detail: str, *, attempts: int = 1
    ) -> None:
        """Make a dead letter of a record, with its original bytes."""
        letter = DeadLetter(
            topic=record.topic.removeprefix(self._settings.prefix),
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=tuple((name, value) for name, value in record.headers),
            reason=reason,
            detail=detail,
            fields=(FieldError("", detail),) if reason is Reason.INVALID_FIELD else (),
            component=COMPONENT,
            version=self._version,
            attempts=max(1, attempts),
        )
        value = msgspec.json.encode(letter)
        await self._sender.send(ACTION_DEAD_LETTERS, record.key, value, record.partition)

    async def close(self) -> None:
        await self._sender.close()


def resume_of(headers: Headers) -> Resume | None:
    """What ``park`` wrote; ``None`` where there is nothing that can be read: begin anew."""
    found = dict(headers)
    try:
        not_before = msgspec.json.decode(found[NOT_BEFORE] or b"", type=datetime)
        progress = msgspec.json.decode(found[PROGRESS] or b"", type=Progress)
    except (KeyError, msgspec.DecodeError):
        return None
    if not_before.tzinfo is None:
        return None
    return Resume(not_before, progress)
