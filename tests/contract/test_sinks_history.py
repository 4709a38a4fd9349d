"""What the SQL store tells of the past, and of what changed, the same on each database."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, select, text

from pipeline.adapters.http.ports import History
from schemas.perception import Contribution, Felt
from schemas.topics import ACTIONS, CASES, CONTRIBUTIONS, DECISIONS, SCORES
from sinks.sql import changes
from sinks.sql.engine import make_engine
from sinks.sql.history import SqlHistory
from sinks.sql.insights import InsightReader
from sinks.sql.migrations import upgrade
from sinks.sql.pages import BadCursor, Page
from sinks.sql.rows import write_outputs
from sinks.sql.tables import metadata
from tests.contract import outbound_samples as samples

COUNT = 23
PORT: type[History] = SqlHistory  # that it fits, the type checker says
FED = {SCORES: "score", ACTIONS: "action", DECISIONS: "decision", CASES: "case"}


@pytest.fixture
def past(engine: Engine) -> SqlHistory:
    return SqlHistory(engine)


def write(engine: Engine, topic: str, *numbers: int) -> None:
    """One transaction with these records of ``topic``, of two customers."""
    with engine.begin() as connection:
        outputs = [(topic, *samples.message(topic, f"c{n % 2}", n)) for n in numbers]
        assert write_outputs(connection, outputs).rejected == 0


def contributions(items: object) -> list[Contribution]:
    return msgspec.convert(json.loads(json.dumps(items)), list[Contribution])


def walk(page: Callable[[str | None], Page], begin: str | None = None) -> list[Any]:
    """All items from ``begin`` on; the end is where a page is empty."""
    items: list[Any] = []
    while True:
        found = page(begin)
        assert found.next is not None
        if not found.items:
            return items
        items += found.items
        begin = found.next


def follow(past: SqlHistory, since: str, limit: int) -> tuple[list[tuple[str, str]], str]:
    """What a feed tells from ``since`` to its end: kinds with ids."""
    told: list[tuple[str, str]] = []
    while True:
        feed = past.feed(since, limit)
        assert len(feed.changes) <= limit
        for change in feed.changes:
            own = "customer" if change.kind == "score" else "id"
            told.append((change.kind, str(change.row[own])))
        if not feed.changes:
            return told, feed.next
        since = feed.next


def test_a_trail_is_the_latest_contributions_from_a_time_on(
    engine: Engine, past: SqlHistory
) -> None:
    write(engine, CONTRIBUTIONS, *range(COUNT))
    since = samples.START + timedelta(minutes=11)
    of_one = [samples.contribution("c1", n) for n in range(21, 10, -2)]
    assert contributions(past.trail("c1", since=since, limit=100)) == of_one
    assert contributions(past.trail("c1", since=since, limit=2)) == of_one[:2]
    assert past.trail("nobody", since=since, limit=100) == []


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_history_shows_each_contribution_once_newest_first(
    engine: Engine, past: SqlHistory, limit: int
) -> None:
    write(engine, CONTRIBUTIONS, *range(COUNT))
    for since, first in ((None, 1), (samples.START + timedelta(minutes=11), 11)):
        items, before = [], None
        while True:
            page = past.history("c1", limit, since=since, before=before)
            items += page.items
            if page.next is None:
                break
            before = page.next
        wanted = [samples.contribution("c1", n) for n in range(21, first - 1, -2)]
        assert contributions(items) == wanted


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_scores_are_told_in_the_order_in_which_they_last_changed(
    engine: Engine, past: SqlHistory, limit: int
) -> None:
    for number in (0, 1, 2):
        write(engine, SCORES, number)
    items = walk(lambda since: past.scores_changed(limit, since=since))
    assert [(item["customer"], item["events"]) for item in items] == [("c1", 1), ("c0", 2)]
    assert all("parts" not in item and "policy" in item for item in items)


def test_a_page_of_changed_scores_says_where_to_go_on_later(
    engine: Engine, past: SqlHistory
) -> None:
    assert past.scores_changed(5).items == []
    end = past.scores_changed(5).next
    write(engine, SCORES, 0, 1)
    page = past.scores_changed(5, since=end)
    assert {item["customer"] for item in page.items} == {"c0", "c1"}
    assert past.scores_changed(5, since=page.next).items == []
    write(engine, SCORES, 2)
    again = past.scores_changed(5, since=page.next)
    assert [item["customer"] for item in again.items] == ["c0"]


def test_a_history_can_begin_with_any_event(engine: Engine, past: SqlHistory) -> None:
    write(engine, CONTRIBUTIONS, *range(COUNT))
    every = past.history("c0", 100).items
    for at, item in enumerate(every):
        cursor = past.cursor_of("c0", str(item["event"]))
        assert past.history("c0", 100, before=cursor).items == every[at:]
    assert past.cursor_of("c0", "e1") is None  # which is another's
    assert past.cursor_of("c0", "nothing") is None


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_feed_tells_each_change_once_in_the_order_of_transactions(
    engine: Engine, past: SqlHistory, limit: int
) -> None:
    write(engine, ACTIONS, 900)
    begin = past.feed(None, limit)
    assert begin.changes == ()
    write(engine, SCORES, 0)
    write(engine, ACTIONS, 3, 1, 2)
    with engine.begin() as connection:
        topics = (CASES, DECISIONS, ACTIONS)
        write_outputs(connection, [(t, *samples.message(t, "c1", 7)) for t in topics])
    told, end = follow(past, begin.next, limit)
    assert told[:4] == [("score", "c0"), ("action", "a-3"), ("action", "a-1"), ("action", "a-2")]
    assert set(told[4:]) == {("case", "case-c1-2"), ("decision", "d-7"), ("action", "a-7")}
    assert len(told) == 7
    write(engine, SCORES, 2)
    write(engine, CASES, 17)  # the same case again
    write(engine, ACTIONS, 3)  # the same action: nothing changes
    assert follow(past, end, limit)[0] == [("score", "c0"), ("case", "case-c1-2")]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_behind_each_change_stands_exactly_what_comes_after_it(
    engine: Engine, past: SqlHistory, limit: int
) -> None:
    begin = past.feed(None, limit).next
    write(engine, SCORES, 0, 1)
    with engine.begin() as connection:  # several rows of several kinds in one transaction
        topics = (CASES, DECISIONS, ACTIONS, SCORES)
        write_outputs(
            connection, [(t, *samples.message(t, f"c{n % 2}", n)) for t in topics for n in (6, 7)]
        )
    changes = past.feed(begin, 100).changes
    every, _ = follow(past, begin, 100)
    assert len(every) == len(changes) == 8
    for place, change in enumerate(changes):
        assert change.cursor is not None
        assert follow(past, change.cursor, limit)[0] == every[place + 1 :]


def test_what_a_feed_tells_reads_as_the_rows_do(engine: Engine, past: SqlHistory) -> None:
    begin = past.feed(None, 9).next
    write(engine, ACTIONS, 1)
    write(engine, SCORES, 1)
    action, score = past.feed(begin, 9).changes
    assert action.row["cause"] == {"source": "crm", "event": "e1"}
    assert score.row["policy"] == {"name": "default", "version": "1", "digest": "abc"}
    assert "changed" not in action.row
    assert "seq" not in action.row
    assert "parts" not in score.row


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "AAAA", "MSA5IHg", "LTEgMCB4", "MSAxIHg", "A" * 4000]
)
def test_what_no_page_gave_is_no_cursor(past: SqlHistory, cursor: str) -> None:
    with pytest.raises(BadCursor):
        past.feed(cursor, 5)
    with pytest.raises(BadCursor):
        past.scores_changed(5, since=cursor)
    with pytest.raises(BadCursor):
        past.history("c1", 5, before=cursor)


@pytest.mark.postgres
def test_what_commits_late_is_not_passed_over(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    upgrade(engine)
    past = SqlHistory(engine)
    begin, first = past.feed(None, 9).next, past.scores_changed(9).next

    def record(number: int) -> list[tuple[str, bytes | None, bytes | None]]:
        topics = (SCORES, ACTIONS, DECISIONS, CASES)
        return [(t, *samples.message(t, f"c{number}", number)) for t in topics]

    with engine.connect() as early, engine.connect() as late:
        for connection, number in ((early, 1), (late, 2)):
            write_outputs(connection, record(number))
        late.commit()
        # The later one is there to be read, but an earlier one may still come before it.
        told, place = follow(past, begin, 9)
        seen = past.scores_changed(9, since=first)
        early.commit()
    told += follow(past, place, 9)[0]
    scores = [*seen.items, *past.scores_changed(9, since=seen.next).items]
    assert [name for kind, name in told if kind == "action"] == ["a-1", "a-2"]
    assert len(told) == 8
    assert [item["customer"] for item in scores] == ["c1", "c2"]
    engine.dispose()


@pytest.mark.postgres
def test_numbers_go_on_where_a_dump_from_another_server_left_off(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    upgrade(engine)
    past = SqlHistory(engine)
    write(engine, ACTIONS, 1)
    with engine.begin() as connection:  # as if this server's transactions had far lower ids
        connection.execute(text("UPDATE actions SET changed = changed + 1000000000"))
    upgrade(engine)
    with engine.connect() as connection:
        assert changes.horizon(connection) > 1_000_000_000
    begin = past.feed(None, 9).next
    write(engine, ACTIONS, 2)
    assert follow(past, begin, 9)[0] == [("action", "a-2")]
    upgrade(engine)
    assert [name for _, name in follow(past, begin, 9)[0]] == ["a-2"]
    engine.dispose()


def test_every_table_that_is_fed_keeps_the_number_of_its_changes(engine: Engine) -> None:
    for topic in FED:
        write(engine, topic, 1)
    kept = [table for table in metadata.tables.values() if changes.COLUMN in table.c]
    assert sorted(table.name for table in kept) == ["actions", "cases", "decisions", "scores"]
    with engine.connect() as connection:
        for table in kept:
            found = connection.execute(select(table.c.changed)).scalars().all()
            assert all(number > 0 for number in found), table.name


START = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)


def touched(number: int, **changed: Any) -> Contribution:
    """A contribution ``number`` times 20 seconds after ``START``."""
    felt = (
        Felt("speed", 0.25, 0.5, -0.75),
        Felt("speed", None, None, 0.5),
        Felt("tone", 1, 0.5, 2),
    )
    return msgspec.structs.replace(
        samples.contribution("c1", 1),
        time=START + timedelta(seconds=20 * number),
        felt=felt,
        score_before=50.0,
        score_after=49.5,
        channel="phone",
        **changed,
    )


def test_sums_are_read_by_bucket_value_and_dimension(engine: Engine) -> None:
    batches = [[touched(0, staff="ann"), touched(1)], [touched(2, staff="ann"), touched(3)]]
    for batch in batches:  # of midnight: two days, two hours, three minutes
        with engine.begin() as connection:
            outputs = [(CONTRIBUTIONS, b"c1", samples.encode(one)) for one in batch]
            write_outputs(connection, outputs)
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    day = timedelta(days=1)
    read = InsightReader(engine).curve_sums
    sums = partial(read, since=midnight - day, until=midnight + day)
    days, eve = sums("staff", grain="day"), midnight - day
    assert [(one.start, one.value, one.dimension, one.touches) for one in days] == [
        (eve, "", "", 1), (eve, "", "speed", 1), (eve, "", "tone", 1),
        (eve, "ann", "", 1), (eve, "ann", "speed", 1), (eve, "ann", "tone", 1),
        (midnight, "", "", 1), (midnight, "", "speed", 1), (midnight, "", "tone", 1),
        (midnight, "ann", "", 1), (midnight, "ann", "speed", 1), (midnight, "ann", "tone", 1),
    ]  # fmt: skip
    (whole,) = sums("channel", grain="day", dimensions=[""])[:1]
    assert (whole.value, whole.touches, whole.felt, whole.moved) == ("phone", 2, 0, -1.0)
    (speed,) = sums("tier", grain="hour", dimensions=["speed"], values=["gold"])[:1]
    assert speed[2:9] == (2, 2, 0.5, 1.0, 1.0, 1.5, 0.0)
    minutes = sums("touchpoint", grain="minute", dimensions=[""])
    assert [one.start for one in minutes] == [midnight - timedelta(minutes=1), midnight]
    assert read("channel", grain="day", since=midnight, until=midnight) == []


def test_an_axis_that_is_not_summed_by_a_grain_is_refused_with_what_is(engine: Engine) -> None:
    sums = partial(InsightReader(engine).curve_sums, since=START, until=START)
    with pytest.raises(ValueError, match="cohort is not summed by hour, but by: day"):
        sums("cohort", grain="hour")
    with pytest.raises(ValueError, match="nothing"):
        sums("mood", grain="day")


def test_what_is_asked_for_all_the_time_needs_no_sorting_and_no_scan(
    engine: Engine, past: SqlHistory
) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL prefers a scan of a table this small")
    write(engine, CONTRIBUTIONS, *range(COUNT))
    cursor = past.feed(None, 1).next
    statements: list[tuple[str, Any]] = []

    def note(*call: Any) -> None:
        if "FROM" in call[2] and "changes" not in call[2]:
            statements.append((call[2], call[3]))

    event.listen(engine, "before_cursor_execute", note)
    page = past.history("c1", 2)
    past.history("c1", 2, since=samples.START, before=page.next)
    past.trail("c1", since=samples.START, limit=2)
    past.scores_changed(2, since=cursor)
    past.feed(cursor, 2)
    event.remove(engine, "before_cursor_execute", note)
    assert len(statements) == 8
    for statement, parameters in statements:
        with engine.connect() as connection:
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plan = " ".join(str(row) for row in found)
        assert "SEARCH" in plan
        assert "TEMP B-TREE" not in plan
