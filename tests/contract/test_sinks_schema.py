"""The migrated schema is the schema of the tables, on each database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from schemas.care import CareAction, CareDecision, Cause, DecisionOutcome
from schemas.perception import Details, Felt, Score
from schemas.topics import CONTRIBUTIONS, DECISIONS
from sinks.sql import bulk, tables
from sinks.sql.engine import make_engine
from sinks.sql.migrations import VERSION_TABLE, is_current, upgrade
from sinks.sql.partitions import is_partition
from sinks.sql.read import ReadModel
from sinks.sql.rows import write_outputs
from sinks.sql.sink import SqlSink
from sinks.sql.tables import metadata
from sinks.sql.values import contribution_row
from tests.contract import outbound_samples as samples


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind; its path has what a URL or a config file could trip over."""
    folder = tmp_path / "100% odd"
    folder.mkdir()
    url = f"sqlite:///{folder / 'sink.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = make_engine(url)
    yield made
    made.dispose()


def differences(engine: Engine) -> list[object]:
    """What Alembic would still change to come from the database to the tables."""
    with engine.connect() as connection:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "include_name": lambda name, *_: not is_partition(name),
        }
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def test_the_migrations_lead_to_the_tables(engine: Engine) -> None:
    upgrade(engine)
    assert differences(engine) == []


def test_a_schema_that_differs_is_noticed(engine: Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE actions ADD COLUMN stray TEXT"))
    assert differences(engine) != []


def test_a_second_upgrade_changes_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        assert not is_current(connection)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        assert is_current(connection)


FIRST_ROWS = (
    "INSERT INTO actions (id, action, action_class, customer, channel, cause_source, cause_event,"
    " decided_at, reason, template, fields, policy) VALUES ('a-1', 'transaction_alert',"
    " 'required', 'c1', 'sms', 'crm', 'e1', '2026-03-01T08:30:00.000000Z', 'amount', 'alert',"
    """ '{"amount":"12.00"}', 'abc')""",
    "INSERT INTO decisions (id, action, customer, cause_source, cause_event, decided_at, outcome,"
    " reason, detail, policy) VALUES ('d-1', 'transaction_alert', 'c1', 'crm', 'e2',"
    " '2026-03-01T08:31:00.000000Z', 'withheld', 'not_wanted', '', 'abc')",
    "INSERT INTO scores (customer, score, baseline, confidence, low, high, impression, loyalty,"
    " ratio, band, value, over_servicing, as_of, events, tier, stage, stage_signs, open_failures,"
    " open_promises, overdue_promises, policy_name, policy_version, policy_digest, dimensions,"
    " parts) VALUES ('c1', 71.5, 75, 0.5, 60, 80, 72, 71, 0.9, 'tolerated', 0.9, 0,"
    " '2026-03-01T08:30:00.000000Z', 3, 'gold', 'exchange', '[]', 0, 0, 0, 'default', '1', 'abc',"
    " '[]', '[]')",
    "INSERT INTO position (topic, partition, next_offset) VALUES ('care.action.v1', 0, 7)",
)


def test_a_database_of_the_first_schema_keeps_its_rows_and_reads_as_this_one(
    engine: Engine,
) -> None:
    upgrade(engine, "0001")
    with engine.begin() as connection:
        for statement in FIRST_ROWS:
            connection.exec_driver_sql(statement)
        assert not is_current(connection)
    upgrade(engine)
    assert differences(engine) == []
    read = ReadModel(engine)
    (action,) = read.actions(9).items
    (decision,) = read.decisions(9).items
    time = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert msgspec.json.decode(msgspec.json.encode(action), type=CareAction) == CareAction(
        id="a-1",
        action="transaction_alert",
        action_class="required",
        customer="c1",
        channel="sms",
        cause=Cause("crm", "e1"),
        decided_at=time,
        reason="amount",
        template="alert",
        fields={"amount": "12.00"},
        policy="abc",
    )
    assert msgspec.json.decode(msgspec.json.encode(decision), type=CareDecision) == CareDecision(
        id="d-1",
        action="transaction_alert",
        customer="c1",
        cause=Cause("crm", "e2"),
        decided_at=time + timedelta(minutes=1),
        outcome="withheld",
        reason="not_wanted",
        detail="",
        policy="abc",
    )
    score = msgspec.json.decode(msgspec.json.encode(read.explanation("c1")), type=Score)
    assert (score.score, score.as_of, score.outlooks) == (71.5, time, ())
    assert SqlSink(engine).position("care.action.v1", 0) == 7


def test_an_id_takes_further_outcomes_after_the_upgrade(engine: Engine) -> None:
    upgrade(engine, "0001")
    with engine.begin() as connection:
        for statement in FIRST_ROWS:
            connection.exec_driver_sql(statement)
    upgrade(engine)
    outcomes: list[DecisionOutcome] = ["withheld", "requested"]
    batch = [samples.encode(samples.decision("c1", 1, outcome=outcome)) for outcome in outcomes]
    with engine.begin() as connection:
        write_outputs(connection, [(DECISIONS, b"c1", value) for value in batch])
    assert [item["outcome"] for item in ReadModel(engine).decisions(9).items] == [
        "requested",
        "withheld",
    ]


FELT = [
    Felt("speed", 0.2, 0.7, -0.5),
    Felt("attitude", 0.2, 0.9, -0.7),
    Felt("access", 0.2, 0.9, -0.7),
    Felt("security", 0.9, 0.2, 0.7),
]


@pytest.mark.parametrize(
    ("felt", "lost_most"), [(FELT, "access"), (FELT[:1], "speed"), (FELT[3:], None), ([], None)]
)
def test_what_is_looked_for_is_the_same_in_old_rows_as_in_new_ones(
    engine: Engine, felt: list[Felt], lost_most: str | None
) -> None:
    fall = msgspec.structs.replace(
        samples.contribution("c1", 1),
        felt=tuple(felt),
        score_before=60.0,
        score_after=50.0,
        details=Details(about="a-1"),
    )
    upgrade(engine, "0010")
    every = dict(zip(bulk.columns(tables.contributions), contribution_row(fall), strict=True))
    before = {name: value for name, value in every.items() if name not in ("lost_most", "about")}
    places = ", ".join(f":{name}" for name in before)
    old = text(f"INSERT INTO contributions ({', '.join(before)}) VALUES ({places})")  # noqa: S608
    with engine.begin() as connection:
        connection.execute(old, before)
    upgrade(engine)
    with engine.begin() as connection:
        write_outputs(connection, [(CONTRIBUTIONS, b"c1", samples.encode(fall))])
        wanted = text("SELECT lost_most, about FROM contributions")
        found = [tuple(row) for row in connection.execute(wanted)]
    assert found == [(lost_most, "a-1")] * 2


def test_sinks_that_start_together_migrate_once(engine: Engine) -> None:
    start, failures = Barrier(3), []

    def run() -> None:
        start.wait()
        try:
            upgrade(engine)
        except Exception as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert differences(engine) == []


def test_a_migration_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text('CREATE TABLE "position" (mine INTEGER)'))
    with pytest.raises(Exception, match="position"):
        upgrade(engine)
    assert inspect(engine).get_table_names() == ["position"]


def test_another_database_is_refused_with_what_is_known() -> None:
    with pytest.raises(ValueError, match=r"mysql.*known: postgresql"):
        make_engine("mysql://user:secret@host/name")


def test_the_refusal_does_not_show_the_password() -> None:
    with pytest.raises(ValueError, match="no such database") as caught:
        make_engine("mysql://user:secret@host/name")
    assert "secret" not in str(caught.value)
