"""How a server is opened: to this machine, or by keys, of which the first is told once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.adapters.http.access import Access, AccessRefused
from pipeline.adapters.http.keys import make_key
from pipeline.bootstrap.access import check_environment, open_access
from pipeline.config import AccessSettings, ConfigError, access_settings
from sinks.sql.access import SqlAccessStore
from sinks.sql.audit import SqlAudit
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from tests.unit.access_fakes import START

OIDC = {
    "TOUCHPOINT_PUBLIC_URL": "https://care.example.org",
    "TOUCHPOINT_OIDC_ISSUER": "https://id.example.org",
    "TOUCHPOINT_OIDC_CLIENT_ID": "touchpoint",
    "TOUCHPOINT_OIDC_SCOPES": "care team=operate, ingest; analysts=read",
}
ENVIRONMENT = "a-key-of-enough-bytes"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(f"sqlite:///{tmp_path / 't.db'}")
    upgrade(made)
    yield made
    made.dispose()


def opened(
    engine: Engine, *, host: str = "127.0.0.1", always_keyed: bool = False, key: str | None = None
) -> tuple[Access, list[str]]:
    told: list[str] = []
    access = open_access(
        engine, AccessSettings(api_key=key), host=host, tell=told.append, always_keyed=always_keyed
    )
    return access, told


def test_loopback_without_keys_is_open_and_makes_none(engine: Engine) -> None:
    access, told = opened(engine)
    assert access.local
    assert told == []
    assert list(SqlAccessStore(engine).all_keys()) == []


@pytest.mark.parametrize(("host", "always"), [("0.0.0.0", False), ("127.0.0.1", True)])  # noqa: S104
def test_elsewhere_the_first_start_tells_a_key_once(
    engine: Engine, host: str, always: bool
) -> None:
    access, told = opened(engine, host=host, always_keyed=always)
    assert not access.local
    (text,) = re.findall(r"tp_\w{10}_[\w-]{43}", "".join(told))
    who = access.keys.find(text)
    assert who is not None
    assert who.may("admin")
    (row,) = SqlAudit(engine).entries(9).items
    assert row.action == "key.create"
    assert text not in repr(row)
    later, told = opened(engine, host=host, always_keyed=always)
    assert (later.local, told) == (False, [])
    assert later.keys.find(text) is not None


def test_a_key_in_the_store_closes_loopback_too(engine: Engine) -> None:
    SqlAccessStore(engine).add_key(make_key("ann", ("read",), now=START).held)
    access, told = opened(engine)
    assert (access.local, told) == (False, [])


def test_with_the_environments_key_no_other_is_made(engine: Engine) -> None:
    for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104
        access, told = opened(engine, host=host, key=ENVIRONMENT)
        assert (access.local, told) == (False, [])
        assert access.keys.remembered(ENVIRONMENT) is not None
    assert list(SqlAccessStore(engine).all_keys()) == []


def test_pseudonyms_outlast_a_restart(engine: Engine) -> None:
    first, second = opened(engine)[0], opened(engine)[0]
    assert first.masker.pseudonym("ann") == second.masker.pseudonym("ann")


def test_a_short_key_of_the_environment_is_refused() -> None:
    with pytest.raises(AccessRefused, match="shorter than 16 bytes"):
        check_environment(access_settings({"TOUCHPOINT_API_KEY": "secret"}))


def test_settings_come_from_the_environment_and_secrets_are_not_shown() -> None:
    given = {
        "TOUCHPOINT_API_KEY": ENVIRONMENT,
        "TOUCHPOINT_RATE_READ": "none",
        "TOUCHPOINT_RATE_INGEST": "1000/second",
        "TOUCHPOINT_OIDC_CLIENT_SECRET": "provider-secret",
    }
    settings = access_settings(OIDC | given)
    assert settings.rates == (None, "1000/second", "5/minute")
    assert settings.oidc is not None
    assert settings.oidc.scopes == {"care team": ("operate", "ingest"), "analysts": ("read",)}
    assert ENVIRONMENT not in repr(settings)
    assert "provider-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "what"),
    [
        ({"TOUCHPOINT_RATE_READ": "often"}, "TOUCHPOINT_RATE_"),
        ({"TOUCHPOINT_PUBLIC_URL": "care.example.org"}, "TOUCHPOINT_PUBLIC_URL"),
        ({"TOUCHPOINT_OIDC_ISSUER": "https://id.example.org"}, "TOUCHPOINT_OIDC_CLIENT_ID"),
        (OIDC | {"TOUCHPOINT_OIDC_SCOPES": "x=root"}, "root"),
        (OIDC | {"TOUCHPOINT_OIDC_ISSUER": "http://id.example.org"}, "https only"),
        (
            {name: value for name, value in OIDC.items() if not name.endswith("URL")},
            "TOUCHPOINT_PUBLIC_URL",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_named(environment: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        access_settings(environment)
