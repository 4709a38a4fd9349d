"""Logging in by an identity provider: who it vouches for comes in, and nobody else."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from joserfc.jwk import KeySet, OctKey, RSAKey

from pipeline.adapters.http.oidc import CALLBACK, START_SECONDS, make_oidc_router
from pipeline.adapters.http.oidc_provider import LEEWAY_SECONDS, OidcProvider, OidcSettings
from tests.unit.access_fakes import Gate
from tests.unit.http_fakes import World, problem_of
from tests.unit.oidc_fake import CLIENT, SECRET, FakeProvider

PUBLIC = "https://care.example.org"


class Visit:
    """A browser, the application, and the provider it trusts."""

    def __init__(self, fake: FakeProvider, browser: httpx.AsyncClient, gate: Gate) -> None:
        self.fake = fake
        self.browser = browser
        self.gate = gate
        self.clock: dict[str, float] = {"ahead": 0.0}

    async def start(self) -> httpx.Response:
        return await self.browser.get("/console/login/oidc?next=/console/cases")

    async def come_back(self, **changes: str | None) -> httpx.Response:
        """Log in at the provider and return; ``changes`` to what comes back, None for nothing."""
        started = await self.start()
        assert started.status_code == 303, started.text
        code, state = self.fake.log_in(started.headers["Location"])
        given = {"code": code, "state": state} | changes
        asked = {name: value for name, value in given.items() if value is not None}
        return await self.browser.get(CALLBACK, params=asked)


def visit(act: Callable[[Visit], Awaitable[None]], **settings: Any) -> None:
    """Do ``act`` with a provider that runs."""

    async def run() -> None:
        fake = FakeProvider()
        async with fake.server:
            gate = Gate(public_url=PUBLIC)
            world = World(access=gate.access)
            chosen: dict[str, Any] = {
                "issuer": fake.issuer,
                "client_id": CLIENT,
                "client_secret": SECRET,
                "scopes": {"care-team": ("operate",), "analysts": ("read",)},
            }
            clock = {"ahead": 0.0}
            provider = OidcProvider(
                OidcSettings(**chosen | settings), now=lambda: time.time() + clock["ahead"]
            )
            world.app.include_router(make_oidc_router(gate.access, provider))
            transport = httpx.ASGITransport(app=world.app)
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as browser:
                visiting = Visit(fake, browser, gate)
                visiting.clock = clock
                await act(visiting)

    asyncio.run(run())


def refused(prepare: Callable[[Visit], None], why: str, **changes: str | None) -> None:
    """After ``prepare`` nobody is let in, for a reason with ``why`` in it."""

    async def act(visiting: Visit) -> None:
        prepare(visiting)
        answer = await visiting.come_back(**changes)
        problem = problem_of(answer)
        assert (problem["status"], problem["type"]) == (403, "urn:touchpoint:problem:login_refused")
        assert why in problem["detail"]
        assert visiting.gate.store.sessions == {}
        assert (await visiting.browser.get("/v1/who")).status_code == 401
        (row,) = visiting.gate.audit.rows
        assert (row.action, row.outcome) == ("login", "refused")

    visit(act)


def claims(**changes: Any) -> Callable[[Visit], None]:
    return lambda visiting: visiting.fake.claims.update(changes)


def without(name: str) -> Callable[[Visit], None]:
    return lambda visiting: visiting.fake.left_out.add(name)


def test_who_the_provider_vouches_for_gets_a_session_with_the_groups_scopes() -> None:
    async def act(visiting: Visit) -> None:
        answer = await visiting.come_back()
        assert (answer.status_code, answer.headers["Location"]) == (303, "/console/cases")
        who = (await visiting.browser.get("/v1/who")).json()
        assert who == {
            "name": "ann@example.org",
            "how": "session",
            "scopes": ["identify", "operate", "read"],
        }
        (session,) = visiting.gate.store.sessions.values()
        assert session.source == "oidc:u-17"
        (row,) = visiting.gate.audit.rows
        assert (row.action, row.who, row.outcome) == ("login", "ann@example.org", "done")

    visit(act)


def test_addresses_and_keys_are_asked_for_once() -> None:
    async def act(visiting: Visit) -> None:
        for _ in range(3):
            assert (await visiting.come_back()).status_code == 303
        assert sorted(visiting.fake.asked) == ["keys", "metadata", "token", "token", "token"]

    visit(act)


def test_new_keys_of_the_provider_are_found() -> None:
    async def act(visiting: Visit) -> None:
        fake = visiting.fake
        assert (await visiting.come_back()).status_code == 303
        fake.signing, fake.published = fake.other, KeySet([fake.key, fake.other])
        visiting.clock["ahead"] = 31.0
        assert (await visiting.come_back()).status_code == 303

    visit(act)


def test_a_claim_may_be_a_text_and_have_another_name() -> None:
    async def act(visiting: Visit) -> None:
        visiting.fake.claims["role"] = "analysts"
        assert (await visiting.come_back()).status_code == 303
        assert (await visiting.browser.get("/v1/who")).json()["scopes"] == ["read"]

    visit(act, claim="role")


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (claims(nonce="another"), "nonce"),
        (without("nonce"), "nonce"),
        (claims(aud="another-client"), "aud"),
        (claims(aud=["another", "third"]), "aud"),
        (without("aud"), "aud"),
        (claims(aud=[CLIENT, "another"]), "another client"),
        (claims(azp="another"), "another client"),
        (claims(iss="https://evil.example"), "iss"),
        (claims(exp=int(time.time()) - LEEWAY_SECONDS - 1), "exp"),
        (claims(exp="tomorrow"), "exp"),
        (without("exp"), "exp"),
        (claims(iat=int(time.time()) + 7 * 86_400), "issued in the future"),
        (without("sub"), "sub"),
        (claims(groups=["strangers"]), "claim groups"),
        (claims(groups={"care-team": True}), "claim groups"),
        (without("groups"), "claim groups"),
    ],
)
def test_a_token_that_does_not_hold_lets_nobody_in(
    prepare: Callable[[Visit], None], why: str
) -> None:
    refused(prepare, why)


def test_a_token_for_several_clients_names_this_one() -> None:
    async def act(visiting: Visit) -> None:
        visiting.fake.claims |= {"aud": [CLIENT, "another"], "azp": CLIENT}
        assert (await visiting.come_back()).status_code == 303

    visit(act)


def test_another_key_signs_for_nobody() -> None:
    def prepare(visiting: Visit) -> None:
        visiting.fake.signing = visiting.fake.other

    refused(prepare, "the token does not hold")


def test_a_stolen_key_id_does_not_help() -> None:
    def prepare(visiting: Visit) -> None:
        private: Any = visiting.fake.other.as_dict(private=True) | {"kid": visiting.fake.key.kid}
        visiting.fake.signing = RSAKey.import_key(private)

    refused(prepare, "the token does not hold")


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_signature_that_anybody_can_make_is_none(algorithm: str) -> None:
    def prepare(visiting: Visit) -> None:
        visiting.fake.algorithm = algorithm
        visiting.fake.signing = OctKey.import_key(SECRET * 3)

    refused(prepare, "the token does not hold")


@pytest.mark.parametrize("state", ["another", "", None])
def test_an_answer_with_another_state_is_refused(state: str | None) -> None:
    refused(lambda visiting: None, "belongs to no log-in", state=state)


def test_the_cookie_of_another_browser_does_not_do() -> None:
    async def act(visiting: Visit) -> None:
        started = await visiting.start()
        code, state = visiting.fake.log_in(started.headers["Location"])
        visiting.browser.cookies.clear()
        answer = await visiting.browser.get(CALLBACK, params={"code": code, "state": state})
        assert problem_of(answer)["status"] == 403

    visit(act)


def test_a_cookie_that_was_changed_does_not_do() -> None:
    async def act(visiting: Visit) -> None:
        started = await visiting.start()
        code, state = visiting.fake.log_in(started.headers["Location"])
        ((name, value),) = visiting.browser.cookies.items()
        assert name == "__Host-touchpoint-oidc"
        for bad in ("", "x", "é", value[:-4] + "AAAA", "A" + value[1:], value.partition(".")[0]):
            visiting.browser.cookies.clear()
            headers = {b"Cookie": f"{name}={bad}".encode()}
            answer = await visiting.browser.get(
                CALLBACK, params={"code": code, "state": state}, headers=headers
            )
            assert problem_of(answer)["status"] == 403

    visit(act)


def test_a_log_in_that_takes_too_long_is_over() -> None:
    async def act(visiting: Visit) -> None:
        started = await visiting.start()
        code, state = visiting.fake.log_in(started.headers["Location"])
        visiting.clock["ahead"] = START_SECONDS + 1
        answer = await visiting.browser.get(CALLBACK, params={"code": code, "state": state})
        assert "too long" in problem_of(answer)["detail"]

    visit(act)


def test_a_code_serves_once() -> None:
    async def act(visiting: Visit) -> None:
        started = await visiting.start()
        kept = dict(visiting.browser.cookies.items())
        code, state = visiting.fake.log_in(started.headers["Location"])
        asked = {"code": code, "state": state}
        assert (await visiting.browser.get(CALLBACK, params=asked)).status_code == 303
        for name, value in kept.items():
            visiting.browser.cookies.set(name, value)
        assert problem_of(await visiting.browser.get(CALLBACK, params=asked))["status"] == 403

    visit(act)


def test_the_answer_of_another_provider_is_refused() -> None:
    refused(lambda visiting: None, "another identity provider", iss="https://evil.example")


def test_an_error_of_the_provider_lets_nobody_in() -> None:
    refused(lambda visiting: None, "let nobody in", error="access_denied")
    refused(lambda visiting: None, "let nobody in", code=None)


def test_a_provider_that_does_not_answer_is_a_503() -> None:
    async def act(visiting: Visit) -> None:
        visiting.fake.token_status = 500
        assert problem_of(await visiting.come_back())["status"] == 503

    visit(act)


def test_metadata_of_another_issuer_are_not_believed() -> None:
    async def act(visiting: Visit) -> None:
        visiting.fake.issuer_told = "https://evil.example"
        assert problem_of(await visiting.start())["status"] == 503

    visit(act)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "http://id.example.org"},
        {"issuer": "id.example.org"},
        {"scopes": {}},
        {"scopes": {"care-team": ("root",)}},
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    good: dict[str, Any] = {"issuer": "https://id.example.org", "client_id": "c"}
    with pytest.raises(ValueError, match=r"issuer|scopes"):
        OidcSettings(**good | {"scopes": {"x": ("read",)}} | changes)


def test_the_secret_is_not_shown() -> None:
    settings = OidcSettings(
        issuer="https://id.test", client_id="c", client_secret=SECRET, scopes={"x": ("read",)}
    )
    assert SECRET not in repr(settings)
