"""The story of the customer who calls: where she has been in the last two days.

There is no ready view of a trail yet. These stories hold to what it will be made of: the
contributions in the SQL store (which touch, when, how it was felt) and the log, which alone has the
path through the menu and the seconds.
"""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pytest

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.log_reader import LogReader
from pipeline.adapters.embedded.runner import EmbeddedLimits
from pipeline.adapters.http.ports import Entry
from sinks.sql.engine import make_engine
from sinks.sql.pages import Item
from sinks.sql.read import ReadModel
from tests.integration.embedded_app import make_runner, now_ms
from tests.services.process import wait_until
from tests.stories.telling import CALL, DIGITAL, MESSAGE, VISIT
from tests.unit.events import event

NOW: Final = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
TWO_DAYS: Final = timedelta(days=2)

# Hours before the call, what happened, and to whom.
HAPPENED: Final[tuple[tuple[float, str, str, dict[str, Any]], ...]] = (
    (60, "liu", CALL, {"intent": "enquiry", "wait_seconds": 20, "ivr_path": ["main"]}),
    (40, "liu", DIGITAL, {"intent": "help", "task": "change_plan", "completed": False}),
    (30, "wang", VISIT, {"wait_seconds": 60}),
    (20, "liu", VISIT, {"intent": "help", "wait_seconds": 1_500, "resolved": False}),
    (19, "liu", MESSAGE, {"channel": "sms", "purpose": "reply", "delay_seconds": 600}),
    (
        1,
        "liu",
        CALL,
        {
            "intent": "help",
            "wait_seconds": 240,
            "abandoned": True,
            "ivr_path": ["main", "plans", "change", "agent"],
            "ivr_seconds": 95,
        },
    ),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of an embedded pipeline to which all that has happened."""
    found = Files(tmp_path_factory.mktemp("trail") / "touchpoint.db")
    runner = make_runner(found.state, limits=EmbeddedLimits(tick_seconds=3_600))
    runner.start()
    asyncio.run(runner.append([_entry(number) for number in range(len(HAPPENED))], now_ms()))
    wait_until(lambda: runner.lag_records == 0, seconds=30, what="the lane to catch up")
    runner.stop()
    return found


def _entry(number: int) -> Entry:
    hours, customer, type_name, data = HAPPENED[number]
    time = (NOW - timedelta(hours=hours)).isoformat()
    made = event(type_name, id=f"e-{number}", subject=customer, time=time, data=data)
    return Entry(customer.encode(), msgspec.json.encode(made))


def contributions_of(files: Files, customer: str) -> list[Item]:
    """The touches of the last two days, newest first."""
    engine = make_engine(f"sqlite:///{files.state}")
    try:
        items = ReadModel(engine).contributions(customer, 100).items
    finally:
        engine.dispose()
    return [each for each in items if datetime.fromisoformat(str(each["time"])) >= NOW - TWO_DAYS]


def test_all_touches_of_the_last_two_days_are_there_when_the_customer_calls(files: Files) -> None:
    """She tried the app, stood in the shop, got a late SMS and gave up on the line. Now she calls,
    and the clerk need not ask: every channel is there, newest first, and nobody else's touches."""
    trail = contributions_of(files, "liu")
    assert [each["event"] for each in trail] == ["e-5", "e-4", "e-3", "e-1"]
    assert [each["touchpoint"] for each in trail] == ["call", "message", "visit", "digital"]
    assert [each["intent"] for each in trail] == ["help", "none", "help", "help"]


def test_the_trail_tells_how_each_touch_was_felt(files: Files) -> None:
    """Twenty-five minutes in the shop, where five are usual, and no result: the score before and
    after says what that did, and the next touch goes on from there."""
    call, message, visit, app = contributions_of(files, "liu")
    felt = msgspec.convert(visit["felt"], list[dict[str, object]])
    assert [each["dimension"] for each in felt] == ["waiting", "access", "resolution"]
    for each in (call, visit, app):
        before, after = (each[name] for name in ("score_before", "score_after"))
        assert isinstance(before, float)
        assert isinstance(after, float)
        assert after < before
    assert message["score_before"] != visit["score_after"]  # an hour has passed: it fades


def test_the_path_through_the_menu_and_its_seconds_are_in_the_log(files: Files) -> None:
    """How she went through the menu, and for how long, before she gave up."""
    with closing(LogReader(files.log)) as reader:
        records = reader.read(0, records=100, size=1_000_000)
    calls = [
        made["data"]
        for made in (msgspec.json.decode(each.value) for each in records if each.value)
        if made.get("subject") == "liu" and made["type"] == CALL
    ]
    assert calls[-1]["ivr_path"] == ["main", "plans", "change", "agent"]
    assert (calls[-1]["ivr_seconds"], calls[-1]["wait_seconds"]) == (95, 240)
