"""Replay processes what an event sends to other customers before the next line of the file."""

import json
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.admission import Admitted
from pipeline.engine.ports import LogRecord, Output, Read, Record, Refused, Stepped, Tick
from pipeline.stages.allocate import AllocateStage
from pipeline.stages.perceive import PerceiveStage
from pipeline.tools.replay import replay
from pipeline.tools.replay_files import FILES
from schemas.topics import EVENTS, PROPOSALS, SCORES
from tests.unit.core import default_policy
from tests.unit.events import event_bytes

CALL = "touchpoint.call.completed.v1"
PURCHASE = "touchpoint.transaction.completed.v1"
START = datetime(2026, 3, 2, tzinfo=UTC)


class SendingStage(PerceiveStage):
    """Perceives; and an event ``x>2>0`` is sent on to ``c-2`` as ``x>0``, then to ``c-0``.

    What it sends is of the same type and time. ``x>bad`` is sent on as bytes that are no event.
    """

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        stepped = super().step(key, state, inputs, clock_ms)
        for each in inputs:
            event = cast(Admitted, each).event
            name, *rest = event.id.split(">")
            if rest == ["bad"]:
                stepped.outputs.append(Output(EVENTS, b"c-0", b"{oops"))
            elif rest:
                made = event_bytes(
                    CALL if "Call" in type(event).__name__ else PURCHASE,
                    id=">".join([name, *rest[1:]]),
                    subject=f"c-{rest[0]}",
                    time=event.time.isoformat(),
                )
                stepped.outputs.append(Output(EVENTS, b"c-" + rest[0].encode(), made))
        return stepped


def line(number: int, customer: int, kind: str, route: list[int], minutes: int) -> bytes:
    time = (START + timedelta(minutes=minutes)).isoformat()
    name = ">".join([f"e-{number}", *map(str, route)])
    return event_bytes(kind, id=name, subject=f"c-{customer}", time=time)


def run(
    lines: list[bytes], chunk_lines: int, stage: type[PerceiveStage] = SendingStage
) -> dict[str, Any]:
    """The files of a replay under ``stage``, and its report."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.tools.replay.PerceiveStage", stage)
        if stage is not SendingStage:
            patch.setattr("pipeline.tools.replay.AllocateStage", GrantingStage)
        folder = Path(name)
        (folder / "events.jsonl").write_bytes(b"\n".join(lines))
        report = replay(
            folder / "events.jsonl",
            folder / "out",
            lambda _, __: None,
            policy=default_policy(),
            version="test",
            chunk_lines=chunk_lines,
        )
        assert report.read == len(lines) + report.looped
        assert report.read == report.processed + report.duplicates + report.rejected
        found: dict[str, Any] = {file: (folder / "out" / file).read_bytes() for file in FILES}
        return found | {"report": report}


def scores_one_by_one(lines: list[bytes]) -> bytes:
    """The last scores if each event is stepped alone, and what it sends before the next line."""
    stage = SendingStage(default_policy(), version="test")
    states: dict[bytes, bytes | None] = {}
    scores: dict[bytes, bytes] = {}
    for text in lines:
        waiting = deque([(json.loads(text)["subject"].encode(), text)])
        while waiting:
            key, value = waiting.popleft()
            read = stage.read(LogRecord(0, key, value), 0)
            assert isinstance(read, Read)
            stepped = stage.step(key, states.get(key), [read.input], 0)
            states[key] = stepped.state
            waiting += [o[1:] for o in stepped.outputs if o.topic == EVENTS]
            scores |= {o.key: o.value for o in stepped.outputs if o.topic == SCORES}
    return b"".join(scores[key] + b"\n" for key in sorted(scores))


routes: st.SearchStrategy[list[int]] = (
    st.just([]) | st.just([]) | st.lists(st.integers(0, 3), max_size=3)
)
streams = st.lists(
    st.builds(
        line,
        st.integers(0, 15),  # few ids: some are duplicates
        st.integers(0, 3),
        st.sampled_from([CALL, PURCHASE]),
        routes,
        st.integers(-600, 600),
    ),
    max_size=30,
)


@given(streams)
def test_chunks_of_any_size_give_what_single_steps_give(lines: list[bytes]) -> None:
    one = run(lines, 1)
    assert one["scores.jsonl"] == scores_one_by_one(lines)
    assert run(lines, 7) == one
    assert run(lines, 1_000) == one


def test_care_for_another_customer_is_there_with_its_own_cause() -> None:
    lines = [
        line(0, 0, PURCHASE, [], 0),
        line(1, 1, PURCHASE, [2, 3], 1),
        line(2, 3, PURCHASE, [], 2),
    ]
    found = run(lines, 1_000)
    actions = [json.loads(text) for text in found["actions.jsonl"].splitlines()]
    caused = [(action["customer"], action["cause"]["event"]) for action in actions]
    assert (caused[0], caused[-1]) == (("c-0", "e-0"), ("c-3", "e-2"))
    assert sorted(caused[1:-1]) == [("c-1", "e-1>2>3"), ("c-2", "e-1>3"), ("c-3", "e-1")]
    assert (found["report"].read, found["report"].looped) == (5, 2)


class ProposingStage(SendingStage):
    """And every purchase is proposed to a campaign."""

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        stepped = super().step(key, state, inputs, clock_ms)
        for each in inputs:
            event = cast(Admitted, each).event
            if type(event).__name__.startswith("Transaction"):
                proposal = f"proposal {event.id} {event.time.isoformat()}".encode()
                stepped.outputs.append(Output(PROPOSALS, b"spring", proposal))
        return stepped


class GrantingStage(AllocateStage):
    """A campaign whose third grant is told to ``c-0``."""

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        return Read(record.key or b"", record.value or b"")

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        granted, outputs = len(state or b""), []
        for proposal in cast("Sequence[bytes]", inputs):
            granted += 1
            if granted == 3:
                _, name, time = proposal.decode().split()
                told = event_bytes(CALL, id=f"granted-{name}", subject="c-0", time=time)
                outputs.append(Output(EVENTS, b"c-0", told))
        return Stepped(b"\xff" * granted, outputs, 0)


@given(streams)
def test_what_is_proposed_to_a_campaign_is_processed_before_the_next_line(
    lines: list[bytes],
) -> None:
    one = run(lines, 1, ProposingStage)
    assert run(lines, 7, ProposingStage) == one
    assert run(lines, 1_000, ProposingStage) == one


def test_a_verdict_of_a_campaign_comes_back_to_the_customer() -> None:
    lines = [line(n, n + 1, PURCHASE, [], n) for n in range(4)]
    found = run(lines, 1_000, ProposingStage)
    scored = [json.loads(text)["customer"] for text in found["scores.jsonl"].splitlines()]
    assert scored == ["c-0", "c-1", "c-2", "c-3", "c-4"]
    assert (found["report"].read, found["report"].looped) == (9, 5)


def test_a_sent_event_that_is_none_is_rejected_with_the_line_that_sent_it() -> None:
    bad = event_bytes(CALL, id="e>bad", subject="c-1", time=START.isoformat())
    found = run([line(0, 0, CALL, [], 0), bad, line(1, 1, CALL, [], 1)], 1_000)
    (rejected,) = [json.loads(text) for text in found["rejects.jsonl"].splitlines()]
    assert (rejected["line"], rejected["reason"]) == (2, "broken_json")
    report = found["report"]
    assert (report.read, report.looped, report.processed, report.rejected) == (4, 1, 3, 1)
