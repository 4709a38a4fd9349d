"""Follows changes of scores, and writes down what subscribers are to be told.

Standings, notices and the cursor move in one transaction, and of several processes one moves it: a
crossing that was seen is kept once, under one id, whatever happens to whoever saw it.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from pipeline.adapters.subscriptions.ports import FollowStore, ScoreFeed
from pipeline.adapters.subscriptions.rules import crossings, reading_of
from schemas.deliveries import Turn
from schemas.subscriptions import Edge

log = logging.getLogger(__name__)

BATCH: Final = 500
"""Changes looked at in one transaction: the writer of an embedded pipeline waits for it."""


class Follower:
    """Of one process; any number may follow the same store."""

    def __init__(
        self,
        store: FollowStore,
        feed: ScoreFeed,
        *,
        now: Callable[[], datetime],
        crossed: Callable[[Edge], None] = lambda edge: None,
        batch: int = BATCH,
    ) -> None:
        """``crossed`` hears of every crossing that was kept."""
        self._store = store
        self._feed = feed
        self._now = now
        self._crossed = crossed
        self._batch = batch
        self._ahead: Turn | None = None

    def step(self) -> bool:
        """Look once at what changed; whether there may be more to look at. Blocks.

        Raises what the store and the feed raise; nothing is lost then.
        """
        turn = self._store.turn()
        if turn is None:
            return False
        # Where nothing changed, the place is kept here alone: it would cost a commit each time.
        ahead = self._ahead
        since = ahead.cursor if ahead is not None and ahead.number == turn.number else turn.cursor
        feed = self._feed.feed(since, self._batch)
        if not feed.changes:
            self._ahead = Turn(turn.number, feed.next)
            return False
        readings = [reading_of(each.row) for each in feed.changes if each.kind == "score"]
        edges: list[Edge] = []
        with self._store.advance(turn, feed.next) as step:
            if step is None:
                return True  # somebody else went on, or subscriptions changed: look again
            if readings:
                standings = step.standings([reading.customer for reading in readings])
                found = [*crossings(step.active(), readings, standings)]
                step.write(found, self._now())
                edges = [each.notice.edge for each in found]
        for edge in edges:
            self._crossed(edge)
        return len(feed.changes) >= self._batch
