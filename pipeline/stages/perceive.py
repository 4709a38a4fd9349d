"""The perceive stage: touches in by customer; scores, contributions, care and dead letters out."""

from collections.abc import Sequence
from math import ceil
from typing import Final, cast

import msgspec

from pipeline.core.admission import Admitted, admit
from pipeline.core.attend import attend, wake
from pipeline.core.care.memory import next_alarm_s
from pipeline.core.customer import Customer, Waiting
from pipeline.core.moment import Answer
from pipeline.core.perceive.score import full_score
from pipeline.core.policy.compiled import Policy
from pipeline.core.steps import anonymous_step, perceive_step
from pipeline.engine.codec import StateCodec
from pipeline.engine.ports import Due, Labels, Output, Read, Record, Refused, Stepped, Tick
from pipeline.stages.loops import inherited_state, loop_output
from schemas.dead_letter import DeadLetter, FieldError, Reason
from schemas.inbound import Invalid
from schemas.topics import CONTRIBUTIONS, DEAD_LETTERS, EVENTS, SCORES
from schemas.touchpoints.clock import ClockTicked
from schemas.touchpoints.customers import CustomerInherited

CODEC: Final = StateCodec(Customer, version=3, upgrades={2: lambda fields: [None, *fields]})

_WAITING: Final = StateCodec(Waiting, version=3, upgrades={2: lambda fields: [None]})

_ANONYMOUS: Final = b"\x00anonymous"
"""Groups events of nobody known; a customer's id cannot hold a NUL."""


def _inherited(admitted: Admitted) -> Customer | None:
    event = admitted.event
    if type(event) is not CustomerInherited or not event.data.state:
        return None
    return CODEC.decode(inherited_state(event.data.state))


class PerceiveStage:
    """Keeps, per customer, what was perceived, and tells what came of every event."""

    name: Final = "perceive"

    def __init__(self, policy: Policy, *, version: str) -> None:
        """``version`` is the program's own, for dead letters."""
        self._policy = policy
        self._version = version
        self._encode = msgspec.json.Encoder().encode

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        admitted = admit(record.value, record.headers, record.timestamp, self._policy)
        if type(admitted) is Invalid:
            return self._refuse(record, partition, admitted)
        assert type(admitted) is Admitted  # noqa: S101 - tells the type checker, not the reader
        event = admitted.event
        if event.subject is None:
            if type(event) is ClockTicked:
                return Tick(round(admitted.time_s * 1000.0))
            return Read(_ANONYMOUS, admitted)
        key = event.subject.encode()
        if record.key != key:
            what = "the record's key is not the event's subject; publish with key = subject"
            return self._refuse(
                record,
                partition,
                Invalid(Reason.KEY_MISMATCH, what, (FieldError("subject", what),)),
            )
        return Read(key, admitted)

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        if key == _ANONYMOUS:
            return self._anonymous(inputs)
        name, policy, clock_s = key.decode(), self._policy, clock_ms / 1000.0
        customer = None if state is None else CODEC.decode(state)
        outputs: list[Output] = []
        told: list[Labels] = []
        duplicates = woken = 0
        for each in inputs:
            if type(each) is Due:
                woken += 1
                if customer is not None:
                    answer = wake(name, customer, policy, each.clock_ms / 1000.0)
                    self._say(answer, key, outputs, told)
                continue
            admitted = cast("Admitted", each)
            outcome = perceive_step(name, customer, admitted, policy, _inherited(admitted))
            customer = outcome.customer
            if outcome.loop is not None:
                outputs.append(loop_output(outcome.loop, CODEC.encode))
            if outcome.contribution is None:
                duplicates += outcome.loop is None
                continue
            self._say(attend(name, admitted, outcome, policy, clock_s), key, outputs, told)
        if customer is None or duplicates == len(inputs):
            return Stepped(state, outputs, duplicates)
        if woken < len(inputs) or any(output.topic == CONTRIBUTIONS for output in outputs):
            score = full_score(name, customer, policy, customer.as_of_s)
            outputs.append(Output(SCORES, key, self._encode(score)))
        next_s = next_alarm_s(customer.care)
        customer.due_ms = None if next_s is None else ceil(next_s * 1000.0)
        return Stepped(CODEC.encode(customer), outputs, duplicates, customer.due_ms, told)

    def due_of(self, state: bytes) -> int | None:
        return _WAITING.decode(state).due_ms

    def _say(self, answer: Answer, key: bytes, outputs: list[Output], told: list[Labels]) -> None:
        for topic, record, other in answer.said:
            to = key if other is None else other.encode()
            outputs.append(Output(topic, to, self._encode(record)))
        told += answer.told

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        return self._refuse(record, partition, Invalid(Reason(reason), detail))

    def _anonymous(self, inputs: Sequence[object]) -> Stepped:
        outputs: list[Output] = []
        for admitted in inputs:
            contribution = anonymous_step(admitted, self._policy)  # type: ignore[arg-type]
            key = contribution.event.encode()
            outputs.append(Output(CONTRIBUTIONS, key, self._encode(contribution)))
        return Stepped(None, outputs, 0)

    def _refuse(self, record: Record, partition: int, invalid: Invalid) -> Refused:
        letter = DeadLetter(
            topic=EVENTS,
            partition=partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
            reason=invalid.reason,
            detail=invalid.detail,
            fields=invalid.fields,
            component=self.name,
            version=self._version,
        )
        output = Output(DEAD_LETTERS, record.key or b"", self._encode(letter))
        return Refused(invalid.reason.value, output)
