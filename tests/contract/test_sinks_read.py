"""What the read model shows of rows, the same on each database."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, text

from schemas.care import CareAction, CareCase, CareDecision
from schemas.dead_letter import DeadLetter
from schemas.perception import Contribution, Score
from schemas.topics import ACTIONS, CONTRIBUTIONS, DEAD_LETTERS, OUTPUTS, SCORES
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.pages import BadCursor, Page
from sinks.sql.read import ReadModel
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

COUNT = 23


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with ``COUNT`` records of each topic, of two customers, and one reject."""
    url = f"sqlite:///{tmp_path / 'sink.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = make_engine(url)
    upgrade(made)
    with made.begin() as connection:
        written = write_outputs(
            connection,
            [
                (topic, *samples.message(topic, f"c{number % 2}", number))
                for number in range(COUNT)
                for topic in OUTPUTS
            ]
            + [(ACTIONS, b"k", b"bad")],
        )
        assert written == (len(OUTPUTS) * COUNT + 1, 1)
    yield made
    made.dispose()


@pytest.fixture
def read(engine: Engine) -> ReadModel:
    """The read model over that database."""
    return ReadModel(engine)


def walk(page: Callable[[str | None], Page]) -> list[dict[str, object]]:
    """All items of all pages."""
    items, before = [], None
    while True:
        found = page(before)
        items += found.items
        if found.next is None:
            return items
        before = found.next


@pytest.mark.parametrize("number", range(6))  # with and without a behaviour type, and signs
def test_a_score_reads_as_it_was_published(engine: Engine, read: ReadModel, number: int) -> None:
    published = samples.score("c", number)
    with engine.begin() as connection:
        write_outputs(connection, [(SCORES, b"c", samples.encode(published))])
    shown = read.explanation("c")
    read_back = msgspec.convert(json.loads(json.dumps(shown)), Score)
    assert read_back == published
    assert samples.encode(read_back) == samples.encode(published)  # -0.0 equals 0.0, and is not it
    assert shown is not None
    assert shown["as_of"] == f"2026-03-01T08:30:0{number}.000007Z"


def test_readings_can_be_asked_for_as_columns(engine: Engine) -> None:
    wanted = "SELECT behaviour, stage, band, open_failures, overdue_promises FROM scores"
    with engine.connect() as connection:
        rows = connection.execute(text(f"{wanted} ORDER BY customer")).all()
    assert rows == [
        (None, "cooperation", "satisfied", 22, 24),
        ("demanding", "exchange", "satisfied", 21, 23),
    ]


def test_a_customer_like_most_has_neither_behaviour_nor_signs(engine: Engine) -> None:
    wanted = "SELECT customer FROM scores WHERE behaviour IS NULL AND behaviour_signs IS NULL"
    with engine.connect() as connection:
        assert connection.execute(text(wanted)).all() == [("c0",)]


def test_the_score_alone_comes_without_its_parts(read: ReadModel) -> None:
    shown, explained = read.score("c1"), read.explanation("c1")
    assert shown is not None
    assert explained is not None
    assert explained == shown | {"parts": explained["parts"]}


def test_an_unknown_customer_has_no_score(read: ReadModel) -> None:
    assert read.score("nobody") is None
    assert read.explanation("nobody") is None


def test_actions_read_as_they_were_published_newest_first(read: ReadModel) -> None:
    items = read.actions(100).items
    shown = [msgspec.convert(json.loads(json.dumps(item)), CareAction) for item in items]
    # Two actions each have the same time: the one that came later is the newer.
    assert shown == [samples.action(f"c{n % 2}", n) for n in reversed(range(COUNT))]


@pytest.mark.parametrize("limit", [1, 2, 5, COUNT, COUNT + 1])
def test_pages_show_each_row_once_in_order(read: ReadModel, limit: int) -> None:
    every = read.actions(100).items
    assert walk(lambda before: read.actions(limit, before=before)) == every
    of_one = [item for item in every if item["customer"] == "c1"]
    assert walk(lambda before: read.actions(limit, customer="c1", before=before)) == of_one
    letters = read.dead_letters(100).items
    assert walk(lambda before: read.dead_letters(limit, before=before)) == letters


