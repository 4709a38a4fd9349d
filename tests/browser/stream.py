"""A stream of changes that a test decides on, in the place of the real one."""

import queue
from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

_OVER = ("", {})


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

        def get_stream() -> StreamingResponse:
            return StreamingResponse(self._lines(), media_type="text/event-stream")

        app.router.add_route("/v1/stream", lambda request: get_stream())

    def _lines(self) -> Iterator[str]:
        yield ": open\n\n"
        while (change := self._waiting.get()) != _OVER:
            kind, row = change
            yield f"event: {kind}\ndata: {msgspec.json.encode(row).decode()}\n\n"
