"""A made-up town behind the console's ports: rich enough to fill every page, always the same."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import sin
from typing import Any, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry

from pipeline.adapters.console.router import make_console_router
from pipeline.adapters.console.who import Who
from pipeline.adapters.http.access import Access
from pipeline.adapters.http.app import make_app
from pipeline.adapters.http.ports import Condition, Feed, Sums
from pipeline.adapters.messages import shipped_catalogues
from pipeline.adapters.telemetry.metrics import Metrics
from schemas.care import (
    CampaignReport,
    CareAction,
    CareDecision,
    CaseStep,
    Cause,
    Unserved,
)
from schemas.dead_letter import DeadLetter, FieldError, Reason
from schemas.insights import (
    ActionCost,
    CareRule,
    ChurnReason,
    CurvePoint,
    Experiment,
    Fall,
    Iceberg,
    Level,
    SilentCustomer,
)
from schemas.outlook import Outlook
from schemas.outlook import Reason as Because
from schemas.perception import Contribution, Details, Felt, Kind, Score, Sign
from tests.unit.core import default_policy
from tests.unit.http_fakes import FakePage, FixedReadiness
from tests.unit.scores import part, reading, rest, score_of, tired

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
KNOWN = "customer-7"
ODD = "a/b 50%?<b>客户"
"""An id with every character that an address or a page could stumble over."""

OPERATOR = Who("ines", frozenset({"read", "operate", "identify"}), "token-1")
_POLICY = "0a1b2c3d4e5f6071"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def _score(customer: str, **changes: Any) -> Score:
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
            Outlook("repeat_contact", 0.52, (Because("recent_contacts", 2.0, 2.0),
                                             Because("open_failures", 2.0, 1.4))),
            Outlook("complaint", 0.27, (Because("open_failures", 2.0, 3.0),
                                        Because("score", 63.7, 0.34))),
            Outlook("churn", 0.14, (Because("open_failures", 2.0, 1.0),
                                    Because("ratio", 0.86, 0.21))),
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
        policy=_POLICY,
        channel=channel,
        **more,
    )


def _recent() -> list[Contribution]:
    call = {"channel": "phone", "department": "call_centre", "topic": "card fees"}
    return [
        _touch("tx-902", "transaction", ago(hours=1.9), before=62.4, after=63.7, channel="other",
               felt={"security": (0.9, 0.7)}),
        _touch("call-121", "call", ago(hours=2.5), before=63.6, after=62.4, **call,
               felt={"guidance": (0.4, 0.6), "attitude": (0.8, 0.7)}, staff="agent-17",
               details=Details(direction="inbound", wait_seconds=140, seconds=412, transfers=1,
                               ivr_path=("Main", "Cards", "Fees", "Agent"), ivr_seconds=48,
                               resolved=False)),
        _touch("sms-88", "message", ago(hours=20), before=63.8, after=63.6, channel="sms",
               felt={"attention": (0.5, 0.5)}, details=Details(direction="outbound")),
        _touch("call-118", "call", ago(hours=27.6), before=70.4, after=63.8, **call,
               felt={"connect_speed": (0.2, 0.7), "resolution": (0.4, 0.7)},
               details=Details(direction="inbound", wait_seconds=605, seconds=0, abandoned=True,
                               ivr_path=("Main", "Cards", "Agent"), ivr_seconds=31)),
        _touch("visit-12", "visit", ago(hours=44.3), before=68.5, after=70.4, channel="in_person",
               felt={"attitude": (0.9, 0.7), "waiting": (0.7, 0.7)}, department="shops",
               staff="clerk-4",
               details=Details(direction="inbound", wait_seconds=240, seconds=1260,
                               resolved=True)),
        _touch("complaint-31", "complaint", ago(days=6.1), before=77.2, after=69.8,
               channel="other", felt={"recovery": (0.2, 0.6)}, topic="card fees"),
    ]  # fmt: skip


def contributions() -> list[Contribution]:
    """Newest first: the recent ones, and a quarter of a year before them."""
    found = _recent()
    score = 75.0
    earlier: list[Contribution] = []
    for at in range(28):
        moved = round(2.6 * sin(at * 1.7) + 0.4, 2)
        earlier.append(
            _touch(
                f"tx-{800 + at}", "transaction" if at % 3 else "survey", ago(days=84 - 2.7 * at),
                before=score, after=score + moved, channel="other",
                felt={"reliability": (0.8, 0.8)},
            )  # fmt: skip
        )
        score += moved
    return found + earlier[::-1]


def _case(case: str, customer: str, steps: Sequence[CaseStep], **changes: Any) -> dict[str, object]:
    given: dict[str, Any] = {
        "id": f"id-{case}", "customer": customer, "case": case, "kind": "complaint",
        "status": "open", "tier": "ordinary", "opened_at": ago(days=3), "as_of": ago(hours=3),
        "policy": _POLICY, "topic": "card fees", "line": None, "owner": "complaints", "level": 0,
        "hand_overs": 0, "reopened": 0, "breaches": 0, "resolved_at": None, "closed_at": None,
        "satisfied": None,
        "next_due": min((s.due for s in steps if s.done is None), default=None),
    }  # fmt: skip
    row: dict[str, object] = msgspec.to_builtins({**given, "steps": steps, **changes})
    return row


def _step(name: str, due: datetime, within_hours: float, **more: Any) -> CaseStep:
    return CaseStep(name=name, due=due, within_hours=within_hours, **more)


def _steps(done: int, next_due: datetime, *, late: bool = False) -> list[CaseStep]:
    names = ("respect", "listen", "restate", "offer", "act", "check")
    return [
        _step(
            name, next_due + timedelta(hours=9 * (at - done)), 9.0,
            done=ago(hours=30 - at) if at < done else None,
            warned=late and at == done, breached=late and at == done,
        )  # fmt: skip
        for at, name in enumerate(names)
    ]


CASES = [
    _case("c-207", "customer-19", [_step("repair", ago(hours=-21), 24.0)], kind="repair",
          line="broadband", topic=None, owner="operations", opened_at=ago(hours=3)),
    _case("c-203", KNOWN, _steps(3, ago(hours=2.2), late=True), tier="gold", level=1, breaches=1,
          hand_overs=2, opened_at=ago(days=6.1)),
    _case("c-205", "customer-12", _steps(1, ago(hours=-1.4)), opened_at=ago(days=1.2)),
    _case("c-198", "customer-31", _steps(4, ago(hours=26), late=True), level=2, breaches=2,
          reopened=1, opened_at=ago(days=11), topic="refund"),
    _case("c-206", "客户-44", _steps(0, ago(hours=-7)), opened_at=ago(hours=20), tier="gold",
          topic="wrong bill"),
    _case("c-180", KNOWN, (), status="closed", closed_at=ago(days=40), satisfied=True,
          opened_at=ago(days=52)),
]  # fmt: skip


def _decision(name: str, action: str, outcome: str, at: datetime, **more: Any) -> CareDecision:
    given: dict[str, Any] = {
        "customer": KNOWN, "cause": Cause("/calls", "call-118"), "reason": "granted", "detail": "",
        "trigger": "notice.repeat_contact", "channel": "phone", "tier": "gold", "cost": 5.0,
        "expected_gain": 3.0,
    }  # fmt: skip
    return CareDecision(
        id=name, action=action, outcome=outcome, decided_at=at, policy=_POLICY,  # type: ignore[arg-type]
        **(given | more),
    )  # fmt: skip


DECISIONS = [
    _decision("a-7", "gift", "proposed", ago(hours=1), trigger="nominated", cost=12.0,
              expected_gain=1.5, campaign="spring_gift", channel="post", customer="customer-12"),
    _decision("a-1", "call_back", "requested", ago(hours=1.5)),
    _decision("a-6", "complaint_step", "requested", ago(hours=2), trigger="case.step", cost=2.0,
              expected_gain=2.0, channel="staff", cause=Cause("/complaints", "complaint-31")),
    _decision("a-2", "apology", "held", ago(hours=3), reason="quiet_hours", cost=0.1,
              detail="nothing is sent from 21:00 to 08:00 in Asia/Shanghai", expected_gain=1.0,
              until=ago(hours=-12), trigger="notice.late_against_promise", channel="sms"),
    _decision("a-3", "thank_you", "withheld", ago(hours=5), reason="hold_out", cost=0.1,
              detail="one of the 10 % that go without", trigger="initiative", channel="email",
              expected_gain=0.5, customer="customer-19"),
    _decision("a-4", "call_back", "withheld", ago(hours=26), reason="cap",
              detail="one call in 72 hours: the last was 2 days ago"),
    _decision("a-5", "gift", "not_funded", ago(days=2), reason="cohort_too_large", cost=12.0,
              detail="the cohort works-9 has 412 members; stock is left for 380",
              campaign="spring_gift", trigger="nominated", channel="post", customer="客户-44"),
    _decision("a-8", "transaction_alert", "settled", ago(days=3), trigger="transaction",
              channel="push", cost=0.0, expected_gain=0.0, reason="done"),
    _decision("a-8", "transaction_alert", "requested", ago(days=3), trigger="transaction",
              channel="push", cost=0.0, expected_gain=0.0),
]  # fmt: skip

ACTIONS = [
    CareAction(
        id=name, action=action, action_class="service", customer=KNOWN, channel=channel,
        cause=Cause("/calls", "call-118"), decided_at=at, reason="granted", template=action,
        fields={}, policy=_POLICY, expires_at=ago(hours=-20), cost=5.0, expected_gain=3.0,
    )  # fmt: skip
    for name, action, channel, at in (
        ("a-1", "call_back", "phone", ago(hours=1.5)),
        ("a-6", "complaint_step", "staff", ago(hours=2)),
    )
]

LETTERS = [
    DeadLetter(
        topic="touchpoint.event.v1", partition=0, offset=48_113 - at, key=b"customer-9",
        timestamp_ms=NOW_MS - at * 4_000_000, value=b"{}", headers=(), reason=reason,
        detail=detail, fields=fields, component="perceive", version="0.1.0",
    )  # fmt: skip
    for at, (reason, detail, fields) in enumerate(
        (
            (Reason.INVALID_FIELD, "data.amount: Input should be a valid number",
             (FieldError("data.amount", "Input should be a valid number"),)),
            (Reason.UNKNOWN_TYPE, "touchpoint.cal.completed.v1 is no type of touch; near: call", ()),
            (Reason.TIME_OUT_OF_RANGE, "time lies 31 hours ahead of the arrival", ()),
        )
    )  # fmt: skip
]


class TownRead:
    """A read model; raises ``failing`` if it is set."""

    def __init__(self) -> None:
        fine: dict[str, Any] = {"behaviour": None, "tier": "ordinary", "outlooks": ()}
        self.scores: dict[str, Score] = {
            KNOWN: _score(KNOWN),
            ODD: _score(ODD, **fine),
            "quiet": score_of(customer="quiet"),
        }
        self.cases_rows: list[dict[str, object]] = list(CASES)
        self.decision_rows: list[CareDecision] = list(DECISIONS)
        self.action_rows: list[CareAction] = list(ACTIONS)
        self.letters: list[DeadLetter] = list(LETTERS)
        self.failing: Exception | None = None

    def score(self, customer: str) -> Mapping[str, object] | None:
        return self.explanation(customer)

    def explanation(self, customer: str) -> Mapping[str, object] | None:
        if self.failing is not None:
            raise self.failing
        found = self.scores.get(customer)
        return None if found is None else msgspec.structs.asdict(found)

    def actions(self, limit: int, *, customer: str | None, before: str | None) -> FakePage:
        return FakePage([a for a in self.action_rows if customer in (None, a.customer)], None)

    def decisions(self, limit: int, *, customer: str | None, before: str | None) -> FakePage:
        return FakePage([d for d in self.decision_rows if customer in (None, d.customer)], None)

    def cases(
        self, limit: int, *, customer: str | None, status: str | None, before: str | None
    ) -> FakePage:
        if self.failing is not None:
            raise self.failing
        wanted = {"customer": customer, "status": status}
        asked = {name: value for name, value in wanted.items() if value is not None}
        return FakePage([row for row in self.cases_rows if row | asked == row], None)

    def dead_letters(self, limit: int, *, before: str | None) -> FakePage:
        if before is not None:
            raise ValueError("before: not a cursor")
        return FakePage(self.letters, None)


class TownHistory:
    """What happened to ``KNOWN``; a cursor is the index of the next row."""

    def __init__(self) -> None:
        self.rows = contributions()

    def trail(self, customer: str, *, since: datetime, limit: int) -> Sequence[object]:
        return self._of(customer, since)[:limit]

    def history(
        self, customer: str, limit: int, *, since: datetime | None, before: str | None
    ) -> FakePage:
        rows, first = self._of(customer, since), int(before or 0)
        more = first + limit < len(rows)
        return FakePage(rows[first : first + limit], str(first + limit) if more else None)

    def _of(self, customer: str, since: datetime | None) -> list[Contribution]:
        mine = [row for row in self.rows if row.customer == customer]
        return [row for row in mine if since is None or row.time >= since]

    def scores_changed(self, limit: int, *, since: str | None) -> FakePage:
        return FakePage([], since or "0")

    def feed(self, since: str | None, limit: int) -> Feed:
        return Feed([], since or "0")

    def rollups(self, axis: str, **_: object) -> Sequence[Sums]:
        return []


def _level(axis: Any, value: str, gap: float, *, target: float = 0.7, **more: Any) -> Level:
    level = round(target + gap, 4)
    given: dict[str, Any] = {
        "touches": 420, "enough": True, "low": max(level - 0.03, 0), "high": min(level + 0.03, 1),
        "trend": round(gap / 5, 4), "trend_error": 0.008, "points": round(900 * gap, 1),
    }  # fmt: skip
    return Level(axis=axis, value=value, level=level, target=target, gap=gap, **(given | more))


_GAPS = {
    "connect_speed": -0.13, "recovery": -0.11, "guidance": -0.06, "waiting": -0.055,
    "resolution": -0.03, "awareness": -0.01, "knowledge": 0.005, "price": 0.0, "trust": 0.015,
    "reliability": 0.03, "attitude": 0.06, "security": 0.08, "attention": 0.12,
}  # fmt: skip
_TOUCHPOINTS = {
    "call": (-0.09, "call_centre", "more lines from nine to eleven: most waits are then"),
    "complaint": (-0.12, "complaints", "one owner from the first word to the last"),
    "visit": (-0.02, "shops", None),
    "digital": (0.01, "product", None),
    "repair": (-0.05, "operations", "tell the customer before the customer asks"),
    "transaction": (0.06, "cards", None),
    "gift": (0.1, "care", None),
}
_VALUES: Mapping[str, Mapping[str, float]] = {
    "layer": {"supporting_service": -0.08, "service_promise": -0.05, "interaction": 0.01,
              "core_product": 0.04, "emotion": 0.07},
    "channel": {"phone": -0.09, "sms": -0.01, "in_person": 0.02, "app": 0.03},
    "department": {"call_centre": -0.09, "complaints": -0.08, "shops": -0.03, "front_line": 0.02,
                   "cards": 0.07, "care": 0.1},
    "staff": {"agent-17": -0.05, "agent-4": 0.03, "clerk-4": 0.09},
    "tier": {"gold": -0.06, "ordinary": -0.01},
    "cohort": {"works-9": -0.04, "works-2": 0.02},
}  # fmt: skip


class TownInsights:
    """What the scores say; every list is empty once ``empty`` is set."""

    def __init__(self) -> None:
        self.empty = False

    def levels(self, axis: Any, **_: object) -> Sequence[Level]:
        if self.empty:
            return []
        if axis == "dimension":
            found = [_level(axis, name, gap) for name, gap in _GAPS.items()]
        elif axis == "touchpoint":
            found = [
                _level(axis, name, gap, department=department, improvement=advice)
                for name, (gap, department, advice) in _TOUCHPOINTS.items()
            ]
        else:
            found = [_level(axis, name, gap) for name, gap in _VALUES[axis].items()]
        if axis == "staff":
            found.append(
                Level(axis="staff", value="agent-21", touches=4, enough=False, level=None,
                      target=None, gap=None, low=None, high=None, trend=None, trend_error=None,
                      points=-1.2)
            )  # fmt: skip
        return sorted(found, key=lambda level: 1.0 if level.gap is None else level.gap)

    def curve(
        self, axis: Any, value: str, *, grain: str, since: datetime, until: datetime, **_: object
    ) -> Sequence[CurvePoint]:
        step = timedelta(days=1) if grain == "day" else timedelta(hours=1)
        count = int((until - since) / step)
        return [
            CurvePoint(
                at=since + at * step, touches=0 if at % 9 == 5 else 12 + at % 5,
                level=None if at % 9 == 5 else round(0.58 + 0.05 * sin(at / 3) + at / 400, 3),
                target=0.7, points=round(4 * sin(at / 2), 1),
            )  # fmt: skip
            for at in range(0 if self.empty else count)
        ]

    def matrix(self, **_: object) -> Sequence[Level]:
        if self.empty:
            return []
        return [
            _level("tier", tier, gap + lift, dimension=name, enough=(name, tier) != ("price", "gold"))
            for name, gap in _GAPS.items()
            for tier, lift in (("gold", -0.03), ("ordinary", 0.005), ("star_6", -0.01))
            if (name, tier) != ("trust", "star_6")
        ]

    def icebergs(self, **_: object) -> Sequence[Iceberg]:
        if self.empty:
            return []
        return [
            Iceberg(touchpoint="call", dimension="connect_speed", department="call_centre",
                    complained=9, silent=143, estimated=180.0, at_risk=171_600.0, currency="CNY",
                    basis="143 customers at 1,200 a year each"),
            Iceberg(touchpoint="complaint", dimension="recovery", department="complaints",
                    complained=4, silent=31, estimated=80.0, at_risk=None, currency=None,
                    basis="the policy names no revenue"),
        ]  # fmt: skip

    def silent(self, touchpoint: str, dimension: str, limit: int, **_: object) -> FakePage:
        rows = [
            SilentCustomer(customer=f"customer-{60 + at}", tier="gold" if at % 3 == 0 else "ordinary",
                           score=48.2 + at, felt_at=ago(hours=5 + 7 * at), touchpoint=touchpoint,
                           dimension=dimension, event=f"call-{90 + at}", points=-8.1 + at / 2)
            for at in range(6)
        ]  # fmt: skip
        return FakePage(rows, None)

    def falls(self, limit: int, *, since: datetime, before: str | None) -> FakePage:
        rows = [] if self.empty else [
            Fall(customer=KNOWN, at=ago(hours=27.6), event="call-118", touchpoint="call",
                 dimension="connect_speed", department="call_centre", points=-6.6, score=63.8),
            Fall(customer="customer-31", at=ago(hours=6), event="call-140", touchpoint="call",
                 dimension="resolution", department="front_line", points=-4.1, score=52.4),
            Fall(customer="客户-44", at=ago(hours=20), event="complaint-40",
                 touchpoint="complaint", dimension="recovery", department="complaints",
                 points=-9.3, score=58.0),
            Fall(customer=ODD, at=ago(hours=2), event="odd event/1?", touchpoint=None,
                 dimension=None, department=None, points=-1.1, score=70.2),
        ]  # fmt: skip
        return FakePage([row for row in rows if row.at >= since], None)

    def churn(self, **_: object) -> Sequence[ChurnReason]:
        shares = {"attitude": 0.64, "product": 0.17, "competition": 0.11, "moved": 0.08}
        return [] if self.empty else [
            ChurnReason(reason=name, customers=round(75 * share), share=share,
                        source="told" if name != "attitude" else "felt")
            for name, share in shares.items()
        ]  # fmt: skip

    def costs(self, **_: object) -> Sequence[ActionCost]:
        return [] if self.empty else [
            ActionCost(action=name, requested=asked, settled=done, withheld=held, cost=cost,
                       expected_gain=hoped, gained=gained,
                       per_point=None if gained <= 0 else round(cost / gained, 2))
            for name, asked, done, held, cost, hoped, gained in (
                ("call_back", 212, 204, 31, 1060.0, 636.0, 402.5),
                ("apology", 380, 377, 44, 38.0, 380.0, 190.2),
                ("gift", 1200, 1188, 412, 14_400.0, 1800.0, 1506.0),
                ("thank_you", 96, 95, 11, 9.6, 48.0, -3.0),
            )
        ]  # fmt: skip

    def experiments(self, **_: object) -> Sequence[Experiment]:
        return [] if self.empty else [
            Experiment(action="apology", treated=3412, held_out=389, treated_score=72.9,
                       held_out_score=71.1, uplift=1.8, low=0.4, high=3.2, expected=1.0,
                       needed=None),
            Experiment(action="thank_you", treated=812, held_out=91, treated_score=78.3,
                       held_out_score=78.0, uplift=0.3, low=-2.7, high=3.3, expected=0.5,
                       needed=12_940),
            Experiment(action="courtesy_call", treated=640, held_out=77, treated_score=70.1,
                       held_out_score=73.0, uplift=-2.9, low=-4.6, high=-1.2, expected=1.0,
                       needed=None),
            Experiment(action="gift", treated=14, held_out=2, treated_score=None,
                       held_out_score=None, uplift=None, low=None, high=None, expected=1.5,
                       needed=1440),
        ]  # fmt: skip

    def care_rules(self, **_: object) -> Sequence[CareRule]:
        return [] if self.empty else [
            CareRule(care="umbrella lent", because="rain", customers=48, times=61, cost=122.0,
                     in_policy=False),
            CareRule(care="fee waived", because="long wait", customers=19, times=20, cost=240.0,
                     in_policy=True),
        ]  # fmt: skip


class TownCampaigns:
    """Reports of campaigns."""

    def campaign_reports(
        self, limit: int, *, campaign: str | None, before: str | None
    ) -> FakePage:
        report = CampaignReport(
            id="r-2", campaign="spring_gift", at=ago(days=2), proposed=1612, allocated=1200,
            not_funded=412, declined=37, spent=14_400.0, spent_today=3_600.0, budget=18_000.0,
            budget_per_day=None, capacity_left=3_800, stock_left=380,
            unserved=(Unserved("works-9", 412, 4944.0, "cohort_too_large"),
                      Unserved(None, 12, 144.0, "no_budget")),
            disparities=(Unserved("works-2", 6, 72.0, "joined_late"),), policy=_POLICY,
        )  # fmt: skip
        pool = msgspec.structs.replace(
            report, id="r-3", campaign="call_backs", at=ago(minutes=20), proposed=44, allocated=40,
            not_funded=4, declined=1, spent=200.0, spent_today=200.0, budget=None,
            capacity_left=160, stock_left=None, unserved=(), disparities=(),
        )  # fmt: skip
        return FakePage([pool, report], None)


def _registry() -> CollectorRegistry:
    metrics = Metrics(CollectorRegistry())
    metrics.records_read.labels("perceive").inc(48_114)
    for outcome, count in (("processed", 47_902), ("duplicate", 209), ("dead_letter", 3)):
        metrics.records.labels("perceive", outcome).inc(count)
    for seconds in (0.004, 0.008, 0.008, 0.015, 0.03, 0.3):
        metrics.chunk_seconds.labels("perceive").observe(seconds)
    for seconds in (0.2, 0.3, 4.0, 70.0):
        metrics.dispatch_seconds.labels("done").observe(seconds)
    metrics.lanes_running.labels("perceive").set(3)
    metrics.lanes_not_running.labels("perceive").set(1)
    metrics.timers.labels("perceive", "0").set(211)
    metrics.dispatch_in_flight.set(2)
    return metrics.registry


class Town(NamedTuple):
    """The parts behind the console, to be changed by a test."""

    read: TownRead
    history: TownHistory
    insights: TownInsights
    campaigns: TownCampaigns
    readiness: FixedReadiness


def make_town() -> Town:
    readiness = FixedReadiness(
        Condition("log", True, "writable"),
        Condition("lane 0", True, "running"),
        Condition("lane 1", False, "restoring", "18,204 of 40,000 records"),
        Condition("dispatch", True, "running"),
    )
    return Town(TownRead(), TownHistory(), TownInsights(), TownCampaigns(), readiness)


def town_app(town: Town | None = None, *, who: Who = OPERATOR, bare: bool = False) -> Any:
    """The console on a town; ``bare`` without history, insights and campaigns."""
    town = make_town() if town is None else town
    registry = _registry()
    catalogues = shipped_catalogues()
    console = make_console_router(
        town.read,
        None if bare else town.history,
        None if bare else town.insights,
        campaigns=None if bare else town.campaigns,
        readiness=town.readiness,
        registry=registry,
        policy=default_policy,
        catalogues=catalogues,
        now_ms=lambda: NOW_MS,
        who=lambda request: who,
    )
    return make_app(
        ingest=None,
        read=town.read,
        readiness=town.readiness,
        policy=default_policy,
        catalogues=catalogues,
        access=Access(None),
        now_ms=lambda: NOW_MS,
        registry=registry,
        version="test",
        console=console,
    )
