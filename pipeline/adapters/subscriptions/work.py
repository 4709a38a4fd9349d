"""Follows and sends in a thread with an event loop of its own, beside whatever else runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from pipeline.adapters.beside import Beside, wait_for
from pipeline.adapters.http.ports import Condition
from pipeline.adapters.subscriptions.follower import Follower
from pipeline.adapters.subscriptions.sender import Sender

log = logging.getLogger(__name__)

FOLLOW_SECONDS: Final = 0.5
"""How often it looks for changed scores."""

SEND_SECONDS: Final = 0.25
"""How often it looks for what is due."""

GATHER_SECONDS: Final = 0.02
"""What comes to its end within this is written down together: each commit is one of the disk's,
and on SQLite the pipeline's own writer waits for it."""

RETRY_SECONDS: Final = 1.0


class SubscriptionWork:
    """Between ``start`` and ``stop``; what goes wrong is logged and tried again."""

    def __init__(self, follower: Follower, make_sender: Callable[[], Sender]) -> None:
        self._follower = follower
        self._make_sender = make_sender
        self._wrong: dict[str, str] = {}
        self._beside = Beside("subscriptions", self._main)

    def start(self) -> None:
        self._beside.start()

    def stop(self) -> None:
        """Let attempts under way end within some seconds."""
        self._beside.stop()

    def condition(self) -> Condition:
        """How it is; in words what the database says while it cannot go on."""
        if self._beside.dead:
            return Condition("subscriptions", False, "dead")
        wrong = "; ".join(self._wrong.values())
        return Condition("subscriptions", not wrong, "retrying" if wrong else "running", wrong)

    def fatal(self) -> str | None:
        """Why only a restart can help, ``None`` while it can go on."""
        return self._beside.fatal()

    async def _main(self, stop: asyncio.Event) -> None:
        sender = self._make_sender()

        async def follow() -> None:
            more = await asyncio.to_thread(self._follower.step)
            if not more:
                await wait_for(stop, FOLLOW_SECONDS)

        async def send() -> None:
            await sender.step()
            await wait_for(sender.news, SEND_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._again("follow", follow, stop))
                group.create_task(self._again("send", send, stop))
        finally:
            await sender.close()

    async def _again(
        self, name: str, what: Callable[[], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        while not stop.is_set():
            try:
                await what()
                self._wrong.pop(name, None)
            except Exception as error:  # noqa: BLE001 - the edge of the database
                # Without the error's text: it may hold rows.
                if name not in self._wrong:
                    log.warning("subscriptions cannot %s now: %s", name, type(error).__name__)
                self._wrong[name] = f"cannot {name}: {type(error).__name__}"
                await wait_for(stop, RETRY_SECONDS)
