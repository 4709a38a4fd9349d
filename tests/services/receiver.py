"""A receiver of webhooks that fails, hangs and forgets on purpose, and counts what it acted upon.

It acts on each ``webhook-id`` once, as a good receiver does; what it then answers is up to
``behave``. Runs in a thread of its own, on a port of its own.
"""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn import Config, Server

from pipeline.adapters.http.server import listen
from tests.services.process import wait_until

SECRET = "whsec_" + "dG91Y2hwb2ludC10b3VjaHBvaW50LXRvdWNo"
HANG_SECONDS = 60.0


class Reaction(NamedTuple):
    """What to do with a request: act on it or not, hang or not, answer with ``status``."""

    status: int = 200
    acts: bool = True
    hangs: bool = False
    retry_after: str | None = None


ACCEPT = Reaction()

Behave = Callable[[int, dict[str, Any]], Reaction]
"""From the number of the request (from 0) and its body to what is done."""


def misbehaving(chance: Random, reactions: Sequence[tuple[int, Reaction]]) -> Behave:
    """One of ``reactions`` for each request, as often as the weight before it says."""
    weights, kinds = zip(*reactions, strict=True)
    return lambda number, body: chance.choices(kinds, weights)[0]


class Acted(NamedTuple):
    """An action that was acted upon; ``at`` is wall time in seconds since 1970."""

    at: float
    body: dict[str, Any]


class Receiver:
    """A context manager; ``behave`` may be changed while it runs."""

    def __init__(self, behave: Behave = lambda number, body: ACCEPT, *, port: int = 0) -> None:
        self.behave = behave
        self.seen: Counter[str] = Counter()
        self.acted: dict[str, Acted] = {}
        self.forged = 0
        self.requests: list[tuple[float, str]] = []
        self._verifier = Webhook(SECRET)
        self._listener = listen("127.0.0.1", port)
        self.port: int = self._listener.getsockname()[1]
        app = Starlette(routes=[Route("/actions", self._receive, methods=["POST"])])
        self._server = Server(
            Config(app, log_config=None, access_log=False, lifespan="off", timeout_keep_alive=5)
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([self._listener],), name="receiver", daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/actions"

    def trust(self, secret: str) -> None:
        """Take what is signed with ``secret`` instead of ``SECRET``."""
        self._verifier = Webhook(secret)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, seconds=10, what="the receiver listens")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._server.force_exit = True  # whatever hangs
        self._thread.join(10)
        self._listener.close()

    async def _receive(self, request: Request) -> Response:
        content = await request.body()
        try:
            body = self._verifier.verify(content, dict(request.headers))
        except WebhookVerificationError:
            self.forged += 1
            return Response(status_code=401)
        identity = request.headers["webhook-id"]
        reaction = self.behave(len(self.requests), body)
        self.requests.append((time.time(), identity))
        self.seen[identity] += 1
        if reaction.acts and identity not in self.acted:
            self.acted[identity] = Acted(time.time(), json.loads(content))
        if reaction.hangs:
            await asyncio.sleep(HANG_SECONDS)
        after = {} if reaction.retry_after is None else {"retry-after": reaction.retry_after}
        return Response(status_code=reaction.status, headers=after)
