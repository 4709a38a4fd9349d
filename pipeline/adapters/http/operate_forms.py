"""People act by forms of the console: the same acts as over the API, and back to the page.

A form that a foreign page sends is turned away before: by the edge, which checks ``csrf``.
"""

from typing import Annotated, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from pipeline.adapters.http.acts import Desk, actor_of, give_order, redrive_letter
from pipeline.adapters.http.body import read_body
from pipeline.adapters.http.operate import REASON_CHARACTERS, ActionId, LetterId
from pipeline.adapters.http.ports import Busy, KeyReused, NoWayBack, Unavailable
from pipeline.adapters.http.problems import ProblemError
from schemas.care import OrderKind

_FORM_BYTES: Final = 16_384
_HOME: Final = "/console"

_Refusal = (ProblemError, KeyReused, NoWayBack, Busy, Unavailable)

Form = dict[str, str]


def make_form_router(desk: Desk) -> APIRouter:
    """Routes for forms, in no document. ``request`` in a form is its idempotency key; ``message``
    in the query of the page that follows says what came of it."""
    router = APIRouter(prefix=_HOME, include_in_schema=False)

    @router.post("/dead-letters/{letter}/redrive")
    async def redrive(request: Request, letter: LetterId) -> Response:
        form = await _form(request)
        try:
            kept, again = await redrive_letter(
                desk, letter, actor=actor_of(request), reason=_reason(form)
            )
        except _Refusal as error:
            return _back(request, f"not sent: {error}")
        done = f"by {kept.redriven_by} at {kept.redriven_at:%Y-%m-%d %H:%M:%SZ}"
        return _back(request, f"was sent again before, {done}" if again else "sent again")

    @router.post("/actions/{action}/{order}")
    async def order(
        request: Request, action: ActionId, order: Annotated[OrderKind, Path()]
    ) -> Response:
        form = await _form(request)
        try:
            await give_order(
                desk,
                action,
                order,
                actor=actor_of(request),
                reason=_reason(form),
                key=form.get("request") or desk.new_key(),
            )
        except _Refusal as error:
            return _back(request, f"{order} was not ordered: {error}")
        return _back(request, f"ordered: {order}")

    return router


async def _form(request: Request) -> Form:
    body = await read_body(request.stream(), request.headers.get("content-length"), _FORM_BYTES)
    fields = parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def _reason(form: Form) -> str:
    reason = form.get("reason", "").strip()
    if not 1 <= len(reason) <= REASON_CHARACTERS or "\x00" in reason:
        what = f"say why, in 1 to {REASON_CHARACTERS} characters"
        raise ProblemError(422, "invalid_field", what)
    return reason


def _back(request: Request, message: str) -> Response:
    """To the page that held the form, if that was one of the console's own."""
    came_from = urlsplit(request.headers.get("referer", ""))
    own = came_from.netloc == request.headers.get("host", "")
    path = came_from.path if own and came_from.path.startswith(_HOME) else f"{_HOME}/"
    query = parse_qs(came_from.query, keep_blank_values=True) if path != f"{_HOME}/" else {}
    query["message"] = [message]
    return RedirectResponse(f"{path}?{urlencode(query, doseq=True)}", 303)
