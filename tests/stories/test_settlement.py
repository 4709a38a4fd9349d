"""What became of an action comes back: the ledger is closed, and what was reserved is settled."""

from schemas.care import CareDecision
from tests.stories.telling import MESSAGE, MESSAGE_FAILED
from tests.unit.core import Life
from tests.unit.guarding import CARE, at, buy, cap, guarded, outcomes

SETTLED = "touchpoint.care.settled.v1"
BY_SMS = [cap("sms", 1, 24, channels=["sms"]), cap("email", 1, 24, channels=["email"])]


def cared() -> tuple[Life, str]:
    life = Life(guarded(caps=BY_SMS))
    buy(life, 1)
    return life, life.actions(CARE)[0].id


def delivered(life: Life, hours: float, about: str, channel: str, type_name: str = MESSAGE) -> None:
    told = {"channel": channel, "purpose": "care", "about": about, "action": CARE}
    life.happen(type_name, at(hours), told)


def test_what_arrived_is_settled_as_done_and_frees_the_channel_it_did_not_take() -> None:
    life, action = cared()
    delivered(life, 2, action, "email")
    last = life.decisions(CARE)[-1]
    assert (last.id, last.outcome, last.reason, last.channel) == (
        action,
        "settled",
        "done",
        "email",
    )
    assert last.cause.event == "e-1"
    buy(life, 3)
    assert life.actions(CARE)[-1].channel == "sms"


def test_what_failed_gives_its_place_back() -> None:
    life, action = cared()
    delivered(life, 2, action, "sms", MESSAGE_FAILED)
    assert outcomes(life)[-1] == ("settled", "failed")
    assert not life.state.care.contacted
    buy(life, 3)
    assert [each.channel for each in life.actions(CARE)] == ["sms", "sms"]


def test_what_was_suppressed_is_told_by_an_event_of_its_own() -> None:
    life, action = cared()
    told = {"action": action, "name": CARE, "channel": "sms", "result": "suppressed"}
    life.happen(SETTLED, at(2), told | {"detail": "opted out meanwhile"})
    last = life.decisions(CARE)[-1]
    assert isinstance(last, CareDecision)
    assert (last.outcome, last.reason, last.detail) == (
        "settled",
        "suppressed",
        "opted out meanwhile",
    )
    assert not life.state.care.contacted


def test_an_action_is_settled_once() -> None:
    life, action = cared()
    delivered(life, 2, action, "sms", MESSAGE_FAILED)
    delivered(life, 3, action, "email")
    assert [outcome for outcome, _ in outcomes(life)].count("settled") == 1


def test_a_message_that_carries_out_no_action_settles_nothing() -> None:
    life, action = cared()
    life.happen(MESSAGE, at(2), {"channel": "sms", "about": action})
    assert len(outcomes(life)) == 1


def test_a_cause_that_was_settled_is_not_acted_on_again() -> None:
    life, action = cared()
    delivered(life, 2, action, "sms", MESSAGE_FAILED)
    life.state.seen = b""  # the event is told again, long after
    before = outcomes(life)
    buy(life, 3, id="e-0")
    assert outcomes(life) == before
    assert life.told["repeated", CARE] == 1
