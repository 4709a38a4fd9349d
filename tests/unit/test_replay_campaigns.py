"""From being put forward to the gift on its way, by replay: customers and campaigns on one log."""

import json
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.policy.compiled import Policy
from pipeline.tools.replay import replay
from schemas.care import FINAL
from tests.unit.core import changed_policy
from tests.unit.events import event_bytes

PROFILED = "touchpoint.customer.profiled.v1"
NOMINATED = "touchpoint.campaign.nominated.v1"
CALL = "touchpoint.call.completed.v1"

SALES = [f"sales-{n}" for n in range(3)]
AUDIT = [f"audit-{n}" for n in range(3)]


@cache
def policy() -> Policy:
    """The default one with four gifts in stock, and nothing else that could call for care."""

    def change(content: dict[str, Any]) -> None:
        content["campaigns"]["spring_gift"] |= {"stock": 4}
        content["care"]["actions"] = {"gift": content["care"]["actions"]["gift"]}

    return changed_policy(change)


def put_forward(name: str, at: str, number: str = "") -> bytes:
    data = {"campaign": "spring_gift", "cohort_size": 3}
    return event_bytes(NOMINATED, id=f"n{number} {name}", subject=name, time=at, data=data)


def known(name: str, tier: str, **more: Any) -> bytes:
    data = {
        "tier": tier,
        "cohort": name.split("-", maxsplit=1)[0],
        "time_zone": "Asia/Shanghai",
    } | more
    at = "2026-03-01T01:00:00Z"
    return event_bytes(PROFILED, id=f"p {name}", subject=name, time=at, data=data)


def call(at: str) -> bytes:
    """An event of somebody else: by it time passes."""
    return event_bytes(CALL, id=f"c {at}", subject="somebody", time=at)


def story() -> list[bytes]:
    return [
        *(known(name, "gold") for name in SALES),
        *(known(name, "ordinary") for name in AUDIT),
        *(put_forward(name, "2026-03-02T02:00:00Z") for name in (*AUDIT, *SALES)),
        put_forward(SALES[0], "2026-03-03T02:00:00Z", "again"),
        call("2026-03-08T00:30:00Z"),  # it has closed: all ask for their share
        call("2026-03-08T01:30:00Z"),  # and are answered
        put_forward("late-0", "2026-03-08T02:00:00Z"),
        call("2026-03-08T03:30:00Z"),
    ]


def run(folder: Path, lines: list[bytes], chunk: int) -> tuple[list[Any], list[Any]]:
    """The actions and the decisions of a replay."""
    events, out = folder / "events.jsonl", folder / f"out-{chunk}"
    events.write_bytes(b"\n".join(lines))
    report = replay(
        events, out, lambda *_: None, policy=policy(), version="test", chunk_lines=chunk
    )
    assert (report.rejected, report.failed) == (0, 0)
    assert report.read == report.processed + report.duplicates
    actions, decisions = (
        [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
        for name in ("actions", "decisions")
    )
    return actions, decisions


@pytest.mark.parametrize("chunk", [1, 5, 1_000])
def test_a_whole_cohort_gets_the_gift_and_the_other_a_reason(tmp_path: Path, chunk: int) -> None:
    actions, decisions = run(tmp_path, story(), chunk)
    assert sorted(each["customer"] for each in actions) == SALES
    assert {each["campaign"] for each in actions} == {"spring_gift"}
    assert {each["fields"]["gift"] for each in actions} == {"tea"}
    final = {d["customer"]: (d["outcome"], d["reason"]) for d in decisions if d["outcome"] in FINAL}
    assert {final[name] for name in AUDIT} == {("not_funded", "stock")}
    assert {final[name][0] for name in SALES} == {"requested"}
    assert final["late-0"] == ("not_funded", "too_late")
    steps = defaultdict(list)
    for each in decisions:
        steps[each["id"]].append(each["outcome"])
    assert all(sum(outcome in FINAL for outcome in each) == 1 for each in steps.values())
    assert Counter(each[0] for each in steps.values()) == {"proposed": 7}  # one share each


def test_who_closed_the_way_for_care_does_not_keep_it_from_the_others(tmp_path: Path) -> None:
    data = {"channel": "post", "purpose": "care", "granted": False}
    at = "2026-03-02T01:00:00Z"
    closed = event_bytes(
        "touchpoint.customer.consented.v1", id="no", subject=SALES[1], time=at, data=data
    )
    actions, decisions = run(tmp_path, [closed, *story()], 1_000)
    assert sorted(each["customer"] for each in actions) == [SALES[0], SALES[2]]
    (withheld,) = [each for each in decisions if each["outcome"] == "withheld"]
    assert (withheld["customer"], withheld["reason"]) == (SALES[1], "no_consent")


def test_any_chunk_gives_the_same(tmp_path: Path) -> None:
    assert run(tmp_path, story(), 1) == run(tmp_path, story(), 7) == run(tmp_path, story(), 1_000)
