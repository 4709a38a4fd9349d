"""What only a database can do to its sink: refuse a value, be busy, lose a row of the position."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from schemas.topics import ACTIONS, CONTRIBUTIONS, SCORES
from sinks.port import SinkBusy, SinkFenced, SinkRecord
from sinks.sql import bulk
from sinks.sql.recount import check
from tests.contract import outbound_samples as samples
from tests.contract.sink_rigs import SqlRig


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlRig]:
    """A migrated database of each kind."""
    url = f"sqlite:///{tmp_path / 'sink.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = SqlRig(url)
    yield made
    made.close()


def contributions(events: list[int]) -> list[SinkRecord]:
    """A record for each number, at offsets from 0."""
    return [
        SinkRecord(offset, *samples.message(CONTRIBUTIONS, "c1", number))
        for offset, number in enumerate(events)
    ]


@pytest.mark.parametrize("count", [3, 30])
def test_a_row_that_the_database_refuses_is_rejected_and_the_others_stay(
    rig: SqlRig, count: int
) -> None:
    with rig.engine.begin() as connection:  # a rule of the operator's own
        connection.execute(text("CREATE UNIQUE INDEX mine ON contributions (event, time)"))
    batch = contributions([*range(count), 1])
    written = rig.sink().write(CONTRIBUTIONS, 2, batch, position=None, next_offset=count + 1)
    assert written == (count + 1, 1)
    view = rig.view()
    assert view["contributions"] == [("crm", f"e{n}") for n in range(count)]
    last = batch[-1]
    assert view["rejects"] == [(CONTRIBUTIONS, 2, count, "database", last.key, last.value)]
    assert rig.sink().position(CONTRIBUTIONS, 2) == count + 1
    assert check(rig.engine).different == 0


def test_the_way_record_by_record_is_fenced_too(rig: SqlRig) -> None:
    with rig.engine.begin() as connection:
        connection.execute(text("CREATE UNIQUE INDEX mine ON contributions (event, time)"))
    batch = contributions([1, 1])
    rig.sink().write(CONTRIBUTIONS, 0, batch, position=None, next_offset=2)
    before = rig.view()
    with pytest.raises(SinkFenced):
        rig.sink().write(CONTRIBUTIONS, 0, batch, position=None, next_offset=2)
    assert rig.view() == before


def test_a_position_that_was_taken_away_is_not_made_anew_in_the_middle(rig: SqlRig) -> None:
    rig.sink().write(ACTIONS, 0, [], position=None, next_offset=5)
    rig.clear()
    with pytest.raises(SinkFenced):
        rig.sink().write(ACTIONS, 0, [], position=5, next_offset=6)
    assert rig.sink().position(ACTIONS, 0) is None


def wait_shortly(rig: SqlRig) -> None:
    """Have the engine wait 50 ms for a lock, where it takes its time otherwise."""
    statement = "SET lock_timeout = '50ms'"
    if rig.engine.dialect.name == "sqlite":
        statement = "PRAGMA busy_timeout = 50"
    rig.engine.dispose()  # so that connections are made anew, and set up with this at last

    def set_up(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(rig.engine, "connect", set_up)


def test_a_database_that_is_locked_is_busy_and_says_when_to_come_again(rig: SqlRig) -> None:
    rig.sink().write(ACTIONS, 0, [], position=None, next_offset=5)
    wait_shortly(rig)
    with rig.engine.begin() as other:
        other.execute(text("UPDATE position SET next_offset = 7"))
        with pytest.raises(SinkBusy) as caught:
            rig.sink().write(ACTIONS, 0, [], position=5, next_offset=6)
    assert caught.value.retry_after_seconds > 0
    assert rig.sink().position(ACTIONS, 0) == 7


def test_a_database_without_its_schema_is_busy_and_names_the_table(rig: SqlRig) -> None:
    with rig.engine.begin() as connection:
        connection.execute(text("DROP TABLE position"))
    with pytest.raises(SinkBusy, match="position"):
        rig.sink().position(ACTIONS, 0)


@pytest.mark.postgres
@pytest.mark.parametrize("topic", [SCORES, CONTRIBUTIONS, ACTIONS])
def test_a_writer_frozen_in_its_copy_does_not_stop_its_successor(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    rig, frozen, thaw = SqlRig(postgres_url), Event(), Event()
    batch = [SinkRecord(n, *samples.message(topic, f"c{n}", n)) for n in range(20)]
    copy = bulk._copy

    def freezing(connection: Connection, statement: str, rows: Sequence[bulk.Row]) -> None:
        copy(connection, statement, FreezingRows(rows, frozen, thaw))

    def write() -> None:
        rig.sink().write(topic, 0, batch, position=None, next_offset=20)

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(bulk, "_copy", freezing)
        late = pool.submit(write)
        try:
            assert frozen.wait(30)
            monkeypatch.setattr(bulk, "_copy", copy)
            write()
        finally:
            thaw.set()
        assert isinstance(late.exception(30), SinkFenced)
    held = rig.view()
    assert sum(len(rows) for rows in held.values() if isinstance(rows, list | dict)) == 20
    rig.close()


class FreezingRows(list[bulk.Row]):
    """Rows that stop half way: ``frozen`` is set then, and ``thaw`` lets them go on."""

    def __init__(self, rows: Sequence[bulk.Row], frozen: Event, thaw: Event) -> None:
        super().__init__(rows)
        self._frozen = frozen
        self._thaw = thaw

    def __iter__(self) -> Iterator[bulk.Row]:
        for number, row in enumerate(list.__iter__(self)):
            if number == len(self) // 2:
                self._frozen.set()
                self._thaw.wait(60)
            yield row
