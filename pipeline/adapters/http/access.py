"""Who may come in: anyone on this machine while bound to it alone, otherwise who has a key or a
session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import cookie_parser

from pipeline.adapters.http.access_ports import AccessStore, Audit
from pipeline.adapters.http.keys import KeyRing
from pipeline.adapters.http.masking import Masker
from pipeline.adapters.http.rates import Rates
from pipeline.adapters.http.sessions import Sessions, cookie_name
from pipeline.adapters.http.who import LOCAL, Who

KEY_BYTES: Final = 16
"""A shorter key of the environment can be guessed."""

PSEUDONYMS: Final = "pseudonyms"
SIGNING: Final = "signing"
"""Names of the store's secrets."""


class AccessRefused(Exception):  # noqa: N818 - it says what happened
    """The server may not start like this; the message says what to do."""


class Denied(NamedTuple):
    """Why a request is turned away."""

    status: int
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Access:
    """All that decides over callers, for one server.

    ``local``: only this machine can reach the server and no key was made: whoever asks is
    ``LOCAL``, an admin. ``public_url`` is where browsers find it, if that is known.
    """

    local: bool
    store: AccessStore
    keys: KeyRing
    sessions: Sessions
    audit: Audit
    masker: Masker
    rates: Rates
    public_url: str | None = None

    async def who(self, headers: Mapping[str, str], *, scheme: str = "http") -> Who | Denied:
        """Who sends a request with these headers (names in small letters), or why it may not
        pass. Asks the store in a thread where memory is not enough."""
        if self.local:
            return check_local(headers) or LOCAL
        given = headers.get("authorization")
        if given is not None:
            return await self._by_key(given)
        session_id = self.session_id(headers, scheme=scheme)
        if session_id is not None:
            who = await _asked(self.sessions.remembered, self.sessions.find, session_id)
            if who is not None:
                return who
        return Denied(401, "unauthorized", "send the header Authorization: Bearer <key>")

    def secure(self, scheme: str) -> bool:
        """Whether browsers come by https."""
        return (self.public_url or f"{scheme}:").startswith("https:")

    def session_id(self, headers: Mapping[str, str], *, scheme: str) -> str | None:
        """What the session's cookie holds, unchecked."""
        return cookie(headers, cookie_name(secure=self.secure(scheme)))

    async def _by_key(self, given: str) -> Who | Denied:
        scheme, _, text = given.partition(" ")
        if scheme.lower() == "bearer":
            who = await _asked(self.keys.remembered, self.keys.find, text.strip())
            if who is not None:
                return who
        # Whether there is such a key, or was, is not told to who has not the right one.
        return Denied(401, "unauthorized", "this key opens nothing; Authorization: Bearer <key>")


async def _asked(
    remembered: Callable[[str], Who | None], find: Callable[[str], Who | None], text: str
) -> Who | None:
    return remembered(text) or await run_in_threadpool(find, text)


def cookie(headers: Mapping[str, str], name: str) -> str | None:
    """The value of one cookie, whatever else other services on this host have set."""
    return cookie_parser(headers.get("cookie", "")).get(name)


def check_environment_key(key: str | None) -> None:
    """Raise ``AccessRefused`` for a key that can be guessed."""
    if key is not None and len(key.encode()) < KEY_BYTES:
        raise AccessRefused(f"the API key is shorter than {KEY_BYTES} bytes; choose a longer one")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. A name other than localhost may be any."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_local(headers: Mapping[str, str]) -> Denied | None:
    """Without a key the browser of this machine's user must not be led here by a foreign page."""
    host = headers.get("host", "")
    if not is_loopback(_name(host)):
        return Denied(403, "forbidden", "this name is not this machine's own; make an API key")
    if not same_origin(headers):
        return Denied(403, "forbidden", "pages of other origins may not ask; make an API key")
    return None


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether the page that sends this is of this server; programs send no ``Origin``."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
