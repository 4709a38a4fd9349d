"""``touchpoint dlq`` and ``touchpoint care``: what is shown, what is done, and exit codes."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from pipeline.adapters.embedded.files import FileLock, Files
from pipeline.adapters.embedded.log_reader import LogReader
from schemas.topics import ACTION_DEAD_LETTERS, ACTIONS, DEAD_LETTERS, DECISIONS
from sinks.sql.audit import SqlAudit
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.orders import OrderBook
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples
from tests.unit.test_cli_care import touchpoint

REQUESTED = msgspec.structs.replace(
    samples.decision("c1", 1, outcome="requested", reason="low_score"), id="a-1"
)


@contextmanager
def opened(path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A state file with a dead letter of an event, one of an action, and an action."""
    path = tmp_path / "t.db"
    outputs = [
        (DEAD_LETTERS, None, samples.encode(samples.dead_letter(7))),
        (ACTION_DEAD_LETTERS, None, samples.encode(samples.dead_letter(8, topic=ACTIONS))),
        (ACTIONS, b"c1", samples.encode(samples.action("c1", 1))),
        (DECISIONS, b"c1", samples.encode(REQUESTED)),
    ]
    with opened(path) as engine:
        upgrade(engine)
        with engine.begin() as connection:
            write_outputs(connection, outputs)
    return path


def in_the_log(db: Path) -> list[bytes | None]:
    with closing(LogReader(Files(db).log)) as reader:
        return [record.value for record in reader.read(0, records=100, size=1 << 20)]


def test_what_waits_for_a_person_is_listed_with_why(db: Path) -> None:
    listed = touchpoint("care", "waiting", "--db", db)
    assert listed.exit_code == 0, listed.output
    assert listed.stdout.strip().endswith("voucher for c1  needs approval")
    hold = touchpoint("care", "hold", "a-1", "--db", db, "--reason", "ask first", "--by", "anna")
    assert hold.exit_code == 0, hold.output
    (item,) = json.loads(touchpoint("care", "waiting", "--db", db, "--json").stdout)["items"]
    assert (item["id"], item["why"], item["by"]) == ("a-1", "held", "anna")
    assert touchpoint("care", "approve", "a-1", "--db", db, "--reason", "yes").exit_code == 0
    assert "nothing waits" in touchpoint("care", "waiting", "--db", db).stdout


def test_letters_are_listed_and_shown(db: Path) -> None:
    listed = touchpoint("dlq", "list", "--db", db, "--json")
    assert listed.exit_code == 0, listed.output
    items = json.loads(listed.stdout)["items"]
    assert [(item["id"], item["offset"]) for item in items] == [(2, 8), (1, 7)]
    shown = touchpoint("dlq", "show", "1", "--db", db)
    assert shown.exit_code == 0, shown.output
    assert "broken_json: not JSON" in shown.stdout
    assert "base64 AP97Nw==" in shown.stdout
    assert touchpoint("dlq", "show", "9", "--db", db).exit_code == 2


def test_a_letter_is_sent_again_once(db: Path) -> None:
    command = ("dlq", "redrive", "1", "--db", db, "--reason", "mended", "--by", "anna")
    first, second = touchpoint(*command), touchpoint(*command)
    assert (first.exit_code, first.stdout) == (0, "1: sent again\n"), first.output
    assert (second.exit_code, second.stdout) == (0, "1: was sent again before\n")
    assert in_the_log(db) == [b"\x00\xff{7"]
    assert "sent again" in touchpoint("dlq", "list", "--db", db).stdout
    assert "by anna" in touchpoint("dlq", "show", "1", "--db", db).stdout


def test_letters_that_are_refused_keep_no_other_from_being_sent(db: Path) -> None:
    done = touchpoint("dlq", "redrive", "2", "9", "1", "--db", db, "--reason", "mended")
    assert done.exit_code == 1
    assert "1: sent again" in done.stdout
    assert f"2: not sent: nothing of {ACTIONS}" in done.stderr
    assert "9: not sent: there is no dead letter" in done.stderr


def test_a_pipeline_that_runs_is_asked_over_http(db: Path) -> None:
    lock = FileLock(Files(db).lock)
    try:
        done = touchpoint("dlq", "redrive", "1", "--db", db, "--reason", "mended")
    finally:
        lock.release()
    assert done.exit_code == 2
    assert "touchpoint run" in done.stderr


@pytest.mark.parametrize("order", ["approve", "hold", "release", "cancel"])
def test_an_order_is_written_beside_a_pipeline_that_runs(db: Path, order: str) -> None:
    lock = FileLock(Files(db).lock)
    try:
        done = touchpoint("care", order, "a-1", "--db", db, "--reason", "ask first", "--by", "anna")
    finally:
        lock.release()
    assert done.exit_code == 0, done.output
    with opened(db) as engine:
        (given,) = OrderBook(engine).of_action("a-1")
        (noted,) = SqlAudit(engine).entries(9).items
    assert (noted.action, noted.who, noted.how) == (f"action.{order}", "anna", "cli")
    assert (noted.target, noted.reason) == ("a-1", "ask first")
    assert (given.order, given.by, given.reason) == (order, "anna", "ask first")


def test_an_order_without_action_or_reason_is_refused(db: Path) -> None:
    unknown = touchpoint("care", "hold", "a-9", "--db", db, "--reason", "x")
    assert (unknown.exit_code, "no action of this id" in unknown.stderr) == (2, True)
    assert touchpoint("care", "hold", "a-1", "--db", db, "--reason", " ").exit_code == 2
    with opened(db) as engine:
        assert OrderBook(engine).of_action("a-1") == []
