"""The perceive stage, bytes in and bytes out, where the engine's own tests use a stand-in."""

import msgspec
import pytest

from pipeline.engine.ports import LogRecord, Read, Refused, Tick
from pipeline.stages.perceive import PerceiveStage
from schemas.dead_letter import DeadLetter, Reason
from schemas.topics import ACTIONS, CONTRIBUTIONS, DECISIONS, SCORES
from schemas.touchpoints.clock import tick_bytes
from tests.unit.core import default_policy
from tests.unit.events import event_bytes

TRANSACTION = "touchpoint.transaction.completed.v1"
STAGE = PerceiveStage(default_policy(), version="1.2.3")


def read(value: bytes | None, key: bytes | None = b"customer-1", **more: object) -> object:
    return STAGE.read(LogRecord(7, key, value, **more), 3)  # type: ignore[arg-type]


def letter(refused: object) -> DeadLetter:
    assert isinstance(refused, Refused), refused
    decoded = msgspec.json.decode(refused.output.value, type=DeadLetter)
    assert decoded.reason.value == refused.reason
    return decoded


def test_a_dead_letter_keeps_the_record_as_it_was_and_where_it_stood() -> None:
    headers = (("trace", b"\x00\xff"), ("empty", None))
    found = letter(read(b'{"id"\xff', b"k\x01", timestamp=1_700_000_000_000, headers=headers))
    assert (found.value, found.key, found.headers) == (b'{"id"\xff', b"k\x01", headers)
    assert (found.topic, found.partition, found.offset) == ("touchpoint.event.v1", 3, 7)
    assert (found.timestamp_ms, found.reason) == (1_700_000_000_000, Reason.BROKEN_JSON)
    assert (found.component, found.version) == ("perceive", "1.2.3")


def test_a_header_without_a_value_does_not_make_a_record_binary() -> None:
    headers = (("ce_type", None), ("ce_id", b"1"))
    assert letter(read(b'{"amount": 1}', headers=headers)).reason == Reason.UNKNOWN_TYPE


@pytest.mark.parametrize("clock_ms", [1_700_000_000_000, 1_700_000_000_001, 1_790_000_000_999])
def test_a_tick_is_time_to_the_millisecond(clock_ms: int) -> None:
    assert read(tick_bytes("/clock", 3, clock_ms), None) == Tick(clock_ms)


def test_an_anonymous_event_is_told_and_keeps_no_state() -> None:
    found = read(event_bytes(TRANSACTION, subject=None, anonymous=True), None)
    assert isinstance(found, Read)
    stepped = STAGE.step(found.key, None, [found.input], 0)
    assert stepped.state is None
    (contribution,) = stepped.outputs
    assert contribution.topic == CONTRIBUTIONS
    assert msgspec.json.decode(contribution.value)["customer"] is None


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"subject": None}, Reason.MISSING_CUSTOMER, "subject"),
        ({"anonymous": True}, Reason.INVALID_FIELD, "anonymous"),
        ({"subject": "somebody-else"}, Reason.KEY_MISMATCH, "subject"),
        ({"subject": "with\x00nul"}, Reason.INVALID_FIELD, "subject"),
        ({"time": "2300-01-01T00:00:00Z"}, Reason.TIME_OUT_OF_RANGE, "time"),
        ({"type": "touchpoint.transaction.completed.v2"}, Reason.UNKNOWN_VERSION, "type"),
    ],
)
def test_a_refusal_names_its_field(changes: dict[str, object], reason: Reason, field: str) -> None:
    found = letter(read(event_bytes(TRANSACTION, **changes)))
    assert found.reason == reason
    assert [each.field for each in found.fields] == [field]


def test_one_score_for_all_events_of_a_customer_and_none_for_duplicates_alone() -> None:
    one, two = (read(event_bytes(TRANSACTION, id=name)) for name in ("a", "b"))
    assert isinstance(one, Read)
    assert isinstance(two, Read)
    stepped = STAGE.step(one.key, None, [one.input, two.input, one.input], 0)
    topics = [output.topic for output in stepped.outputs]
    one_bought = [CONTRIBUTIONS, ACTIONS, DECISIONS]
    assert topics == [*one_bought, *one_bought, SCORES]
    assert stepped.duplicates == 1
    again = STAGE.step(one.key, stepped.state, [two.input], 0)
    assert (again.outputs, again.duplicates) == ([], 1)
    assert again.state is stepped.state


def test_what_is_withheld_is_told_as_a_decision() -> None:
    profile = read(
        event_bytes("touchpoint.customer.profiled.v1", id="p", data={"alerts": {"wanted": False}})
    )
    bought = read(event_bytes(TRANSACTION))
    assert isinstance(profile, Read)
    assert isinstance(bought, Read)
    stepped = STAGE.step(bought.key, None, [profile.input, bought.input], 0)
    (decision,) = [each for each in stepped.outputs if each.topic == DECISIONS]
    assert msgspec.json.decode(decision.value)["reason"] == "not_wanted"
