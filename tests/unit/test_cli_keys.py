"""``touchpoint keys``: made, shown once, listed without secrets, revoked; all of it audited."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from pipeline.adapters.http.keys import key_id_of
from pipeline.cli import app
from sinks.sql.access import SqlAccessStore
from sinks.sql.audit import SqlAudit
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade


def touchpoint(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["keys", *(str(argument) for argument in arguments)])


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "t.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


def opened(db: Path) -> Engine:
    return make_engine(f"sqlite:///{db}")


def test_a_key_is_made_shown_once_listed_and_revoked(db: Path) -> None:
    made = touchpoint("create", "--name", "shop", "--scope", "read", "--database", db)
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    key_id = key_id_of(text)
    assert key_id is not None
    assert text not in made.stderr
    listed = touchpoint("list", "--database", db)
    (row,) = [line for line in listed.stdout.splitlines() if key_id in line]
    assert "shop" in row
    assert "good" in row
    assert text.split("_", 2)[2] not in listed.stdout
    assert touchpoint("revoke", key_id, "--database", db).exit_code == 0
    assert "revoked" in touchpoint("list", "--database", db).stdout
    again = touchpoint("revoke", key_id, "--database", db)
    assert again.exit_code == 1
    assert key_id in again.stderr
    engine = opened(db)
    rows = SqlAudit(engine).entries(9).items
    engine.dispose()
    assert [(row.action, row.how, row.target) for row in rows] == [
        ("key.revoke", "cli", f"key:{key_id}"),
        ("key.create", "cli", f"key:{key_id}"),
    ]
    assert text.split("_", 2)[2] not in repr(rows)


def test_the_same_as_json_by_url(db: Path) -> None:
    url = f"sqlite:///{db}"
    wanted = ("--scope", "ingest", "--scope", "read", "--expires-days", "2.5", "--json")
    made = json.loads(touchpoint("create", "--name", "shop", *wanted, "--database", url).stdout)
    assert made["key"]["scopes"] == ["ingest", "read"]
    assert made["key"]["expires"] > made["key"]["created"]
    (listed,) = json.loads(touchpoint("list", "--json", "--database", url).stdout)["keys"]
    assert listed == made["key"]
    told = json.loads(touchpoint("revoke", listed["id"], "--json", "--database", url).stdout)
    assert told == {"id": listed["id"], "revoked": True}


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (("--name", "shop", "--scope", "root"), "root"),
        (("--name", " ", "--scope", "read"), "a name and at least one scope"),
    ],
)
def test_a_key_that_cannot_be_is_refused(db: Path, wanted: tuple[str, ...], why: str) -> None:
    refused = touchpoint("create", *wanted, "--database", db)
    assert refused.exit_code == 2
    assert why in refused.stderr
    engine = opened(db)
    assert list(SqlAccessStore(engine).all_keys()) == []
    engine.dispose()


def test_a_database_that_is_not_there_or_of_another_release_is_refused(tmp_path: Path) -> None:
    absent, old = tmp_path / "absent.db", tmp_path / "old.db"
    engine = make_engine(f"sqlite:///{old}")
    upgrade(engine, "0001")
    engine.dispose()
    wanted = ("create", "--name", "shop", "--scope", "read", "--database")
    assert "no such file" in touchpoint(*wanted, absent).stderr
    assert not absent.exists()
    assert "not the schema of this release" in touchpoint(*wanted, old).stderr
    assert touchpoint(*wanted, "mysql://host/name").exit_code == 2
