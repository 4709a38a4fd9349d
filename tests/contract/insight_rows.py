"""Rows for tests of insights: touches with what was felt, and the roll-ups of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import Connection, Engine, insert

from schemas.care import CareCase, CareDecision, Cause, DecisionOutcome
from schemas.perception import Contribution, Details, Felt, Score
from schemas.topics import CASES, CONTRIBUTIONS, DECISIONS, SCORES
from sinks.sql import tables
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A midnight."""

_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_UNITS = 1_000_000


def touch(
    customer: str | None,
    number: int,
    *,
    at: timedelta = timedelta(),
    felt: Mapping[str, tuple[float, float, float]] | None = None,
    before: float = 75.0,
    moved: float = 0.0,
    **changes: object,
) -> Contribution:
    """A call; ``felt`` has quality, expectation and value of each dimension."""
    given: dict[str, object] = {
        "event": f"e{number}",
        "source": "crm",
        "type": "touchpoint.call.completed.v1",
        "touchpoint": "call",
        "time": START + at,
        "customer": customer,
        "tier": "ordinary",
        "intent": "help",
        "felt": tuple(Felt(name, *numbers) for name, numbers in (felt or {}).items()),
        "score_before": None if customer is None else before,
        "score_after": None if customer is None else before + moved,
        "policy": "abc",
        "channel": "phone",
    }
    return Contribution(**(given | changes))  # type: ignore[arg-type]


def left(customer: str, number: int, at: timedelta, reason: str | None) -> Contribution:
    """A customer leaves."""
    return touch(
        customer,
        number,
        at=at,
        type="touchpoint.customer.left.v1",
        touchpoint=None,
        details=None if reason is None else Details(reason=reason),
    )


def score(customer: str, value: float, *, merged_into: str | None = None) -> Score:
    return replace(samples.score(customer, 1), score=value, merged_into=merged_into)


def decision(
    name: str,
    customer: str,
    outcome: DecisionOutcome,
    *,
    at: timedelta = timedelta(),
    action: str = "thank_you",
    reason: str = "initiative",
    trigger: str = "",
    cost: float = 0.0,
    gain: float = 0.0,
) -> CareDecision:
    return CareDecision(
        id=name,
        action=action,
        customer=customer,
        cause=Cause("crm", "e"),
        decided_at=START + at,
        outcome=outcome,
        reason=reason,
        detail="",
        policy="abc",
        trigger=trigger,
        cost=cost,
        expected_gain=gain,
    )


def write(
    engine: Engine, *rows: Contribution | Score | CareDecision | CareCase, roll: bool = True
) -> None:
    """Write ``rows`` as a sink does, and the roll-ups of the contributions among them."""
    topics = {
        Contribution: CONTRIBUTIONS,
        Score: SCORES,
        CareDecision: DECISIONS,
        CareCase: CASES,
    }
    with engine.begin() as connection:
        sent = [(topics[type(row)], b"k", samples.encode(row)) for row in rows]
        assert write_outputs(connection, sent) == (len(rows), 0)
        if roll:
            _roll_up(connection, [row for row in rows if isinstance(row, Contribution)])


def _roll_up(connection: Connection, touches: Iterable[Contribution]) -> None:
    sums: Counter[tuple[tuple[object, ...], str]] = Counter()
    for each in touches:
        axes = {
            "touchpoint": each.touchpoint,
            "channel": each.channel,
            "department": each.department,
            "staff": each.staff,
            "tier": each.tier,
            "cohort": each.cohort,
        }
        for grain, step in _STEPS.items():
            start = START + (each.time - START) // step * step
            for axis, value in axes.items():
                for dimension, name, number in _numbers(each):
                    sums[(grain, start, axis, value or "", dimension), name] += number
    rows: dict[tuple[object, ...], dict[str, int]] = {}
    for (key, name), number in sums.items():
        rows.setdefault(key, {})[name] = number
    if not rows:
        return
    names = ("touches", "felt", "quality", "expected", "gained", "lost", "moved")
    keys = ("grain", "start", "axis", "value", "dimension")
    connection.execute(
        insert(tables.rollups),
        [
            dict(zip(keys, key, strict=True))
            | {"partition": 0}
            | {name: numbers.get(name, 0) for name in names}
            for key, numbers in rows.items()
        ],
    )


def _numbers(each: Contribution) -> Iterable[tuple[str, str, int]]:
    moved = 0.0
    if each.score_before is not None and each.score_after is not None:
        moved = each.score_after - each.score_before
    yield "", "touches", 1
    yield "", "moved", round(moved * _UNITS)
    for felt in each.felt:
        yield felt.dimension, "touches", 1
        yield (
            felt.dimension,
            "gained" if felt.value > 0 else "lost",
            abs(round(felt.value * _UNITS)),
        )
        if felt.quality is not None and felt.expected is not None:
            yield felt.dimension, "felt", 1
            yield felt.dimension, "quality", round(felt.quality * _UNITS)
            yield felt.dimension, "expected", round(felt.expected * _UNITS)
