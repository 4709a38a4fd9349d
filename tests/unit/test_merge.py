"""Two ids that turn out to be one customer: the account passes over whole, whatever the order."""

import json
from collections import deque
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.policy.compiled import Policy
from pipeline.core.profile import consented
from pipeline.engine.ports import LogRecord, Read
from pipeline.stages.perceive import CODEC, PerceiveStage
from schemas.perception import Score
from schemas.topics import CONTRIBUTIONS, EVENTS, SCORES
from tests.property.streams import streams
from tests.property.touches import FAMILIES
from tests.unit.core import changed_policy, default_policy
from tests.unit.events import event

MERGED = "touchpoint.customer.merged.v1"
VISIT = "touchpoint.visit.completed.v1"


# Others are judged by these, so it matters who of the two they came to.
ABOUT_ONE = {
    "touchpoint.customer.profiled.v1",
    "touchpoint.market.rival_offered.v1",
    "touchpoint.promise.made.v1",
}


def roomy(content: dict[str, Any]) -> None:
    """Room for more records than the shipped policy keeps."""
    content["limits"] |= {"failures": 40, "promises": 20, "contacts": 40, "state_bytes": 65_536}


ROOMY = changed_policy(roomy)


class Town:
    """Customers, each with a log of their own; what the stage sends to EVENTS comes back."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.stage = PerceiveStage(policy or default_policy(), version="test")
        self.states: dict[bytes, bytes] = {}
        self.scores: dict[str, Score] = {}
        self.contributions = 0
        self.stepped = 0

    def happen(self, made: dict[str, Any]) -> None:
        waiting = deque([(str(made["subject"]).encode(), json.dumps(made).encode())])
        while waiting:
            key, value = waiting.popleft()
            read = self.stage.read(LogRecord(0, key, value), 0)
            assert isinstance(read, Read), read
            stepped = self.stage.step(key, self.states.get(key), [read.input], 0)
            self.stepped += 1
            assert stepped.state is not None
            self.states[key] = stepped.state
            for output in stepped.outputs:
                if output.topic == EVENTS:
                    waiting.append((output.key, output.value))
                elif output.topic == SCORES:
                    self.scores[key.decode()] = msgspec.json.decode(output.value, type=Score)
                self.contributions += output.topic == CONTRIBUTIONS


def merged(stays: str, goes: str, **changes: Any) -> dict[str, Any]:
    made = {"id": f"{stays}<{goes}", "subject": stays, "data": {"merged": goes}}
    return event(MERGED, **(made | {"time": "2028-01-01T00:00:00Z"} | changes))


def visit(subject: str, number: int, **data: Any) -> dict[str, Any]:
    return event(VISIT, id=f"v{number}", subject=subject, data={"wait_seconds": 3_000, **data})


@settings(deadline=None)
@given(streams(most=16, kinds=sorted(set(FAMILIES) - ABOUT_ONE)), st.data())
def test_the_merged_account_is_that_of_one_customer_who_had_every_touch(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    one = Town(ROOMY)
    for made in events:
        one.happen(made | {"subject": "a"})
    two = Town(ROOMY)
    at = data.draw(st.integers(0, len(events)))
    for number, made in enumerate(events):
        if number == at:
            two.happen(merged("a", "b"))
        two.happen(made | {"subject": data.draw(st.sampled_from("ab"))})
    if at == len(events):
        two.happen(merged("a", "b"))
    one.happen(merged("a", "nobody"))  # the same as of, and one event more
    assert two.scores["a"].score == pytest.approx(one.scores["a"].score, abs=1e-9)
    assert two.scores["a"].ratio == pytest.approx(one.scores["a"].ratio, abs=1e-9)


def test_later_events_of_the_one_who_went_are_forwarded_and_told_once() -> None:
    town = Town()
    town.happen(visit("b", 1))
    town.happen(merged("a", "b"))
    before = town.scores["a"]
    told = town.contributions
    for _ in range(2):  # a repetition is one at the one who stays
        town.happen(visit("b", 2))
    assert town.contributions == told + 1
    assert town.scores["a"].events == before.events + 1
    assert town.scores["a"].score < before.score
    assert town.scores["b"].merged_into == "a"
    assert town.scores["b"].parts == ()


def test_a_repeated_event_of_before_the_merge_stays_a_repetition() -> None:
    town = Town()
    town.happen(visit("b", 1))
    town.happen(merged("a", "b"))
    before = town.scores["a"].score
    town.happen(visit("b", 1))
    assert town.scores["a"].score == before


def test_two_who_were_merged_into_each_other_settle_on_one() -> None:
    town = Town()
    for subject in "ab":
        town.happen(visit(subject, 1, intent="help") | {"source": f"/{subject}"})
    town.happen(merged("a", "b"))
    town.happen(merged("b", "a"))
    town.happen(visit("a", 2))
    town.happen(visit("b", 3))
    alive = [score for score in town.scores.values() if score.merged_into is None]
    (one,) = alive
    assert len(one.parts) >= 4  # all four visits, in one place
    assert town.stepped < 60


def test_a_customer_merged_with_themselves_stays_as_they_are() -> None:
    town = Town()
    town.happen(visit("a", 1))
    before = town.scores["a"].parts
    town.happen(merged("a", "a", time="2026-03-02T09:30:00Z"))
    assert town.scores["a"].parts == before


def test_a_chain_of_merges_ends_with_the_last_who_stays() -> None:
    town = Town()
    town.happen(visit("c", 1))
    town.happen(merged("b", "c"))
    town.happen(merged("a", "b"))
    town.happen(visit("c", 2))
    assert town.scores["a"].merged_into is None
    assert {part.event for part in town.scores["a"].parts if part.event} == {"v1", "v2"}


def test_a_consent_denied_by_either_stays_denied() -> None:
    consent = "touchpoint.customer.consented.v1"
    town = Town()
    sms = {"channel": "sms", "purpose": "care"}
    town.happen(event(consent, id="1", subject="a", data=sms | {"granted": True}))
    town.happen(event(consent, id="2", subject="b", data=sms | {"granted": False}))
    town.happen(merged("a", "b"))
    assert consented(CODEC.decode(town.states[b"a"]), "sms", "care") is False


def test_cases_and_their_clocks_go_over_to_the_one_who_stays() -> None:
    town = Town()
    opened = "touchpoint.complaint.opened.v1"
    for number, (subject, name) in enumerate((("a", "k-1"), ("b", "k-2"), ("b", "k-1"))):
        data = {"intent": "complaint", "complaint": name}
        town.happen(event(opened, id=f"c{number}", subject=subject, data=data))
    town.happen(merged("a", "b", time="2026-03-02T09:31:00Z"))
    care = CODEC.decode(town.states[b"a"]).care
    assert sorted(case.name for case in care.cases) == ["k-1", "k-2"]
    assert len([alarm for alarm in care.alarms if alarm.kind == "case"]) == 2
    assert CODEC.decode(town.states[b"b"]).care.cases == []
