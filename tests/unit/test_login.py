"""Logging in to the console: cookies, sessions that slide and fall, tokens against forgery."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import APIRouter, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.types import Message

from pipeline.adapters.http.keys import key_id_of
from pipeline.adapters.http.login import safe_next
from pipeline.adapters.http.scopes import TABLE
from pipeline.adapters.http.sessions import LASTS, LONGEST, csrf_token
from pipeline.adapters.http.who import who_of
from tests.unit.access_fakes import START, Gate
from tests.unit.http_fakes import World, problem_of

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOST = "care.example.org"


def log_in(world: World, key: str, back: str = "/console", **headers: str) -> httpx.Response:
    body = urlencode({"key": key, "next": back}).encode()
    return world.call("POST", "/console/login", content=body, headers=FORM | headers, host=HOST)


def session_of(answer: httpx.Response) -> str:
    """The session's id in a Set-Cookie."""
    found = re.match(r"(?:__Host-)?touchpoint=([^;]+)", answer.headers["set-cookie"])
    assert found is not None, answer.headers
    return found[1]


def logged_in(gate: Gate, world: World, *scopes: Any) -> tuple[str, dict[str, str]]:
    session = session_of(log_in(world, gate.make_key(*scopes)))
    return session, {"Cookie": f"touchpoint={session}"}


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def world(gate: Gate) -> World:
    return World(access=gate.access)


def test_the_page_has_a_labelled_password_field_and_asks_for_no_script(world: World) -> None:
    answer = world.call("GET", "/console/login?next=/console/a%22b", host=HOST)
    assert answer.status_code == 200
    assert '<label for="key">' in answer.text
    assert re.search(r'<input id="key" name="key" type="password"', answer.text)
    assert 'value="/console/a&#34;b"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("wished", "language", "word"),
    [
        ("", "en", "Log in"),
        ("fr, zh-CN;q=0.8, en;q=0.5", "zh", "登录"),
        ("zh;q=0.1, EN-gb", "en", "Log in"),
    ],
)
def test_the_page_speaks_the_browsers_language(
    world: World, wished: str, language: str, word: str
) -> None:
    page = world.get("/console/login", {"accept-language": wished}).text
    assert f'<html lang="{language}">' in page
    assert f"<h1>{word}</h1>" in page


def test_a_key_logs_in_and_the_cookie_is_guarded(gate: Gate, world: World) -> None:
    answer = log_in(world, gate.make_key("read"), "/console/cases?status=open")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/cases?status=open"
    parts = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")}
    assert {"httponly", "samesite=lax", "path=/"} <= parts
    assert "secure" not in parts
    who = world.get("/v1/who", {"Cookie": f"touchpoint={session_of(answer)}"}).json()
    assert who == {"name": "ann", "how": "session", "scopes": ["read"]}


def test_by_https_the_cookie_is_secure_and_bound_to_the_host() -> None:
    gate = Gate(public_url=f"https://{HOST}")
    world = World(access=gate.access)
    answer = log_in(world, gate.make_key("read"))
    assert answer.headers["Set-Cookie"].startswith("__Host-touchpoint=")
    assert "; secure" in answer.headers["Set-Cookie"].lower()
    session = session_of(answer)
    assert world.get("/v1/who", {"Cookie": f"__Host-touchpoint={session}"}).status_code == 200
    assert world.get("/v1/who", {"Cookie": f"touchpoint={session}"}).status_code == 401


def test_the_store_does_not_hold_what_the_cookie_holds(gate: Gate, world: World) -> None:
    session, _ = logged_in(gate, world, "read")
    assert session not in repr(gate.store.sessions)
    assert csrf_token(session) not in repr(gate.store.sessions)


@pytest.mark.parametrize("key", ["", "password1", "tp_0123456789_" + "A" * 43])
def test_a_wrong_key_is_told_on_the_page_and_in_the_audit_log(
    gate: Gate, world: World, key: str
) -> None:
    answer = log_in(world, key)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "Set-Cookie" not in answer.headers
    (row,) = gate.audit.rows
    assert (row.action, row.outcome) == ("login", "refused")
    assert not key or key not in repr(row)


def test_logging_in_and_out_is_in_the_audit_log(gate: Gate, world: World) -> None:
    session, cookie = logged_in(gate, world, "read")
    token = {"X-CSRF-Token": csrf_token(session)}
    answer = world.call("POST", "/console/logout", headers=cookie | token)
    assert answer.status_code == 303
    assert [(row.action, row.who, row.outcome) for row in gate.audit.rows] == [
        ("login", "ann", "done"),
        ("logout", "ann", "done"),
    ]


