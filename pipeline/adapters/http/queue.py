"""What waits for a person, for programs that keep somebody's list of work."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from pipeline.adapters.http.answers import json_answer
from pipeline.adapters.http.examples import problem_answers
from pipeline.adapters.http.ports import CareQueue
from pipeline.adapters.http.queue_examples import WAITING_ANSWER
from pipeline.adapters.http.rows import Waiting, read_as
from schemas.care import CareAction, CareDecision
from schemas.queue import ToDecide

Most = Annotated[int, Query(ge=1, le=500, description="Rows at most of each kind of waiting.")]


class WaitingList(msgspec.Struct, frozen=True):
    """What waits, longest first; ``more`` where not all of it is here."""

    items: Sequence[Waiting]
    more: bool


def make_queue_router(queue: CareQueue) -> APIRouter:
    """Routes of the care queue."""
    router = APIRouter(prefix="/v1")

    @router.get(
        "/actions/waiting",
        tags=["care"],
        summary="What is not sent before somebody says so",
        responses={200: WAITING_ANSWER, **problem_answers(422, 503)},
        response_class=Response,
    )
    def get_waiting(limit: Most = 100) -> Response:
        """Actions that need approval, and what somebody holds; the longest wait first. Orders
        (`POST /v1/actions/ID/orders`) let it go."""
        return json_answer(waiting_of(queue.to_decide(limit)))

    return router


def waiting_of(found: ToDecide) -> WaitingList:
    """With the latest step of each; what has no step yet is left out."""
    latest: dict[str, CareDecision] = {}
    for step in read_as(found.proposals.decisions, list[CareDecision]):
        latest.setdefault(step.id, step)
    actions = {each.id: each for each in read_as(found.proposals.actions, list[CareAction])}
    items = [
        Waiting(
            id=wait.id,
            why=wait.why,
            since=wait.at,
            latest=latest[wait.id],
            by=wait.by,
            reason=wait.reason,
            action=actions.get(wait.id),
        )
        for wait in found.waits
        if wait.id in latest
    ]
    return WaitingList(items, found.more)
