"""What every sink promises, whatever is beneath it."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.care import DecisionOutcome
from schemas.topics import (
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    EVENTS,
    ORDERS,
    OUTLOOKS,
    OUTPUTS,
    PROPOSALS,
    SCORES,
)
from sinks.port import Sink, SinkFenced, SinkRecord
from tests.contract import outbound_samples as samples
from tests.contract.sink_rigs import CrashError, MemoryRig, Rig, SqlRig, View

EMPTY: View = {
    "scores": {},
    "contributions": [],
    "actions": [],
    "decisions": [],
    "outlook_checks": [],
    "cases": {},
    "consents": {},
    "orders": [],
    "campaign_reports": [],
    "dead_letters": [],
    "rejects": [],
}


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Each kind of sink, empty."""
    if request.param == "memory":
        yield MemoryRig()
        return
    url = f"sqlite:///{tmp_path / 'sink.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = SqlRig(url)
    yield made
    made.close()


def records(topic: str, count: int, *, start: int = 0) -> list[SinkRecord]:
    """Good records of three customers, with holes between offsets as transactions leave them."""
    numbers = range(start, start + count)
    return [
        SinkRecord(2 * n, *samples.message(topic, f"c{n % 3}", n), timestamp=1_000 + n)
        for n in numbers
    ]


def write(sink: Sink, topic: str, batch: Sequence[SinkRecord], *, partition: int = 0) -> None:
    """Write a batch from wherever the sink stands."""
    at = sink.position(topic, partition)
    sink.write(topic, partition, batch, position=at, next_offset=batch[-1].offset + 1)


def list_of(rows: object) -> list[tuple[object, ...]]:
    """Rows of a view."""
    assert isinstance(rows, list)
    return rows


def test_every_output_topic_has_a_place(rig: Rig) -> None:
    assert set(rig.sink().topics) == set(OUTPUTS)


@pytest.mark.parametrize("count", [3, 20])  # few and many rows take different ways into a database
def test_rows_of_every_topic_arrive_with_their_position(rig: Rig, count: int) -> None:
    sink = rig.sink()
    for topic in OUTPUTS:
        assert sink.position(topic, 0) is None
        write(sink, topic, records(topic, count))
        assert sink.position(topic, 0) == 2 * count - 1
    view = rig.view()
    assert view["scores"] == {f"c{n % 3}": (50 + 40 / (n + 1), n) for n in range(count - 3, count)}
    assert view["contributions"] == [("crm", f"e{n}") for n in range(count)]
    assert view["actions"] == [f"a-{n}" for n in range(count)]
    assert view["decisions"] == [(f"d-{n}", "withheld") for n in range(count)]
    assert view["outlook_checks"] == [f"o-{n}" for n in range(count)]
    assert view["campaign_reports"] == [f"r-{n}" for n in range(count)]
    kinds = ("hold", "release", "approve", "cancel")
    assert [(i, kind) for i, kind, _ in list_of(view["orders"])] == [
        (f"o-{n}", kinds[n % 4]) for n in range(count)
    ]
    last_of_case = {f"case-c{n % 3}-{n % 5}": n for n in range(count)}
    assert view["cases"] == {
        name: ("closed" if n % 2 else "open", n) for name, n in last_of_case.items()
    }
    denied = ["sms:marketing", "email:care"]
    assert view["consents"] == {
        f"c{n % 3}": (denied[: n % 3], n % 2 == 0) for n in range(count - 3, count)
    }
    letters = {
        topic: [(n, value) for of, n, value in list_of(view["dead_letters"]) if of == topic]
        for topic in (EVENTS, PROPOSALS, ACTIONS)
    }
    written = [(n, b"\x00\xff{" + b"%d" % n) for n in range(count)]
    assert letters == {EVENTS: written, PROPOSALS: written, ACTIONS: written}
    assert view["rejects"] == []


def test_partitions_have_positions_of_their_own(rig: Rig) -> None:
    sink = rig.sink()
    write(sink, ACTIONS, records(ACTIONS, 2), partition=0)
    write(sink, ACTIONS, records(ACTIONS, 3, start=2), partition=7)
    assert [sink.position(ACTIONS, each) for each in (0, 1, 7)] == [3, None, 9]


