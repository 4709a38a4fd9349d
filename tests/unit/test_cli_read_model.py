"""``touchpoint read-model``: what it deletes, checks and mends, and exit codes for scripts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.core.policy.load import load_policy
from pipeline.core.policy.retention import RetentionPolicy
from schemas.topics import CONTRIBUTIONS
from sinks.sql import tables
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.retention import Retention
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

SHIPPED = Path("deploy/policies/default.yaml")


def touchpoint(verb: str, url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["read-model", verb, "--database", url, *arguments])


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with a contribution of each of the last ten days."""
    url = f"sqlite:///{tmp_path / 't.db'}"
    engine = make_engine(url)
    upgrade(engine)
    now = datetime.now(UTC)
    made = [
        msgspec.structs.replace(samples.contribution("c1", 1), time=now - timedelta(days=days))
        for days in reversed(range(10))
    ]
    with engine.begin() as connection:
        write_outputs(connection, [(CONTRIBUTIONS, b"c1", samples.encode(one)) for one in made])
    engine.dispose()
    return url


def test_sums_that_are_right_are_exit_code_0(url: str) -> None:
    done = touchpoint("check", url)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("10 contributions, ")
    assert done.stdout.endswith(" 0 differ\n")


def test_a_sum_that_differs_is_named_with_exit_code_1_until_it_is_rebuilt(url: str) -> None:
    engine = make_engine(url)
    column = tables.rollups.c
    with engine.begin() as connection:
        wrong = (column.grain == "day", column.axis == "tier", column.dimension == "")
        connection.execute(update(tables.rollups).where(*wrong).values(touches=5))
    engine.dispose()
    done = touchpoint("check", url)
    assert done.exit_code == 1
    assert "tier 'gold' all: is (5, 0, " in done.stdout
    told = json.loads(touchpoint("check", url, "--json").stdout)
    assert told["different"] == 10
    assert told["first"][0]["counted"][0] == 1
    rebuilt = touchpoint("rebuild", url, "--json")
    assert rebuilt.exit_code == 0, rebuilt.output
    assert json.loads(rebuilt.stdout)["contributions"] == 10
    assert touchpoint("check", url).exit_code == 0


def test_what_the_policy_no_longer_keeps_is_deleted(url: str, tmp_path: Path) -> None:
    file = tmp_path / "short.yaml"
    file.write_text(f"{SHIPPED.read_text()}\nretention: {{contributions_days: 3}}\n")
    done = touchpoint("retain", url, "--policy", str(file), "--json")
    assert done.exit_code == 0, done.output
    deleted = json.loads(done.stdout)["deleted"]
    assert deleted["contributions"] == 6
    assert deleted["rollups day"] == 0
    assert touchpoint("check", url).exit_code == 0
    assert "nothing is too old" in touchpoint("retain", url, "--policy", str(file)).stdout


def test_what_cannot_be_read_is_exit_code_2(tmp_path: Path) -> None:
    missing = touchpoint("check", f"sqlite:///{tmp_path / 'none.db'}")
    assert (missing.exit_code, "no such file" in missing.output) == (2, True)
    assert touchpoint("retain", "mysql://host/name").exit_code == 2
    old = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade(old, "0002")
    stale = touchpoint("rebuild", old)
    assert (stale.exit_code, "schema of this release" in stale.output) == (2, True)


def test_a_policy_and_the_store_keep_the_same_by_default() -> None:
    assert RetentionPolicy().model_dump() == Retention()._asdict()


def test_how_long_rows_are_kept_makes_no_other_policy() -> None:
    text = SHIPPED.read_text()
    changed = load_policy(f"{text}\nretention: {{contributions_days: 3}}\n", name="changed")
    assert changed.policy.ref == load_policy(text, name="shipped").policy.ref
    assert changed.policy.file.retention.contributions_days == 3
