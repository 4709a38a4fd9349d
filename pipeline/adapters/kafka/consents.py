"""What customers do not want, as the records of the perceive stage say it."""

import logging

import msgspec
from aiokafka.structs import ConsumerRecord

from schemas.care import Consent

log = logging.getLogger(__name__)


class ConsentRecords:
    """What holds after the records that were taken, of each partition in their order."""

    def __init__(self) -> None:
        self._held: dict[str, Consent] = {}
        self._decode = msgspec.json.Decoder(Consent).decode

    def take(self, record: ConsumerRecord) -> None:
        customer = (record.key or b"").decode(errors="replace")
        if record.value is None:
            self._held.pop(customer, None)
            return
        try:
            consent = self._decode(record.value)
        except msgspec.DecodeError as error:
            # What held before holds on: forgetting it could send what is not wanted.
            log.error("offset %d of consents is none: %s", record.offset, type(error).__name__)
            return
        if consent.denied or not consent.alerts:
            self._held[consent.customer] = consent
        else:
            self._held.pop(consent.customer, None)

    def of(self, customer: str) -> Consent | None:
        """``None`` if nothing is denied."""
        return self._held.get(customer)
