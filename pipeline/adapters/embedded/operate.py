"""What people do beside the embedded pipeline: orders become rows, dead letters go to the log."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from pipeline.adapters.http.ports import Entry, NoWayBack
from pipeline.stages.both import CAMPAIGN
from schemas.care import CareOrder
from schemas.dead_letter import DeadLetter
from schemas.topics import PROPOSALS, READ_BY_STAGES


class OrderRows(Protocol):
    """Orders as rows; methods block."""

    def find(self, identity: str) -> CareOrder | None: ...

    def add(self, order: CareOrder) -> CareOrder:
        """Durable when it returns; the one that is there under its id."""
        ...


class RowOrders:
    """``Orders`` on rows that dispatch reads before each attempt."""

    def __init__(self, rows: OrderRows) -> None:
        self._rows = rows

    async def find(self, identity: str) -> CareOrder | None:
        return await asyncio.to_thread(self._rows.find, identity)

    async def give(self, order: CareOrder) -> CareOrder:
        return await asyncio.to_thread(self._rows.add, order)


Append = Callable[[Entry], Awaitable[object]]
"""Appends to the log; durable when it returns. Raises ``Busy`` and ``Unavailable``."""


class LogRedrive:
    """``Redrive`` into the one log that there is."""

    def __init__(self, append: Append) -> None:
        self._append = append

    async def send(self, letter: DeadLetter) -> None:
        if letter.topic not in READ_BY_STAGES:
            raise NoWayBack(f"nothing of {letter.topic} is read from this log")
        if letter.value is None:
            raise NoWayBack("there is nothing in it")
        headers = tuple((name, value or b"") for name, value in letter.headers)
        key = letter.key
        if letter.topic == PROPOSALS:
            key = CAMPAIGN + (key or b"")  # as the lane itself marks what it sends to campaigns
        await self._append(Entry(key, letter.value, headers))
