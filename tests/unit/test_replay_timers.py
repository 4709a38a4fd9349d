"""Replay fires what is due at its ticks, before the line that the tick stands in front of."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.admission import Admitted
from pipeline.engine.ports import Due, Output, Stepped
from pipeline.stages.perceive import PerceiveStage
from pipeline.tools.replay import ReplayReport, replay
from pipeline.tools.replay_files import FILES
from schemas.topics import CASES, DECISIONS, EVENTS, OUTLOOKS
from tests.unit.core import default_policy
from tests.unit.events import event_bytes

CALL = "touchpoint.call.completed.v1"
PURCHASE = "touchpoint.transaction.completed.v1"
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR_MS = 3_600_000
_TIME = 8


class WaitingStage(PerceiveStage):
    """Perceives; two hours after a customer's latest arrival it decides to miss them, and once
    more after two more hours; a case says how often. ``c-3`` is told of it by an event."""

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        if isinstance(inputs[0], Due):
            assert state is not None
            return self._missed(key, state, inputs[0].clock_ms)
        stepped = super().step(key, None if state is None else state[_TIME:], inputs, clock_ms)
        if stepped.state is None:
            return stepped
        dues = [round(e.time_s * 1000) + 2 * HOUR_MS for e in inputs if isinstance(e, Admitted)]
        return _with(stepped, max(dues + ([] if state is None else [self.due_of(state) or 0])))

    def _missed(self, key: bytes, state: bytes, clock_ms: int) -> Stepped:
        due_ms = int.from_bytes(state[:_TIME], "big")
        customer, at = key.decode(), datetime.fromtimestamp(clock_ms / 1000, UTC).isoformat()
        told = {"id": f"{customer}-{due_ms}", "customer": customer, "due": due_ms, "at": clock_ms}
        outputs = [
            Output(DECISIONS, key, json.dumps(told | {"decided_at": at}).encode()),
            Output(OUTLOOKS, key, json.dumps(told | {"settled_at": at}).encode()),
            Output(CASES, key, json.dumps(told | {"id": customer}).encode()),
        ]
        if key == b"c-3":
            raise ZeroDivisionError("a bug in waiting")
        if key == b"c-2":
            sent = event_bytes(CALL, id=f"missed-{due_ms}", subject="c-0", time=START.isoformat())
            outputs.append(Output(EVENTS, b"c-0", sent))
        again = 0 if due_ms % 2 else due_ms + 2 * HOUR_MS + 1
        return _with(Stepped(state[_TIME:], outputs, 0), again)

    def due_of(self, state: bytes) -> int | None:
        return int.from_bytes(state[:_TIME], "big") or None


def _with(stepped: Stepped, due_ms: int) -> Stepped:
    assert stepped.state is not None
    state = due_ms.to_bytes(_TIME, "big") + stepped.state
    return stepped._replace(state=state, due_ms=due_ms or None)


def line(number: int, customer: int, kind: str, minutes: int) -> bytes:
    time = (START + timedelta(minutes=minutes)).isoformat()
    return event_bytes(kind, id=f"e-{number}", subject=f"c-{customer}", time=time)


def run(lines: list[bytes], chunk_lines: int) -> tuple[dict[str, bytes], ReplayReport]:
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.tools.replay.PerceiveStage", WaitingStage)
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
        return {file: (folder / "out" / file).read_bytes() for file in FILES}, report


def decisions(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """What was decided to be missed; not what the stage itself decides."""
    made = [json.loads(text) for text in files["decisions.jsonl"].splitlines()]
    return [decision for decision in made if "due" in decision]


streams = st.lists(
    st.builds(
        line,
        st.integers(0, 15),  # few ids: some are duplicates
        st.integers(0, 3),
        st.sampled_from([CALL, PURCHASE]),
        st.integers(-600, 1_200),
    ),
    max_size=30,
)


@given(streams)
def test_chunks_of_any_size_give_the_same(lines: list[bytes]) -> None:
    one = run(lines, 1)
    assert run(lines, 7) == one
    assert run(lines, 1_000) == one


def test_what_timers_cause_is_in_order_of_time_and_the_last_state_of_a_case_is_kept() -> None:
    lines = [
        line(0, 0, PURCHASE, 0),
        line(1, 1, PURCHASE, 30),
        line(2, 1, PURCHASE, 190),  # 03:10: c-0 was due at 02:00, c-1 at 02:30
        line(3, 0, CALL, 600),  # 10:00: c-0 once more, due at 04:00, and c-1, due at 05:10
    ]
    files, report = run(lines, 1_000)
    missed = [(d["customer"], (d["due"] // 60_000) % 1440, d["at"]) for d in decisions(files)]
    start_ms = int(START.timestamp() * 1000)
    assert missed == [
        ("c-0", 120, start_ms + 3 * HOUR_MS),
        ("c-1", 150, start_ms + 3 * HOUR_MS),
        ("c-0", 240, start_ms + 10 * HOUR_MS),
        ("c-1", 310, start_ms + 10 * HOUR_MS),
        ("c-1", 430, start_ms + 10 * HOUR_MS),
    ]
    assert (report.fired, report.failed, report.looped) == (5, 0, 0)
    outlooks = [json.loads(text) for text in files["outlooks.jsonl"].splitlines()]
    assert [o["id"] for o in outlooks] == [d["id"] for d in decisions(files)]
    cases = [json.loads(text) for text in files["cases.jsonl"].splitlines()]
    assert [(c["id"], (c["due"] // 60_000) % 1440) for c in cases] == [("c-0", 240), ("c-1", 430)]


def test_what_a_timer_sends_is_processed_before_the_line_of_its_tick() -> None:
    lines = [line(0, 2, CALL, 0), line(1, 1, CALL, 240)]
    _, report = run(lines, 1_000)
    assert (report.fired, report.looped, report.customers) == (1, 1, 3)


def test_a_timer_that_raises_is_tried_again_at_each_tick_and_rejects_no_line() -> None:
    lines = [line(0, 3, CALL, 0), line(1, 1, CALL, 240), line(2, 1, CALL, 300)]
    files, report = run(lines, 1_000)
    assert (report.fired, report.failed, report.rejected) == (0, 2, 0)
    assert decisions(files) == []
