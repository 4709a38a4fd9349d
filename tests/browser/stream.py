"""A stream of changes that a test decides on, in the place of the real one."""

import queue
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse

_OVER: tuple[str, dict[str, object]] = ("", {})


class Stream:
    """Server-sent events for one listener; ``close`` ends it."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[str, dict[str, object]]] = queue.SimpleQueue()

    def tell(self, kind: str, **row: object) -> None:
        self._waiting.put((kind, row))

    def close(self) -> None:
        self._waiting.put(_OVER)

    def add_to(self, app: Any) -> None:
        """Serve it at ``/v1/stream``."""

        def get_stream(request: Request) -> StreamingResponse:
            kinds = request.query_params["kinds"].split(",")
            lines = self._lines(kinds, request.query_params.get("customer"))
            return StreamingResponse(lines, media_type="text/event-stream")

        app.router.add_route("/v1/stream", get_stream)

    def _lines(self, kinds: Sequence[str], customer: str | None) -> Iterator[str]:
        yield ": open\n\n"
        while (change := self._waiting.get()) != _OVER:
            kind, row = change
            if kind in kinds and customer in (None, row.get("customer")):
                yield f"event: {kind}\ndata: {msgspec.json.encode(row).decode()}\n\n"
