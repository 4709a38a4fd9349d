"""The oracle sees a loss, a double, and a byte that is wrong."""

import random
from collections import Counter
from collections.abc import Callable
from copy import deepcopy

import pytest

from pipeline.engine.ports import LogRecord, Position
from schemas.topics import (
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    OUTLOOKS,
    PROPOSAL_DEAD_LETTERS,
    SCORES,
)
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.chaos.feed import SOURCE, Feed
from tests.chaos.oracle import (
    Oracle,
    Outcome,
    Rows,
    compare,
    compare_rows,
    contributions,
    make_stage,
    reasons,
    rows_of,
)
from tests.chaos.readers import read_rows, score_rows
from tests.contract import outbound_samples as samples

RECORDS = 600
NOW_MS = 1_790_000_000_000


def judged(feed: Feed) -> Oracle:
    records = [
        LogRecord(offset, sent.key, sent.value, NOW_MS, sent.headers)
        for offset, sent in zip(range(RECORDS), feed, strict=False)
    ]
    oracle = Oracle(make_stage())
    oracle.feed(0, records, until=RECORDS)
    return oracle


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return judged(Feed(7)).outcome


def lose_a_contribution(found: Outcome) -> None:
    found.outputs[CONTRIBUTIONS].popitem()


def double_an_action(found: Outcome) -> None:
    found.outputs[ACTIONS][next(iter(found.outputs[ACTIONS]))] += 1


def change_a_dead_letter(found: Outcome) -> None:
    (key, value), count = found.outputs[DEAD_LETTERS].popitem()
    found.outputs[DEAD_LETTERS][key, (value or b"").replace(b'"offset":', b'"offset":1')] = count


def change_a_state(found: Outcome) -> None:
    customer = next(iter(found.states))
    state = found.states[customer]
    found.states[customer] = state[:-1] + bytes([state[-1] ^ 1])


def lose_a_state(found: Outcome) -> None:
    found.states.popitem()


def keep_an_older_case(found: Outcome) -> None:
    found.latest[CASES, "case-1"] = b"{}"


def keep_an_older_score(found: Outcome) -> None:
    customer = next(iter(found.scores))
    found.scores[customer] = b"{}"


def move_the_position(found: Outcome) -> None:
    found.positions[0] = Position(RECORDS - 1, 0)


@pytest.mark.parametrize(
    "tamper",
    [
        lose_a_contribution,
        double_an_action,
        change_a_dead_letter,
        change_a_state,
        lose_a_state,
        keep_an_older_score,
        keep_an_older_case,
        move_the_position,
    ],
)
def test_oracle_sees_what_is_wrong(outcome: Outcome, tamper: Callable[[Outcome], None]) -> None:
    found = deepcopy(outcome)
    assert compare(outcome, found) == []
    tamper(found)
    assert compare(outcome, found) != []


def test_rows_are_compared_by_how_often_they_are_there(outcome: Outcome) -> None:
    expected = rows_of(outcome, {"customer-1": (50.0,)})
    found: Rows = deepcopy(expected)
    assert compare_rows(expected, found) == []
    found.contributions[next(iter(found.contributions))] += 1
    found.scores["customer-1"] = (50.1,)
    found.decisions["d-1", "requested"] += 1
    found.cases["case-1"] = ("customer-1", "open", 0, None)
    assert len(compare_rows(expected, found)) == 4


@pytest.mark.postgres
def test_rows_are_read_from_a_database_as_the_outcome_has_them(
    outcome: Outcome, postgres_url: str
) -> None:
    outcome = deepcopy(outcome)
    for number in range(20):
        for topic in (CASES, CONSENTS, OUTLOOKS, CAMPAIGNS, PROPOSAL_DEAD_LETTERS):
            outcome.put(topic, *samples.message(topic, f"customer-{number % 3}", number))
    engine = make_engine(postgres_url)
    upgrade(engine)
    scores = ((SCORES, key, value) for key, value in outcome.scores.items())
    others = (
        (topic, key, value)
        for topic, counted in outcome.outputs.items()
        for key, value in counted.elements()
    )
    latest = ((topic, None, value) for (topic, _), value in outcome.latest.items())
    with engine.begin() as connection:
        write_outputs(connection, (*scores, *others, *latest))
    engine.dispose()
    assert len(outcome.scores) > 10
    expected = rows_of(outcome, score_rows(outcome))
    assert len(expected.cases) >= 15
    assert len(expected.consents) >= 3
    assert compare_rows(expected, read_rows(postgres_url)) == []


@pytest.mark.parametrize("_run", range(3))
def test_feed_means_what_the_core_makes_of_it(_run: int) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # shown if it fails; not a parameter: all processes name tests alike
    feed = Feed(seed, customers=20)
    oracle = judged(feed)
    assert contributions(oracle.outcome, SOURCE) == Counter((SOURCE, name) for name in feed.once)
    assert reasons(oracle.outcome) == feed.bad
    assert oracle.accounts.duplicates == feed.duplicates
