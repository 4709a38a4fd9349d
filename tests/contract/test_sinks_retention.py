"""What is too old goes and nothing else does; sums are checked against what is left."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Engine, Table, delete, func, inspect, select, update

from schemas.perception import Contribution
from schemas.topics import ACTIONS, CASES, CONTRIBUTIONS, OUTPUTS
from sinks.sql import tables
from sinks.sql.audit import SqlAudit
from sinks.sql.engine import make_engine
from sinks.sql.history import SqlHistory
from sinks.sql.insights import InsightReader
from sinks.sql.migrations import upgrade
from sinks.sql.partitions import prepare
from sinks.sql.recount import Checked, check, rebuild
from sinks.sql.retention import Retention, forget
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

DAY = timedelta(days=1)
NOW = datetime(2026, 6, 10, 15, tzinfo=UTC)
TODAY = datetime(2026, 6, 10, tzinfo=UTC)
KEPT = Retention(contributions_days=30, rollups_by_minute_days=2, rollups_by_hour_days=10)


def felt_at(time: datetime) -> Contribution:
    return msgspec.structs.replace(samples.contribution("c1", 1), time=time, staff="ann")


def write(engine: Engine, *times: datetime) -> None:
    """Contributions of these times."""
    with engine.begin() as connection:
        outputs = [(CONTRIBUTIONS, b"c1", samples.encode(felt_at(time))) for time in times]
        assert write_outputs(connection, outputs).rejected == 0


def rows(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def starts(engine: Engine, grain: str) -> list[datetime]:
    column = tables.rollups.c
    wanted = select(column.start).where(column.grain == grain).distinct().order_by(column.start)
    with engine.connect() as connection:
        return list(connection.execute(wanted).scalars())


def test_contributions_go_by_their_age_and_sums_by_their_grain(engine: Engine) -> None:
    days = (40, 31, 30, 11, 10, 3, 2, 1, 0)
    write(engine, *(TODAY - DAY * days_ago + timedelta(hours=1) for days_ago in days))
    gone = forget(engine, KEPT, NOW)
    assert gone["contributions"] == 2
    assert rows(engine, tables.contributions) == 7
    assert [(TODAY - start).days for start in starts(engine, "day")] == list(days)
    assert [start.date() for start in starts(engine, "hour")] == [
        (TODAY - DAY * days_ago).date() for days_ago in (10, 3, 2, 1, 0)
    ]
    assert [start.date() for start in starts(engine, "minute")] == [
        (TODAY - DAY * days_ago).date() for days_ago in (2, 1, 0)
    ]
    assert not any(forget(engine, KEPT, NOW).values())


def test_more_rows_than_go_at_once_all_go(engine: Engine) -> None:
    old = TODAY - DAY * 50
    write(engine, *(old + timedelta(seconds=n) for n in range(2_500)), TODAY)
    asked = 0

    def goes_on() -> bool:
        nonlocal asked
        asked += 1
        return True

    assert forget(engine, KEPT, NOW, goes_on=goes_on)["contributions"] == 2_500
    assert rows(engine, tables.contributions) == 1
    assert asked > len(Retention._fields)


def test_who_is_told_to_end_ends_and_the_rest_goes_the_next_time(engine: Engine) -> None:
    write(engine, *(TODAY - DAY * 50 + timedelta(seconds=n) for n in range(1_500)), TODAY)
    assert forget(engine, KEPT, NOW, goes_on=lambda: False)["contributions"] == 1_000
    assert check(engine).different == 0
    assert forget(engine, KEPT, NOW)["contributions"] == 500


FORGETTING = (
    *("contributions", "actions", "decisions", "cases", "outlook_checks", "campaign_reports"),
    *("orders", "audit", "dead_letters", "sink_rejects"),
)


def test_of_every_table_old_rows_go_but_its_last_and_open_cases(engine: Engine) -> None:
    with engine.begin() as connection:
        for topic in OUTPUTS:
            outputs = [(topic, *samples.message(topic, f"c{n}", n)) for n in range(4)]
            write_outputs(connection, outputs)
        write_outputs(connection, [(ACTIONS, b"k", b"bad")] * 2)
        connection.execute(update(tables.sink_rejects).values(timestamp_ms=1))
    log = SqlAudit(engine, now=lambda: samples.START)
    for who in ("anna", "ben"):
        log.note("login", who=who, how="login")
    forget(engine, Retention(), datetime(2036, 1, 1, tzinfo=UTC))
    left = {
        name: rows(engine, table)
        for name, table in tables.metadata.tables.items()
        if "seq" in table.c and name in FORGETTING
    }
    assert left == {
        "contributions": 1,
        "actions": 1,
        "decisions": 1,
        "cases": 3,  # two are open, the last is closed
        "outlook_checks": 1,
        "campaign_reports": 1,
        "orders": 1,
        "audit": 1,
        "dead_letters": 1,
        "sink_rejects": 1,
    }
    assert rows(engine, tables.scores) == 4
    assert rows(engine, tables.consents) == 4
    with engine.begin() as connection:
        write_outputs(connection, [(CASES, *samples.message(CASES, "c9", 4))])
    feed = SqlHistory(engine)
    assert len(feed.scores_changed(9).items) == 4


def test_sums_that_are_right_differ_nowhere(engine: Engine) -> None:
    assert check(engine) == Checked(0, 0, 0, ())
    write(engine, NOW, NOW - DAY * 3, NOW - DAY * 40, datetime(1, 1, 1, tzinfo=UTC))
    write(engine, NOW, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    found = check(engine)
    assert (found.contributions, found.different) == (6, 0)
    forget(engine, KEPT, NOW)
    found = check(engine)
    assert (found.contributions, found.different) == (4, 0)


def test_what_comes_late_behind_what_was_deleted_is_no_difference(engine: Engine) -> None:
    write(engine, NOW, NOW - DAY * 40)
    forget(engine, KEPT, NOW)
    write(engine, NOW - DAY * 40, NOW - DAY * 20, NOW - DAY * 5)
    assert check(engine).different == 0
    longer = Retention(contributions_days=3_000)
    forget(engine, longer, NOW)  # what is gone does not come back
    assert check(engine).different == 0


def test_a_sum_that_is_wrong_too_many_or_missing_is_named(engine: Engine) -> None:
    write(engine, NOW, NOW - DAY)
    column = tables.rollups.c
    one = (column.grain == "day", column.axis == "tier", column.dimension == "speed")
    with engine.begin() as connection:
        connection.execute(update(tables.rollups).where(*one, column.start == TODAY).values(lost=1))
        connection.execute(delete(tables.rollups).where(*one, column.start < TODAY))
        connection.execute(delete(tables.contributions).where(tables.contributions.c.time == NOW))
        write_outputs(connection, [(CONTRIBUTIONS, b"c1", samples.encode(felt_at(NOW)))])
    found = check(engine)
    late = [each for each in found.first if each.key[2].startswith("2026-06-10")]
    missing, *_ = found.first
    assert missing.key == ("day", "tier", "2026-06-09T00:00:00.000000Z", "gold", "speed")
    assert missing.kept is None
    assert missing.counted == (1, 1, 250_000, 500_000, 0, 750_000, 0)
    assert late
    wrong = {each.key: (each.kept, each.counted) for each in late}
    kept, counted = wrong["day", "tier", "2026-06-10T00:00:00.000000Z", "gold", "speed"]
    assert kept == (2, 2, 500_000, 1_000_000, 0, 750_001, 0)
    assert counted == (1, 1, 250_000, 500_000, 0, 750_000, 0)
    assert len(check(engine, most=1).first) == 1
    assert check(engine, most=1).different == found.different


def test_a_rebuild_mends_and_keeps_what_cannot_be_recounted(engine: Engine) -> None:
    write(engine, NOW, NOW - DAY, NOW - DAY * 40)
    forget(engine, KEPT, NOW)
    before = starts(engine, "day")
    with engine.begin() as connection:
        connection.execute(delete(tables.rollups).where(tables.rollups.c.start >= TODAY))
        connection.execute(update(tables.rollups).values(touches=7))
    assert check(engine).different > 0
    assert rebuild(engine).contributions == 2
    assert check(engine).different == 0
    assert starts(engine, "day") == before
    write(engine, NOW)
    assert check(engine).different == 0
    days = InsightReader(engine).curve_sums(
        "tier", grain="day", since=TODAY, until=TODAY + DAY, dimensions=[""]
    )
    assert [day.touches for day in days] == [2]
    assert rebuild(engine).contributions == 3
    assert check(engine).different == 0


@pytest.mark.postgres
def test_whole_months_go_at_once_and_the_coming_ones_are_there(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    upgrade(engine, "0004")  # before there were partitions, and columns that are written now
    columns = ("lost_most", "about")
    with engine.begin() as connection:
        for name in columns:
            connection.exec_driver_sql(f"ALTER TABLE contributions ADD COLUMN {name} text")
    write(engine, NOW - DAY, NOW)  # they stay, with the rest
    with engine.begin() as connection:
        for name in columns:
            connection.exec_driver_sql(f"ALTER TABLE contributions DROP COLUMN {name}")
    upgrade(engine)
    assert prepare(engine, NOW) == [f"contributions_2026_0{month}" for month in (7, 8, 9)]
    assert prepare(engine, NOW) == []
    later = datetime(2026, 7, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    write(engine, NOW - DAY * 2, later, later + timedelta(microseconds=1))
    parts = "SELECT tableoid::regclass::text, count(*) FROM contributions GROUP BY 1 ORDER BY 1"
    with engine.connect() as connection:
        assert [tuple(row) for row in connection.exec_driver_sql(parts)] == [
            ("contributions_2026_07", 1),
            ("contributions_2026_08", 1),
            ("contributions_rest", 3),
        ]
    assert check(engine).different == 0
    gone = forget(engine, KEPT, datetime(2026, 8, 31, tzinfo=UTC))
    assert gone["contributions"] == 4
    with engine.connect() as connection:
        left = list(connection.exec_driver_sql("SELECT time FROM contributions").scalars())
    assert left == [later + timedelta(microseconds=1)]
    assert not inspect(engine).has_table("contributions_2026_07")
    assert inspect(engine).has_table("contributions_2026_11")
    write(engine, NOW)
    with engine.connect() as connection:
        numbers = connection.exec_driver_sql("SELECT seq FROM contributions ORDER BY seq")
        assert list(numbers.scalars()) == [5, 6]
    engine.dispose()
