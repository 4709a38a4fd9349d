"""Every error as an RFC 9457 problem: what is wrong, where, and nothing of our insides."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from pipeline.adapters.http.ports import (
    Busy,
    KeyReused,
    NoWayBack,
    OnceUnsupported,
    Unavailable,
)
from schemas.dead_letter import FieldError, Reason

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:touchpoint:problem:"


class Rejection(msgspec.Struct, frozen=True):
    """Why one event of a request was not taken; ``index`` counts its events from 0."""

    index: int
    reason: str
    detail: str
    fields: tuple[FieldError, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an error; ``type`` ends in a code that does not change."""

    type: str
    title: str
    status: int
    detail: str
    fields: tuple[FieldError, ...] = ()
    rejected: tuple[Rejection, ...] = ()


class ProblemError(Exception):
    """Ends a request with a problem; ``fields`` are those that are wrong."""

    def __init__(
        self, status: int, code: str, detail: str, fields: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.fields = fields


def parameter_problem(name: str, what: str) -> ProblemError:
    """The problem of a parameter that has its form, and cannot be taken for what it says."""
    return ProblemError(422, "invalid_parameter", f"{name}: {what}", (FieldError(name, what),))


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    fields: Sequence[FieldError] = (),
    rejected: Sequence[Rejection] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response with a problem; ``code`` is the last part of its type."""
    body = Problem(
        type=TYPE_PREFIX + code,
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        fields=tuple(fields),
        rejected=tuple(rejected),
    )
    return Response(
        msgspec.json.encode(body), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Have every expected error of ``app`` answered with a problem."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(ProblemError, _problem_error)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(KeyReused, _key_reused)
    app.add_exception_handler(OnceUnsupported, _once_unsupported)
    app.add_exception_handler(NoWayBack, _no_way_back)
    app.add_exception_handler(OperationalError, _database)
    app.add_exception_handler(PoolTimeout, _database)
    app.add_exception_handler(ClientDisconnect, _gone)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    code = HTTPStatus(error.status_code).name.lower()
    detail = str(error.detail)
    if isinstance(error.__cause__, UnicodeDecodeError):  # of a body that the framework reads
        return _no_json("the body is not UTF-8")
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = "there is nothing at this path; see /openapi.json"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible here"
    return problem(error.status_code, code, detail, headers=error.headers)


def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    for each in error.errors():
        if each["type"] == "json_invalid":
            return _no_json(f"the body is no JSON: {each['ctx']['error']} at {each['loc'][-1]}")
    fields = [
        FieldError(".".join(str(step) for step in each["loc"][1:]), each["msg"])
        for each in error.errors()
    ]
    detail = "; ".join(f"{field.field}: {field.message}" for field in fields[:3])
    return problem(422, "invalid_parameter", detail, fields=fields)


def _no_json(detail: str) -> Response:
    return problem(400, Reason.BROKEN_JSON.value, detail)


def _problem_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for it
    # What is left of the body is not read: the connection cannot be used again.
    headers = {"Connection": "close"} if error.status == 413 else None
    return problem(error.status, error.code, str(error), fields=error.fields, headers=headers)


def _busy(request: Request, error: Exception) -> Response:
    assert isinstance(error, Busy)  # noqa: S101 - registered for it
    return problem(429, "busy", str(error), headers=_later(error.retry_after_seconds))


def _unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)  # noqa: S101 - registered for it
    return problem(503, "unavailable", str(error), headers=_later(error.retry_after_seconds))


def _key_reused(request: Request, error: Exception) -> Response:
    return problem(422, "idempotency_key_reused", str(error))


def _once_unsupported(request: Request, error: Exception) -> Response:
    return problem(501, "idempotency_key_unsupported", str(error))


def _no_way_back(request: Request, error: Exception) -> Response:
    return problem(422, "no_way_back", str(error))


def _database(request: Request, error: Exception) -> Response:
    return database_away(error)


def database_away(error: Exception) -> Response:
    """The answer while the database does not answer."""
    # Its text holds the statement: that is for the log, not for a caller.
    log.warning("the database does not answer: %s", getattr(error, "orig", None) or error)
    return problem(503, "unavailable", "the database does not answer", headers=_later(2.0))


def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


def _later(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, ceil(seconds)))}
