"""Logging in to the console by a key, and logging out."""

import secrets
from collections.abc import Callable
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from jinja2 import Environment, StrictUndefined, Template
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from pipeline.adapters.http.access import Access, cookie, same_origin
from pipeline.adapters.http.csrf import form_fields
from pipeline.adapters.http.keys import key_id_of
from pipeline.adapters.http.language import speaker
from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.sessions import LONGEST, cookie_name
from pipeline.adapters.http.who import Who, who_of
from pipeline.adapters.messages import Catalogues
from pipeline.core.policy.compiled import Policy

HOME: Final = "/console"

_MOST_BYTES: Final = 16 * 1024


def make_login_router(
    access: Access, catalogues: Catalogues, policy: Callable[[], Policy], *, oidc: bool = False
) -> APIRouter:
    """``/console/login`` and ``/console/logout``; with ``oidc`` the page offers that as well.

    It speaks the browser's language, else that of the ``policy``.
    """
    router = APIRouter(include_in_schema=False)
    page = _template()

    def show(request: Request, back: str, *, wrong: bool = False) -> Response:
        nonce = secrets.token_urlsafe(16)
        by = speaker(
            catalogues, None, request.headers.get("accept-language"), policy().file.language
        )
        texts = {
            "title": by.gettext("Log in"),
            "key": by.gettext("API key"),
            "oidc": by.gettext("Log in by your organisation"),
            "wrong": by.gettext("This key opens nothing: it may be mistyped, revoked or expired."),
        }
        text = page.render(
            nonce=nonce, next=back, wrong=wrong, oidc=oidc, language=by.language, texts=texts
        )
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": f"default-src 'none'; style-src 'nonce-{nonce}'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        if wrong:
            headers["WWW-Authenticate"] = "Bearer"
        return Response(text, 401 if wrong else 200, headers, media_type="text/html")

    @router.get("/console/login")
    async def get_login(request: Request) -> Response:
        back = safe_next(request.query_params.get("next"))
        return RedirectResponse(back, 303) if access.local else show(request, back)

    @router.post("/console/login")
    async def post_login(request: Request) -> Response:
        if not same_origin(request.headers):  # or a page could log its visitor in as somebody else
            raise ProblemError(403, "forbidden", "pages of other origins may not log anybody in")
        fields = form_fields(await _short_body(request))
        back = safe_next(fields.get("next"))
        if access.local:
            return RedirectResponse(back, 303)
        text = fields.get("key", "").strip()
        who = await run_in_threadpool(access.keys.find, text)
        if who is None:
            await run_in_threadpool(_note_failure, access, request, key_id_of(text))
            return show(request, back, wrong=True)
        return await run_in_threadpool(begin, access, request, who, back)

    @router.post("/console/logout")
    async def post_logout(request: Request) -> Response:
        return await run_in_threadpool(_end, access, request, who_of(request))

    return router


def begin(access: Access, request: Request, who: Who, back: str) -> Response:
    """Log ``who`` in and send the browser ``back``; ``who.id`` is what the session stands on."""
    session_id = access.sessions.begin(who.name, who.id, tuple(who.scopes))
    detail = {"source": who.id, "address": address(request)}
    access.audit.note("login", who=who.name, how="login", detail=detail)
    response = RedirectResponse(back, 303, {"Cache-Control": "no-store"})
    secure = access.secure(request.scope.get("scheme", "http"))
    response.set_cookie(
        cookie_name(secure=secure),
        session_id,
        # When the session ends is the store's business; the cookie is only to outlast it.
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


def _end(access: Access, request: Request, who: Who) -> Response:
    secure = access.secure(request.scope.get("scheme", "http"))
    name = cookie_name(secure=secure)
    session_id = cookie(request.headers, name)
    if who.how == "session" and session_id is not None:
        access.sessions.end(session_id)
        access.audit.note("logout", who=who.name, how=who.how)
    response = RedirectResponse(HOME if access.local else "/console/login", 303)
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")
    return response


def safe_next(given: str | None) -> str:
    """Where to go after logging in: a page of the console, whatever was asked for."""
    if given is None or not given.isprintable() or "\\" in given:
        return HOME
    inside = given == HOME or given.startswith((HOME + "/", HOME + "?"))
    return given if inside and not given.startswith("/console/log") else HOME


def address(request: Request) -> str:
    """Where the request came from, as far as this server can see."""
    return request.client.host if request.client else ""


def _note_failure(access: Access, request: Request, key_id: str | None) -> None:
    # What was typed is not kept: it may be a password, or a key with one letter wrong.
    access.audit.note(
        "login",
        who="",
        how="login",
        target=f"key:{key_id}" if key_id is not None else "",
        detail={"address": address(request)},
        outcome="refused",
    )


async def _short_body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise ProblemError(413, "too_large", f"a form of at most {_MOST_BYTES} bytes")
    return body


def _template() -> Template:
    text = files("pipeline.adapters.http").joinpath("login.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text)
