"""A channel that posts each action to a URL, signed as Standard Webhooks says.

The body is the action's JSON, ``channel`` being the one it goes over now, with ``text`` added. The
``webhook-id`` is the action's id: the same id again is the same action, to be acted upon once.
"""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import msgspec
from standardwebhooks import Webhook

from pipeline.adapters.dispatch.port import Clock, Done, Failed, Message, Settled, TryAgain

_LONGEST_RETRY_AFTER: Final = 3_600.0
_READ_BYTES: Final = 65_536
"""Of an answer, so that the connection can be used again; more is not waited for."""

_NOT_TAKEN: Final = frozenset((425, 429, 503))
"""Answers that say it was not acted upon: too early, too many, not now."""

_OF_THE_ENDPOINT: Final = frozenset((401, 403, 404, 405, 407))
"""Answers about the URL or the credentials, which are the same for all actions: tried again, so
that a mistake in the settings holds actions up and does not burn them."""

_IN_DOUBT: Final = frozenset((408, 409))
"""It did not hear all of it; or it is busy with the same id, as another attempt left it."""


class WebhookChannel:
    """Posts to one URL. ``secret`` is a Standard Webhooks secret (``whsec_`` and base64)."""

    def __init__(
        self, url: str, secret: str | None, *, timeout_seconds: float, clock: Clock
    ) -> None:
        """Raises ``ValueError`` for a secret that is none; without one, nothing is signed."""
        self._url = url
        self._timeout = timeout_seconds
        self._clock = clock
        try:
            self._signer = None if secret is None else Webhook(secret)
        except Exception as error:
            raise ValueError("not a Standard Webhooks secret: whsec_ and base64") from error
        self._client = httpx.AsyncClient(timeout=timeout_seconds, follow_redirects=False)

    async def send(self, message: Message) -> Settled:
        body = webhook_body(message)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(message.action.id, body)
        except TimeoutError:
            return TryAgain(f"no answer within {self._timeout:g} s", in_doubt=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return TryAgain(f"cannot connect: {type(error).__name__}")
        except httpx.HTTPError as error:
            return TryAgain(f"connection failed: {type(error).__name__}", in_doubt=True)

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, identity: str, body: bytes) -> Settled:
        headers = self._headers(identity, body)
        async with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
            settled = understand(answer, self._clock.now())
            await _drain(answer)
        return settled

    def _headers(self, identity: str, body: bytes) -> dict[str, str]:
        now = self._clock.now()
        headers = {
            "content-type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(
                identity, now.astimezone(UTC), body.decode()
            )
        return headers


def webhook_body(message: Message) -> bytes:
    """The action as JSON, with the channel it goes over and its text."""
    content = msgspec.to_builtins(message.action)
    return msgspec.json.encode(content | {"channel": message.channel, "text": message.text})


def understand(answer: httpx.Response, now: datetime) -> Settled:
    """What an answer's status says of the action."""
    status, detail = answer.status_code, f"HTTP {answer.status_code}"
    if answer.is_success:
        return Done()
    if status in _NOT_TAKEN or status in _OF_THE_ENDPOINT:
        return TryAgain(detail, _retry_after(answer, now))
    if status in _IN_DOUBT or status >= 500:
        return TryAgain(detail, _retry_after(answer, now), in_doubt=True)
    if answer.is_redirect:
        return Failed(f"{detail}: redirects are not followed; set the URL it leads to")
    return Failed(detail)


def _retry_after(answer: httpx.Response, now: datetime) -> float | None:
    """Seconds, from a number or a date; ``None`` if there is none that makes sense."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(float(value[:9]), _LONGEST_RETRY_AFTER)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return min(max((then - now).total_seconds(), 0.0), _LONGEST_RETRY_AFTER)


async def _drain(answer: httpx.Response) -> None:
    read = 0
    async for part in answer.aiter_raw():
        read += len(part)
        if read > _READ_BYTES:
            return