def test_an_empty_batch_moves_the_position_alone(rig: Rig) -> None:
    sink = rig.sink()
    sink.write(ACTIONS, 0, [], position=None, next_offset=5)
    assert sink.position(ACTIONS, 0) == 5
    assert rig.view() == EMPTY


def test_a_replayed_batch_is_fenced_by_its_old_position_and_writes_nothing(rig: Rig) -> None:
    sink, batch = rig.sink(), records(CONTRIBUTIONS, 5)
    write(sink, CONTRIBUTIONS, batch)
    for stale in (None, 0, 4):
        with pytest.raises(SinkFenced):
            sink.write(CONTRIBUTIONS, 0, batch, position=stale, next_offset=9)
    assert rig.view()["contributions"] == [("crm", f"e{n}") for n in range(5)]


def test_records_below_the_position_are_skipped(rig: Rig) -> None:
    sink, stream = rig.sink(), records(CONTRIBUTIONS, 6)
    write(sink, CONTRIBUTIONS, stream[:4])
    written = sink.write(CONTRIBUTIONS, 0, stream, position=7, next_offset=11)
    assert written == (2, 0)
    assert rig.view()["contributions"] == [("crm", f"e{n}") for n in range(6)]


@pytest.mark.parametrize(("position", "next_offset"), [(None, 4), (30, 20)])
def test_offsets_that_make_no_sense_are_refused(
    rig: Rig, position: int | None, next_offset: int
) -> None:
    with pytest.raises(ValueError, match="offset"):
        rig.sink().write(
            ACTIONS, 0, records(ACTIONS, 5), position=position, next_offset=next_offset
        )
    assert rig.view() == EMPTY


def test_the_later_score_wins_within_a_batch_and_between_batches(rig: Rig) -> None:
    sink = rig.sink()
    write(sink, SCORES, records(SCORES, 12))
    write(sink, SCORES, records(SCORES, 1, start=12))
    scores = rig.view()["scores"]
    assert scores == {f"c{n % 3}": (50 + 40 / (n + 1), n) for n in (10, 11, 12)}


@pytest.mark.parametrize(("topic", "name"), [(SCORES, "scores"), (CONSENTS, "consents")])
def test_a_tombstone_erases_what_was_said_last_and_what_comes_later_is_kept(
    rig: Rig, topic: str, name: str
) -> None:
    sink, one = rig.sink(), records(topic, 1)[0]
    write(sink, topic, [one])
    held = rig.view()
    write(sink, topic, [one._replace(offset=1), SinkRecord(2, b"c0", None)])
    assert rig.view() == EMPTY
    write(sink, topic, [SinkRecord(3, b"c0", None), one._replace(offset=4)])
    assert rig.view() == held
    assert len(held[name]) == 1  # type: ignore[arg-type]


def test_a_tombstone_of_one_topic_leaves_the_other(rig: Rig) -> None:
    sink = rig.sink()
    for topic in (SCORES, CONSENTS):
        write(sink, topic, records(topic, 1))
    write(sink, SCORES, [SinkRecord(1, b"c0", None)])
    assert rig.view() == EMPTY | {"consents": {"c0": ([], True)}}


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        (ACTIONS, "actions"),
        (DECISIONS, "decisions"),
        (OUTLOOKS, "outlook_checks"),
        (CAMPAIGNS, "campaign_reports"),
        (ORDERS, "orders"),
    ],
)
def test_a_repeated_id_is_one_row(rig: Rig, topic: str, name: str) -> None:
    sink, one = rig.sink(), records(topic, 1)[0]
    write(sink, topic, [one, one._replace(offset=1)])
    write(sink, topic, [one._replace(offset=2)])
    assert len(list_of(rig.view()[name])) == 1


def test_an_id_has_each_outcome_once(rig: Rig) -> None:
    sink = rig.sink()
    steps: list[DecisionOutcome] = ["held", "proposed", "held", "requested", "proposed", "settled"]
    made = [samples.decision("c1", 1, outcome=outcome) for outcome in steps]
    stream = [SinkRecord(n, b"c1", samples.encode(each)) for n, each in enumerate(made)]
    write(sink, DECISIONS, stream[:3])
    write(sink, DECISIONS, stream[3:])
    outcomes = ["held", "proposed", "requested", "settled"]
    assert rig.view()["decisions"] == [("d-1", outcome) for outcome in outcomes]


