"""The allocate stage: proposals in by campaign; verdicts for customers, and reports, out."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, cast

import msgspec

from pipeline.core.allocate.state import Campaign, id_bytes
from pipeline.core.allocate.step import Allocated, Told, hear, wake
from pipeline.core.policy.compiled import Policy
from pipeline.engine.codec import StateCodec
from pipeline.engine.ports import Due, Output, Read, Record, Refused, Stepped, Tick
from schemas.care import CareProposal, GiftSeen
from schemas.dead_letter import DeadLetter, Reason
from schemas.inbound import Invalid, parse_event
from schemas.topics import PROPOSAL_DEAD_LETTERS, PROPOSALS
from schemas.touchpoints.clock import ClockTicked
from schemas.touchpoints.customers import COHORT_BYTES

FIRST_VERSION: Final = 128
"""From this version on a state is a campaign's, below it a customer's: see ``both``."""


class _Waiting(msgspec.Struct, array_like=True):
    due_ms: int | None


CODEC: Final = StateCodec(Campaign, version=FIRST_VERSION)
_WAITING: Final = StateCodec(_Waiting, version=FIRST_VERSION)
_RECORD: Final = msgspec.json.Decoder(Told)
_LONGEST: Final = 128
"""Characters of a name that may be a key: ids of customers are no longer either."""
_LARGEST_COHORT: Final = 1_000_000
_MOST: Final = 1e12
"""Of money and of value: sums of them stay exact."""


class AllocateStage:
    """Keeps, per campaign, who waits and what was spent, and answers every proposal."""

    name: Final = "allocate"

    def __init__(self, policy: Policy, *, version: str) -> None:
        """``version`` is the program's own, for dead letters."""
        self._policy = policy
        self._version = version
        self._encode = msgspec.json.Encoder().encode

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        found = _tick(record) if record.key is None else _told(record, record.key)
        if type(found) is tuple:
            return self._refuse(record, partition, *found)
        return cast("Read | Tick", found)

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        name, policy = key.decode(), self._policy
        campaign = None if state is None else CODEC.decode(state)
        first = inputs[0]
        if type(first) is Due:
            if campaign is None:
                return Stepped(state, [], 0)
            done = wake(name, campaign, first.clock_ms / 1000.0, policy)
        else:
            told = cast("Sequence[Told]", inputs)
            done = hear(name, campaign, told, clock_ms / 1000.0, policy)
        return self._stepped(state, key, len(inputs), done)

    def due_of(self, state: bytes) -> int | None:
        return _WAITING.decode(state).due_ms

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        return self._refuse(record, partition, Reason(reason), detail)

    def _stepped(self, state: bytes | None, key: bytes, inputs: int, done: Allocated) -> Stepped:
        campaign, answer, duplicates = done
        if duplicates == inputs or (state is None and campaign == Campaign()):
            return Stepped(state, [], duplicates)
        outputs = [
            Output(topic, key if to is None else to.encode(), self._encode(record))
            for topic, record, to in answer.said
        ]
        return Stepped(CODEC.encode(campaign), outputs, duplicates, campaign.due_ms, answer.told)

    def _refuse(self, record: Record, partition: int, reason: Reason, detail: str) -> Refused:
        letter = DeadLetter(
            topic=PROPOSALS,
            partition=partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
            reason=reason,
            detail=detail,
            fields=(),
            component=self.name,
            version=self._version,
        )
        output = Output(PROPOSAL_DEAD_LETTERS, record.key or b"", self._encode(letter))
        return Refused(reason.value, output)


def _tick(record: Record) -> Tick | tuple[Reason, str]:
    event = parse_event(record.value, record.headers)
    if isinstance(event, Invalid):
        return event.reason, event.detail
    if not isinstance(event, ClockTicked):
        return Reason.UNKNOWN_TYPE, "only ticks of the clock have no key here"
    return Tick(round(event.time.timestamp() * 1000.0))


def _told(record: Record, key: bytes) -> Read | tuple[Reason, str]:
    if not record.value:
        return Reason.EMPTY, "the record has no value"
    try:
        told = _RECORD.decode(record.value)
        problem = _problem(told, key)
    except (msgspec.DecodeError, ValueError) as error:
        broken = isinstance(error, msgspec.DecodeError) and not isinstance(
            error, msgspec.ValidationError
        )
        return Reason.BROKEN_JSON if broken else Reason.INVALID_FIELD, str(error)
    return Read(key, told) if problem is None else problem


def _problem(told: Told, key: bytes) -> tuple[Reason, str] | None:
    """What is wrong with a record that has the right shape. Raises ``ValueError``."""
    if told.campaign.encode() != key:
        return Reason.KEY_MISMATCH, "the record's key is not its campaign"
    wrong = next(_wrong_fields(told), None)
    return None if wrong is None else (Reason.INVALID_FIELD, wrong)


def _wrong_fields(told: Told) -> Iterator[str]:
    names = (told.campaign, told.customer, told.cohort or "-")
    if not all(0 < len(name) <= _LONGEST and "\0" not in name for name in names):
        yield f"a name is empty, has a NUL or over {_LONGEST} characters"
    if told.cohort is not None and len(told.cohort.encode()) > COHORT_BYTES:
        yield f"cohort: at most {COHORT_BYTES} bytes"
    if any(at.tzinfo is None for at in _times(told)):
        yield "a time has no offset"
    if isinstance(told, GiftSeen):
        return
    id_bytes(told.id)
    if not 0 <= (told.cohort_size or 0) <= _LARGEST_COHORT:
        yield f"cohort_size: at most {_LARGEST_COHORT}"
    if isinstance(told, CareProposal):
        if not 0.0 <= told.cost <= _MOST:
            yield f"cost: from 0 to {_MOST:g}"
        if not abs(told.value) <= _MOST:
            yield f"value: at most {_MOST:g}"


def _times(told: Told) -> tuple[datetime, ...]:
    if isinstance(told, CareProposal):
        return told.proposed_at, told.expires_at
    return (told.given_at if isinstance(told, GiftSeen) else told.declined_at,)
