"""Posts to a URL, signed as Standard Webhooks says; as a channel of care, each action.

The body of an action is its JSON, ``channel`` being the one it goes over now, with ``text`` added.
The ``webhook-id`` is the action's id: the same id again is the same action, to be acted upon once.
"""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec
from standardwebhooks import Webhook

from pipeline.adapters.dispatch.port import Clock, Done, Failed, Message, Settled, TryAgain

_LONGEST_RETRY_AFTER: Final = 3_600.0
_KEEP_ALIVE_SECONDS: Final = 4.0
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
        self._proxy = _proxy_of(url)
        self._timeout = timeout_seconds
        self._clock = clock
        try:
            self._signer = None if secret is None else Webhook(secret)
        except Exception as error:
            raise ValueError("not a Standard Webhooks secret: whsec_ and base64") from error
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Settled:
        return await self.post(message.action.id, webhook_body(message))

    async def post(self, identity: str, body: bytes) -> Settled:
        """Make one attempt to post ``body``, JSON in UTF-8; ``identity`` is the ``webhook-id``."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(identity, body)
        except TimeoutError:
            return TryAgain(f"no answer within {self._timeout:g} s", in_doubt=True)
        except aiohttp.ClientConnectorError as error:
            return TryAgain(f"cannot connect: {type(error.os_error).__name__}")
        except (aiohttp.ClientError, OSError) as error:
            return TryAgain(f"connection failed: {type(error).__name__}", in_doubt=True)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _post(self, identity: str, body: bytes) -> Settled:
        if self._session is None:
            self._session = _make_session()
        headers = self._headers(identity, body)
        async with self._session.post(
            self._url, data=body, headers=headers, allow_redirects=False, proxy=self._proxy
        ) as answer:
            retry_after = answer.headers.get("retry-after", "")
            settled = understand(answer.status, retry_after, self._clock.now())
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


def understand(status: int, retry_after: str, now: datetime) -> Settled:
    """What an answer says of the action; ``retry_after`` is the header, empty if there is none."""
    if 200 <= status < 300:
        return Done()
    detail, after = f"HTTP {status}", _retry_after(retry_after.strip(), now)
    if status in _NOT_TAKEN or status in _OF_THE_ENDPOINT:
        return TryAgain(detail, after)
    if status in _IN_DOUBT or status >= 500:
        return TryAgain(detail, after, in_doubt=True)
    if 300 <= status < 400:
        return Failed(f"{detail}: redirects are not followed; set the URL it leads to")
    return Failed(detail)


def _retry_after(value: str, now: datetime) -> float | None:
    """Seconds, from a number or a date; ``None`` if there is none that makes sense."""
    if value.isdecimal():
        return min(float(value[:9]), _LONGEST_RETRY_AFTER)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return min(max((then - now).total_seconds(), 0.0), _LONGEST_RETRY_AFTER)


def _proxy_of(url: str) -> str | None:
    """The proxy that the environment names for it; asked once, not for each request."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _make_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # How many at once is the dispatcher's business. Receivers close idle connections after
        # some seconds: one that is closed just as it is used leaves an action in doubt.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"user-agent": "touchpoint-dispatch"},
    )


async def _drain(answer: aiohttp.ClientResponse) -> None:
    read = 0
    async for part in answer.content.iter_any():
        read += len(part)
        if read > _READ_BYTES:
            return
