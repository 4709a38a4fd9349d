"""Outbound records as the pipeline would write them, in any number, for the sinks' tests."""

from datetime import UTC, datetime, timedelta

import msgspec

from schemas.care import CareAction, CareDecision, Cause
from schemas.dead_letter import DeadLetter, FieldError, Reason
from schemas.perception import (
    Contribution,
    DimensionReading,
    Felt,
    Kind,
    Part,
    PolicyRef,
    Score,
    Sign,
    Sources,
)
from schemas.topics import ACTIONS, CONTRIBUTIONS, DEAD_LETTERS, DECISIONS, SCORES

START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)

Message = tuple[bytes | None, bytes | None]
"""Key and value."""


def score(customer: str, number: int) -> Score:
    """The ``number``-th score of a customer; every other one is of a behaviour type."""
    part = Part("speed", -1.0 / (number + 3), "call", f"e{number}", START)
    signs = (Sign("inbound", number / 7, 3.0), Sign("quality", 0.1 + 0.2, 0.4, "speed"))
    return Score(
        customer=customer,
        score=50 + 40 / (number + 1),
        baseline=1 / 3 * 150,
        confidence=0.1 + 0.2,
        low=10.0,
        high=95.0,
        impression=5e-324,
        loyalty=200 / 3,
        ratio=0.7 + 0.1,
        band="satisfied",
        value=2 / 3,
        over_servicing=1e18 / (number + 3),
        as_of=START + timedelta(seconds=number, microseconds=7),
        events=number,
        tier="gold",
        behaviour=Kind("demanding", signs) if number % 2 else None,
        stage=Kind("cooperation", signs[:1]) if number % 3 else Kind("exchange"),
        open_failures=number,
        open_promises=number + 1,
        overdue_promises=number + 2,
        merged_into=None if number % 3 else f"c{number}",
        policy=PolicyRef("default", "1", "abc"),
        dimensions=(
            DimensionReading("speed", 0.1 + 0.2, 0.9, 1 / 3, 0.7, 0.8, 0.85, 0.05),
            DimensionReading("attitude", 1 / (number + 3), 0.7, 2 / 3, 0.7, experience=-0.0),
        ),
        parts=(part, Part("fatigue", -0.0, channel="sms")),
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
        felt=(
            Felt("speed", 0.25, 0.5, -0.75, Sources(0.5, promise=0.7)),
            Felt("reliability", None, None, 0.1 + 0.2, since=START),
        ),
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
