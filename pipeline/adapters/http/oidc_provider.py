"""An OpenID Connect provider over HTTP: discovery, the code for a token, and what it says."""

import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from pipeline.adapters.http.access import is_loopback
from pipeline.adapters.http.oidc import LoginRefused, ProviderAway, Started, challenge
from pipeline.adapters.http.who import Who, implied
from schemas.access import SCOPES, Scope

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "Ed25519", "EdDSA")
"""Signatures with a public key only: with a shared one whoever checks could also sign."""

LEEWAY_SECONDS: Final = 60
"""How far the clocks of the provider and of this machine may be apart."""

_TIMEOUT: Final = ClientTimeout(total=10)
_MOST_BYTES: Final = 1024 * 1024
_KEYS_AGAIN_SECONDS: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class OidcSettings:
    """Which provider, and what its groups may do.

    ``claim`` of the token is a text or a list; ``scopes`` says what each of its values allows.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    claim: str = "groups"
    scopes: Mapping[str, tuple[Scope, ...]]
    ask_for: str = "openid profile email"

    def __post_init__(self) -> None:
        url = urlsplit(self.issuer)
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
            raise ValueError(f"issuer {self.issuer}: https only")
        unknown = {scope for each in self.scopes.values() for scope in each} - set(SCOPES)
        if unknown or not self.scopes:
            raise ValueError(f"scopes: {sorted(unknown) or 'none'}; known: {', '.join(SCOPES)}")


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class OidcProvider:
    """The provider of ``settings``; asked for its addresses once, for its keys as they change."""

    def __init__(self, settings: OidcSettings, *, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._metadata: _Metadata | None = None
        self._keys: KeySet | None = None
        self._keys_asked = float("-inf")

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now()

    def check_sender(self, issuer: str | None) -> None:
        """Raise ``LoginRefused`` if the answer says it is another provider's (RFC 9207)."""
        if issuer is not None and issuer != self._settings.issuer:
            raise LoginRefused("the answer is another identity provider's")

    async def start_url(self, started: Started, redirect_uri: str) -> str:
        """Where to send the browser. Raises ``ProviderAway``."""
        endpoint = (await self._find()).authorization_endpoint
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._settings.ask_for,
            "state": started.state,
            "nonce": started.nonce,
            "code_challenge": challenge(started.verifier),
            "code_challenge_method": "S256",
        }
        return endpoint + ("&" if "?" in endpoint else "?") + urlencode(asked)

    async def person(self, code: str, started: Started, redirect_uri: str) -> Who:
        """Who came back with ``code``. Raises ``LoginRefused`` and ``ProviderAway``."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._settings.client_id,
            "code_verifier": started.verifier,
        }
        body = await self._ask("POST", (await self._find()).token_endpoint, form)
        try:
            token = msgspec.json.decode(body, type=_Tokens).id_token
        except msgspec.MsgspecError as error:
            raise ProviderAway("no token in the answer of the token endpoint") from error
        return self._who(await self._claims(token, started.nonce))

    def _who(self, claims: Mapping[str, Any]) -> Who:
        told = claims.get(self._settings.claim)
        values = told if isinstance(told, list) else [told]
        named = {
            scope
            for value in values
            if isinstance(value, str)
            for scope in self._settings.scopes.get(value, ())
        }
        if not named:
            raise LoginRefused(f"nothing in the claim {self._settings.claim} lets this person in")
        subject = str(claims["sub"])
        names = (claims.get(each) for each in ("email", "preferred_username", "name"))
        name = next((each for each in names if isinstance(each, str) and each), subject)
        return Who(name=name, id=f"oidc:{subject}", scopes=implied(named), how="session")

    async def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        client_id = self._settings.client_id
        rules = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = (await self._checked(token)).claims
            rules.validate(claims)
        except (JoseError, ValueError) as error:
            raise LoginRefused(f"the token does not hold: {error}") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else client_id) != client_id:
            raise LoginRefused("the token was made for another client")
        return claims

    async def _checked(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS)
        except InvalidKeyIdError:  # the provider may have new keys
            return jwt.decode(token, await self._key_set(again=True), algorithms=ALGORITHMS)

    async def _key_set(self, *, again: bool = False) -> KeySet:
        # Not at each token with an unknown key: anybody can send those.
        old = self._now() - self._keys_asked >= _KEYS_AGAIN_SECONDS
        if self._keys is None or (again and old):
            body = await self._ask("GET", (await self._find()).jwks_uri)
            self._keys_asked = self._now()
            try:
                self._keys = KeySet.import_key_set(msgspec.json.decode(body))
            except (msgspec.MsgspecError, JoseError, KeyError, TypeError, ValueError) as error:
                raise ProviderAway("its keys cannot be read") from error
        return self._keys

    async def _find(self) -> _Metadata:
        if self._metadata is None:
            url = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            body = await self._ask("GET", url)
            try:
                found = msgspec.json.decode(body, type=_Metadata)
            except msgspec.MsgspecError as error:
                raise ProviderAway(f"{url}: {error}") from error
            if found.issuer != self._settings.issuer:
                raise ProviderAway(f"{url} says that its issuer is {found.issuer}")
            self._metadata = found
        return self._metadata

    async def _ask(self, method: str, url: str, form: Mapping[str, str] | None = None) -> bytes:
        headers = self._client() if form else None
        try:
            async with (
                ClientSession(timeout=_TIMEOUT) as session,
                session.request(
                    method, url, data=form, headers=headers, allow_redirects=False
                ) as answer,
            ):
                body = b""
                async for part in answer.content.iter_any():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise ProviderAway(f"{url} answered more than {_MOST_BYTES} bytes")
                if form and answer.status in (400, 401):
                    raise LoginRefused("the identity provider does not take the code")
                if answer.status != 200:
                    raise ProviderAway(f"{url} answered {answer.status}")
                return body
        except (TimeoutError, ClientError) as error:
            raise ProviderAway(f"{url}: {type(error).__name__}") from error

    def _client(self) -> dict[str, str] | None:
        """How this client says who it is (RFC 6749, 2.3.1); one without a secret has PKCE alone."""
        secret = self._settings.client_secret
        if secret is None:
            return None
        both = f"{quote_plus(self._settings.client_id)}:{quote_plus(secret)}"
        return {"Authorization": f"Basic {b64encode(both.encode()).decode()}"}
