"""The order in which events arrive, their repetition and their grouping change nothing."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.perceive.score import full_score
from pipeline.core.steps import perceive_step
from pipeline.engine.ports import Stepped
from pipeline.stages.perceive import CODEC, PerceiveStage
from schemas.topics import SCORES
from tests.property.lives import DAY_S, live, read
from tests.property.policies import DEFAULT, ONE, ROOMY, SEVERAL, Sample, pool_seed, under
from tests.property.replaying import digest_of_replay
from tests.property.streams import Events, History, histories, streams


@under(default=ROOMY, one_half_life=ONE, several=SEVERAL)
@given(data=st.data(), history=histories(), days=st.sampled_from([0.0, 1.0, 90.0]))
def test_the_order_of_arrival_does_not_matter(
    policies: st.SearchStrategy[Sample], data: st.DataObject, history: History, days: float
) -> None:
    policy = data.draw(policies).policy
    one, other = (live(events, policy) for events in history)
    assert one.as_of_s == other.as_of_s
    at_s = one.as_of_s + days * DAY_S
    was, came = (full_score("c", customer, policy, at_s) for customer in (one, other))
    for name in ("score", "impression", "loyalty", "low", "high", "confidence"):
        assert getattr(came, name) == pytest.approx(getattr(was, name), abs=1e-9), name
    assert (was.open_failures, was.open_promises) == (came.open_failures, came.open_promises)


@under(default=DEFAULT, one_half_life=ONE, several=SEVERAL)
@given(data=st.data(), events=streams(most=60))
def test_an_event_seen_before_changes_nothing(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events
) -> None:
    policy = data.draw(policies).policy
    customer = live(events, policy)
    before = CODEC.encode(customer)
    remembered = read(events[-policy.limits.remembered_events :], policy)
    for again in data.draw(st.lists(st.sampled_from(remembered), min_size=1, max_size=5)):
        outcome = perceive_step("customer-1", customer, again, policy)
        assert outcome.contribution is None
        assert CODEC.encode(outcome.customer) == before


@under(default=DEFAULT, one_half_life=ONE, several=SEVERAL)
@given(data=st.data(), events=streams(most=30))
def test_a_replay_in_other_chunks_gives_the_same_bytes(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events
) -> None:
    policy = data.draw(policies).policy
    stage = PerceiveStage(policy, version="1")
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=3))
    events = [*events, *repeats]
    cuts = data.draw(st.sets(st.integers(1, len(events) - 1))) if len(events) > 1 else set()

    def replay(ends: list[int]) -> list[Stepped]:
        state, found, inputs = None, [], read(events, policy)
        for start, end in pairwise([0, *ends, len(inputs)]):
            stepped = stage.step(b"customer-1", state, inputs[start:end], 0)
            state = stepped.state
            found.append(stepped)
        return found

    single, chunked = replay(list(range(1, len(events)))), replay(sorted(cuts))
    assert chunked[-1].state == single[-1].state
    told = [
        [each for stepped in steps for each in stepped.outputs if each.topic != SCORES]
        for steps in (single, chunked)
    ]
    assert told[0] == told[1]
    scores = [[each for each in s.outputs if each.topic == SCORES] for s in single]
    ends = [*sorted(cuts), len(events)]
    for start, end, stepped in zip([0, *ends], ends, chunked, strict=False):
        wanted = [score for step in scores[start:end] for score in step][-1:]
        assert [each for each in stepped.outputs if each.topic == SCORES] == wanted


def test_a_replay_in_another_process_gives_the_same_bytes() -> None:
    number = pool_seed()  # which the children have too, by the environment
    wanted = digest_of_replay(number)
    for hash_seed in ("1", "2", "3"):  # the order of a set of strings differs between them
        told = subprocess.run(
            [sys.executable, "-m", "tests.property.replaying", str(number)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert told.stdout.strip() == wanted
