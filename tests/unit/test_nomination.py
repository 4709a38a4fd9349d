"""Who is put forward for a campaign waits until it closes, and asks for one share."""

from typing import Any

import pytest

from pipeline.core.policy.load import PolicyError
from schemas.care import CareDeclined, CareProposal, GiftSeen
from tests.stories.telling import GIFT, PROFILE
from tests.unit.core import Life, changed_policy, default_policy

NOMINATED = "touchpoint.campaign.nominated.v1"


def asked(life: Life) -> list[CareProposal]:
    return [said.record for said in life.said if isinstance(said.record, CareProposal)]


def put_forward(life: Life, at: str, campaign: str = "spring_gift") -> None:
    life.happen(NOMINATED, at, {"campaign": campaign, "cohort_size": 4})


def test_nothing_is_asked_before_the_campaign_closes_and_then_once() -> None:
    life = Life()
    life.happen(PROFILE, "2026-03-01T00:00:00Z", {"cohort": "sales"})
    put_forward(life, "2026-03-02T00:00:00Z")
    put_forward(life, "2026-03-03T00:00:00Z")
    life.tick("2026-03-07T23:59:59Z")
    assert asked(life) == []
    life.tick("2026-03-08T00:00:01Z")
    (proposal,) = asked(life)
    assert (proposal.campaign, proposal.cohort, proposal.cohort_size) == ("spring_gift", "sales", 4)
    assert proposal.proposed_at.isoformat() == "2026-03-08T00:00:00+00:00"
    put_forward(life, "2026-03-02T12:00:00Z")  # told of late: the campaign says what is late
    life.tick("2026-03-09T00:00:00Z")
    assert {each.campaign for each in asked(life)} == {"spring_gift"}


@pytest.mark.parametrize("at", ["2026-02-27T00:00:00Z", "2026-03-08T00:00:01Z"])
def test_outside_of_its_time_the_campaign_is_asked_at_once(at: str) -> None:
    life = Life()
    put_forward(life, at)
    assert len(asked(life)) == 1


def test_for_a_campaign_that_nothing_waits_for_nothing_is_asked() -> None:
    life = Life()
    for campaign in ("call_backs", "unheard_of"):
        put_forward(life, "2026-03-02T00:00:00Z", campaign)
    life.tick("2026-03-09T00:00:00Z")
    assert asked(life) == []


def test_a_campaign_that_is_given_more_time_is_asked_later() -> None:
    def longer(content: dict[str, Any]) -> None:
        content["campaigns"]["spring_gift"]["closes"] = "2026-03-10T00:00:00Z"

    life = Life()
    put_forward(life, "2026-03-02T00:00:00Z")
    life.policy = changed_policy(longer)
    life.tick("2026-03-08T00:00:01Z")
    assert asked(life) == []
    life.tick("2026-03-10T00:00:01Z")
    assert len(asked(life)) == 1


def test_who_finds_no_room_to_wait_is_answered_and_the_campaign_knows() -> None:
    policy = default_policy()
    life = Life(policy._replace(limits=policy.limits.model_copy(update={"alarms": 0})))
    put_forward(life, "2026-03-02T00:00:00Z")
    assert [decision.reason for decision in life.decisions("gift")] == ["no_room"]
    (declined,) = [said.record for said in life.said if isinstance(said.record, CareDeclined)]
    assert (declined.campaign, declined.cohort_size) == ("spring_gift", 4)


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        ({"campaign": "spring_gift"}, "spring_gift"),
        ({"batch": "first"}, "first"),
        ({}, None),
    ],
)
def test_a_gift_of_a_campaign_or_batch_is_told_where_peers_compare(
    data: dict[str, str], seen: str | None
) -> None:
    life, alone = Life(), Life()
    life.happen(PROFILE, "2026-03-01T00:00:00Z", {"cohort": "sales"})
    for each in (life, alone):
        each.happen(GIFT, "2026-03-02T00:00:00Z", {"gift": "tea"} | data)
    told = [said for said in life.said if isinstance(said.record, GiftSeen)]
    assert [said.key for said in told] == ([] if seen is None else [seen])
    assert not any(isinstance(said.record, GiftSeen) for said in alone.said)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"closes": None}, "every_seconds"),
        ({"every_seconds": 60}, "every_seconds"),
        ({"opens": "2026-03-09T00:00:00Z"}, "`opens` must be before `closes`"),
        ({"not_after": "2026-03-08T00:00:30Z"}, "`not_after` must be later"),
        ({"zone": "Asia/Atlantis"}, "no IANA time zone"),
        ({"lanes": {"gold": 0.7, "ordinary": 0.7}}, "more than 1"),
        ({"lanes": {"silver": 0.1}}, "unknown tier 'silver'"),
    ],
)
def test_a_campaign_that_cannot_be_is_refused(changes: dict[str, Any], what: str) -> None:
    def change(content: dict[str, Any]) -> None:
        content["campaigns"]["spring_gift"] |= changes

    with pytest.raises(PolicyError, match=what):
        changed_policy(change)


def test_an_action_of_no_campaign_that_there_is_is_refused() -> None:
    def change(content: dict[str, Any]) -> None:
        content["care"]["actions"]["gift"]["campaign"] = "spring_gifts"

    with pytest.raises(PolicyError, match="did you mean 'spring_gift'"):
        changed_policy(change)
