"""Lists of what is and was done for customers, and of what could not be processed."""

from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from pipeline.adapters.http.answers import (
    Before,
    Limit,
    OfAction,
    OfCustomer,
    OfReason,
    page_answer,
)
from pipeline.adapters.http.examples import problem_answers
from pipeline.adapters.http.lists_examples import ANSWERS
from pipeline.adapters.http.masking import check_may_ask_for
from pipeline.adapters.http.period import Clock, Since, Until, moment_of, span_of
from pipeline.adapters.http.ports import ReadModel
from pipeline.adapters.http.rows import Case, Letter
from schemas.care import ActionClass, CareAction, CareDecision, DecisionOutcome

OfStatus = Annotated[
    Literal["open", "resolved", "closed"] | None, Query(description="Only those that stand so.")
]
OfKind = Annotated[Literal["complaint", "repair"] | None, Query(description="Only of this kind.")]
Overdue = Annotated[
    bool | None,
    Query(description="`true`: only those with a step that is not done and was due before now."),
]
OfClass = Annotated[ActionClass | None, Query(description="Only actions of this class.")]
OfOutcome = Annotated[DecisionOutcome | None, Query(description="Only what came to this.")]


class Wanted(NamedTuple):
    """Which rows of a list, and how many: ``since`` is in it, ``until`` is not."""

    customer: str | None
    since: datetime | None
    until: datetime | None
    limit: int
    before: str | None


def _wanted(
    *,
    customer: OfCustomer = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    before: Before = None,
) -> Wanted:
    check_may_ask_for(customer)
    return Wanted(customer, *span_of(since, until), limit, before)


Rows = Annotated[Wanted, Depends(_wanted)]


def make_lists_router(read: ReadModel, *, now_ms: Clock) -> APIRouter:
    """Routes of lists, each newest first. ``now_ms`` tells what is overdue."""
    router = APIRouter(prefix="/v1")
    _add_actions(router, read)
    _add_decisions(router, read)
    _add_cases(router, read, now_ms)

    @router.get("/dead-letters", **_options(Letter, "Records that could not be processed"))
    def get_dead_letters(limit: Limit = 100, before: Before = None) -> Response:
        return page_answer(lambda: read.dead_letters(limit, before=before))

    return router


def _add_actions(router: APIRouter, read: ReadModel) -> None:
    @router.get("/actions", **_options(CareAction, "What is to be done for customers"))
    def get_actions(
        *,
        rows: Rows,
        action: OfAction = None,
        action_class: OfClass = None,
    ) -> Response:
        """By `decided_at`, which `since` and `until` are about."""
        return page_answer(
            lambda: read.actions(
                rows.limit,
                customer=rows.customer,
                before=rows.before,
                action=action,
                action_class=action_class,
                since=rows.since,
                until=rows.until,
            )
        )


def _add_decisions(router: APIRouter, read: ReadModel) -> None:
    @router.get("/decisions", **_options(CareDecision, "What became of what was considered"))
    def get_decisions(
        *,
        rows: Rows,
        action: OfAction = None,
        outcome: OfOutcome = None,
        reason: OfReason = None,
    ) -> Response:
        """By `decided_at`, which `since` and `until` are about."""
        return page_answer(
            lambda: read.decisions(
                rows.limit,
                customer=rows.customer,
                before=rows.before,
                action=action,
                outcome=outcome,
                reason=reason,
                since=rows.since,
                until=rows.until,
            )
        )


def _add_cases(router: APIRouter, read: ReadModel, now_ms: Clock) -> None:
    @router.get("/cases", **_options(Case, "How cases stand; `next_due` is their next clock"))
    def get_cases(
        *,
        rows: Rows,
        status: OfStatus = None,
        kind: OfKind = None,
        overdue: Overdue = None,
    ) -> Response:
        """By `opened_at`, which `since` and `until` are about."""
        due_before: datetime | None = moment_of(now_ms) if overdue else None
        return page_answer(
            lambda: read.cases(
                rows.limit,
                customer=rows.customer,
                status=status,
                before=rows.before,
                kind=kind,
                due_before=due_before,
                since=rows.since,
                until=rows.until,
            )
        )


def _options(rows: type, what: str) -> dict[str, Any]:
    return {
        "tags": ["care"] if rows is not Letter else ["operation"],
        "summary": f"{what}, newest first",
        "responses": {200: ANSWERS[rows], **problem_answers(422, 503)},
        "response_class": Response,
    }