def test_after_logging_out_the_session_opens_nothing(gate: Gate, world: World) -> None:
    session, cookie = logged_in(gate, world, "read")
    assert world.get("/v1/who", cookie).status_code == 200
    world.call("POST", "/console/logout", headers=cookie | {"X-CSRF-Token": csrf_token(session)})
    assert world.get("/v1/who", cookie).status_code == 401


def test_a_session_slides_with_its_use_and_ends_without(gate: Gate, world: World) -> None:
    _, cookie = logged_in(gate, world, "read")
    for _ in range(4):
        gate.clock.pass_(hours=11)
        assert world.get("/v1/who", cookie).status_code == 200
    gate.clock.time += LASTS
    assert world.get("/v1/who", cookie).status_code == 401


def test_a_session_ends_after_a_week_however_much_it_is_used(gate: Gate, world: World) -> None:
    _, cookie = logged_in(gate, world, "read")
    while gate.clock.time + timedelta(hours=6) < START + LONGEST:
        gate.clock.pass_(hours=6)
        assert world.get("/v1/who", cookie).status_code == 200
    gate.clock.pass_(hours=6)
    assert world.get("/v1/who", cookie).status_code == 401


def test_a_session_falls_with_its_key_within_five_seconds(gate: Gate, world: World) -> None:
    text = gate.make_key("read")
    cookie = {"Cookie": f"touchpoint={session_of(log_in(world, text))}"}
    assert world.get("/v1/who", cookie).status_code == 200
    gate.store.revoke_key(key_id_of(text) or "", START)
    gate.clock.pass_(seconds=1.9)  # the key may be read again from memory just before its end
    world.get("/v1/who", cookie)
    gate.clock.pass_(seconds=3.1)
    assert world.get("/v1/who", cookie).status_code == 401


def test_a_session_by_the_environments_key_falls_when_that_is_exchanged() -> None:
    gate = Gate(environment="the-first-of-two-keys")
    session = session_of(log_in(World(access=gate.access), "the-first-of-two-keys"))
    later = Gate(environment="the-other-of-two-keys")
    later.store.sessions = gate.store.sessions
    assert gate.sessions.find(session) is not None
    assert later.sessions.find(session) is None


@pytest.mark.parametrize(
    "cookie", ["touchpoint=", "touchpoint=abc", "touchpoint=" + "A" * 43, ";="]
)
def test_a_made_up_session_opens_nothing(world: World, cookie: str) -> None:
    assert world.get("/v1/who", {"Cookie": cookie}).status_code == 401


def test_odd_cookies_of_others_do_not_hide_the_session(gate: Gate, world: World) -> None:
    _, cookie = logged_in(gate, world, "read")
    odd = 'a b; {"x"="y; =; ' + cookie["Cookie"] + "; (c)=@"
    assert world.get("/v1/who", {"Cookie": odd}).status_code == 200


def test_a_console_page_sends_to_the_login_and_back(gate: Gate, world: World) -> None:
    answer = world.call("GET", "/console/cases?status=open&a=1", host=HOST)
    assert answer.status_code == 303
    assert (
        answer.headers["Location"] == "/console/login?next=/console/cases%3Fstatus%3Dopen%26a%3D1"
    )
    part = world.call("GET", "/console/cases", headers={"HX-Request": "true"}, host=HOST)
    assert part.status_code == 401
    assert part.headers["HX-Redirect"].startswith("/console/login")


def test_another_origin_logs_nobody_in(gate: Gate, world: World) -> None:
    answer = log_in(world, gate.make_key("read"), Origin="https://evil.example")
    assert problem_of(answer)["status"] == 403
    assert gate.store.sessions == {}
    assert log_in(world, gate.make_key("read"), Origin=f"http://{HOST}").status_code == 303


@given(given=st.text() | st.text().map(lambda tail: "/console" + tail))
def test_whatever_is_asked_for_one_lands_on_the_console(given: str) -> None:
    back = safe_next(given)
    assert back == "/console" or back.startswith(("/console/", "/console?"))


@pytest.mark.parametrize(
    "given", ["//evil.example", "https://evil.example", "/console\\..\\x", "/consolex", "/v1", None]
)
def test_elsewhere_is_not_gone_to(given: str | None) -> None:
    assert safe_next(given) == "/console"


