"""Orders for actions on Kafka: what holds by the records, and giving one durably."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from aiokafka.structs import ConsumerRecord

from pipeline.adapters.http.ports import Unavailable
from pipeline.adapters.kafka.sender import Sender
from schemas.care import ORDER_MATTERS, CareOrder, order_key
from schemas.topics import ORDERS

log = logging.getLogger(__name__)

GIVE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0
_REMEMBERED: Final = 10_000


class OrderRecords:
    """What holds after the records that were taken, of each partition in their order.

    It grows with the orders that the compacted topic holds, some hundred bytes each: people give
    them one by one.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, CareOrder]] = {}
        self._decode = msgspec.json.Decoder(CareOrder).decode

    def take(self, record: ConsumerRecord) -> None:
        if record.value is None:
            action, _, matter = (record.key or b"").decode(errors="replace").rpartition(":")
            self._held.get(action, {}).pop(matter, None)
            return
        try:
            order = self._decode(record.value)
        except msgspec.DecodeError as error:
            log.error("offset %d of orders is none: %s", record.offset, type(error).__name__)
            return
        matters = self._held.setdefault(order.action, {})
        matter = ORDER_MATTERS[order.order]
        matters.pop(matter, None)  # at the end anew: it is the last that was given
        matters[matter] = order

    def of(self, action: str) -> Sequence[CareOrder]:
        """Of each matter the last order, in the order given."""
        return [*self._held.get(action, {}).values()]


class KafkaOrders:
    """Gives orders: durable when the cluster has acknowledged them. Of one event loop."""

    def __init__(
        self,
        sender: Sender,
        *,
        find: Callable[[str], CareOrder | None] = lambda identity: None,
    ) -> None:
        """``find`` looks an order up by its id where the topic is written down; it may block."""
        self._sender = sender
        self._find = find
        self._given: OrderedDict[str, CareOrder] = OrderedDict()

    async def find(self, identity: str) -> CareOrder | None:
        """See ``Orders``."""
        given = self._given.get(identity)
        return given if given is not None else await asyncio.to_thread(self._find, identity)

    async def give(self, order: CareOrder) -> CareOrder:
        """See ``Orders``. An order that was given is not written again: after what was ordered
        since, it would hold once more."""
        known = await self.find(order.id)
        if known is not None:
            return known
        # Of one action all on one partition, so that they are read in the order given.
        place = order.action.encode()
        try:
            async with asyncio.timeout(GIVE_SECONDS):
                await self._sender.send(ORDERS, order_key(order), msgspec.json.encode(order), place)
        except TimeoutError as error:
            what = "the cluster does not take it; it may have"
            raise Unavailable(what, retry_after_seconds=RETRY_SECONDS) from error
        self._given[order.id] = order
        if len(self._given) > _REMEMBERED:
            self._given.popitem(last=False)
        return order
