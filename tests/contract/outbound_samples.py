"""Outbound records as the pipeline would write them, in any number, for the sinks' tests."""

from datetime import UTC, datetime, timedelta

import msgspec

from schemas.care import CareAction, CareDecision, Cause
from schemas.dead_letter import DeadLetter, FieldError, Reason
from schemas.perception import Contribution, Felt, Part, PolicyRef, Score
from schemas.topics import ACTIONS, CONTRIBUTIONS, DEAD_LETTERS, DECISIONS, SCORES

START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)

Message = tuple[bytes | None, bytes | None]
"""Key and value."""


def score(customer: str, number: int) -> Score:
    """The ``number``-th score of a customer."""
    part = Part(
        dimension="speed", points=-1.0 / (number + 3), touchpoint="call", event=f"e{number}"
    )
    return Score(
        customer=customer,
        score=50 + 40 / (number + 1),
        baseline=1 / 3 * 150,
        confidence=0.1 + 0.2,
        low=10,
        high=95,
        as_of=START + timedelta(seconds=number, microseconds=7),
        events=number,
        tier="gold",
        policy=PolicyRef("default", "1", "abc"),
        parts=(part, Part(dimension="fatigue", points=-0.0)),
    )


def contribution(customer: str | None, number: int) -> Contribution:
    """What the ``number``-th event did."""
    return Contribution(
        event=f"e{number}",
        source="crm",
        type="touchpoint.call.completed.v1",
        touchpoint=None if number % 3 == 0 else "call",
        time=START + timedelta(minutes=number),
        customer=customer,
        tier="gold",
        intent="help",
        felt=(Felt("speed", 0.25, 0.5, -0.75),),
        score_before=None if customer is None else 0.0,
        score_after=None if customer is None else 61.5,
        policy="abc",
    )


def action(customer: str, number: int) -> CareAction:
    """The action because of the ``number``-th event."""
    return CareAction(
        id=f"a-{number}",
        action="transaction_alert",
        action_class="required",
        customer=customer,
        channel="sms",
        cause=Cause("crm", f"e{number}"),
        decided_at=START + timedelta(minutes=number // 2),
        reason="amount",
        template="alert",
        fields={"amount": "12.00 \u20ac", "tab": "a\tb\\n"},
        policy="abc",
    )


def decision(customer: str, number: int) -> CareDecision:
    """The decision because of the ``number``-th event."""
    return CareDecision(
        id=f"d-{number}",
        action="voucher",
        customer=customer,
        cause=Cause("crm", f"e{number}"),
        decided_at=START + timedelta(minutes=number),
        outcome="withheld",
        reason="budget",
        detail="",
        policy="abc",
    )


def dead_letter(number: int, *, detail: str = "not JSON") -> DeadLetter:
    """The letter of the record at offset ``number``."""
    return DeadLetter(
        topic="touchpoint.event.v1",
        partition=1,
        offset=number,
        timestamp_ms=1_700_000_000_000,
        key=None,
        value=b"\x00\xff{" + str(number).encode(),
        headers=(("ce_id", b"\x00x"),),
        reason=Reason.BROKEN_JSON,
        detail=detail,
        fields=(FieldError("data.amount", "is no number"),),
        component="perceive",
        version="0.1.0",
    )


def encode(contract: msgspec.Struct) -> bytes:
    """The bytes of a contract, as on its topic."""
    return msgspec.json.encode(contract)


def message(topic: str, customer: str, number: int) -> Message:
    """The ``number``-th good record of ``topic``."""
    made: dict[str, msgspec.Struct] = {
        SCORES: score(customer, number),
        CONTRIBUTIONS: contribution(customer, number),
        ACTIONS: action(customer, number),
        DECISIONS: decision(customer, number),
        DEAD_LETTERS: dead_letter(number),
    }
    return customer.encode(), msgspec.json.encode(made[topic])
