"""The outermost layer: who may pass, ids in paths, and no error that leaves our insides open."""

import logging
import traceback
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.adapters.http.access import Access
from pipeline.adapters.http.problems import problem

log = logging.getLogger(__name__)

_CUSTOMERS: Final = "/v1/customers/"
_FRAMES: Final = 5


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        denied = self._access.check(scope["path"], Headers(scope=scope))
        if denied is not None:
            headers = {"WWW-Authenticate": "Bearer"} if denied.status == 401 else None
            response = problem(denied.status, denied.code, denied.detail, headers=headers)
            await response(scope, receive, send)
            return
        _keep_ids_encoded(scope)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - the edge: logged once, told to nobody
            _log(scope, error)
            if started:
                raise ConnectionError("the answer broke off") from None
            response = problem(500, "internal_error", "an error of ours; it is in the log")
            await response(scope, receive, send)


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
