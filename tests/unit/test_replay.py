"""Replay: every line is processed, a duplicate or rejected, and the same file gives the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.steps import perceive_step
from pipeline.tools.replay import ReplayReport, replay
from pipeline.tools.replay_files import FILES
from tests.unit.core import Life, default_policy
from tests.unit.events import event, event_bytes

CALL = "touchpoint.call.completed.v1"
PURCHASE = "touchpoint.transaction.completed.v1"


def run(folder: Path, lines: list[bytes], **options: Any) -> ReplayReport:
    """Replay ``lines`` into ``folder / "out"``."""
    events = folder / "events.jsonl"
    events.write_bytes(b"\n".join(lines))
    out = folder / "out"
    report = replay(
        events, out, lambda _, __: None, policy=default_policy(), version="test", **options
    )
    assert report.read == report.processed + report.duplicates + report.rejected
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    return report


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    text = (folder / "out" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_scores_are_those_of_the_core_one_line_a_customer_by_id(tmp_path: Path) -> None:
    happened = [
        event(CALL, id=f"e-{n}", subject=f"c-{n % 3}", time=f"2026-03-0{n + 1}T00:00:00Z")
        for n in range(7)
    ]
    report = run(tmp_path, [json.dumps(e).encode() for e in happened])
    found = rows(tmp_path, "scores.jsonl")
    assert (report.read, report.processed, report.customers) == (7, 7, 3)
    assert [row["customer"] for row in found] == ["c-0", "c-1", "c-2"]
    assert [row["events"] for row in found] == [3, 2, 2]
    life = Life(name="c-0")
    for made in happened[::3]:
        life.add(made)
    assert found[0]["score"] == life.score


def test_actions_stand_in_the_order_of_their_time_and_then_of_their_id(tmp_path: Path) -> None:
    minutes = [5, 3, 4, 3, 1]
    lines = [
        event_bytes(PURCHASE, id=f"p-{n}", subject="abcab"[n], time=f"2026-03-02T09:0{at}:00.5Z")
        for n, at in enumerate(minutes)
    ]
    whole = event_bytes(PURCHASE, id="p-5", subject="c", time="2026-03-02T09:04:00Z")
    run(tmp_path, [*lines, whole])
    found = rows(tmp_path, "actions.jsonl")
    events = [row["cause"]["event"] for row in found]
    assert [events[0], events[3:]] == ["p-4", ["p-5", "p-2", "p-0"]]
    assert sorted(events[1:3]) == ["p-1", "p-3"]
    assert found[1]["id"] < found[2]["id"]


def test_a_withheld_action_is_a_decision(tmp_path: Path) -> None:
    unwanted = {"alerts": {"wanted": False}}
    run(
        tmp_path,
        [
            event_bytes("touchpoint.customer.profiled.v1", id="1", data=unwanted),
            event_bytes(PURCHASE, id="2"),
        ],
    )
    assert rows(tmp_path, "actions.jsonl") == []
    assert [row["outcome"] for row in rows(tmp_path, "decisions.jsonl")] == ["withheld"]


def test_bad_lines_are_rejected_with_number_reason_and_text(tmp_path: Path) -> None:
    lines = [
        event_bytes(CALL, id="1"),
        b"{oops",
        b"\xff\xfe not UTF-8",
        b"",
        event_bytes(CALL, id="2", type="touchpoint.nobody.knows.v1"),
        event_bytes(CALL, id="3", time="2300-01-01T00:00:00Z"),
        b'{"a":' * 300,
        b"x" * 300_000,
        b"null",
        b'"\\ud800"',
        event_bytes(CALL, id="4", subject="\x00position"),
    ]
    report = run(tmp_path, lines)
    found = rows(tmp_path, "rejects.jsonl")
    assert (report.read, report.processed, report.rejected) == (10, 1, 9)
    assert [(row["line"], row["reason"]) for row in found] == [
        (2, "broken_json"),
        (3, "broken_json"),
        (5, "unknown_type"),
        (6, "time_out_of_range"),
        (7, "too_deep"),
        (8, "too_large"),
        (9, "invalid_field"),
        (10, "broken_json"),
        (11, "invalid_field"),
    ]
    assert found[0]["original"] == "{oops"
    assert "original_base64" in found[1]
    assert all(row["detail"] for row in found)


def test_time_ticks_when_an_event_reaches_a_later_hour(tmp_path: Path) -> None:
    hours = ["09:10", "09:50", "10:00", "09:59", "15:30", "15:31"]
    lines = [
        event_bytes(CALL, id=str(n), time=f"2026-03-02T{hour}:00Z") for n, hour in enumerate(hours)
    ]
    assert run(tmp_path, lines).ticks == 3


def test_a_rejected_event_moves_neither_the_clock_nor_a_score(tmp_path: Path) -> None:
    good = [event_bytes(CALL, id="1"), event_bytes(CALL, id="2")]
    alone = run(tmp_path, good)
    beside = run(
        tmp_path, [good[0], event_bytes(CALL, id="x", time="2300-01-01T00:00:00Z"), good[1]]
    )
    assert alone.digests["scores.jsonl"] == beside.digests["scores.jsonl"]
    assert alone.ticks == beside.ticks


def test_the_same_event_again_is_a_duplicate_and_alerts_once(tmp_path: Path) -> None:
    once = event_bytes(PURCHASE, id="1")
    report = run(tmp_path, [once, once, event_bytes(PURCHASE, id="2"), once])
    assert (report.read, report.processed, report.duplicates) == (4, 2, 2)
    assert sorted(r["cause"]["event"] for r in rows(tmp_path, "actions.jsonl")) == ["1", "2"]


def test_anonymous_events_are_processed_and_move_no_score(tmp_path: Path) -> None:
    report = run(tmp_path, [event_bytes(CALL, subject=None, anonymous=True)])
    assert (report.read, report.processed, report.customers) == (1, 1, 0)
    assert rows(tmp_path, "scores.jsonl") == []


def test_ticks_in_the_file_are_processed(tmp_path: Path) -> None:
    report = run(tmp_path, [event_bytes("touchpoint.clock.ticked.v1"), event_bytes(CALL)])
    assert (report.read, report.processed) == (2, 2)


@pytest.mark.parametrize("odd", ['"a": NaN', '"a": 1e999', '"subject": "c-1", "a": "\\ud83d"'])
def test_an_event_the_front_door_takes_is_never_a_key_mismatch(tmp_path: Path, odd: str) -> None:
    text = event_bytes(CALL, subject="c-1").decode()
    report = run(tmp_path, [f"{text[:-1]}, {odd}}}".encode()])
    if report.rejected:
        assert rows(tmp_path, "rejects.jsonl")[0]["reason"] != "key_mismatch"


def test_a_step_that_raises_makes_a_dead_letter_of_its_line_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fragile(name: str, customer: Any, taken: Any, policy: Any, inherited: Any) -> Any:
        if taken.event.id == "2":
            raise ZeroDivisionError("a bug in the core")
        return perceive_step(name, customer, taken, policy, inherited)

    monkeypatch.setattr("pipeline.stages.perceive.perceive_step", fragile)
    report = run(tmp_path, [event_bytes(CALL, id=str(n)) for n in range(4)])
    assert (report.processed, report.rejected) == (3, 1)
    (found,) = rows(tmp_path, "rejects.jsonl")
    assert (found["line"], found["reason"]) == (3, "internal_error")


def test_a_failed_replay_leaves_what_was_there(tmp_path: Path) -> None:
    run(tmp_path, [event_bytes(CALL)])
    before = (tmp_path / "out" / "scores.jsonl").read_bytes()

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(
            tmp_path / "events.jsonl",
            tmp_path / "out",
            stop,
            policy=default_policy(),
            version="test",
        )
    assert (tmp_path / "out" / "scores.jsonl").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(event_bytes(CALL, id=str(n)) + b"\n" for n in range(10)))
    seen: list[tuple[int, int]] = []
    replay(
        events,
        tmp_path / "out",
        lambda done, total: seen.append((done, total)),
        policy=default_policy(),
        version="test",
        chunk_lines=3,
    )
    size = events.stat().st_size
    assert seen == sorted(seen)
    assert len(seen) > 2
    assert seen[-1] == (size, size)
