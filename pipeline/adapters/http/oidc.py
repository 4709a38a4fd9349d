"""Logging in by an identity provider: OpenID Connect, authorization code with PKCE."""

import logging
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final, Protocol

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from pipeline.adapters.http.access import SIGNING, Access, cookie
from pipeline.adapters.http.edge import too_often
from pipeline.adapters.http.login import address, begin, safe_next
from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.who import Who

log = logging.getLogger(__name__)

CALLBACK: Final = "/console/login/oidc/callback"
START_SECONDS: Final = 600
"""How long somebody may take to log in at the provider."""


class LoginRefused(Exception):  # noqa: N818 - it says what happened
    """The provider, or what it sent, does not let this person in; the message says why."""


class ProviderAway(Exception):  # noqa: N818 - it says what happened
    """The provider does not answer as it should."""


class Started(msgspec.Struct, frozen=True):
    """A log-in under way, kept in a signed cookie; ``until`` in seconds since 1970."""

    state: str
    nonce: str
    verifier: str
    back: str
    until: int


class Provider(Protocol):
    """Somewhere people log in."""

    async def start_url(self, started: Started, redirect_uri: str) -> str:
        """Where to send the browser. Raises ``ProviderAway``."""
        ...

    async def person(self, code: str, started: Started, redirect_uri: str) -> Who:
        """Who came back with ``code``. Raises ``LoginRefused`` and ``ProviderAway``."""
        ...

    def check_sender(self, issuer: str | None) -> None:
        """Raise ``LoginRefused`` if the answer says it is another provider's (RFC 9207)."""
        ...

    def now(self) -> float:
        """Seconds since 1970."""
        ...


def challenge(verifier: str) -> str:
    """What the provider is told of a verifier (RFC 7636, S256)."""
    return _text(sha256(verifier.encode()).digest())


def make_oidc_router(access: Access, provider: Provider) -> APIRouter:
    """The two steps of logging in; the first sends to the provider, the second comes back.

    ``ValueError`` if ``access`` does not know where browsers find this server.
    """
    if access.public_url is None:
        raise ValueError("an identity provider sends people back: it needs the public URL")
    router = APIRouter(include_in_schema=False)
    redirect_uri = access.public_url.rstrip("/") + CALLBACK
    signer = _Signer(lambda: access.store.secret(SIGNING))

    @router.get("/console/login/oidc")
    async def get_start(request: Request) -> Response:
        wait = access.rates.wait_seconds("login", address(request))
        if wait:
            return too_often(wait)
        back = safe_next(request.query_params.get("next"))
        until = int(provider.now()) + START_SECONDS
        started = Started(_random(), _random(), _random(), back, until)
        try:
            url = await provider.start_url(started, redirect_uri)
        except ProviderAway as error:
            raise _away(error) from error
        signed = await run_in_threadpool(signer.sign, started)
        response = RedirectResponse(url, 303, {"Cache-Control": "no-store"})
        secure = access.secure(request.scope.get("scheme", "http"))
        response.set_cookie(
            _cookie(secure=secure),
            signed,
            max_age=START_SECONDS,
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return response

    @router.get(CALLBACK)
    async def get_callback(request: Request) -> Response:
        secure = access.secure(request.scope.get("scheme", "http"))
        kept = cookie(request.headers, _cookie(secure=secure))
        started = await run_in_threadpool(signer.read, kept or "")
        try:
            who, back = await _came_back(provider, request, started, redirect_uri)
        except LoginRefused as error:
            await run_in_threadpool(_note_refusal, access, request, str(error))
            raise ProblemError(403, "login_refused", str(error)) from error
        except ProviderAway as error:
            raise _away(error) from error
        response = await run_in_threadpool(begin, access, request, who, back)
        response.delete_cookie(_cookie(secure=secure), secure=secure, httponly=True, samesite="lax")
        return response

    return router


async def _came_back(
    provider: Provider, request: Request, started: Started | None, redirect_uri: str
) -> tuple[Who, str]:
    given = request.query_params
    if started is None or not compare_digest(
        started.state.encode(), given.get("state", "").encode()
    ):
        raise LoginRefused("this answer belongs to no log-in of this browser; begin again")
    if provider.now() >= started.until:
        raise LoginRefused("this log-in took too long; begin again")
    provider.check_sender(given.get("iss"))
    code = given.get("code")
    if "error" in given or code is None:
        raise LoginRefused("the identity provider let nobody in")
    return await provider.person(code, started, redirect_uri), started.back


class _Signer:
    """Cookies that only this service can have made."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    def sign(self, started: Started) -> str:
        body = msgspec.json.encode(started)
        return f"{_text(body)}.{_text(self._mac(body))}"

    def read(self, signed: str) -> Started | None:
        body_text, _, mac_text = signed.partition(".")
        try:
            body, mac = _bytes(body_text), _bytes(mac_text)
        except (NotBase64, ValueError):
            return None
        if not compare_digest(mac, self._mac(body)):
            return None
        return msgspec.json.decode(body, type=Started)

    def _mac(self, body: bytes) -> bytes:
        return digest(self._key(), b"touchpoint oidc " + body, "sha256")


def _note_refusal(access: Access, request: Request, why: str) -> None:
    detail = {"address": address(request), "why": why, "by": "oidc"}
    access.audit.note("login", who="", how="login", detail=detail, outcome="refused")


def _away(error: ProviderAway) -> ProblemError:
    log.warning("the identity provider does not answer: %s", error)
    return ProblemError(503, "unavailable", "the identity provider does not answer; try again")


def _cookie(*, secure: bool) -> str:
    return "__Host-touchpoint-oidc" if secure else "touchpoint-oidc"


def _random() -> str:
    return secrets.token_urlsafe(32)


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
