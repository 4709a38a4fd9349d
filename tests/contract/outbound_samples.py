"""Outbound records as the pipeline would write them, in any number, for the sinks' tests."""

from datetime import UTC, datetime, timedelta

import msgspec

from schemas.care import (
    CampaignReport,
    CareAction,
    CareCase,
    CareDecision,
    CareOrder,
    CaseStep,
    Cause,
    Consent,
    DecisionOutcome,
    OrderKind,
    Quiet,
    Unserved,
)
from schemas.dead_letter import DeadLetter, FieldError, Reason
from schemas.outlook import Outlook, OutlookCheck
from schemas.outlook import Reason as Because
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
from schemas.topics import (
    ACTION_DEAD_LETTERS,
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    EVENTS,
    ORDERS,
    OUTLOOKS,
    PROPOSAL_DEAD_LETTERS,
    PROPOSALS,
    SCORES,
)

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
        outlooks=(Outlook("churn", 1 / 3, (Because("score", 0.1 + 0.2, -0.0),)),) * (number % 3),
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


def outlook_check(customer: str, number: int) -> OutlookCheck:
    """The ``number``-th outlook, settled; every other one came true."""
    return OutlookCheck(
        id=f"o-{number}",
        outlook="churn",
        customer=customer,
        tier="gold",
        made_at=START + timedelta(minutes=number),
        horizon_days=30.0,
        probability=1 / (number + 3),
        happened=number % 2 == 1,
        settled_at=START + timedelta(days=30, minutes=number),
        policy="abc",
    )


def action(customer: str, number: int) -> CareAction:
    """The action because of the ``number``-th event; every other one has all that may be absent."""
    full = number % 2 == 1
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
        purpose="marketing" if full else "service",
        fallbacks=("email", "staff") if full else (),
        expires_at=START + timedelta(days=1, microseconds=number) if full else None,
        quiet=Quiet("Asia/Shanghai", "22:00", "08:00") if full else None,
        language="zh" if full else None,
        campaign="spring" if full else None,
        cost=0.1 + 0.2 if full else 0.0,
        expected_gain=1 / (number + 3) if full else 0.0,
        needs_approval=full,
    )


def decision(
    customer: str, number: int, *, outcome: DecisionOutcome = "withheld", reason: str = "budget"
) -> CareDecision:
    """A decision because of the ``number``-th event; every other one has all that may be absent."""
    full = number % 2 == 1
    return CareDecision(
        id=f"d-{number}",
        action="voucher",
        customer=customer,
        cause=Cause("crm", f"e{number}"),
        decided_at=START + timedelta(minutes=number),
        outcome=outcome,
        reason=reason,
        detail="",
        policy="abc",
        action_class="marketing" if full else "service",
        trigger="nominated" if full else "",
        channel="sms" if full else None,
        until=START + timedelta(days=1) if full else None,
        campaign="spring" if full else None,
        tier="gold" if full else None,
        cost=2.5 if full else 0.0,
        expected_gain=1 / 3 if full else 0.0,
    )


def case(customer: str, number: int) -> CareCase:
    """How case ``number % 5`` of a customer stands at the ``number``-th event."""
    due = START + timedelta(hours=number)
    minute_later = due + timedelta(minutes=1)
    done = CaseStep(name="listen", due=due, within_hours=0.5, done=minute_later, breached=True)
    act = CaseStep(name="act", due=due + timedelta(hours=2), within_hours=8.0, warned=True)
    full = number % 2 == 1
    return CareCase(
        id=f"case-{customer}-{number % 5}",
        customer=customer,
        case="complaint_recovery",
        kind="complaint",
        status="closed" if full else "open",
        tier="gold",
        opened_at=START + timedelta(minutes=number % 5),
        as_of=START + timedelta(seconds=number),
        policy="abc",
        topic="billing" if full else None,
        line="mobile" if full else None,
        owner="billing" if full else None,
        level=number,
        hand_overs=2 if full else 0,
        reopened=1 if full else 0,
        breaches=1 if full else 0,
        steps=(done, act),
        resolved_at=START if full else None,
        closed_at=due if full else None,
        satisfied=True if full else None,
    )


def consent(customer: str, number: int) -> Consent:
    """What a customer does not want as of the ``number``-th event."""
    return Consent(
        customer=customer,
        denied=("sms:marketing", "email:care")[: number % 3],
        alerts=number % 2 == 0,
        as_of=START + timedelta(seconds=number),
    )


def order(customer: str, number: int) -> CareOrder:
    """The ``number``-th order, for one of five actions."""
    kinds: tuple[OrderKind, ...] = ("hold", "release", "approve", "cancel")
    return CareOrder(
        id=f"o-{number}",
        action=f"a-{number % 5}",
        customer=customer,
        order=kinds[number % 4],
        by="anna",
        at=START + timedelta(seconds=number, microseconds=3),
        reason="asked for by \u7ecf\u7406\ttwice\\n",
    )


def campaign_report(number: int) -> CampaignReport:
    """The report of the ``number``-th window; every other one has limits."""
    full = number % 2 == 1
    return CampaignReport(
        id=f"r-{number}",
        campaign="spring",
        at=START + timedelta(hours=number),
        proposed=number + 3,
        allocated=number,
        not_funded=2,
        declined=1,
        spent=number / 7,
        spent_today=0.1 + 0.2,
        budget=100.0 if full else None,
        budget_per_day=10.0 if full else None,
        capacity_left=7 if full else None,
        stock_left=0 if full else None,
        unserved=(Unserved("acme", 12, 30.0, "stock_short"), Unserved(None, 1, 2.5, "budget")),
        disparities=(Unserved("acme", 3, 0.0, "part_served"),) if full else (),
        policy="abc",
    )


def dead_letter(number: int, *, detail: str = "not JSON", topic: str = EVENTS) -> DeadLetter:
    """The letter of the record of ``topic`` at offset ``number``."""
    return DeadLetter(
        topic=topic,
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
        OUTLOOKS: outlook_check(customer, number),
        ACTIONS: action(customer, number),
        DECISIONS: decision(customer, number),
        CASES: case(customer, number),
        CONSENTS: consent(customer, number),
        ORDERS: order(customer, number),
        CAMPAIGNS: campaign_report(number),
        DEAD_LETTERS: dead_letter(number),
        PROPOSAL_DEAD_LETTERS: dead_letter(number, topic=PROPOSALS),
        ACTION_DEAD_LETTERS: dead_letter(number, topic=ACTIONS),
    }
    return customer.encode(), msgspec.json.encode(made[topic])
