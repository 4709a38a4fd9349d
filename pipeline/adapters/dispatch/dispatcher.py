"""Carries actions out: each on the right channel, at the right time, only while it is wanted.

What cannot go soon is handed back (``Parked``), so that whoever brings actions is never held up by
a destination that is slow, down or asleep.
"""

from typing import Final

from pipeline.adapters.dispatch.ends import End, Parked, Progress
from pipeline.adapters.dispatch.journey import Journey, Means
from pipeline.adapters.dispatch.outlet import Outlet
from pipeline.adapters.dispatch.port import Message
from schemas.care import CareAction

_AT_THE_START: Final = Progress()


class Dispatcher:
    """Of one event loop; takes any number of actions at once."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._waiting = 0

    @property
    def outlets(self) -> list[Outlet[Message]]:
        """Every destination once, by name."""
        return sorted({*self._means.outlets.values()}, key=lambda outlet: outlet.name)

    async def carry_out(
        self, action: CareAction, progress: Progress = _AT_THE_START
    ) -> End | Parked:
        """See an action to its end, or until it has to be put off.

        Cancelled, it lets an attempt under way end within the grace, and returns if that settled
        it. Whatever happens, the same action may be given again: its id says it is the same.
        """
        watcher = self._means.watcher
        self._count(1)
        try:
            ended = await Journey(self._means, action, progress).travel()
        finally:
            self._count(-1)
        if isinstance(ended, End):
            seconds = (ended.at - action.decided_at).total_seconds()
            watcher.settled(action.action, ended.result, max(0.0, seconds))
        else:
            watcher.parked(ended.why)
        return ended

    async def close(self) -> None:
        for outlet in self.outlets:
            await outlet.close()

    def _count(self, change: int) -> None:
        self._waiting += change
        self._means.watcher.waiting(self._waiting)
