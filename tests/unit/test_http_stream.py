"""The stream of changes: nothing lost, nothing twice, nobody held up by a slow reader."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.http.changes import Changes, StreamLimits
from pipeline.adapters.http.listener import Batch, Item, Listener, Wanted
from pipeline.adapters.http.ports import Unavailable
from pipeline.adapters.http.stream import EventStream, written
from tests.unit.http_fakes import MemoryHistory, World, problem_of

DEADLINE_SECONDS = 10.0
QUICK = StreamLimits(poll_seconds=0.001)
EVERYTHING = Wanted()


def score(customer: str, value: float) -> dict[str, object]:
    return {"customer": customer, "score": value}


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await main()

    asyncio.run(bounded())


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - of another thread's doing
        await asyncio.sleep(0.001)


class Told(NamedTuple):
    kind: str
    row: dict[str, Any]
    last_id: str
    """As a browser would send it after this event."""


class Reader:
    """Reads a listener as a browser reads a stream, and keeps what it was told."""

    def __init__(self, listener: Listener, heartbeat_seconds: float = 60.0) -> None:
        self.told: list[Told] = []
        self.last_id = listener.began
        self.heartbeats = 0
        self.listener = listener
        self.task = asyncio.create_task(self._read(heartbeat_seconds))

    async def _read(self, heartbeat_seconds: float) -> None:
        async for batch in self.listener.batches(heartbeat_seconds):
            self.take(written(batch))

    def take(self, sent: bytes) -> None:
        for block in sent.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if line != ": ")
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                row = msgspec.json.decode(fields["data"])
                assert self.last_id is not None
                self.told.append(Told(fields["event"], row, self.last_id))
            else:
                self.heartbeats += 1

    @property
    def values(self) -> list[tuple[str, float]]:
        return [(each.row["customer"], each.row["score"]) for each in self.told]

    async def has(self, count: int) -> None:
        await until(lambda: len(self.told) >= count)

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.listener.close()


@asynccontextmanager
async def listening(history: MemoryHistory, limits: StreamLimits = QUICK) -> AsyncIterator[Changes]:
    changes = Changes(history, limits)
    try:
        yield changes
    finally:
        changes.close()


def test_changes_come_in_their_order_from_now_on() -> None:
    async def main() -> None:
        history = MemoryHistory()
        history.write("score", score("earlier", 1.0))
        async with listening(history) as changes:
            reader = Reader(await changes.listen(EVERYTHING, None))
            for number in range(50):
                history.write("score", score(f"c-{number}", float(number)))
            await reader.has(50)
            assert reader.values == [(f"c-{n}", float(n)) for n in range(50)]

    run(main)


def test_only_what_is_wanted_is_told() -> None:
    async def main() -> None:
        history = MemoryHistory()
        async with listening(history) as changes:
            of_bob = Reader(await changes.listen(Wanted(customer="bob"), None))
            actions = Reader(await changes.listen(Wanted(kinds=("action",)), None))
            history.write("score", score("ann", 1.0))
            history.write("score", score("bob", 2.0))
            history.write("action", {"id": "a-1", "customer": "ann"})
            history.write("action", {"id": "a-2", "customer": "bob"})
            await of_bob.has(2)
            await actions.has(2)
            assert [each.kind for each in of_bob.told] == ["score", "action"]
            assert [each.row["id"] for each in actions.told] == ["a-1", "a-2"]

    run(main)


def test_all_listeners_share_one_reader() -> None:
    async def main() -> None:
        history = MemoryHistory()
        async with listening(history) as changes:
            readers = [Reader(await changes.listen(EVERYTHING, None)) for _ in range(50)]
            before = history.reads
            history.write("score", score("c", 1.0))
            for reader in readers:
                await reader.has(1)
            assert history.reads - before < 50

    run(main)


def test_nobody_reads_while_nobody_listens() -> None:
    async def main() -> None:
        history = MemoryHistory()
        async with listening(history) as changes:
            reader = Reader(await changes.listen(EVERYTHING, None))
            await reader.leave()
            await until(lambda: not changes.reading)

    run(main)


class Break(NamedTuple):
    """One life of a connection: how many changes are written before and during it."""

    away: int
    listening: int
    least: int
    """So many events are read, if there are so many, before it breaks off."""


@settings(max_examples=30)
@given(
    breaks=st.lists(
        st.builds(Break, st.integers(0, 7), st.integers(0, 7), st.integers(0, 9)), max_size=6
    ),
    at_once=st.integers(1, 5),
    customers=st.integers(1, 20),
    company=st.booleans(),
)
def test_resuming_loses_nothing_and_doubles_nothing(
    breaks: list[Break], at_once: int, customers: int, company: bool
) -> None:
    async def main() -> None:
        history = MemoryHistory()
        limits = QUICK._replace(changes=at_once)
        number = 0

        def write(count: int) -> None:
            nonlocal number
            for _ in range(count):
                history.write("score", score(f"c-{number % customers}", float(number)))
                number += 1

        async with listening(history, limits) as changes:
            other = Reader(await changes.listen(EVERYTHING, None)) if company else None
            last_id: str | None = "c0"
            told: list[Told] = []
            for each in (*breaks, Break(0, 0, 0)):
                write(each.away)
                reader = Reader(await changes.listen(EVERYTHING, last_id))
                write(each.listening)
                first = len(told)
                # A row that changed again is told once, as it is last: so fewer may come.
                await until(
                    lambda reader=reader, each=each: (  # type: ignore[misc]
                        len(reader.told) >= each.least or reader.last_id == f"c{number}"
                    )
                )
                await reader.leave()
                told += reader.told
                last_id = reader.last_id
                assert len(told) >= first
            final = Reader(await changes.listen(EVERYTHING, last_id))
            await until(lambda: final.last_id == f"c{number}")
            told += final.told
            values = [each.row["score"] for each in told]
            assert values == sorted(set(values))
            latest = {n % customers: float(n) for n in range(number)}
            assert {v for v in values if v in latest.values()} == set(latest.values())
            if other is not None:
                await until(lambda: other.last_id == f"c{number}" or not number)
                seen = [each.row["score"] for each in other.told]
                assert seen == sorted(set(seen))
                assert set(latest.values()) <= set(seen)

    run(main)


def test_without_cursors_of_changes_a_batch_is_resumed_as_a_whole() -> None:
    async def main() -> None:
        history = MemoryHistory(own_cursors=False)
        async with listening(history) as changes:
            for number in range(3):
                history.write("score", score(f"c-{number}", 1.0))
            reader = Reader(await changes.listen(EVERYTHING, "c0"))
            await reader.has(3)
            assert [each.last_id for each in reader.told] == ["c0", "c0", "c3"]

    run(main)


def test_silence_is_broken_by_comments_that_move_the_id() -> None:
    async def main() -> None:
        history = MemoryHistory()
        async with listening(history) as changes:
            listener = await changes.listen(Wanted(customer="ann"), None)
            reader = Reader(listener, heartbeat_seconds=0.01)
            history.write("score", score("bob", 1.0))
            await until(lambda: reader.heartbeats > 0 and reader.last_id == "c1")
            assert reader.told == []

    run(main)


def test_slow_reader_is_let_go_and_holds_nobody_up() -> None:
    async def main() -> None:
        history = MemoryHistory()
        async with listening(history, QUICK._replace(changes=1, waiting=3)) as changes:
            slow = await changes.listen(EVERYTHING, None)
            quick = Reader(await changes.listen(EVERYTHING, None))
            for number in range(10):
                history.write("score", score(f"c-{number}", float(number)))
                await quick.has(number + 1)
            assert [batch async for batch in slow.batches(60.0)] == []
            assert not changes.is_live(slow)
            slow.close()
            again = Reader(await changes.listen(EVERYTHING, slow.began))
            await again.has(10)
            assert again.values == quick.values

    run(main)


def test_one_more_than_may_listen_is_turned_away() -> None:
    async def main() -> None:
        async with listening(MemoryHistory(), QUICK._replace(listeners=2)) as changes:
            first = await changes.listen(EVERYTHING, None)
            await changes.listen(EVERYTHING, None)
            with pytest.raises(Unavailable, match="too many"):
                await changes.listen(EVERYTHING, None)
            first.close()
            await changes.listen(EVERYTHING, None)

    run(main)


def test_refused_cursor_takes_no_place() -> None:
    async def main() -> None:
        async with listening(MemoryHistory(), QUICK._replace(listeners=1)) as changes:
            for _ in range(3):
                with pytest.raises(ValueError, match="no cursor"):
                    await changes.listen(EVERYTHING, "nonsense")
            await changes.listen(EVERYTHING, None)

    run(main)


def test_outage_of_the_feed_is_outlived() -> None:
    async def main() -> None:
        history = MemoryHistory()
        async with listening(history) as changes:
            reader = Reader(await changes.listen(EVERYTHING, None))
            history.failing = RuntimeError("away")
            reads = history.reads
            await until(lambda: history.reads > reads + 2)
            history.write("score", score("c", 1.0))
            history.failing = None
            await reader.has(1)
            assert reader.values == [("c", 1.0)]

    run(main)


def test_closing_ends_every_stream() -> None:
    async def main() -> None:
        async with listening(MemoryHistory()) as changes:
            readers = [Reader(await changes.listen(EVERYTHING, None)) for _ in range(3)]
            changes.close()
            await asyncio.gather(*(reader.task for reader in readers))
            with pytest.raises(Unavailable, match="stops"):
                await changes.listen(EVERYTHING, None)

    run(main)


async def _call(stream: EventStream, sent: list[Any], left: asyncio.Event) -> None:
    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await stream({"type": "http"}, receive, send)


def test_stream_begins_with_an_id_and_ends_cleanly_with_the_server() -> None:
    async def main() -> None:
        history = MemoryHistory()
        history.write("score", score("c", 1.0))
        async with listening(history) as changes:
            stream = EventStream(await changes.listen(EVERYTHING, None), 60.0)
            sent: list[Any] = []
            call = asyncio.create_task(_call(stream, sent, asyncio.Event()))
            await until(lambda: len(sent) == 2)
            changes.close()
            await call
        start, first, last = sent
        headers = dict(start["headers"])
        assert headers[b"content-type"].startswith(b"text/event-stream")
        assert headers[b"cache-control"] == b"no-store"
        assert b"content-length" not in headers
        assert first["body"] == b"id: c1\nretry: 2000\n\n"
        assert last == {"type": "http.response.body", "body": b"", "more_body": False}

    run(main)


def test_reader_who_leaves_makes_room() -> None:
    async def main() -> None:
        async with listening(MemoryHistory(), QUICK._replace(listeners=1)) as changes:
            stream = EventStream(await changes.listen(EVERYTHING, None), 60.0)
            left = asyncio.Event()
            call = asyncio.create_task(_call(stream, [], left))
            left.set()
            await call
            await changes.listen(EVERYTHING, None)

    run(main)


def test_events_are_written_as_the_standard_has_them() -> None:
    items = (Item("score", "ann", '{"a":1}', "c4"), Item("case", "ann", '{"b":"\\n"}', None))
    assert written(Batch(items, "c6")) == (
        b'event: score\ndata: {"a":1}\nid: c4\n\nevent: case\ndata: {"b":"\\n"}\nid: c6\n\n'
    )


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("?kinds=score,odd", {}, "kinds"),
        ("?kinds=", {}, "kinds"),
        ("?last_event_id=x", {}, "last_event_id"),
        ("", {"Last-Event-ID": "x"}, "last_event_id"),
        ("?last_event_id=c0", {"Last-Event-ID": "x"}, "last_event_id"),
    ],
)
def test_bad_parameter_is_named(query: str, headers: dict[str, str], field: str) -> None:
    answer = World().get(f"/v1/stream{query}", headers)
    assert answer.status_code == 422
    assert problem_of(answer)["fields"][0]["field"] == field


def test_too_many_streams_are_answered_with_a_time_to_come_again() -> None:
    world = World(stream_limits=StreamLimits(listeners=0))
    answer = world.get("/v1/stream")
    assert answer.status_code == 503
    problem_of(answer)
    assert int(answer.headers["retry-after"]) >= 1
