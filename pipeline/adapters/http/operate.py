"""People act over HTTP: orders for actions, care by hand, dead letters sent again."""

from typing import Annotated, Any, Final
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Body, Header, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from pipeline.adapters.http.acts import Desk, actor_of, give_order, redrive_letter, tell_of_care
from pipeline.adapters.http.examples import problem_answers
from pipeline.adapters.http.operate_examples import CARED_ANSWER, ORDER_ANSWER, REDRIVEN_ANSWER
from pipeline.adapters.http.problems import ProblemError, problem
from schemas.care import OrderKind
from schemas.dead_letter import KeptLetter
from schemas.inbound import Invalid

REASON_CHARACTERS: Final = 500

Reason = Annotated[
    str,
    Field(
        max_length=REASON_CHARACTERS,
        pattern=r"^[^\x00]*[^\x00\s][^\x00]*$",
        description="Why, in the words of who orders it.",
    ),
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Chosen by the caller; the same key is answered as the first time and does "
        "nothing. It counts for one action and order, one dead letter, or one customer's care.",
    ),
]
ActionId = Annotated[str, Path(max_length=128, description="The action's `id`.")]
LetterId = Annotated[int, Path(ge=0, lt=2**63, description="The dead letter's `id`.")]
_JSON: Final = "application/json"
_REPLAYED: Final = {"Idempotency-Replayed": "true"}
_PROBLEMS: Final = problem_answers(400, 404, 409, 422, 429, 503)


class OrderBody(BaseModel):
    """What is wanted: `hold` until `release` or `approve`; `cancel` is for good."""

    model_config = ConfigDict(extra="forbid")

    order: OrderKind
    reason: Reason


class RedriveBody(BaseModel):
    """Why it is sent again."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


CareBody = Annotated[
    dict[str, Any],
    Body(
        description="The data of `touchpoint.staff.cared.v1`, of which `care` and `because` are "
        "required here; `at` is when it was done, now by default.",
        examples=[{"care": "flowers", "because": "moved_house", "channel": "post", "cost": 20}],
    ),
]


def make_operate_router(desk: Desk) -> APIRouter:
    """Routes of those who operate; that they may is seen to before."""
    router = APIRouter(prefix="/v1", tags=["operation"])

    @router.post(
        "/actions/{action}/orders",
        status_code=202,
        summary="Approve, hold, release or cancel an action",
        responses={202: ORDER_ANSWER, **_PROBLEMS},
        response_class=Response,
    )
    async def post_order(
        request: Request, action: ActionId, body: OrderBody, idempotency_key: Key = None
    ) -> Response:
        order, again = await give_order(
            desk,
            action,
            body.order,
            actor=actor_of(request),
            reason=body.reason,
            key=idempotency_key or desk.new_key(),
        )
        return _json(msgspec.json.encode(order), again=again)

    @router.post(
        "/dead-letters/{letter}/redrive",
        status_code=202,
        summary="Send a dead letter back to its topic, as it was",
        responses={202: REDRIVEN_ANSWER, **_PROBLEMS},
        response_class=Response,
    )
    async def post_redrive(request: Request, letter: LetterId, body: RedriveBody) -> Response:
        kept, again = await redrive_letter(
            desk, letter, actor=actor_of(request), reason=body.reason
        )
        return _json(letter_answer(kept), again=again)

    @router.post(
        "/customers/{customer:path}/care",
        status_code=202,
        tags=["customers"],
        summary="Tell of care that was given by hand",
        responses={202: CARED_ANSWER, **_PROBLEMS},
        response_class=Response,
    )
    async def post_care(
        request: Request,
        customer: Annotated[str, Path(description="The event's subject, percent-encoded.")],
        body: CareBody,
        idempotency_key: Key = None,
    ) -> Response:
        because = body.get("because")
        if not isinstance(because, str) or not because.strip():
            raise ProblemError(422, "invalid_field", "because: say what for, in a word or two")
        told = await tell_of_care(
            desk,
            _subject(customer),
            body,
            actor=actor_of(request),
            key=idempotency_key,
        )
        if isinstance(told, Invalid):
            return problem(422, told.reason.value, told.detail, fields=told.fields)
        return _json(told.answer, again=told.again)

    return router


def letter_answer(kept: KeptLetter) -> bytes:
    """What is told of a dead letter that was sent again."""
    return msgspec.json.encode(
        {
            "id": kept.id,
            "topic": kept.letter.topic,
            "redriven_at": kept.redriven_at,
            "redriven_by": kept.redriven_by,
        }
    )


def _subject(customer: str) -> str:
    try:
        return unquote(customer, errors="strict")
    except UnicodeDecodeError as error:
        raise ProblemError(404, "unknown_customer", "no id has bytes that are not UTF-8") from error


def _json(content: bytes, *, again: bool) -> Response:
    return Response(content, 202, _REPLAYED if again else None, media_type=_JSON)
