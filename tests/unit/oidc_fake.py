"""An identity provider in this process, that can be told to misbehave."""

import time
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs, urlsplit
from warnings import catch_warnings

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from pipeline.adapters.http.oidc import challenge

CLIENT, SECRET = "touchpoint", "provider-secret"


class FakeProvider:
    """Lets in whoever comes; ``claims`` and ``signing`` change what it says of them."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, auto_kid=True)
        self.other = RSAKey.generate_key(2048, auto_kid=True)
        self.published: Any = KeySet([self.key])
        self.claims: dict[str, Any] = {}
        self.left_out: set[str] = set()
        self.signing: Any = self.key
        self.algorithm = "RS256"
        self.issuer_told: str | None = None
        self.token_status = 200
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        self.server = TestServer(app)

    @property
    def issuer(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")

    def log_in(self, url: str) -> tuple[str, str]:
        """What a person does in the browser: the code and the state to come back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return code, asked["state"]

    async def _metadata(self, request: web.Request) -> web.Response:
        self.asked.append("metadata")
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token"}
        found = {name: f"{self.issuer}/{path}" for name, path in names.items()}
        told = {"issuer": self.issuer_told or self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        return web.json_response(found | told)

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response(self.published.as_dict(private=False))

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        if self.token_status != 200:
            return web.json_response({"error": "odd"}, status=self.token_status)
        form = await request.post()
        begun = self.codes.pop(str(form["code"]), None)
        scheme, _, client = request.headers["Authorization"].partition(" ")
        good = (
            begun is not None
            and (scheme, b64decode(client).decode()) == ("Basic", f"{CLIENT}:{SECRET}")
            and form["redirect_uri"] == begun["redirect_uri"]
            and challenge(str(form["code_verifier"])) == begun["code_challenge"]
        )
        if not good or begun is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "u-17",
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            "email": "ann@example.org",
            "groups": ["care-team"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if name not in self.left_out}
        header = {"alg": self.algorithm}
        if self.algorithm == "RS256":
            header["kid"] = self.signing.kid
        with catch_warnings(action="ignore"):  # that nobody should sign by "none"
            token = jwt.encode(header, claims, self.signing, algorithms=[self.algorithm])
        return web.json_response({"id_token": token, "access_token": "x", "token_type": "Bearer"})
