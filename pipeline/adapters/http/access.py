"""Who may ask: anyone on this machine while bound to it, otherwise who has the key."""

from collections.abc import Mapping
from hmac import compare_digest
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

OPEN_PATHS: Final = ("/livez", "/readyz")
"""Asked by whoever keeps the process running; they tell nothing of customers."""

KEY_BYTES: Final = 16
"""A shorter key can be guessed."""


class AccessRefused(Exception):  # noqa: N818 - it says what happened
    """The server may not start like this; the message says what to do."""


class Denied(NamedTuple):
    """Why a request is turned away."""

    status: int
    code: str
    detail: str


class Access(NamedTuple):
    """Who may ask; ``key`` is ``None`` for a server that only this machine can reach."""

    key: str | None

    def check(self, path: str, headers: Mapping[str, str]) -> Denied | None:
        """Why a request with these headers (names in small letters) may not pass, if so."""
        if path in OPEN_PATHS:
            return None
        if self.key is not None:
            return self._check_key(self.key, headers)
        return _check_local(headers)

    def _check_key(self, key: str, headers: Mapping[str, str]) -> Denied | None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and compare_digest(given.strip().encode(), key.encode()):
            return None
        return Denied(401, "unauthorized", "send the header Authorization: Bearer <key>")


def make_access(host: str, key: str | None) -> Access:
    """The rule for a server bound to ``host``. Raises ``AccessRefused`` if it needs a key."""
    if key is not None and len(key.encode()) < KEY_BYTES:
        raise AccessRefused(f"the API key is shorter than {KEY_BYTES} bytes; choose a longer one")
    if key is None and not is_loopback(host):
        raise AccessRefused(
            f"{host} can be reached from other machines, and no API key is set; set one, or bind "
            "to 127.0.0.1"
        )
    return Access(key)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. A name other than localhost may be any."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_local(headers: Mapping[str, str]) -> Denied | None:
    """Without a key the browser of this machine's user must not be led here by a foreign page."""
    host = headers.get("host", "")
    if not is_loopback(_name(host)):
        return Denied(403, "forbidden", "this name is not this machine's own; set an API key")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return Denied(403, "forbidden", "pages of other origins may not ask; set an API key")
    return None


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
