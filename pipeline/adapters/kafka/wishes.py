"""What keeps an action back on Kafka: customers' consents and people's orders, read together."""

from collections.abc import Sequence

from pipeline.adapters.dispatch.port import ConsentUnknown, OrdersUnknown
from pipeline.adapters.kafka.consents import ConsentRecords
from pipeline.adapters.kafka.latest import KafkaLatest, NotRead
from pipeline.adapters.kafka.orders import OrderRecords
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.care import CareOrder, Consent
from schemas.topics import CONSENTS, ORDERS


class KafkaWishes:
    """The ``ConsentView`` and the ``OrderView`` on Kafka; of one event loop.

    Both questions asked at once are answered by one look at the topics.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._consents = ConsentRecords()
        self._orders = OrderRecords()
        takes = {CONSENTS: self._consents.take, ORDERS: self._orders.take}
        self._latest = KafkaLatest(settings, takes)

    @property
    def current(self) -> bool:
        """Whether all was known when it was last asked."""
        return self._latest.current

    async def look(self) -> None:
        """Read all that is committed. Raises ``NotRead``."""
        await self._latest.look()

    async def consent(self, customer: str) -> Consent | None:
        """See ``ConsentView``."""
        try:
            await self._latest.look()
        except NotRead as error:
            after = error.retry_after_seconds
            raise ConsentUnknown(str(error), retry_after_seconds=after) from error
        return self._consents.of(customer)

    async def orders(self, action: str) -> Sequence[CareOrder]:
        """See ``OrderView``."""
        try:
            await self._latest.look()
        except NotRead as error:
            after = error.retry_after_seconds
            raise OrdersUnknown(str(error), retry_after_seconds=after) from error
        return self._orders.of(action)

    async def close(self) -> None:
        await self._latest.close()
