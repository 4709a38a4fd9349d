"""What a campaign pays for is put before it, and nobody waits for its word for ever."""

from typing import Any

from schemas.care import CareDeclined, CareProposal
from schemas.topics import PROPOSALS
from tests.unit.core import Life
from tests.unit.guarding import CARE, DECIDED, at, buy, cap, guarded, opt_out, outcomes, sourced

SPRING = {"campaign": "spring", "cost": 20, "channels": ["sms"]}
WORTH = {"classes": ["care"], "year_share": sourced(0.02), "largest_factor": sourced(5)}
PROPOSED = ("proposed", "campaign")
REASONS = {"allocated": "funded", "not_funded": "stock"}
ALLOCATED = ("allocated", "funded")
NOT_FUNDED = ("not_funded", "stock")
REQUESTED = ("requested", "requested")


def candidate(**guards: Any) -> Life:
    life = Life(guarded(**({"action": SPRING} | guards)))
    buy(life, 10)
    return life


def verdict(life: Life, hours: float, what: str, proposal: str | None = None) -> None:
    told = {"campaign": "spring", "verdict": what, "reason": REASONS[what]}
    told["proposal"] = proposal or life.decisions(CARE)[0].id
    life.happen(DECIDED, at(hours), told)


def test_it_is_proposed_with_what_it_is_worth_and_what_it_costs() -> None:
    life = candidate(worth=WORTH)
    (said,) = [each for each in life.said if each.topic == PROPOSALS]
    assert said.key == "spring"
    assert isinstance(said.record, CareProposal)
    assert (said.record.value, said.record.cost) == (24.0, 20.0)
    assert said.record.expires_at.isoformat() == at(10 + 72)
    assert outcomes(life) == [PROPOSED]
    assert not life.actions()


def test_what_is_allocated_goes_out_and_what_is_not_gives_its_place_back() -> None:
    once = [cap("once", 1, 1_000)]
    life, other = candidate(caps=once), candidate(caps=once)
    for each, what in ((life, "allocated"), (other, "not_funded")):
        buy(each, 11)
        verdict(each, 12, what)
        buy(each, 13)
    capped = ("withheld", "cap")
    assert outcomes(life) == [PROPOSED, capped, ALLOCATED, REQUESTED, capped]
    assert outcomes(other) == [PROPOSED, capped, NOT_FUNDED, PROPOSED]
    (action,) = life.actions()
    assert action.id == life.decisions(CARE)[0].id
    assert action.campaign == "spring"


def test_without_a_verdict_it_expires_and_a_late_one_changes_nothing() -> None:
    life = candidate()
    life.tick(at(82))
    verdict(life, 83, "allocated")
    assert outcomes(life) == [PROPOSED, ("expired", "no_verdict")]
    assert not life.state.care.contacted
    assert not life.state.care.pending


def test_an_unknown_verdict_changes_nothing_and_a_second_one_neither() -> None:
    life = candidate()
    verdict(life, 11, "allocated", proposal="nobody's")
    verdict(life, 12, "not_funded")
    verdict(life, 13, "allocated")
    assert outcomes(life) == [PROPOSED, NOT_FUNDED]


def test_who_opted_out_before_the_verdict_gets_nothing_by_it() -> None:
    life = candidate()
    opt_out(life, 11, "sms")
    verdict(life, 12, "allocated")
    assert outcomes(life) == [PROPOSED, ALLOCATED, ("withheld", "no_consent")]
    assert not life.state.care.contacted


def test_what_is_allocated_at_night_waits_for_the_morning() -> None:
    quiet = {"begins": "21:00", "ends": "08:00", "zone": "UTC", "classes": ["care"]}
    life = candidate(quiet=quiet)
    verdict(life, 22, "allocated")
    life.tick(at(32))
    assert outcomes(life) == [PROPOSED, ALLOCATED, ("held", "quiet_hours"), REQUESTED]


def test_what_was_not_nominated_for_it_is_not_declined_to_it() -> None:
    life = Life(guarded(action=SPRING, caps=[cap("none", 0, 1)]))
    buy(life, 10)
    assert outcomes(life) == [("withheld", "cap")]
    assert not [each for each in life.said if isinstance(each.record, CareDeclined)]
