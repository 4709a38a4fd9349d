"""``GET /v1/stream``: changes as server-sent events, to go on with after a break."""

import asyncio
import logging
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from fastapi.sse import format_sse_event
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.adapters.http.answers import CURSOR_TEXT, OfCustomer, encode
from pipeline.adapters.http.changes import Changes
from pipeline.adapters.http.examples import CURSOR, problem_answers
from pipeline.adapters.http.listener import Batch, Listener, Wanted
from pipeline.adapters.http.lists_examples import ACTION
from pipeline.adapters.http.problems import parameter_problem

log = logging.getLogger(__name__)

KINDS: Final = ("score", "action", "decision", "case")

HEARTBEAT_SECONDS: Final = 15.0
"""Proxies end what is silent for longer, often after 60 s."""

_SEND_SECONDS: Final = 30.0
"""Who takes nothing for so long is gone, or may as well come again."""

_COME_AGAIN_MS: Final = 2_000

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events back
}

Kinds = Annotated[
    str | None,
    Query(max_length=100, description=f"Only these, comma-separated: {', '.join(KINDS)}."),
]
LastEventId = Annotated[
    str | None, Header(**CURSOR_TEXT, description="The id of the last event that was got.")
]
LastEventIdQuery = Annotated[
    str | None,
    Query(
        **CURSOR_TEXT,
        alias="last_event_id",
        description="As the header `Last-Event-ID`, which goes first.",
    ),
]


def make_stream_router(
    changes: Changes, *, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> APIRouter:
    """The route of the stream."""
    router = APIRouter(prefix="/v1", tags=["customers"])

    @router.get(
        "/stream",
        summary="Changes as they come, as server-sent events",
        responses={200: _ANSWER, **problem_answers(422, 503)},
        response_class=Response,
    )
    async def get_stream(
        kinds: Kinds = None,
        customer: OfCustomer = None,
        last_event_id: LastEventId = None,
        last_event_id_query: LastEventIdQuery = None,
    ) -> Response:
        """Each event's type is its kind, its data the row as the lists have it.

        From now on, or from behind the event whose id comes as `Last-Event-ID`: then nothing is
        left out. A row that changed several times in between comes as it is last. A comment every
        15 s keeps the connection up. Who reads too slowly is let go, and may come again.
        """
        wanted = Wanted(_kinds(kinds), customer)
        since = last_event_id or last_event_id_query
        try:
            listener = await changes.listen(wanted, since)
        except ValueError as error:
            what = "is no id that this stream gave; begin anew without it"
            raise parameter_problem("last_event_id", what) from error
        return EventStream(listener, heartbeat_seconds)

    return router


def _kinds(given: str | None) -> frozenset[str] | None:
    if given is None:
        return None
    kinds = frozenset(each.strip() for each in given.split(","))
    if not kinds <= frozenset(KINDS):
        raise parameter_problem("kinds", f"known are {', '.join(KINDS)}")
    return kinds


class EventStream(Response):
    """Sends what a listener is told until either side ends it."""

    media_type = "text/event-stream"

    def __init__(self, listener: Listener, heartbeat_seconds: float) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]  # of the empty body
        self._listener = listener
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Both in tasks: whichever side ends first ends the other.
        sides = {asyncio.create_task(self._write(send)), asyncio.create_task(_left(receive))}
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._listener.close()
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    async def _write(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            await _send(send, format_sse_event(id=self._listener.began, retry=_COME_AGAIN_MS))
            async for batch in self._listener.batches(self._heartbeat_seconds):
                await _send(send, written(batch))
        except TimeoutError:
            log.info("a stream ends: its reader takes nothing")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def written(batch: Batch) -> bytes:
    """A batch as server-sent events; an empty one is a comment that moves the last event id."""
    if not batch.items:
        return format_sse_event(comment="", id=batch.next)
    ids = [item.cursor for item in batch.items]
    # Only here for sure: what of the batch is not wanted needs no id of its own.
    ids[-1] = batch.next
    return b"".join(
        format_sse_event(event=item.kind, data_str=item.data, id=known)
        for item, known in zip(batch.items, ids, strict=True)
    )


async def _send(send: Send, body: bytes) -> None:
    async with asyncio.timeout(_SEND_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_ANSWER: Final[dict[str, Any]] = {
    "description": "Events until one side ends it.",
    "content": {
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": format_sse_event(
                event="action", data_str=encode(ACTION).decode(), id=CURSOR
            ).decode(),
        }
    },
}
