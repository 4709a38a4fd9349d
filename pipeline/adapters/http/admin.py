"""Keys and the audit log over HTTP, and who one is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from pipeline.adapters.http.access import Access
from pipeline.adapters.http.examples import page_of, problem_answers
from pipeline.adapters.http.keys import make_key
from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.who import who_of
from schemas.access import AuditEntry, Key, Scope

_LONGEST_DAYS: Final = 3_650


_WHO: Final = {"name": "anna", "how": "key", "scopes": ["identify", "read"]}
_KEY: Final = {
    "id": "3ee4f8b52f",
    "name": "anna",
    "scopes": ["identify", "read"],
    "created": "2026-01-05T09:30:00Z",
    "expires": None,
    "last_used": None,
    "revoked": None,
}
_MADE: Final = {"text": "tp_3ee4f8b52f_...", "key": _KEY}
_AUDIT_ENTRY: Final = {
    "seq": 17,
    "at": "2026-01-05T09:30:00Z",
    "who": "anna",
    "how": "session",
    "action": "action.hold",
    "target": "action:7c2d",
    "reason": "she asked for a call instead",
    "detail": {},
    "outcome": "done",
}


class NewKeyRequest(BaseModel):
    """What a new key is to be."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1)]
    expires_days: Annotated[float | None, Field(gt=0, le=_LONGEST_DAYS)] = None


def make_admin_router(access: Access, *, now: Callable[[], datetime]) -> APIRouter:
    """Routes of ``admin``, and ``/v1/who`` for everybody. They may block."""
    router = APIRouter(prefix="/v1", tags=["access"])
    _add_who(router)
    _add_keys(router, access, now)
    _add_audit(router, access)
    return router


def _add_who(router: APIRouter) -> None:
    @router.get(
        "/who",
        summary="Who the caller is",
        responses={200: _answer("The caller, and what the caller may do.", _WHO)},
        response_class=Response,
    )
    def get_who(request: Request) -> Response:
        who = who_of(request)
        return _json({"name": who.name, "how": who.how, "scopes": sorted(who.scopes)})


def _add_keys(router: APIRouter, access: Access, now: Callable[[], datetime]) -> None:
    plain: dict[str, Any] = {"response_class": Response}

    @router.get(
        "/keys",
        summary="All keys, without their secrets",
        responses={200: _answer("Every key there ever was.", {"items": [_KEY]})},
        **plain,
    )
    def get_keys() -> Response:
        return _json({"items": access.store.all_keys()})

    @router.post(
        "/keys",
        status_code=201,
        summary="Make a key; its text is told this once",
        responses={
            201: _answer("The key's `text`, which nobody can tell again.", _MADE),
            **problem_answers(400, 422),
        },
        **plain,
    )
    def post_key(request: Request, wanted: NewKeyRequest) -> Response:
        who, moment = who_of(request), now()
        days = wanted.expires_days
        expires = None if days is None else moment + timedelta(days=days)
        try:
            made = make_key(wanted.name, wanted.scopes, now=moment, expires=expires)
        except ValueError as error:
            raise ProblemError(422, "invalid_parameter", str(error)) from error
        access.store.add_key(made.held)
        key = made.held.key
        access.audit.note(
            "key.create", who=who.name, how=who.how, target=f"key:{key.id}", detail=told(key)
        )
        return _json({"text": made.text, "key": key}, 201)

    @router.post(
        "/keys/{key_id}/revoke",
        status_code=204,
        summary="Let a key open nothing from now on",
        responses=problem_answers(404),
        **plain,
    )
    def post_revoke(request: Request, key_id: str) -> Response:
        who = who_of(request)
        if not access.store.revoke_key(key_id, now()):
            raise ProblemError(404, "unknown_key", "there is no such key, or it is revoked already")
        access.keys.forget(key_id)
        access.audit.note("key.revoke", who=who.name, how=who.how, target=f"key:{key_id}")
        return Response(status_code=204)


def _add_audit(router: APIRouter, access: Access) -> None:
    @router.get(
        "/audit",
        summary="Who did what, newest first",
        responses={
            200: page_of(AuditEntry, "What was done.", _AUDIT_ENTRY),
            **problem_answers(422, 503),
        },
        response_class=Response,
    )
    def get_audit(
        who: Annotated[str | None, Query(description="Only what they did.")] = None,
        target: Annotated[str | None, Query(description="Only what was done to it.")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        before: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    ) -> Response:
        try:
            page = access.audit.entries(limit, who=who, target=target, before=before)
        except ValueError as error:
            raise ProblemError(422, "invalid_parameter", str(error)) from error
        return _json({"items": page.items, "next": page.next})


def _answer(description: str, example: object) -> dict[str, Any]:
    content = {"schema": {"type": "object"}, "example": example}
    return {"description": description, "content": {"application/json": content}}


def told(key: Key) -> dict[str, object]:
    """What the audit log says of a new key."""
    expires = key.expires.astimezone(UTC).isoformat() if key.expires is not None else None
    return {"name": key.name, "scopes": list(key.scopes), "expires": expires}


def _json(value: object, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
