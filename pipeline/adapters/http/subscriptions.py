"""Webhooks for consumers: who is told of which scores, what was sent, and sending it again."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from pipeline.adapters.http.examples import problem_answers
from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.subscription_examples import (
    DELIVERIES_ANSWER,
    DELIVERY_ANSWER,
    LIST_ANSWER,
    NEW_SUBSCRIPTION,
    SUBSCRIBED_ANSWER,
    SUBSCRIPTION_ANSWER,
    TEST_ANSWER,
)
from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from schemas.subscriptions import DeliveryStatus, NewSubscription, Subscription

_ENCODE: Final = msgspec.json.Encoder().encode
_TAGS: Final[list[str]] = ["subscriptions"]

Id = Annotated[str, Path(max_length=128)]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Rows at most.")]
Before = Annotated[str | None, Query(description="`next` of the page before.")]
OfStatus = Annotated[DeliveryStatus | None, Query(description="Only those that stand so.")]


class Change(BaseModel):
    """What of a subscription can be changed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    active: Annotated[
        bool, Field(description="Whether it is told; what it missed it is told once it is again.")
    ]


def make_subscription_router(desk: SubscriptionDesk) -> APIRouter:
    """Routes of subscriptions. They are no coroutines: they run in threads and may block."""
    router = APIRouter(prefix="/v1", tags=[*_TAGS])
    _add_subscribing(router, desk)
    _add_subscription(router, desk)
    _add_deliveries(router, desk)
    return router


def _add_subscribing(router: APIRouter, desk: SubscriptionDesk) -> None:
    @router.post(
        "/subscriptions",
        status_code=201,
        summary="Be told when customers come to match a condition, and when they no longer do",
        responses={201: SUBSCRIBED_ANSWER, **problem_answers(400, 422, 503)},
        response_class=Response,
        openapi_extra=NEW_SUBSCRIPTION,
    )
    def subscribe(wanted: NewSubscription) -> Response:
        made = desk.subscribe(wanted)
        content = msgspec.to_builtins(made.subscription) | {"secret": made.secret}
        answer = _json(content, 201)
        answer.headers["Location"] = f"/v1/subscriptions/{made.subscription.id}"
        answer.headers["Cache-Control"] = "no-store"  # it holds the secret
        return answer

    @router.get(
        "/subscriptions",
        summary="Every subscription, oldest first",
        responses={200: LIST_ANSWER, **problem_answers(503)},
        response_class=Response,
    )
    def get_subscriptions() -> Response:
        return _json({"items": desk.all()})


def _add_subscription(router: APIRouter, desk: SubscriptionDesk) -> None:
    @router.get(
        "/subscriptions/{subscription}",
        summary="One subscription",
        responses={200: SUBSCRIPTION_ANSWER, **problem_answers(404, 422, 503)},
        response_class=Response,
    )
    def get_subscription(subscription: Id) -> Response:
        return _json(_known(desk.get(subscription)))

    @router.patch(
        "/subscriptions/{subscription}",
        summary="Pause a subscription, or let it go on",
        responses={200: SUBSCRIPTION_ANSWER, **problem_answers(400, 404, 422, 503)},
        response_class=Response,
    )
    def change_subscription(subscription: Id, change: Change) -> Response:
        return _json(_known(desk.set_active(subscription, change.active)))

    @router.delete(
        "/subscriptions/{subscription}",
        status_code=204,
        summary="End a subscription, with the log of its deliveries",
        responses={
            204: {"description": "There is none any more."},
            **problem_answers(404, 422, 503),
        },
        response_class=Response,
    )
    def remove_subscription(subscription: Id) -> Response:
        if not desk.remove(subscription):
            raise _unknown()
        return Response(status_code=204)

    @router.post(
        "/subscriptions/{subscription}/test",
        status_code=202,
        summary="Have a test notice sent",
        responses={202: TEST_ANSWER, **problem_answers(404, 422, 503)},
        response_class=Response,
    )
    def try_subscription_out(subscription: Id) -> Response:
        delivery = desk.try_out(subscription)
        if delivery is None:
            raise _unknown()
        return _json({"id": delivery}, 202)


def _add_deliveries(router: APIRouter, desk: SubscriptionDesk) -> None:
    @router.get(
        "/subscriptions/{subscription}/deliveries",
        summary="What was sent and will be, newest first",
        responses={200: DELIVERIES_ANSWER, **problem_answers(404, 422, 503)},
        response_class=Response,
    )
    def get_deliveries(
        subscription: Id, status: OfStatus = None, limit: Limit = 100, before: Before = None
    ) -> Response:
        _known(desk.get(subscription))
        try:
            page = desk.deliveries(subscription, limit, status=status, before=before)
        except ValueError as error:
            what = "is no cursor of this list; take `next` of an earlier answer"
            raise ProblemError(422, "invalid_parameter", f"before: {what}") from error
        return _json({"items": page.items, "next": page.next})

    @router.post(
        "/deliveries/{delivery}/redeliver",
        status_code=202,
        summary="Have a notice sent again, with the same id",
        responses={202: DELIVERY_ANSWER, **problem_answers(404, 422, 503)},
        response_class=Response,
    )
    def redeliver(delivery: Id) -> Response:
        found = desk.redeliver(delivery)
        if found is None:
            raise ProblemError(404, "unknown_delivery", "there is no delivery of this id")
        return _json(found, 202)


def _known(found: Subscription | None) -> Subscription:
    if found is None:
        raise _unknown()
    return found


def _unknown() -> ProblemError:
    return ProblemError(404, "unknown_subscription", "there is no subscription of this id")


def _json(value: object, status: int = 200) -> Response:
    return Response(_ENCODE(value), status, media_type="application/json")