class TestForgery:
    """A route that changes something, behind a session."""

    @pytest.fixture(autouse=True)
    def _route(self, world: World) -> None:
        router = APIRouter()

        @router.api_route("/v1/keys/x/revoke", methods=["POST"])
        async def act(request: Request) -> Response:
            body = await request.body()
            return Response(who_of(request).how.encode() + b" " + body)

        world.app.router.routes.insert(0, router.routes[0])

    PATH = "/v1/keys/x/revoke"

    def test_a_cookie_alone_changes_nothing(self, gate: Gate, world: World) -> None:
        _, cookie = logged_in(gate, world, "admin")
        answer = world.call("POST", self.PATH, headers=cookie)
        assert problem_of(answer)["type"].endswith(":csrf")

    def test_the_token_in_a_header_lets_it_through(self, gate: Gate, world: World) -> None:
        session, cookie = logged_in(gate, world, "admin")
        headers = cookie | {"X-CSRF-Token": csrf_token(session)}
        answer = world.call("POST", self.PATH, headers=headers, content=b"abc")
        assert answer.text == "session abc"

    def test_the_token_in_a_form_lets_it_through_and_the_form_arrives(
        self, gate: Gate, world: World
    ) -> None:
        session, cookie = logged_in(gate, world, "admin")
        body = f"reason=why&csrf={csrf_token(session)}".encode()
        answer = world.call("POST", self.PATH, headers=cookie | FORM, content=body)
        assert answer.text == "session " + body.decode()

    def test_the_token_of_another_session_does_not(self, gate: Gate, world: World) -> None:
        _, cookie = logged_in(gate, world, "admin")
        other, _ = logged_in(gate, world, "admin")
        headers = cookie | {"X-CSRF-Token": csrf_token(other)}
        assert world.call("POST", self.PATH, headers=headers).status_code == 403

    @pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
    def test_a_token_in_another_kind_of_body_does_not(
        self, gate: Gate, world: World, kind: str
    ) -> None:
        session, cookie = logged_in(gate, world, "admin")
        body = f"csrf={csrf_token(session)}".encode()
        headers = cookie | {"Content-Type": kind}
        assert world.call("POST", self.PATH, headers=headers, content=body).status_code == 403

    def test_a_key_needs_no_token(self, gate: Gate, world: World) -> None:
        headers = {"Authorization": f"Bearer {gate.make_key('admin')}"}
        assert world.call("POST", self.PATH, headers=headers).text == "key "

    def test_a_wrong_key_is_not_made_good_by_a_cookie(self, gate: Gate, world: World) -> None:
        _, cookie = logged_in(gate, world, "admin")
        headers = cookie | {"Authorization": "Bearer wrong"}
        assert world.call("POST", self.PATH, headers=headers).status_code == 401

    def test_a_form_in_pieces_arrives_in_pieces_and_an_endless_one_is_not_read(
        self, gate: Gate, world: World
    ) -> None:
        session, cookie = logged_in(gate, world, "admin")
        token = csrf_token(session).encode()
        pieces = [b"csrf=" + token[:9], token[9:], b"&a=b"]
        status, body, read = stream(world, self.PATH, cookie, pieces)
        assert (status, body, read) == (200, b"session " + b"".join(pieces), 3)
        endless = [b"x" * 40_000] * 50
        status, _, read = stream(world, self.PATH, cookie, endless)
        assert (status, read) == (403, 2)


def stream(
    world: World, path: str, headers: dict[str, str], pieces: list[bytes]
) -> tuple[int, bytes, int]:
    """Status, body, and how many pieces were read of a form sent in pieces."""
    read, sent = 0, list[Message]()

    async def receive() -> Message:
        nonlocal read
        if read == len(pieces):
            return {"type": "http.disconnect"}
        read += 1
        return {
            "type": "http.request",
            "body": pieces[read - 1],
            "more_body": read < len(pieces),
        }

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in (headers | FORM).items()
        ],
    }
    asyncio.run(world.app(scope, receive, send))
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]), read


def test_in_a_server_open_to_this_machine_there_is_somebody_and_no_login() -> None:
    world = World()
    assert world.get("/v1/who").json()["how"] == "local"
    answer = world.get("/console/login")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    foreign = {"Origin": "https://evil.example"}
    refused = world.call("POST", "/v1/keys/x/revoke", headers=foreign)
    assert problem_of(refused)["status"] == 403
    assert world.call("POST", "/v1/keys/x/revoke").status_code == 404


def test_the_table_names_methods_in_capitals() -> None:
    assert {method for method, _ in TABLE} <= {"GET", "POST", "PUT", "PATCH", "DELETE"}
