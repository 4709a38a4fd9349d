"""What happened over time: a customer's trail and history, and whose score changed since."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final, get_args

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from pipeline.adapters.http.answers import (
    CURSOR_TEXT,
    UNCHANGED,
    Before,
    Customer,
    IfNoneMatch,
    Limit,
    OfTier,
    checked,
    customer_of,
    json_answer,
    page_answer,
    tagged_answer,
    unknown_customer,
)
from pipeline.adapters.http.examples import problem_answers
from pipeline.adapters.http.history_examples import (
    HISTORY_ANSWER,
    SCORES_ANSWER,
    TRAIL_ANSWER,
)
from pipeline.adapters.http.period import Clock, Since, in_utc, moment_of
from pipeline.adapters.http.ports import History, ReadModel
from pipeline.adapters.http.trail import Touch, Trail, touch_of, trail_of
from schemas.perception import Band

_TOUCHES: Final = 500
"""Of a trail at most."""

_ROUNDS: Final = 25
"""So often the store is asked for one page of filtered scores, then what there is is given."""

TrailHours = Annotated[int, Query(ge=1, le=336, description="So far back.")]
ChangedSince = Annotated[
    str | None,
    Query(**CURSOR_TEXT, description="`next` of an earlier answer."),
]
OfBand = Annotated[
    Band | None, Query(description=f"Only of this band: {', '.join(get_args(Band))}.")
]


class TouchPage(msgspec.Struct, frozen=True):
    """Touches, newest first, and the cursor of the next page."""

    items: tuple[Touch, ...]
    next: str | None


class ChangedScores(msgspec.Struct, frozen=True):
    """Scores in the order in which they changed, and where to go on."""

    items: Sequence[Mapping[str, object]]
    next: str


def make_history_router(history: History, read: ReadModel, *, now_ms: Clock) -> APIRouter:
    """Routes of what happened. To be added before those of one customer alone."""
    router = APIRouter(prefix="/v1")
    _add_trail(router, history, read, now_ms)
    _add_history(router, history, read)
    _add_scores(router, history)
    return router


def _add_trail(router: APIRouter, history: History, read: ReadModel, now_ms: Clock) -> None:
    @router.get(
        "/customers/{customer:path}/trail",
        tags=["customers"],
        summary="Everything to know when the customer calls",
        responses={200: TRAIL_ANSWER, **UNCHANGED, **problem_answers(404, 422, 503)},
        response_class=Response,
    )
    def get_trail(
        customer: Customer, hours: TrailHours = 48, if_none_match: IfNoneMatch = None
    ) -> Response:
        """All touches of the last hours across channels, newest first, with the open cases and
        the care under way. The `ETag` is of all this without `as_of` and `since`."""
        name, now = customer_of(customer), moment_of(now_ms)
        since = now - timedelta(hours=hours)
        rows = history.trail(name, since=since, limit=_TOUCHES + 1)
        trail = trail_of(read, name, rows, since=since, as_of=now, limit=_TOUCHES)
        if trail is None:
            raise unknown_customer()
        return tagged_answer(trail, if_none_match, tag_of=_without_times(trail))


def _add_history(router: APIRouter, history: History, read: ReadModel) -> None:
    @router.get(
        "/customers/{customer:path}/history",
        tags=["customers"],
        summary="The score over time, with the events that moved it",
        responses={200: HISTORY_ANSWER, **problem_answers(404, 422, 503)},
        response_class=Response,
    )
    def get_history(
        customer: Customer, since: Since = None, limit: Limit = 100, before: Before = None
    ) -> Response:
        """Newest first; each with the score after it and the points that it moved it by."""
        name, begin = customer_of(customer), in_utc("since", since)
        page = checked(lambda: history.history(name, limit, since=begin, before=before), "before")
        if not page.items and before is None and read.score(name) is None:
            raise unknown_customer()
        return json_answer(TouchPage(tuple(touch_of(row) for row in page.items), page.next))


def _add_scores(router: APIRouter, history: History) -> None:
    @router.get(
        "/scores",
        tags=["customers"],
        summary="Scores that changed since",
        responses={200: SCORES_ANSWER, **problem_answers(422, 503)},
        response_class=Response,
    )
    def get_scores(
        changed_since: ChangedSince = None,
        band: OfBand = None,
        tier: OfTier = None,
        limit: Limit = 100,
    ) -> Response:
        """Each score as it is now, in the order of its last change; none is ever passed over.

        `next` is never null: at the end it is where to go on later. With a filter there may be
        fewer `items` than asked for, even none, before the end.
        """
        return page_answer(
            lambda: changed_scores(history, limit, since=changed_since, band=band, tier=tier),
            cursor="changed_since",
        )


def changed_scores(
    history: History, limit: int, *, since: str | None, band: str | None, tier: str | None
) -> ChangedScores:
    """Scores that changed behind ``since`` and pass the filters, at most ``limit``.

    A page of the store is taken whole or not at all, so that ``next`` stands behind exactly what
    was looked at. Raises ``ValueError`` for a cursor that no page gave.
    """
    wanted = {"band": band, "tier": tier}
    asked = {name: value for name, value in wanted.items() if value is not None}
    found: list[Mapping[str, object]] = []
    cursor = since
    for _ in range(_ROUNDS):
        page = history.scores_changed(limit - len(found), since=cursor)
        rows: list[Mapping[str, object]] = [_mapping(row) for row in page.items]
        found += [row for row in rows if all(row[name] == asked[name] for name in asked)]
        cursor = page.next
        # Half a page is enough: the last few would cost a question each.
        if not rows or 2 * len(found) >= limit:
            break
    assert cursor is not None  # noqa: S101 - the port says so
    return ChangedScores(found, cursor)


def _mapping(row: object) -> Mapping[str, object]:
    return row if isinstance(row, Mapping) else msgspec.to_builtins(row)


def _without_times(trail: Trail) -> object:
    """What says whether a trail is still the same: a second later its times are others."""
    fields = msgspec.structs.asdict(trail)
    return {name: value for name, value in fields.items() if name not in ("as_of", "since")}