def test_a_page_is_not_shifted_by_what_comes_after_it_was_begun(
    engine: Engine, read: ReadModel
) -> None:
    first = read.actions(10)
    with engine.begin() as connection:
        newer = samples.action("c0", 900)
        write_outputs(connection, [(ACTIONS, b"c0", samples.encode(newer))])
    rest = walk(lambda before: read.actions(10, before=before or first.next))
    assert [item["id"] for item in first.items + rest] == [f"a-{n}" for n in reversed(range(COUNT))]


def test_contributions_of_a_customer_read_as_published(read: ReadModel) -> None:
    items = walk(lambda before: read.contributions("c1", 4, before=before))
    shown = [msgspec.convert(json.loads(json.dumps(item)), Contribution) for item in items]
    assert shown == [samples.contribution("c1", n) for n in reversed(range(1, COUNT, 2))]


def test_decisions_have_their_cause(read: ReadModel) -> None:
    newest = read.decisions(1).items[0]
    assert newest["cause"] == {"source": "crm", "event": f"e{COUNT - 1}"}


def test_decisions_read_as_they_were_published_newest_first(read: ReadModel) -> None:
    items = read.decisions(100).items
    shown = [msgspec.convert(json.loads(json.dumps(item)), CareDecision) for item in items]
    assert shown == [samples.decision(f"c{n % 2}", n) for n in reversed(range(COUNT))]


def test_a_case_reads_as_it_was_published_last_with_what_is_due_next(read: ReadModel) -> None:
    items = walk(lambda before: read.cases(3, before=before))
    assert len(items) == 10  # five of each customer
    last = {f"case-c{n % 2}-{n % 5}": samples.case(f"c{n % 2}", n) for n in range(COUNT)}
    for item in items:
        case = last[str(item["id"])]
        open_until = case.steps[1].due if case.status == "open" else None
        due = item.pop("next_due")
        assert (None if due is None else datetime.fromisoformat(str(due))) == open_until
        assert msgspec.convert(json.loads(json.dumps(item)), CareCase) == case
    opened = [str(item["opened_at"]) for item in items]
    assert opened == sorted(opened, reverse=True)


def test_cases_of_a_customer_or_a_status_are_those(read: ReadModel) -> None:
    of_one = read.cases(100, customer="c1").items
    assert [(item["customer"], item["status"]) for item in of_one] == [("c1", "closed")] * 5
    assert read.cases(100, customer="c1", status="open").items == []
    assert {item["customer"] for item in read.cases(100, status="open").items} == {"c0"}


def test_what_is_to_know_of_a_customer_now_is_what_the_lists_have(read: ReadModel) -> None:
    since = samples.START + timedelta(minutes=4)
    for customer in ("c0", "c1", "nobody"):
        now = read.customer_now(customer, since=since, limit=100)
        assert now.score == read.score(customer)
        assert now.actions == read.actions(100, customer=customer, since=since).items
        assert now.decisions == read.decisions(100, customer=customer, since=since).items
        every = read.cases(100, customer=customer).items
        assert now.cases == [case for case in every if case["status"] != "closed"]
    first = read.customer_now("c0", since=since, limit=1)
    assert [len(first.cases), len(first.actions), len(first.decisions)] == [1, 1, 1]


def _ids(page: Page) -> list[object]:
    return [item["id"] for item in page.items]


def test_lists_are_of_what_was_asked_for(read: ReadModel) -> None:
    assert _ids(read.actions(100, action="transaction_alert")) == _ids(read.actions(100))
    assert _ids(read.actions(100, action="gift")) == []
    assert _ids(read.actions(100, action_class="marketing")) == []
    assert len(_ids(read.decisions(100, outcome="withheld", reason="budget"))) == COUNT
    assert _ids(read.decisions(100, outcome="requested")) == []
    assert _ids(read.decisions(100, action="voucher", reason="cap")) == []
    assert len(_ids(read.cases(100, kind="complaint", status="open"))) == 5
    assert _ids(read.cases(100, kind="repair")) == []


def test_lists_begin_with_since_and_end_before_until(read: ReadModel) -> None:
    span: dict[str, Any] = {
        "since": samples.START + timedelta(minutes=3),
        "until": samples.START + timedelta(minutes=5),
    }
    assert _ids(read.decisions(100, **span)) == ["d-4", "d-3"]
    # Two actions each have the same minute.
    assert walk(lambda before: read.actions(1, before=before, **span)) == [
        item for item in read.actions(100).items if item["id"] in ("a-6", "a-7", "a-8", "a-9")
    ]
    assert {str(item["opened_at"])[:16] for item in read.cases(100, **span).items} == {
        "2026-03-01T08:33",
        "2026-03-01T08:34",
    }


