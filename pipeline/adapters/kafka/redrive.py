"""Sends dead letters back to their topics on Kafka."""

import asyncio
from typing import Final

from pipeline.adapters.http.ports import NoWayBack, Unavailable
from pipeline.adapters.kafka.dispatch_outbox import NOT_BEFORE, PROGRESS
from pipeline.adapters.kafka.sender import Sender
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.dead_letter import DeadLetter
from schemas.topics import ACTION_RETRIES, ACTIONS, PROPOSALS

SEND_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0


class KafkaRedrive:
    """``Redrive`` on Kafka; of one event loop."""

    def __init__(self, settings: KafkaSettings, sender: Sender) -> None:
        self._settings = settings
        self._sender = sender

    async def send(self, letter: DeadLetter) -> None:
        """See ``Redrive``. An action that had been put off begins anew, with all its attempts."""
        topic, headers = letter.topic, letter.headers
        if topic == ACTION_RETRIES:
            topic = ACTIONS
            own = (NOT_BEFORE, PROGRESS)
            headers = tuple(header for header in headers if header[0] not in own)
        if topic not in (self._settings.source_topic, ACTIONS, PROPOSALS):
            raise NoWayBack(f"nothing reads the topic {topic}")
        if letter.key is None and letter.value is None:
            raise NoWayBack("there is nothing in it")
        place = letter.partition if letter.key is None else letter.key
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._sender.send(topic, letter.key, letter.value, place, headers)
        except TimeoutError as error:
            what = "the cluster does not take it; it may have"
            raise Unavailable(what, retry_after_seconds=RETRY_SECONDS) from error
