"""Stories of a plan looked at before it starts: what it would do to whom."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.tools.histories import histories_of
from pipeline.tools.review import Group, Review, review
from pipeline.tools.review_campaign import load_campaign
from pipeline.tools.review_warnings import warnings_of
from tests.stories.telling import PROFILE, SURVEY, at_level, days_later
from tests.unit.core import default_policy
from tests.unit.events import event

NAMES = ("an", "bo", "chen", "deng", "gao")
WEEKS = (0, 7, 14)


def history(dimension: str, rating: float) -> list[bytes]:
    """Five colleagues, ``gao`` with a gold card. Each is served once a week, three weeks long."""
    happened: list[dict[str, Any]] = []
    for name in NAMES:
        told = {"tier": "gold" if name == "gao" else "ordinary", "cohort": "ward 3"}
        happened.append(event(PROFILE, id=f"{name}-p", subject=name, time=days_later(0), data=told))
        for day in WEEKS:
            data = {"survey": "s", "answers": {dimension: rating}}
            made = {"id": f"{name}-{day}", "subject": name, "time": days_later(day + 1)}
            happened.append(event(SURVEY, data=data, **made))
    return [json.dumps(each).encode() for each in happened]


def reviewed(past: Sequence[bytes], *steps: dict[str, Any]) -> Review:
    """The review of a campaign of three weeks after those of the history."""
    plan = {"name": "spring", "starts": days_later(21), "days": 21, "steps": steps}
    policy = default_policy()
    campaign = load_campaign(json.dumps(plan), name="spring.yaml", policy=policy)
    return review(campaign, histories_of(past, policy), policy, lambda done, of: None)


def codes(found: Review) -> set[str]:
    return {warned.code for warned in warnings_of(found, default_policy())}


def group(found: Review, title: str) -> Group:
    (each,) = [each for each in found.groups if each.title == title]
    return each


PROMISE: dict[str, Any] = {"does": "promise", "dimension": "waiting", "level": 0.9, "due_days": 10}


def test_a_promise_above_what_is_delivered_inflates_expectation() -> None:
    """ "No more waiting", the poster will say, and the counters stay as they are. Before it hangs,
    the review says that customers would expect 0.8 instead of 0.7 and get 0.7 as ever."""
    found = reviewed(history("waiting", 3.8), PROMISE)
    ((day, while_open),) = group(found, "tier ordinary").passing
    assert day == 10
    expectation, ratio = while_open.expectation, while_open.ratio
    assert tuple(expectation) == pytest.approx((0.7, (4 * 0.7 + 4 * 0.9) / 8))
    assert tuple(ratio) == pytest.approx((0.7 / 0.7, 0.7 / 0.8))
    assert {"promise_beyond_delivery", "inflates_expectation"} <= codes(found)


def test_a_promise_the_counters_keep_is_worth_making() -> None:
    """The same poster, after the counters were doubled: what is delivered covers the word, each
    touch pleases even those who were promised much, and the kept word builds trust. Nothing speaks
    against it, although memory lags behind and the tenth day finds less perceived than promised."""
    found = reviewed(history("waiting", 3.8), PROMISE | {"delivered": 0.95})
    open_still = 0.2 * (0.25 / 11) * ((0.95 - 0.8) / 0.2) ** 0.88  # days 1 and 8
    kept = 0.2 * 0.15  # day 10
    afterwards = 0.2 * (0.25 / 11) * ((0.95 - 0.7) / 0.2) ** 0.88  # day 15
    each = {1: open_still, 8: open_still, 10: kept, 15: afterwards}
    level = sum(value * 2 ** (-(21 - day) / 30) for day, value in each.items())
    ordinary = group(found, "tier ordinary")
    assert tuple(ordinary.score) == pytest.approx((75, at_level(level)))
    assert ordinary.felt.perceived.change > 0
    assert codes(found) == set()


def test_better_delivery_raises_satisfaction() -> None:
    """Not the score alone: who waits less than ever is more satisfied when the campaign ends."""
    found = reviewed(history("waiting", 3.8), PROMISE | {"delivered": 0.95})
    assert group(found, "tier ordinary").felt.ratio.change > 0


def test_what_breaking_the_promise_would_cost_is_known_before() -> None:
    """Nobody will be able to keep it: the review tells the score each ordinary customer would
    have at the end, by the touches under the poster and the broken word."""
    found = reviewed(history("waiting", 3.8), PROMISE | {"kept_share": 0})
    # on days 1 and 8 of the campaign the promise is open, and 0.7 is half a zone below 0.8
    disappointed = -2.25 * 0.2 * (0.25 / 11) * 0.5**0.88
    faded = [2 ** (-(21 - day) / 30) for day in (1, 8, 10)]
    level = disappointed * (faded[0] + faded[1]) - 12 * 0.2 * 0.15 * 3**0.88 * faded[2]
    score = group(found, "tier ordinary").score
    assert tuple(score) == pytest.approx((75, at_level(level)))
    assert "hurts_many" in codes(found)


def test_a_plan_that_hurts_the_many_to_please_the_few_is_told_of() -> None:
    """The campaign teaches everybody to expect better informed staff, changes nothing about the
    staff, and gives a present to the gold card. Four of five would fall, one would rise."""
    found = reviewed(
        history("knowledge", 3.8),
        {"does": "benchmark", "dimension": "knowledge", "by": 0.15},
        {"does": "gift", "gift": "tea", "to": {"tiers": ["gold"]}},
    )
    # ordinary customers name knowledge: 0.15 of all; three touches three quarters of a zone short
    short = -2.25 * 0.2 * 0.15 * 0.75**0.88
    level = short * sum(2 ** (-(21 - day) / 30) for day in (1, 8, 15))
    ordinary, gold = group(found, "tier ordinary"), group(found, "tier gold")
    assert tuple(ordinary.score) == pytest.approx((75, at_level(level)))
    assert (ordinary.fell, ordinary.rose) == (1, 0)
    assert gold.score.change > 0
    assert gold.cost == pytest.approx(15)
    assert {"hurts_many", "inflates_expectation"} <= codes(found)


def test_a_present_for_some_of_those_who_see_each_other_is_told_of() -> None:
    """Tea for the gold card only, in a ward of five colleagues: the other four will see it. She
    who got it counts on such things a little, three weeks later, and remembers the tea as more."""
    found = reviewed(
        history("attitude", 3.8), {"does": "gift", "gift": "tea", "to": {"tiers": ["gold"]}}
    )
    (split,) = warnings_of(found, default_policy())
    assert split.code == "splits_cohort"
    assert split.text == "in cohort ward 3 1 of 5 get 'tea'; those left out can see it"
    # gold names connect_speed 2, awareness 1, resolution 1; over the six intents: enquiry, help,
    # fault, complaint, purchase, none
    attitude = (0.25 / 12 + 0.25 / 11 + 0.25 / 13 + 0.75 * 2 / 8 + 0.25 / 11 + 0.25 / 10) / 6
    attention = (0.25 / 12 + 0.25 / 11 + 0.25 / 13 + 0.25 / 11 + 0.25 / 11 + 0.75 / 7) / 6
    served = sum(2 ** (-(42 - day) / 30) for day in (1, 8, 15, 22, 29, 36))
    staff = (served * 0.7 + 5 * 0.73) / (served + 5)
    given, known = 2 ** (-21 / 30), 2 ** (-21 / 180)
    counted_on = 0.53 + 0.8 * known / (known + 5) * (1.0 - 0.53)
    tea = (given * 1.0 + 5 * counted_on) / (given + 5)
    # what nobody gave her without the campaign is as expected there
    without = (attitude * staff + attention * 0.53) / (attitude * 0.73 + attention * 0.53)
    ratio = (attitude * staff + attention * tea) / (attitude * 0.73 + attention * counted_on)
    assert tuple(group(found, "tier gold").felt.ratio) == pytest.approx((without, ratio))
