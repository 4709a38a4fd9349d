"""What the scores of a made-up town say of its service."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import sin
from typing import Any

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
from tests.unit.console_rows import KNOWN, ODD, ago
from tests.unit.http_fakes import FakePage


def _level(axis: Any, value: str, gap: float, *, target: float = 0.7, **more: Any) -> Level:
    level = round(target + gap, 4)
    given: dict[str, Any] = {
        "touches": 420,
        "enough": True,
        "low": max(level - 0.03, 0),
        "high": min(level + 0.03, 1),
        "trend": round(gap / 5, 4),
        "trend_error": 0.008,
        "points": round(900 * gap, 1),
    }
    return Level(axis=axis, value=value, level=level, target=target, gap=gap, **(given | more))


_GAPS = {
    "connect_speed": -0.13,
    "recovery": -0.11,
    "guidance": -0.06,
    "waiting": -0.055,
    "resolution": -0.03,
    "awareness": -0.01,
    "knowledge": 0.005,
    "price": 0.0,
    "trust": 0.015,
    "reliability": 0.03,
    "attitude": 0.06,
    "security": 0.08,
    "attention": 0.12,
}
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
    "layer": {
        "supporting_service": -0.08,
        "service_promise": -0.05,
        "interaction": 0.01,
        "core_product": 0.04,
        "emotion": 0.07,
    },
    "channel": {"phone": -0.09, "sms": -0.01, "in_person": 0.02, "app": 0.03},
    "department": {
        "call_centre": -0.09,
        "complaints": -0.08,
        "shops": -0.03,
        "front_line": 0.02,
        "cards": 0.07,
        "care": 0.1,
    },
    "staff": {"agent-17": -0.05, "agent-4": 0.03, "clerk-4": 0.09},
    "tier": {"gold": -0.06, "ordinary": -0.01},
    "cohort": {"works-9": -0.04, "works-2": 0.02},
}


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
                Level(
                    axis="staff",
                    value="agent-21",
                    touches=4,
                    enough=False,
                    level=None,
                    target=None,
                    gap=None,
                    low=None,
                    high=None,
                    trend=None,
                    trend_error=None,
                    points=-1.2,
                )
            )
        return sorted(found, key=lambda level: 1.0 if level.gap is None else level.gap)

    def curve(
        self, axis: Any, value: str, *, grain: str, since: datetime, until: datetime, **_: object
    ) -> Sequence[CurvePoint]:
        step = timedelta(days=1) if grain == "day" else timedelta(hours=1)
        count = int((until - since) / step)
        return [
            CurvePoint(
                at=since + at * step,
                touches=0 if at % 9 == 5 else 12 + at % 5,
                level=None if at % 9 == 5 else round(0.58 + 0.05 * sin(at / 3) + at / 400, 3),
                target=0.7,
                points=round(4 * sin(at / 2), 1),
            )
            for at in range(0 if self.empty else count)
        ]

    def matrix(self, **_: object) -> Sequence[Level]:
        if self.empty:
            return []
        return [
            _level(
                "tier", tier, gap + lift, dimension=name, enough=(name, tier) != ("price", "gold")
            )
            for name, gap in _GAPS.items()
            for tier, lift in (("gold", -0.03), ("ordinary", 0.005), ("star_6", -0.01))
            if (name, tier) != ("trust", "star_6")
        ]

    def icebergs(self, **_: object) -> Sequence[Iceberg]:
        if self.empty:
            return []
        return [
            Iceberg(
                touchpoint="call",
                dimension="connect_speed",
                department="call_centre",
                complained=9,
                silent=143,
                estimated=180.0,
                at_risk=171_600.0,
                currency="CNY",
                basis="143 customers at 1,200 a year each",
            ),
            Iceberg(
                touchpoint="complaint",
                dimension="recovery",
                department="complaints",
                complained=4,
                silent=31,
                estimated=80.0,
                at_risk=None,
                currency=None,
                basis="the policy names no revenue",
            ),
        ]

    def silent(self, touchpoint: str, dimension: str, limit: int, **_: object) -> FakePage:
        rows = [
            SilentCustomer(
                customer=f"customer-{60 + at}",
                tier="gold" if at % 3 == 0 else "ordinary",
                score=48.2 + at,
                felt_at=ago(hours=5 + 7 * at),
                touchpoint=touchpoint,
                dimension=dimension,
                event=f"call-{90 + at}",
                points=-8.1 + at / 2,
            )
            for at in range(6)
        ]
        return FakePage(rows, None)

    def falls(self, limit: int, *, since: datetime, before: str | None) -> FakePage:
        rows = (
            []
            if self.empty
            else [
                Fall(
                    customer=KNOWN,
                    at=ago(hours=27.6),
                    event="call-118",
                    touchpoint="call",
                    dimension="connect_speed",
                    department="call_centre",
                    points=-6.6,
                    score=63.8,
                ),
                Fall(
                    customer="customer-31",
                    at=ago(hours=6),
                    event="call-140",
                    touchpoint="call",
                    dimension="resolution",
                    department="front_line",
                    points=-4.1,
                    score=52.4,
                ),
                Fall(
                    customer="客户-44",
                    at=ago(hours=20),
                    event="complaint-40",
                    touchpoint="complaint",
                    dimension="recovery",
                    department="complaints",
                    points=-9.3,
                    score=58.0,
                ),
                Fall(
                    customer=ODD,
                    at=ago(hours=2),
                    event="odd event/1?",
                    touchpoint=None,
                    dimension=None,
                    department=None,
                    points=-1.1,
                    score=70.2,
                ),
            ]
        )
        return FakePage([row for row in rows if row.at >= since], None)

    def churn(self, **_: object) -> Sequence[ChurnReason]:
        shares = {"attitude": 0.64, "product": 0.17, "competition": 0.11, "moved": 0.08}
        return (
            []
            if self.empty
            else [
                ChurnReason(
                    reason=name,
                    customers=round(75 * share),
                    share=share,
                    source="told" if name != "attitude" else "felt",
                )
                for name, share in shares.items()
            ]
        )

    def costs(self, **_: object) -> Sequence[ActionCost]:
        return (
            []
            if self.empty
            else [
                ActionCost(
                    action=name,
                    requested=asked,
                    settled=done,
                    withheld=held,
                    cost=cost,
                    expected_gain=hoped,
                    gained=gained,
                    per_point=None if gained <= 0 else round(cost / gained, 2),
                )
                for name, asked, done, held, cost, hoped, gained in (
                    ("call_back", 212, 204, 31, 1060.0, 636.0, 402.5),
                    ("apology", 380, 377, 44, 38.0, 380.0, 190.2),
                    ("gift", 1200, 1188, 412, 14_400.0, 1800.0, 1506.0),
                    ("thank_you", 96, 95, 11, 9.6, 48.0, -3.0),
                )
            ]
        )

    def experiments(self, **_: object) -> Sequence[Experiment]:
        return (
            []
            if self.empty
            else [
                Experiment(
                    action="apology",
                    treated=3412,
                    held_out=389,
                    treated_score=72.9,
                    held_out_score=71.1,
                    uplift=1.8,
                    low=0.4,
                    high=3.2,
                    expected=1.0,
                    needed=None,
                ),
                Experiment(
                    action="thank_you",
                    treated=812,
                    held_out=91,
                    treated_score=78.3,
                    held_out_score=78.0,
                    uplift=0.3,
                    low=-2.7,
                    high=3.3,
                    expected=0.5,
                    needed=12_940,
                ),
                Experiment(
                    action="courtesy_call",
                    treated=640,
                    held_out=77,
                    treated_score=70.1,
                    held_out_score=73.0,
                    uplift=-2.9,
                    low=-4.6,
                    high=-1.2,
                    expected=1.0,
                    needed=None,
                ),
                Experiment(
                    action="gift",
                    treated=14,
                    held_out=2,
                    treated_score=None,
                    held_out_score=None,
                    uplift=None,
                    low=None,
                    high=None,
                    expected=1.5,
                    needed=1440,
                ),
            ]
        )

    def care_rules(self, **_: object) -> Sequence[CareRule]:
        return (
            []
            if self.empty
            else [
                CareRule(
                    care="umbrella lent",
                    because="rain",
                    customers=48,
                    times=61,
                    cost=122.0,
                    in_policy=False,
                ),
                CareRule(
                    care="fee waived",
                    because="long wait",
                    customers=19,
                    times=20,
                    cost=240.0,
                    in_policy=True,
                ),
            ]
        )
