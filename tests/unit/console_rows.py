"""What is known of a made-up town: scores, touches, cases, decisions and dead letters."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import sin
from typing import Any

import msgspec

from pipeline.adapters.http.rows import Letter
from schemas.care import (
    CareAction,
    CareDecision,
    CaseStep,
    Cause,
    DecisionOutcome,
)
from schemas.dead_letter import FieldError, Reason
from schemas.outlook import Outlook
from schemas.outlook import Reason as Because
from schemas.perception import Contribution, Details, Felt, Kind, Score, Sign
from tests.unit.scores import part, reading, rest, score_of, tired

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
KNOWN = "customer-7"
ODD = "a/b 50%?<b>客户"
"""An id with every character that an address or a page could stumble over."""

POLICY_DIGEST = "0a1b2c3d4e5f6071"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def score_in_full(customer: str, **changes: Any) -> Score:
    parts = (
        part("recovery", -7.34, "complaint", "complaint-31", "2026-04-28T09:10:00Z"),
        part("connect_speed", -3.86, "call", "call-118", "2026-05-03T08:21:00Z"),
        part("resolution", -2.75, "call", "call-118", "2026-05-03T08:21:00Z"),
        part("attitude", 1.92, "visit", "visit-12", "2026-05-02T15:40:00Z"),
        part("security", 1.27, "transaction", "tx-902", "2026-05-04T10:05:00Z"),
        part("guidance", -1.18, "call", "call-121", "2026-05-04T09:32:00Z"),
        part("attention", 0.84, "gift", "gift-3", "2026-04-12T11:00:00Z"),
        rest("reliability", 0.93),
        rest("mood", -0.46),
        tired("sms", -0.63),
    )
    dimensions = (
        reading("recovery", 0.31, 0.62, weight=0.14, norm=0.6, promise=0.7),
        reading("connect_speed", 0.48, 0.72, weight=0.2, norm=0.7, competition=0.8),
        reading("resolution", 0.57, 0.7, weight=0.16),
        reading("guidance", 0.52, 0.6, weight=0.09),
        reading("attitude", 0.84, 0.74, weight=0.08, norm=0.7, experience=0.04),
        reading("security", 0.9, 0.72, weight=0.12, norm=0.7, experience=0.02),
        reading("reliability", 0.83, 0.8, weight=0.1),
        reading("attention", 0.66, 0.5, weight=0.05, cue=0.55),
    )
    given: dict[str, Any] = {
        "customer": customer,
        "confidence": 0.71,
        "low": 51.2,
        "high": 74.6,
        "impression": 65.1,
        "loyalty": 61.8,
        "ratio": 0.86,
        "band": "tolerated",
        "value": 0.78,
        "as_of": datetime(2026, 5, 4, 10, 5, tzinfo=UTC),
        "events": 34,
        "tier": "gold",
        "behaviour": Kind("demanding", (Sign("inbound", 7.4, 6.0), Sign("complaints", 1.8, 1.5))),
        "stage": Kind("cooperation", (Sign("initiative", 0.8, 0.5), Sign("ratio", 0.93, 0.9))),
        "open_failures": 2,
        "open_promises": 2,
        "overdue_promises": 1,
        "dimensions": dimensions,
        "outlooks": (
            Outlook(
                "repeat_contact",
                0.52,
                (Because("recent_contacts", 2.0, 2.0), Because("open_failures", 2.0, 1.4)),
            ),
            Outlook(
                "complaint",
                0.27,
                (Because("open_failures", 2.0, 3.0), Because("score", 63.7, 0.34)),
            ),
            Outlook(
                "churn", 0.14, (Because("open_failures", 2.0, 1.0), Because("ratio", 0.86, 0.21))
            ),
        ),
    }
    return score_of(*parts, **(given | changes))


def _touch(
    event: str,
    touchpoint: str,
    at: datetime,
    *,
    before: float,
    after: float,
    channel: str,
    felt: Mapping[str, tuple[float, float]],
    **more: Any,
) -> Contribution:
    return Contribution(
        event=event,
        source=f"/{touchpoint}s",
        type="touchpoint.observed.v1",
        touchpoint=touchpoint,
        time=at,
        customer=KNOWN,
        tier="gold",
        intent="help",
        felt=tuple(Felt(name, q, e, (q - e) / 10) for name, (q, e) in felt.items()),
        score_before=before,
        score_after=after,
        policy=POLICY_DIGEST,
        channel=channel,
        **more,
    )


def _recent() -> list[Contribution]:
    call = {"channel": "phone", "department": "call_centre", "topic": "card fees"}
    return [
        _touch(
            "tx-902",
            "transaction",
            ago(hours=1.9),
            before=62.4,
            after=63.7,
            channel="other",
            felt={"security": (0.9, 0.7)},
        ),
        _touch(
            "call-121",
            "call",
            ago(hours=2.5),
            before=63.6,
            after=62.4,
            **call,
            felt={"guidance": (0.4, 0.6), "attitude": (0.8, 0.7)},
            staff="agent-17",
            details=Details(
                direction="inbound",
                wait_seconds=140,
                seconds=412,
                transfers=1,
                ivr_path=("Main", "Cards", "Fees", "Agent"),
                ivr_seconds=48,
                resolved=False,
            ),
        ),
        _touch(
            "sms-88",
            "message",
            ago(hours=20),
            before=63.8,
            after=63.6,
            channel="sms",
            felt={"attention": (0.5, 0.5)},
            details=Details(direction="outbound"),
        ),
        _touch(
            "call-118",
            "call",
            ago(hours=27.6),
            before=70.4,
            after=63.8,
            **call,
            felt={"connect_speed": (0.2, 0.7), "resolution": (0.4, 0.7)},
            details=Details(
                direction="inbound",
                wait_seconds=605,
                seconds=0,
                abandoned=True,
                ivr_path=("Main", "Cards", "Agent"),
                ivr_seconds=31,
            ),
        ),
        _touch(
            "visit-12",
            "visit",
            ago(hours=44.3),
            before=68.5,
            after=70.4,
            channel="in_person",
            felt={"attitude": (0.9, 0.7), "waiting": (0.7, 0.7)},
            department="shops",
            staff="clerk-4",
            details=Details(direction="inbound", wait_seconds=240, seconds=1260, resolved=True),
        ),
        _touch(
            "complaint-31",
            "complaint",
            ago(days=6.1),
            before=77.2,
            after=69.8,
            channel="other",
            felt={"recovery": (0.2, 0.6)},
            topic="card fees",
        ),
    ]


def contributions() -> list[Contribution]:
    """Newest first: the recent ones, and a quarter of a year before them."""
    found = _recent()
    score = 75.0
    earlier: list[Contribution] = []
    for at in range(28):
        moved = round(2.6 * sin(at * 1.7) + 0.4, 2)
        earlier.append(
            _touch(
                f"tx-{800 + at}",
                "transaction" if at % 3 else "survey",
                ago(days=84 - 2.7 * at),
                before=score,
                after=score + moved,
                channel="other",
                felt={"reliability": (0.8, 0.8)},
            )
        )
        score += moved
    return found + earlier[::-1]


def _case(case: str, customer: str, steps: Sequence[CaseStep], **changes: Any) -> dict[str, object]:
    given: dict[str, Any] = {
        "id": f"id-{case}",
        "customer": customer,
        "case": case,
        "kind": "complaint",
        "status": "open",
        "tier": "ordinary",
        "opened_at": ago(days=3),
        "as_of": ago(hours=3),
        "policy": POLICY_DIGEST,
        "topic": "card fees",
        "line": None,
        "owner": "complaints",
        "level": 0,
        "hand_overs": 0,
        "reopened": 0,
        "breaches": 0,
        "resolved_at": None,
        "closed_at": None,
        "satisfied": None,
        "next_due": min((s.due for s in steps if s.done is None), default=None),
    }
    row: dict[str, object] = msgspec.to_builtins({**given, "steps": steps, **changes})
    return row


def _step(name: str, due: datetime, within_hours: float, **more: Any) -> CaseStep:
    return CaseStep(name=name, due=due, within_hours=within_hours, **more)


def _steps(done: int, next_due: datetime, *, late: bool = False) -> list[CaseStep]:
    names = ("respect", "listen", "restate", "offer", "act", "check")
    return [
        _step(
            name,
            next_due + timedelta(hours=9 * (at - done)),
            9.0,
            done=ago(hours=30 - at) if at < done else None,
            warned=late and at == done,
            breached=late and at == done,
        )
        for at, name in enumerate(names)
    ]


CASES = [
    _case(
        "c-207",
        "customer-19",
        [_step("repair", ago(hours=-21), 24.0)],
        kind="repair",
        line="broadband",
        topic=None,
        owner="operations",
        opened_at=ago(hours=3),
    ),
    _case(
        "c-203",
        KNOWN,
        _steps(3, ago(hours=2.2), late=True),
        tier="gold",
        level=1,
        breaches=1,
        hand_overs=2,
        opened_at=ago(days=6.1),
    ),
    _case("c-205", "customer-12", _steps(1, ago(hours=-1.4)), opened_at=ago(days=1.2)),
    _case(
        "c-198",
        "customer-31",
        _steps(4, ago(hours=26), late=True),
        level=2,
        breaches=2,
        reopened=1,
        opened_at=ago(days=11),
        topic="refund",
    ),
    _case(
        "c-206",
        "客户-44",
        _steps(0, ago(hours=-7)),
        opened_at=ago(hours=20),
        tier="gold",
        topic="wrong bill",
    ),
    _case(
        "c-180",
        KNOWN,
        (),
        status="closed",
        closed_at=ago(days=40),
        satisfied=True,
        opened_at=ago(days=52),
    ),
]


def _decision(
    name: str, action: str, outcome: DecisionOutcome, at: datetime, **more: Any
) -> CareDecision:
    given: dict[str, Any] = {
        "customer": KNOWN,
        "cause": Cause("/calls", "call-118"),
        "reason": "requested",
        "detail": "",
        "trigger": "notice.repeat_contact",
        "channel": "phone",
        "tier": "gold",
        "cost": 5.0,
        "expected_gain": 3.0,
    }
    return CareDecision(
        id=name,
        action=action,
        outcome=outcome,
        decided_at=at,
        policy=POLICY_DIGEST,
        **(given | more),
    )


DECISIONS = [
    _decision(
        "a-7",
        "gift",
        "proposed",
        ago(hours=1),
        trigger="nominated",
        cost=12.0,
        expected_gain=1.5,
        campaign="spring_gift",
        channel="post",
        customer="customer-12",
    ),
    _decision("a-1", "call_back", "requested", ago(hours=1.5)),
    _decision(
        "a-6",
        "complaint_step",
        "requested",
        ago(hours=2),
        trigger="case.step",
        cost=2.0,
        expected_gain=2.0,
        channel="staff",
        cause=Cause("/complaints", "complaint-31"),
    ),
    _decision(
        "a-2",
        "apology",
        "held",
        ago(hours=3),
        reason="quiet_hours",
        cost=0.1,
        detail="nothing is sent from 21:00 to 08:00 in Asia/Shanghai",
        expected_gain=1.0,
        until=ago(hours=-12),
        trigger="notice.late_against_promise",
        channel="sms",
    ),
    _decision(
        "a-3",
        "thank_you",
        "withheld",
        ago(hours=5),
        reason="hold_out",
        cost=0.1,
        detail="one of the 10 % that go without",
        trigger="initiative",
        channel="email",
        expected_gain=0.5,
        customer="customer-19",
    ),
    _decision(
        "a-4",
        "call_back",
        "withheld",
        ago(hours=26),
        reason="cap",
        detail="one call in 72 hours: the last was 2 days ago",
    ),
    _decision(
        "a-5",
        "gift",
        "not_funded",
        ago(days=2),
        reason="stock",
        cost=12.0,
        detail="the cohort works-9 has 412 members; stock is left for 380",
        campaign="spring_gift",
        trigger="nominated",
        channel="post",
        customer="客户-44",
    ),
    _decision(
        "a-8",
        "transaction_alert",
        "settled",
        ago(days=3),
        trigger="transaction",
        channel="push",
        cost=0.0,
        expected_gain=0.0,
        reason="done",
    ),
    _decision(
        "a-8",
        "transaction_alert",
        "requested",
        ago(days=3),
        trigger="transaction",
        channel="push",
        cost=0.0,
        expected_gain=0.0,
    ),
]

ACTIONS = [
    CareAction(
        id=name,
        action=action,
        action_class="service",
        customer=KNOWN,
        channel=channel,
        cause=Cause("/calls", "call-118"),
        decided_at=at,
        reason="requested",
        template=action,
        fields={},
        policy=POLICY_DIGEST,
        expires_at=ago(hours=-20),
        cost=5.0,
        expected_gain=3.0,
        needs_approval=name == "a-6",
    )
    for name, action, channel, at in (
        ("a-1", "call_back", "phone", ago(hours=1.5)),
        ("a-6", "complaint_step", "staff", ago(hours=2)),
    )
]

LETTERS = [
    Letter(
        id=17 + at,
        topic="touchpoint.event.v1",
        partition=0,
        offset=48_113 - at,
        key=b"customer-9",
        timestamp_ms=NOW_MS - at * 4_000_000,
        value=b"{}",
        headers=(),
        reason=reason,
        detail=detail,
        fields=fields,
        component="perceive",
        version="0.1.0",
    )
    for at, (reason, detail, fields) in enumerate(
        (
            (
                Reason.INVALID_FIELD,
                "data.amount: Input should be a valid number",
                (FieldError("data.amount", "Input should be a valid number"),),
            ),
            (
                Reason.UNKNOWN_TYPE,
                "touchpoint.cal.completed.v1 is no type of touch; near: call",
                (),
            ),
            (Reason.TIME_OUT_OF_RANGE, "time lies 31 hours ahead of the arrival", ()),
        )
    )
]
