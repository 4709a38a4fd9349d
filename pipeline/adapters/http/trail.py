"""What is shown to who serves a customer: the touches, how the customer stands, and care."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from pipeline.adapters.http.ports import ReadModel
from pipeline.adapters.http.rows import Case, read_as
from schemas.care import CareAction, CareDecision
from schemas.perception import Contribution, Details, Felt

_CARE_ROWS = 100
"""Of each kind at most: more than anybody reads while a customer is on the phone."""


class Touch(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One event of a customer, and what it did to the score.

    ``points`` is ``score_after`` less the score without this event; both are ``None`` where the
    event had no score. ``felt`` says in which dimensions it was felt.
    """

    event: str
    source: str
    type: str
    time: datetime
    touchpoint: str | None
    intent: str
    felt: tuple[Felt, ...]
    points: float | None
    score_after: float | None
    channel: str | None = None
    topic: str | None = None
    department: str | None = None
    staff: str | None = None
    details: Details | None = None


class Standing(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How a customer stands now, in short; ``behaviour`` and ``stage`` are names."""

    score: float
    confidence: float
    band: str
    tier: str
    behaviour: str | None
    stage: str
    open_failures: int
    open_promises: int
    overdue_promises: int


class Trail(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """All touches of a customer from ``since`` to ``as_of``, newest first, across channels.

    ``more`` is true if there were more touches than are shown. ``cases`` are those that the
    customer has not closed, of any age: a resolved one is still to be asked about. ``actions`` and
    ``decisions`` are those of the same hours.
    """

    customer: str
    as_of: datetime
    since: datetime
    standing: Standing | None
    touches: tuple[Touch, ...]
    more: bool
    cases: tuple[Case, ...]
    actions: tuple[CareAction, ...]
    decisions: tuple[CareDecision, ...]


def touch_of(row: object) -> Touch:
    """A ``Contribution`` in any form as a touch; floats keep every bit."""
    one = read_as(row, Contribution)
    before, after = one.score_before, one.score_after
    return Touch(
        event=one.event,
        source=one.source,
        type=one.type,
        time=one.time,
        touchpoint=one.touchpoint,
        intent=one.intent,
        felt=one.felt,
        points=None if before is None or after is None else after - before,
        score_after=after,
        channel=one.channel,
        topic=one.topic,
        department=one.department,
        staff=one.staff,
        details=one.details,
    )


def trail_of(
    read: ReadModel,
    customer: str,
    rows: Sequence[object],
    *,
    since: datetime,
    as_of: datetime,
    limit: int,
) -> Trail | None:
    """The trail; ``None`` if nothing is known of the customer.

    ``rows`` were asked for with one more than ``limit``: it tells whether there are more.
    """
    now = read.customer_now(customer, since=since, limit=_CARE_ROWS)
    if now.score is None and not rows:
        return None
    return Trail(
        customer=customer,
        as_of=as_of,
        since=since,
        standing=None if now.score is None else _standing(now.score),
        touches=tuple(touch_of(row) for row in rows[:limit]),
        more=len(rows) > limit,
        cases=read_as(now.cases, tuple[Case, ...]),
        actions=read_as(now.actions, tuple[CareAction, ...]),
        decisions=read_as(now.decisions, tuple[CareDecision, ...]),
    )


def _standing(score: Mapping[str, Any]) -> Standing:
    names = {name: score[name] for name in Standing.__struct_fields__}
    kinds = {kind: names[kind] and names[kind]["name"] for kind in ("behaviour", "stage")}
    return Standing(**(names | kinds))
