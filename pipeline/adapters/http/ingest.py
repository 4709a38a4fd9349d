"""``POST /v1/events``: events in, durable before the answer, every refusal explained."""

import asyncio
import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.adapters.http.body import (
    BATCH,
    JSON,
    LINES,
    ONE,
    Cut,
    Limits,
    binary_mode,
    cut,
    media_type,
    read_body,
)
from pipeline.adapters.http.examples import EVENT, EVENT_ACCEPTED, problem_answers
from pipeline.adapters.http.ports import Entry, Ingest, Once
from pipeline.adapters.http.problems import ProblemError, Rejection, problem
from pipeline.core.admission import admit
from pipeline.core.policy.compiled import Policy
from schemas.dead_letter import FieldError, Reason
from schemas.inbound import MADE_BY_US, Invalid

_WHOLE: Final = "(event)"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_PAUSE_EVERY: Final = 256

_NOT_YOURS: Final = "is written by the pipeline alone"
_WRITTEN_BY_US: Final = Invalid(
    Reason.INVALID_FIELD, f"type {_NOT_YOURS}", (FieldError("type", _NOT_YOURS),)
)

_STATUS: Final = {
    Reason.EMPTY: 400,
    Reason.BROKEN_JSON: 400,
    Reason.TOO_DEEP: 400,
    Reason.TOO_LARGE: 413,
}
"""Status of a request all of whose events were refused for this reason; 422 for the others."""


Count = Callable[[str, int], None]
"""Told how many events met an outcome: ``accepted``, or the reason of their refusal."""


class Receipt(msgspec.Struct, frozen=True):
    """The answer to accepted events: how many are durable now, and which are not taken and why."""

    accepted: int
    rejected: tuple[Rejection, ...]


def make_ingest_router(
    ingest: Ingest,
    *,
    policy: Callable[[], Policy],
    now_ms: Callable[[], int],
    count: Count,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> APIRouter:
    """Routes for events in. ``now_ms`` is the time of arrival, milliseconds since 1970."""
    router = APIRouter(prefix="/v1", tags=["events"])

    @router.post(
        "/events",
        status_code=202,
        summary="Hand in touch events",
        responses={202: EVENT_ACCEPTED, **problem_answers(400, 413, 415, 422, 429, 501, 503)},
        openapi_extra={"requestBody": _request_body(), "parameters": [_IDEMPOTENCY_KEY]},
        response_class=Response,
    )
    async def post_events(request: Request) -> Response:
        """One event, an array, NDJSON, or binary mode (`ce-` headers, the data as body).

        The answer 202 comes after the accepted events are on the disk. Events that are not taken
        are listed in `rejected`, each with its index and the wrong fields; the others are taken.
        If none can be taken the answer is a problem with the same list. An event with the same
        `source` and `id` as an earlier one changes nothing, so whatever was not answered can be
        sent again. With an `Idempotency-Key` the first 202 is kept for a day and given again.
        """
        ingest.check_room()  # reading what is then turned away would slow down what waits
        kind = media_type(request.headers)
        once_key = _once_key(request)
        body = await read_body(
            request.stream(), request.headers.get("content-length"), limits.body_bytes
        )
        binary = None if kind in (ONE, BATCH) else binary_mode(request.headers.raw, body)
        if binary is None:
            parts = cut(body, kind, limits.events)
        else:
            parts = binary if isinstance(binary, Invalid) else Cut([binary], False)
        if isinstance(parts, Invalid):
            return _refused([_rejection(0, parts)], several=False)
        received_ms = now_ms()
        entries, rejected = await _sort(parts.events, received_ms, policy())
        answer = msgspec.json.encode(Receipt(len(entries), tuple(rejected)))
        once = None
        if once_key is not None:
            once = Once(once_key, _digest(request, body), answer)
        if entries or once is not None:
            known = await ingest.append(entries, received_ms, once)
            if known is not None:
                headers = {"Idempotency-Replayed": "true"}
                return Response(known, 202, headers, media_type=JSON)
        count("accepted", len(entries))
        for each in rejected:
            count(each.reason, 1)
        if rejected and not entries:
            return _refused(rejected, several=parts.several)
        return Response(answer, 202, media_type=JSON)

    return router


async def _sort(
    events: Sequence[bytes], received_ms: int, policy: Policy
) -> tuple[list[Entry], list[Rejection]]:
    """The events that may enter, keyed, and why the others may not."""
    entries: list[Entry] = []
    rejected: list[Rejection] = []
    for index, value in enumerate(events):
        if index % _PAUSE_EVERY == _PAUSE_EVERY - 1:
            await asyncio.sleep(0)  # a large batch must not hold up small ones
        admitted = admit(value, (), received_ms, policy)
        if isinstance(admitted, Invalid):
            rejected.append(_rejection(index, admitted))
        elif type(admitted.event) in MADE_BY_US:
            rejected.append(_rejection(index, _WRITTEN_BY_US))
        else:
            event = admitted.event
            entries.append(Entry((event.subject or event.id).encode(), value))
    return entries, rejected


def _rejection(index: int, invalid: Invalid) -> Rejection:
    fields = invalid.fields or (FieldError(_WHOLE, invalid.detail),)
    return Rejection(index, invalid.reason.value, invalid.detail, fields)


def _refused(rejected: Sequence[Rejection], *, several: bool) -> Response:
    """The problem of a request none of whose events was taken."""
    first = rejected[0]
    reasons = {each.reason for each in rejected}
    code = first.reason if len(reasons) == 1 else "rejected"
    status = _STATUS.get(Reason(first.reason), 422) if len(reasons) == 1 else 422
    detail = f"none of {len(rejected)} events was taken; see `rejected`"
    return problem(
        status,
        code,
        detail if several else first.detail,
        fields=() if several else first.fields,
        rejected=rejected,
    )


def _once_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise ProblemError(
            400, "invalid_parameter", "Idempotency-Key: 1 to 255 printable ASCII characters"
        )
    return key


def _digest(request: Request, body: bytes) -> bytes:
    """Of everything that says what the events are."""
    digest = blake2b(body, digest_size=16)
    for name, value in sorted(request.headers.raw):
        if name == b"content-type" or name.startswith(b"ce-"):
            digest.update(b"\0" + name + b"\0" + value)
    return digest.digest()


_IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Chosen by the caller; the same key with the same body is answered as the "
    "first time and does nothing.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def _request_body() -> dict[str, Any]:
    one = {"schema": {"type": "object"}, "example": EVENT}
    many = {"schema": {"type": "array", "items": {"type": "object"}}, "example": [EVENT]}
    lines = {"schema": {"type": "string"}, "example": msgspec.json.encode(EVENT).decode() + "\n"}
    return {
        "required": True,
        "content": {
            JSON: {"schema": {"oneOf": [one["schema"], many["schema"]]}, "example": EVENT},
            ONE: one,
            BATCH: many,
            LINES: lines,
        },
    }
