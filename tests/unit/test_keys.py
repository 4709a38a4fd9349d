"""Keys: made at random, kept as digests, gone within seconds of their revoke."""

import hmac
import logging
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from pipeline.adapters.http import keys as keys_module
from pipeline.adapters.http.keys import key_id_of, make_key
from tests.unit.access_fakes import START, Gate
from tests.unit.http_fakes import World, problem_of

ENVIRONMENT = "a-key-of-enough-bytes"


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_key_says_its_id_and_nothing_of_its_secret_is_kept() -> None:
    made = make_key("ann", ("read",), now=START)
    prefix, key_id, secret = made.text.split("_", 2)
    assert (prefix, key_id) == ("tp", made.held.key.id)
    assert key_id_of(made.text) == key_id
    assert len(secret) == 43  # 256 bits
    assert secret not in repr(made.held)
    assert len(made.held.digest) == 32


def test_no_two_keys_are_alike() -> None:
    assert len({make_key("ann", ("read",), now=START).text for _ in range(100)}) == 100


@pytest.mark.parametrize(("name", "scopes"), [(" ", ("read",)), ("ann", ())])
def test_a_key_without_name_or_scope_is_refused(name: str, scopes: tuple[()]) -> None:
    with pytest.raises(ValueError, match="a name and at least one scope"):
        make_key(name, scopes, now=START)


def test_a_key_opens_with_its_own_secret_only() -> None:
    gate = Gate()
    text = gate.make_key("read")
    other = gate.make_key("admin")
    who = gate.keys.find(text)
    assert who is not None
    assert (who.name, who.how, set(who.scopes), who.csrf) == ("ann", "key", {"read"}, None)
    stolen = f"tp_{key_id_of(text)}_{other.split('_', 2)[2]}"
    for wrong in (
        stolen,
        text[:-1],
        text + "A",
        text.upper(),
        "",
        "tp__",
        "x" * 10_000,
        text + "é",
    ):
        assert gate.keys.find(wrong) is None
        assert gate.keys.remembered(wrong) is None


def test_a_revoked_key_opens_nothing_after_five_seconds_even_in_another_process() -> None:
    gate = Gate()
    text = gate.make_key("read")
    assert gate.keys.find(text) is not None
    gate.store.revoke_key(key_id_of(text) or "", START)
    gate.clock.pass_(seconds=5)
    assert gate.keys.remembered(text) is None
    assert gate.keys.find(text) is None


def test_a_key_is_asked_for_once_in_a_while_and_not_each_time() -> None:
    gate = Gate()
    world = World(access=gate.access)
    headers = bearer(gate.make_key("read"))
    for _ in range(5):
        assert world.get("/v1/actions", headers).status_code == 200
    assert gate.store.asked == 1


def test_wrong_keys_are_not_remembered() -> None:
    gate = Gate()
    text = make_key("ann", ("read",), now=START).text
    assert gate.keys.find(text) is None
    assert gate.keys.remembered(text) is None


def test_an_expired_key_opens_nothing_even_if_just_remembered() -> None:
    gate = Gate()
    text = gate.make_key("read", days=1)
    gate.clock.pass_(days=1, seconds=-1)
    assert gate.keys.find(text) is not None
    gate.clock.pass_(seconds=1)
    assert gate.keys.remembered(text) is None
    assert gate.keys.find(text) is None


def test_last_use_is_coarse() -> None:
    gate = Gate()
    text = gate.make_key("read")
    gate.keys.find(text)
    gate.clock.pass_(minutes=9)
    gate.keys.find(text)
    (key,) = gate.store.all_keys()
    assert key.last_used == START
    gate.clock.pass_(minutes=1)
    gate.keys.find(text)
    (key,) = gate.store.all_keys()
    assert key.last_used == START + timedelta(minutes=10)


def test_a_database_that_takes_no_note_turns_nobody_away(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    text = gate.make_key("read")

    def fail(key_id: str, at: object) -> None:
        raise OperationalError("update", {}, Exception("locked"))

    monkeypatch.setattr(gate.store, "key_used", fail)
    assert gate.keys.find(text) is not None


def test_the_environments_key_is_an_admins() -> None:
    gate = Gate(environment=ENVIRONMENT)
    who = gate.keys.remembered(ENVIRONMENT)
    assert who is not None
    assert (who.how, who.may("admin")) == ("environment", True)
    assert ENVIRONMENT not in who.id
    assert gate.keys.find(ENVIRONMENT + "x") is None
    assert Gate().keys.find(ENVIRONMENT) is None


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return hmac.compare_digest(a, b)

    monkeypatch.setattr(keys_module, "compare_digest", compare)
    gate = Gate(environment=ENVIRONMENT)
    text = gate.make_key("read")
    compared.clear()
    gate.keys.find("short")
    gate.keys.find(text)
    gate.keys.find(text[:-1] + ("A" if text[-1] != "A" else "B"))
    # Digests, so neither length nor place of the first difference tells anything.
    assert compared == [(32, 32)] * 5


def test_no_key_ever_stands_in_logs_audit_or_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gate = Gate(environment=ENVIRONMENT)
    world = World(access=gate.access)
    text = gate.make_key("admin")
    wrong = make_key("ann", ("read",), now=START).text
    for key in (text, wrong, ENVIRONMENT):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for path in ("/v1/actions", "/v1/keys", "/v1/who", "/nothing", "/v1/audit"):
            assert key not in world.get(path, bearer(key)).text
        answer = world.call("POST", "/console/login", content=f"key={key}".encode(), headers=form)
        assert key not in answer.text + str(answer.headers)
    made = world.call(
        "POST",
        "/v1/keys",
        content=b'{"name":"bob","scopes":["read"]}',
        headers=bearer(text) | {"Content-Type": "application/json"},
    ).json()["text"]
    kept = caplog.text + repr(gate.audit.rows) + repr(gate.store.held) + repr(gate.store.sessions)
    for key in (text, wrong, made, ENVIRONMENT):
        assert key not in kept
        assert key.split("_", 2)[-1] not in kept


def test_why_a_key_is_refused_is_not_told() -> None:
    gate = Gate()
    world = World(access=gate.access)
    revoked, expired = gate.make_key("read"), gate.make_key("read", days=1)
    gate.store.revoke_key(key_id_of(revoked) or "", START)
    gate.clock.pass_(days=2)
    unknown = make_key("ann", ("read",), now=START).text
    answers = {world.get("/v1/actions", bearer(key)).text for key in (revoked, expired, unknown)}
    assert len(answers) == 1


def test_a_store_that_does_not_answer_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    text = gate.make_key("read")

    def fail(key_id: str) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(gate.store, "key", fail)
    answer = World(access=gate.access).get("/v1/actions", bearer(text))
    assert problem_of(answer)["status"] == 503
    assert "Retry-After" in answer.headers