def test_the_later_record_of_a_case_wins_within_a_batch_and_between_batches(rig: Rig) -> None:
    sink, stream = rig.sink(), records(CASES, 31)  # every case of a customer has two or more
    write(sink, CASES, stream[:20])
    write(sink, CASES, stream[20:])
    last_of_case = {f"case-c{n % 3}-{n % 5}": n for n in range(31)}
    assert rig.view()["cases"] == {
        name: ("closed" if n % 2 else "open", n) for name, n in last_of_case.items()
    }


def test_repeated_history_stays_visible(rig: Rig) -> None:
    sink, one = rig.sink(), records(CONTRIBUTIONS, 1)[0]
    write(sink, CONTRIBUTIONS, [one, one._replace(offset=1)])
    assert rig.view()["contributions"] == [("crm", "e0"), ("crm", "e0")]


_LONG = "x" * 3_000
_GOOD = samples.message(CONTRIBUTIONS, "c1", 1)[1] or b""
_GOOD_SCORE = samples.message(SCORES, "c1", 1)[1] or b""
_GOOD_ACTION = samples.message(ACTIONS, "c1", 1)[1] or b""
_GOOD_DECISION = samples.message(DECISIONS, "c1", 1)[1] or b""
_GOOD_CASE = samples.message(CASES, "c1", 1)[1] or b""
_GOOD_CONSENT = samples.message(CONSENTS, "c1", 1)[1] or b""
_GOOD_OUTLOOK = samples.message(OUTLOOKS, "c1", 1)[1] or b""
_GOOD_REPORT = samples.message(CAMPAIGNS, "c1", 1)[1] or b""
_GOODS = (
    _GOOD,
    _GOOD_SCORE,
    _GOOD_ACTION,
    _GOOD_DECISION,
    _GOOD_CASE,
    _GOOD_CONSENT,
    _GOOD_OUTLOOK,
    _GOOD_REPORT,
)
_TIME = b"2026-03-01T08:31:00Z"
_HUGE = b"9" * 19
_BEYOND = b"9" * 60


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        (CONTRIBUTIONS, None, "empty"),
        (ACTIONS, None, "empty"),
        (CONTRIBUTIONS, b"", "broken"),
        (CONTRIBUTIONS, b"{", "broken"),
        (CONTRIBUTIONS, b"\xff\xfe\x00", "broken"),
        (CONTRIBUTIONS, b"[" * 5_000, "broken"),
        (CONTRIBUTIONS, b"[]", "broken"),
        (CONTRIBUTIONS, b"{}", "broken"),
        (CONTRIBUTIONS, _GOOD.replace(b"-0.75", b"1e999"), "broken"),
        (CONTRIBUTIONS, _GOOD.replace(b"-0.75", b"NaN"), "broken"),
        (CONTRIBUTIONS, _GOOD.replace(b'"crm"', b'"\\ud800"'), "broken"),
        (CONTRIBUTIONS, _GOOD.replace(b'"crm"', b'"a\\u0000b"'), "out_of_range"),
        (CONTRIBUTIONS, _GOOD.replace(_TIME, b"2026-03-01T08:31:00"), "out_of_range"),
        (CONTRIBUTIONS, _GOOD.replace(_TIME, b"0001-01-01T00:00:00+14:00"), "out_of_range"),
        (CONTRIBUTIONS, _GOOD.replace(b'"c1"', f'"{_LONG}"'.encode()), "out_of_range"),
        (SCORES, _GOOD_SCORE.replace(b'"score":70.0', b'"score":170.0'), "broken"),
        (SCORES, _GOOD_SCORE.replace(b'"events":1', b'"events":' + b"9" * 19), "out_of_range"),
        (SCORES, _GOOD_SCORE.replace(b'_failures":1', b'_failures":' + b"9" * 19), "out_of_range"),
        (SCORES, _GOOD_SCORE.replace(b'"band":"satisfied"', b'"band":"content"'), "broken"),
        (SCORES, _GOOD_SCORE.replace(b'"c1"', f'"{_LONG}"'.encode()), "out_of_range"),
        (ACTIONS, _GOOD_ACTION.replace(b'"a-1"', f'"{_LONG}"'.encode()), "out_of_range"),
        (ACTIONS, _GOOD_ACTION.replace(b'"amount"', b'"a\\u0000b"'), "out_of_range"),
        (ACTIONS, _GOOD_ACTION.replace(b".000001Z", b""), "out_of_range"),
        (DECISIONS, None, "empty"),
        (DECISIONS, _GOOD_DECISION.replace(b'"withheld"', b'"forgotten"'), "broken"),
        (DECISIONS, _GOOD_DECISION.replace(b"02T08:30:00Z", b"02T08:30:00"), "out_of_range"),
        # A customer so long fits into an index, an action and a reason together do not.
        (DECISIONS, _GOOD_DECISION.replace(b'"budget"', b'"%s"' % (b"x" * 1_500)), "out_of_range"),
        (DECISIONS, _GOOD_DECISION.replace(b'"voucher"', b'"%s"' % (b"x" * 1_500)), "out_of_range"),
        (CASES, None, "empty"),
        (CASES, _GOOD_CASE.replace(b'"level":1', b'"level":-1'), "broken"),
        (CASES, _GOOD_CASE.replace(b'"level":1', b'"level":' + _HUGE), "out_of_range"),
        (CASES, _GOOD_CASE.replace(b"09:31:00Z", b"09:31:00"), "out_of_range"),  # a step's
        (CASES, _GOOD_CASE.replace(b'"case-c1-1"', f'"{_LONG}"'.encode()), "out_of_range"),
        (CONSENTS, _GOOD_CONSENT.replace(b"01Z", b"01"), "out_of_range"),
        (CONSENTS, _GOOD_CONSENT.replace(b"sms:", b"\\u0000:"), "out_of_range"),
        (OUTLOOKS, _GOOD_OUTLOOK.replace(b":0.25", b":1.25"), "broken"),
        (OUTLOOKS, _GOOD_OUTLOOK.replace(b'"churn"', f'"{_LONG}"'.encode()), "out_of_range"),
        (CAMPAIGNS, _GOOD_REPORT.replace(b'"proposed":4', b'"proposed":' + _HUGE), "out_of_range"),
        (CAMPAIGNS, _GOOD_REPORT.replace(b'"members":12', b'"members":' + _HUGE), "out_of_range"),
        (
            CAMPAIGNS,
            _GOOD_REPORT.replace(b'"members":3', b'"members":' + _BEYOND),
            "out_of_range",
        ),
    ],
)
def test_bad_bytes_are_kept_as_they_came_and_stop_nothing(
    rig: Rig, topic: str, value: bytes | None, reason: str
) -> None:
    sink = rig.sink()
    bad = SinkRecord(2, b"\xffkey", value)
    good = [record._replace(offset=record.offset + 3) for record in records(topic, 2)]
    assert bad.value not in _GOODS
    written = sink.write(topic, 4, [bad, *good], position=None, next_offset=9)
    assert written == (3, 1)
    view = rig.view()
    assert view["rejects"] == [(topic, 4, 2, reason, b"\xffkey", value)]
    assert sum(len(rows) for rows in view.values() if isinstance(rows, list | dict)) == 3
    assert sink.position(topic, 4) == 9


