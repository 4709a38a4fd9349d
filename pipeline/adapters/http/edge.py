"""The outermost layer: who may pass, ids in paths, and no error that leaves our insides open."""

import logging
import traceback
from typing import Final
from urllib.parse import quote

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.adapters.http import who as callers
from pipeline.adapters.http.access import Access, Denied, check_local
from pipeline.adapters.http.csrf import FormToken, form_token
from pipeline.adapters.http.masking import VIEWER, Viewer
from pipeline.adapters.http.problems import database_away, problem
from pipeline.adapters.http.scopes import SAFE, Found, Need, ScopeTable
from pipeline.adapters.http.sessions import csrf_matches
from pipeline.adapters.http.who import Who

log = logging.getLogger(__name__)

_CUSTOMERS: Final = "/v1/customers/"
_CONSOLE: Final = "/console"
_LOGIN: Final = "/console/login"
_ALIVE: Final = "/livez"
_FRAMES: Final = 5


class Edge:
    """ASGI middleware around the whole application; ``table`` says what each path needs."""

    def __init__(self, app: ASGIApp, access: Access, table: ScopeTable | None = None) -> None:
        self._app = app
        self._access = access
        self._table = table or ScopeTable()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there is no route for anything else
            await send({"type": "websocket.close", "code": 1008})
            return
        _keep_ids_encoded(scope)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            turned_away, receive = await self._judge(scope, receive)
            await (turned_away or self._app)(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - the edge: logged once, told to nobody
            _log(scope, error)
            if started:
                raise ConnectionError("the answer broke off") from None
            response = problem(500, "internal_error", "an error of ours; it is in the log")
            await response(scope, receive, send)

    async def _judge(self, scope: Scope, receive: Receive) -> tuple[Response | None, Receive]:
        """What to answer in place of the application, if anything, and what to read from then."""
        headers = Headers(scope=scope)
        method, path = scope["method"], scope["path"]
        found = self._table.find(method, path)
        if found.need == "open":
            return self._judge_open(path, scope, headers), receive
        try:
            who = await self._access.who(headers, scheme=scope.get("scheme", "http"))
        except (OperationalError, PoolTimeout) as error:
            return database_away(error), receive
        if isinstance(who, Denied):
            return _turn_away(who, scope, headers), receive
        refused = self._refuse(who, found, method)
        if refused is not None:
            return refused, receive
        if who.how == "session" and method not in SAFE:
            token = headers.get("x-csrf-token")
            form = FormToken(token, receive) if token else await form_token(headers, receive)
            receive = form.receive
            if not csrf_matches(who, form.token):
                return _forged(), receive
        scope[callers.KEY] = who
        VIEWER.set(Viewer(who, self._access.masker))
        return None, receive

    def _refuse(self, who: Who, found: Found, method: str) -> Response | None:
        if found.need is None:
            return _no_route(method, found.methods)
        if found.need != "any" and not (found.need == "open" or who.may(found.need)):
            return _too_little(found.need)
        if who.how == "local":
            return None
        kind = "ingest" if found.need == "ingest" else "read"
        wait = self._access.rates.wait_seconds(kind, who.id)
        return too_often(wait) if wait else None

    def _judge_open(self, path: str, scope: Scope, headers: Headers) -> Response | None:
        if path == _ALIVE or not self._access.local:
            if path == _LOGIN and scope["method"] == "POST":
                client = scope.get("client")
                wait = self._access.rates.wait_seconds("login", client[0] if client else "")
                return too_often(wait) if wait else None
            return None
        denied = check_local(headers)
        return None if denied is None else _turn_away(denied, scope, headers)


def too_often(wait_seconds: int) -> Response:
    """The answer to a caller who asks too often."""
    headers = {"Retry-After": str(wait_seconds)}
    return problem(429, "too_many_requests", "slow down, see Retry-After", headers=headers)


def _turn_away(denied: Denied, scope: Scope, headers: Headers) -> Response:
    path: str = scope["path"]
    console = path == _CONSOLE or path.startswith(_CONSOLE + "/")
    if denied.status == 401 and console and scope["method"] == "GET":
        query = scope.get("query_string", b"").decode("latin-1")
        back = quote(path + ("?" + query if query else ""), safe="/")
        target = f"{_LOGIN}?next={back}"
        if headers.get("hx-request") == "true":  # a part of a page: the whole page has to go
            return Response(status_code=401, headers={"HX-Redirect": target})
        return RedirectResponse(target, 303)
    known = {"WWW-Authenticate": "Bearer"} if denied.status == 401 else None
    return problem(denied.status, denied.code, denied.detail, headers=known)


def _no_route(method: str, methods: frozenset[str]) -> Response:
    if methods:
        allow = {"Allow": ", ".join(sorted(methods))}
        detail = f"{method} is not possible here"
        return problem(405, "method_not_allowed", detail, headers=allow)
    return problem(404, "not_found", "there is nothing at this path; see /openapi.json")


def _too_little(need: Need) -> Response:
    known = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{need}"'}
    return problem(403, "insufficient_scope", f"this needs the scope {need}", headers=known)


def _forged() -> Response:
    return problem(403, "csrf", "send the session's token as X-CSRF-Token or the form field csrf")


def _keep_ids_encoded(scope: Scope) -> None:
    """Route by the path as it was sent: ``a%2Fb`` is one id, not a path of two steps."""
    raw: bytes | None = scope.get("raw_path")
    if raw is not None and scope["path"].startswith(_CUSTOMERS):
        path = raw.decode("latin-1")
        if path.startswith(_CUSTOMERS):
            scope["path"] = path


def _log(scope: Scope, error: Exception) -> None:
    """What failed and where; neither the path nor the error's text, which may name a customer."""
    route = scope.get("route")
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    log.error(
        "%s %s failed: %s at %s",
        scope["method"],
        getattr(route, "path", "(no route)"),
        type(error).__name__,
        " < ".join(f"{frame.name} {frame.filename}:{frame.lineno}" for frame in reversed(frames)),
    )
