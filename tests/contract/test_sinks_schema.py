"""The migrated schema is the schema of the tables, on each database."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from sinks.sql.engine import make_engine
from sinks.sql.migrations import VERSION_TABLE, is_current, upgrade
from sinks.sql.tables import metadata


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
        options = {"version_table": VERSION_TABLE, "compare_type": True}
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