def test_a_dead_letter_that_quotes_a_nul_is_shown_all_the_same(rig: Rig) -> None:
    sink = rig.sink()
    quoted = samples.dead_letter(5, detail="customer 'a\x00b' is not allowed")
    batch = [SinkRecord(0, None, samples.encode(quoted))]
    write(sink, DEAD_LETTERS, batch)
    assert rig.view()["dead_letters"] == [(EVENTS, 5, quoted.value)]


def test_text_that_only_looks_like_an_escaped_nul_is_no_nul(rig: Rig) -> None:
    value = _GOOD.replace(b'"crm"', b'"\\\\u0000"')
    write(rig.sink(), CONTRIBUTIONS, [SinkRecord(0, None, value)])
    assert rig.view()["contributions"] == [("\\u0000", "e1")]


def test_a_topic_without_a_place_is_rejected_whole(rig: Rig) -> None:
    if isinstance(rig, MemoryRig):
        pytest.skip("the reference knows only its topics")
    write(rig.sink(), EVENTS, [SinkRecord(0, b"k", b"v")])
    assert rig.view()["rejects"] == [(EVENTS, 0, 0, "unknown_topic", b"k", b"v")]


def test_of_two_racing_writers_each_batch_is_taken_from_one(rig: Rig) -> None:
    stream, start = records(CONTRIBUTIONS, 120), Barrier(2)
    fenced = [0, 0]

    def run(me: int) -> None:
        sink, chance = rig.sink(), random.Random(me)
        start.wait()
        while (at := sink.position(CONTRIBUTIONS, 0)) != stream[-1].offset + 1:
            left = [record for record in stream if record.offset >= (at or 0)]
            batch = left[: chance.randint(1, 9)]
            try:
                end = batch[-1].offset + 1
                sink.write(CONTRIBUTIONS, 0, batch, position=at, next_offset=end)
            except SinkFenced:
                fenced[me] += 1

    racers = [Thread(target=run, args=(me,)) for me in (0, 1)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert rig.view()["contributions"] == [("crm", f"e{n}") for n in range(120)]


@pytest.mark.parametrize("topic", OUTPUTS)
def test_a_crash_at_any_step_leaves_neither_rows_nor_position(rig: Rig, topic: str) -> None:
    if isinstance(rig, MemoryRig):
        pytest.skip("a write in memory has no steps to crash at")
    batch = [*records(topic, 12), SinkRecord(99, None, b"bad")]
    crashes = 0
    while rig.sink().position(topic, 0) is None:
        assert rig.view() == EMPTY
        try:
            with rig.crashing(crashes):
                rig.sink().write(topic, 0, batch, position=None, next_offset=100)
        except CrashError:
            crashes += 1
    assert crashes >= 3  # begin or position, rows, commit
    assert len(rig.view()["rejects"]) == 1  # type: ignore[arg-type]


def deliver(
    rig: Rig, topic: str, stream: Sequence[SinkRecord], sizes: list[int], crashes: list[int]
) -> None:
    """Write a stream in batches of ``sizes``; a crash of -1 is one after the commit."""
    sink, attempt = rig.sink(), 0
    end = stream[-1].offset + 1
    while (at := sink.position(topic, 0)) != end:
        left = [record for record in stream if record.offset >= (at or 0)]
        batch = left[: sizes[attempt % len(sizes)]]
        crash = crashes[attempt] if attempt < len(crashes) else None
        attempt += 1
        try:
            if crash is None or crash < 0:
                write(sink, topic, batch)
            else:
                with rig.crashing(crash):
                    write(sink, topic, batch)
            if crash is not None:
                raise CrashError("the answer to the commit was lost")
        except CrashError:
            sink = rig.sink()


def mixed_stream(topic: str, seed: int) -> list[SinkRecord]:
    """Good records, bad ones, repetitions and, where there are any, tombstones."""
    chance, stream, offset = random.Random(seed), [], 0
    for number in range(chance.randint(1, 40)):
        offset += chance.choice((1, 1, 2, 7))
        key, value = samples.message(topic, f"c{chance.randint(0, 4)}", number)
        kind = chance.random()
        if kind < 0.1:
            value = b"{bad"
        elif kind < 0.2:
            value = None
        stream.append(SinkRecord(offset, key, value, 1_000))
    return stream


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    topic=st.sampled_from(OUTPUTS),
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    crashes=st.lists(st.integers(-1, 6), max_size=6),
)
def test_any_split_and_any_crashes_give_the_same_rows(
    rig: Rig, topic: str, seed: int, sizes: list[int], crashes: list[int]
) -> None:
    stream, reference = mixed_stream(topic, seed), MemoryRig()
    deliver(reference, topic, stream, [len(stream)], [])
    rig.clear()
    deliver(rig, topic, stream, sizes, crashes)
    view = rig.view()
    assert view == reference.view()