def test_overdue_cases_are_those_whose_next_step_was_due_before(read: ReadModel) -> None:
    due = sorted(str(case["next_due"]) for case in read.cases(100, status="open").items)
    middle = datetime.fromisoformat(due[2])
    late = read.cases(100, due_before=middle).items
    # Not that which is due at this very moment, and none that is closed.
    assert sorted(str(case["next_due"]) for case in late) == due[:2]


def test_dead_letters_read_as_published(read: ReadModel) -> None:
    items = read.dead_letters(100).items
    shown = [msgspec.convert(json.loads(json.dumps(item)), DeadLetter) for item in items]
    topics = [topic for topic in OUTPUTS if topic.endswith(".dlq")]
    by_topic = {topic: [n for n in shown if f"{n.topic}.dlq" == topic] for topic in topics}
    assert by_topic == {
        topic: [
            samples.dead_letter(n, topic=topic.removesuffix(".dlq")) for n in reversed(range(COUNT))
        ]
        for topic in topics
    }


def test_counts_are_of_rows(read: ReadModel) -> None:
    assert read.counts() == {
        "scores": 2,
        "contributions": COUNT,
        "actions": COUNT,
        "decisions": COUNT,
        "cases": 10,
        "consents": 2,
        "outlook_checks": COUNT,
        "campaign_reports": COUNT,
        "dead_letters": 3 * COUNT,
        "sink_rejects": 1,
    }


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "====", "MjAyNg", "A" * 5_000, "MjAyNi0wMy0wMVQwODozMDowMCA1"]
)
def test_a_cursor_that_no_page_gave_is_refused(read: ReadModel, cursor: str) -> None:
    with pytest.raises(BadCursor, match="page"):
        read.actions(5, before=cursor)
    with pytest.raises(BadCursor, match="page"):
        read.dead_letters(5, before=cursor)


def test_writes_roll_back_with_the_transaction_of_the_caller(
    engine: Engine, read: ReadModel
) -> None:
    before = read.counts()
    with engine.connect() as connection:
        outputs = [
            (topic, *samples.message(topic, "c9", number))
            for number in range(100, 120)
            for topic in OUTPUTS
        ]
        write_outputs(connection, outputs)
        connection.rollback()
    assert read.counts() == before


def test_reading_does_not_wait_for_the_writer(engine: Engine, read: ReadModel) -> None:
    with engine.begin() as connection:
        new = [(topic, *samples.message(topic, "c0", 99)) for topic in (SCORES, CONTRIBUTIONS)]
        write_outputs(connection, new)
        shown = read.score("c0")
        assert shown is not None
        assert shown["events"] == COUNT - 1
    shown = read.score("c0")
    assert shown is not None
    assert shown["events"] == 99


def test_pages_use_an_index(engine: Engine, read: ReadModel) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL prefers a scan of a table this small")
    statements: list[tuple[str, object]] = []

    def note(*call: object) -> None:
        if str(call[2]).startswith("SELECT"):
            statements.append((str(call[2]), call[3]))

    event.listen(engine, "before_cursor_execute", note)
    page = read.actions(2)
    read.actions(2, before=page.next)
    read.actions(2, customer="c1", before=page.next)
    read.contributions("c1", 2)
    read.cases(2)
    read.cases(2, customer="c1")
    read.cases(2, status="open")
    event.remove(engine, "before_cursor_execute", note)
    assert len(statements) == 7
    for statement, parameters in statements:
        with engine.connect() as connection:
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            plan = " ".join(str(row) for row in found)
        assert "USING INDEX" in plan
        assert "TEMP B-TREE" not in plan


def test_dead_letters_of_the_topic_have_the_contracts_columns_and_the_stores_own(
    read: ReadModel,
) -> None:
    shown = read.dead_letters(1).items[0]
    published = json.loads(samples.message(DEAD_LETTERS, "c", 1)[1] or b"")
    assert set(shown) == set(published) | {"id", "redriven_at", "redriven_by"}


def test_reports_of_a_campaign_come_newest_first_page_by_page(read: ReadModel) -> None:
    reports = walk(lambda before: read.campaign_reports(3, campaign="spring", before=before))
    assert [each["id"] for each in reports] == [f"r-{n}" for n in reversed(range(COUNT))]
    assert read.campaign_reports(9, campaign="autumn").items == []
