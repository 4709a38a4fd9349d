"""Roll-ups are a recount of the contributions, in whatever batches, order and partitions."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from schemas.perception import Contribution, Felt
from schemas.topics import CONTRIBUTIONS
from sinks.port import SinkFenced, SinkRecord
from sinks.sql import tables
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.sink import SqlSink

START = datetime(2026, 2, 28, 23, 58, tzinfo=UTC)
FINEST = {"touchpoint", "channel", "department", "tier"}
Sums = dict[tuple[str, ...], list[int]]

names = st.none() | st.sampled_from(["", "a", "b", "'; --"])
shares = st.floats(0, 1)
scores = st.none() | st.floats(0, 100)
felts = st.builds(
    Felt,
    dimension=st.sampled_from(["speed", "tone"]),
    quality=st.none() | shares,
    expected=st.none() | shares,
    value=st.floats(-1000, 1000),
)
contributions = st.builds(
    Contribution,
    event=st.just("e"),
    source=st.just("crm"),
    type=st.just("t"),
    touchpoint=names,
    # Minutes, hours and days meet here, and clocks of other zones.
    time=st.builds(
        lambda seconds, hours: (START + timedelta(seconds=seconds)).astimezone(
            timezone(timedelta(hours=hours))
        ),
        st.floats(0, 300) | st.sampled_from([0, 120 - 1e-6, 120, -86_400 * 40]),
        st.sampled_from([0, 8, -5.5]),
    ),
    customer=st.none() | st.just("c"),
    tier=st.sampled_from(["gold", "silver"]),
    intent=st.just("help"),
    felt=st.lists(felts, max_size=4).map(tuple),
    score_before=scores,
    score_after=scores,
    policy=st.just("p"),
    channel=names,
    department=names,
    staff=names,
    cohort=names,
)
streams = st.lists(st.tuples(st.integers(0, 2), st.lists(contributions, max_size=5)), max_size=6)
"""Batches of a partition each."""


def counted(every: list[Contribution]) -> Sums:
    """What the roll-ups should be, counted the plain way."""
    sums: Sums = {}
    for one in every:
        time = one.time.astimezone(UTC)
        for grain, start in (
            ("minute", time.replace(second=0, microsecond=0)),
            ("hour", time.replace(minute=0, second=0, microsecond=0)),
            ("day", time.replace(hour=0, minute=0, second=0, microsecond=0)),
        ):
            for axis in ("touchpoint", "channel", "department", "tier", "staff", "cohort"):
                kept = {"minute": FINEST, "hour": FINEST | {"staff"}}
                if axis not in kept.get(grain, {axis}):
                    continue
                value = getattr(one, axis) or ""
                for dimension, amounts in amounts_of(one).items():
                    key = (grain, axis, start.isoformat(), value, dimension)
                    known = sums.setdefault(key, [0] * 7)
                    sums[key] = [a + b for a, b in zip(known, amounts, strict=True)]
    return sums


def amounts_of(one: Contribution) -> dict[str, list[int]]:
    moved = 0
    if one.score_before is not None and one.score_after is not None:
        moved = round(one.score_after * 1e6) - round(one.score_before * 1e6)
    amounts = {"": [1, 0, 0, 0, 0, 0, moved]}
    for felt in one.felt:
        row = amounts.setdefault(felt.dimension, [1, 0, 0, 0, 0, 0, 0])
        if felt.quality is not None and felt.expected is not None:
            row[1] += 1
            row[2] += round(felt.quality * 1e6)
            row[3] += round(felt.expected * 1e6)
        row[4] += max(0, round(felt.value * 1e6))
        row[5] += max(0, -round(felt.value * 1e6))
    return amounts


def kept(engine: Engine) -> Sums:
    """What the roll-ups are, over all partitions."""
    column = tables.rollups.c
    sums: Sums = {}
    with engine.connect() as connection:
        for row in connection.execute(select(tables.rollups)).mappings():
            key = (*(row[n] for n in ("grain", "axis")), row["start"].isoformat())
            key += (row["value"], row["dimension"])
            amounts = [row[each.name] for each in list(column)[6:]]
            known = sums.setdefault(key, [0] * 7)
            sums[key] = [a + b for a, b in zip(known, amounts, strict=True)]
    return sums


def write_all(engine: Engine, stream: list[tuple[int, list[Contribution]]]) -> None:
    """Each batch as the sink writes it, and then once more by a writer that is late."""
    sink = SqlSink(engine)
    offsets: Counter[int] = Counter()
    for partition, batch in stream:
        first = offsets[partition]
        records = [
            SinkRecord(first + n, b"c", msgspec.json.encode(one)) for n, one in enumerate(batch)
        ]
        position, after = first or None, first + max(1, len(batch))
        written = sink.write(
            CONTRIBUTIONS, partition, records, position=position, next_offset=after
        )
        assert written == (len(batch), 0)
        with pytest.raises(SinkFenced):
            sink.write(CONTRIBUTIONS, partition, records, position=position, next_offset=after)
        sink.write(CONTRIBUTIONS, partition, records, position=after, next_offset=after)
        offsets[partition] = after


@given(streams)
def test_rollups_equal_a_recount(stream: list[tuple[int, list[Contribution]]]) -> None:
    with TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'sink.db'}")
        upgrade(engine)
        write_all(engine, stream)
        assert kept(engine) == counted([one for _, batch in stream for one in batch])
        engine.dispose()


@pytest.mark.postgres
def test_rollups_equal_a_recount_on_postgresql(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    upgrade(engine)

    @given(streams)
    def check(stream: list[tuple[int, list[Contribution]]]) -> None:
        with engine.begin() as connection:
            for table in (tables.rollups, tables.contributions, tables.position):
                connection.execute(table.delete())
        write_all(engine, stream)
        assert kept(engine) == counted([one for _, batch in stream for one in batch])

    check()
    engine.dispose()
