"""What is remembered of care for two customers who turn out to be one goes on with the one."""

from typing import Any

import msgspec

from pipeline.core.policy.compiled import Policy
from schemas.care import CareAction, CareDecision, Consent
from schemas.topics import ACTIONS, CONSENTS, DECISIONS
from tests.property.partition import Partition
from tests.unit.core import default_policy
from tests.unit.events import event
from tests.unit.guarding import BOUGHT, CONSENT, TRANSACTION, at, cap, guarded

MERGED = "touchpoint.customer.merged.v1"
QUIET = {"begins": "21:00", "ends": "08:00", "zone": "UTC", "classes": ["care"]}
NIGHT = guarded(quiet=QUIET, limits={"pending": 2}, caps=[cap("three", 3, 100)])
LATE, MORNING = 22.0, 32.0


def happen(town: Partition, kind: str, name: str, hours: float, data: dict[str, Any]) -> None:
    identity = f"e-{len(town.log)}"
    town.take(event(kind, id=identity, subject=name, time=at(hours), data=data))


def night(bob: int, ann: int = 0, policy: Policy = NIGHT) -> Partition:
    """So many actions wait for each of them for the morning; then the two are one, ``ann``."""
    town = Partition(policy)
    for name, count in (("bob", bob), ("ann", ann)):
        for n in range(count):
            happen(town, TRANSACTION, name, LATE + n / 10, BOUGHT)
    happen(town, MERGED, "ann", 23, {"merged": "bob"})
    return town


def hour_s(hours: float) -> float:
    return 1_772_409_600.0 + hours * 3_600


def decisions(town: Partition) -> list[CareDecision]:
    return [
        msgspec.json.decode(said.value, type=CareDecision)
        for said in town.said
        if said.topic == DECISIONS
    ]


def test_what_waits_for_the_one_who_goes_is_done_for_the_one_who_stays() -> None:
    town = night(bob=1)
    assert not town.states()["bob"].care.pending
    assert town.states()["bob"].due_ms is None
    town.tick(hour_s(MORNING))
    (action,) = [
        msgspec.json.decode(said.value, type=CareAction)
        for said in town.said
        if said.topic == ACTIONS
    ]
    assert action.customer == "ann"
    held, requested = decisions(town)
    assert held.id == requested.id == action.id
    assert (held.customer, requested.customer) == ("bob", "ann")


def test_what_has_no_room_beside_that_of_the_other_is_decided_at_once() -> None:
    town = night(bob=2, ann=1)
    (last,) = [each for each in decisions(town) if each.outcome == "withheld"]
    assert last.reason == "no_room"
    assert len(town.states()["ann"].care.pending) == 2
    town.tick(hour_s(MORNING))
    final = [each.id for each in decisions(town) if each.outcome != "held"]
    assert len(final) == len(set(final)) == 3


def test_what_went_to_either_counts_for_both() -> None:
    town = Partition(guarded(caps=[cap("two", 2, 24)]))
    for name in ("ann", "bob"):
        happen(town, TRANSACTION, name, 1, BOUGHT)
    happen(town, MERGED, "ann", 2, {"merged": "bob"})
    happen(town, TRANSACTION, "ann", 3, BOUGHT)
    assert decisions(town)[-1].reason == "cap"


def test_a_complaint_of_the_one_who_goes_stays_open_with_its_clock() -> None:
    town = Partition(default_policy())
    complaint = {"complaint": "k-1", "topic": "parking"}
    happen(town, "touchpoint.complaint.opened.v1", "bob", 1, complaint)
    before = town.states()["bob"].care
    happen(town, MERGED, "ann", 2, {"merged": "bob"})
    after = town.states()["ann"].care
    assert [case.name for case in after.cases] == ["k-1"]
    assert {(each.kind, each.about) for each in before.alarms} <= {
        (each.kind, each.about) for each in after.alarms
    }
    assert after.recent.contacts == before.recent.contacts


def test_the_wishes_of_both_are_told_of_the_one_who_stays() -> None:
    town = Partition(NIGHT)
    for name, channel in (("bob", "sms"), ("ann", "email")):
        data = {"channel": channel, "purpose": "care", "granted": False}
        happen(town, CONSENT, name, 1, data)
    happen(town, MERGED, "ann", 2, {"merged": "bob"})
    told = [
        msgspec.json.decode(said.value, type=Consent)
        for said in town.said
        if said.topic == CONSENTS
    ]
    assert [each.denied for each in told] == [
        ("sms:care",),
        ("email:care",),
        ("email:care", "sms:care"),
    ]
    assert told[-1].customer == "ann"


def test_a_wish_for_no_alerts_is_told() -> None:
    town = Partition(NIGHT)
    profile = "touchpoint.customer.profiled.v1"
    happen(town, profile, "ann", 1, {"tier": "gold"})
    assert not [said for said in town.said if said.topic == CONSENTS]
    happen(town, profile, "ann", 2, {"alerts": {"wanted": False}})
    (told,) = [said for said in town.said if said.topic == CONSENTS]
    assert msgspec.json.decode(told.value, type=Consent).alerts is False
    assert told.key == b"ann"
