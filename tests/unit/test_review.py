"""A campaign is reviewed before it starts: what it does to small towns, and what is warned of."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.core.perceive.score import score_at
from pipeline.tools.review import NoHistoryError, Review, review
from pipeline.tools.review_warnings import warnings_of
from tests.unit.core import Life, changed_policy, default_policy
from tests.unit.events import ROOT, event
from tests.unit.towns import (
    DAY_S,
    STARTS,
    STARTS_S,
    SURVEY,
    Made,
    answers,
    campaign,
    day,
    histories,
    promise,
    reviewed,
    town,
)

EXAMPLE = ROOT / "deploy/campaigns/spring_gift.yaml"


# What trust and waiting weigh for an ordinary customer, over the six intents: enquiry, help,
# fault, complaint, purchase, none.
TRUST = (0.25 / 14 + 0.25 / 11 + 3 * 0.25 / 12 + 0.75 / 5) / 6
WAITING = (0.25 / 14 + 0.75 / 6 + 3 * 0.25 / 12 + 0.25 / 11) / 6
KEPT_DAYS_AGO = 20
"""Of a promise due on the tenth of thirty days."""


def trust_counted_on() -> float:
    """By how much one kept promise (0.9, where 0.7 is usual) lifts what is expected of trust."""
    weight: float = 2 ** (-KEPT_DAYS_AGO / 180)
    return 0.8 * weight / (weight + 5) * 0.2


def codes(found: Review) -> set[str]:
    return {warned.code for warned in warnings_of(found, default_policy())}


def test_a_promise_above_what_is_delivered_inflates_the_expectation() -> None:
    found = reviewed(town("abcd", 3.0), promise(0.9))
    assert {"promise_beyond_delivery", "inflates_expectation"} <= codes(found)
    everybody = found.groups[0]
    ((due, open_),) = everybody.passing
    # Norm and promise weigh the same: (0.7 + 0.9) / 2 while it is open; after it the norm counts
    # again, and that a promise was kept is counted on in trust.
    assert due == 10
    assert open_.expectation.without == pytest.approx(0.7)
    assert open_.expectation.with_campaign == pytest.approx(0.8)
    assert open_.perceived.change == pytest.approx(0.0)
    lift = TRUST / (TRUST + WAITING) * trust_counted_on()
    assert everybody.felt.expectation.change == pytest.approx(lift)


def test_what_changes_on_the_day_a_promise_falls_due_is_not_held_against_the_promise() -> None:
    raised = {"does": "benchmark", "dimension": "waiting", "by": 0.2, "after_days": 10}
    found = reviewed(town("ab", 3.0), promise(0.9), raised)
    ((_, open_),) = found.groups[0].passing
    assert open_.expectation.with_campaign == pytest.approx(0.8)
    raised_at_last = WAITING * 0.9 + TRUST * (0.7 + trust_counted_on())
    expectation = found.groups[0].felt.expectation.with_campaign
    assert expectation == pytest.approx(raised_at_last / (WAITING + TRUST))


def test_a_promise_within_delivery_and_kept_raises_trust_without_a_warning() -> None:
    found = reviewed(town("abcd", 4.6), promise(0.85))
    assert codes(found) == set()
    assert all(effect.score.change > 0 for effect in found.effects.values())


def test_only_promises_that_delivery_lives_up_to_inflate_nothing() -> None:
    """Memory lags what happens, so right after a good promise less is perceived than promised."""
    kept = promise(0.85, due_days=2)
    assert "inflates_expectation" not in codes(reviewed(town("ab", 4.6), kept))
    assert "inflates_expectation" not in codes(reviewed(town("ab", 3.0), kept | {"delivered": 0.9}))
    for less in (
        kept | {"kept_share": 0.5},
        kept | {"kept_share": 0.5, "late_share": 0.5},
        kept | {"delivered": 0.84},
    ):
        assert "inflates_expectation" in codes(reviewed(town("ab", 4.6), less))


def test_a_promise_that_holds_on_the_mean_inflates_where_less_is_delivered() -> None:
    made = town("abc", 5.0, tier="gold") + town("d", 3.4)
    warned = warnings_of(reviewed(made, promise(0.85)), default_policy())
    assert [(w.code, w.where) for w in warned] == [("inflates_expectation", "tier ordinary")]


def test_a_good_promise_does_not_cover_for_what_comes_with_it() -> None:
    raised = {"does": "benchmark", "dimension": "attitude", "by": 0.2}
    found = reviewed(town("ab", 4.6), promise(0.85), raised)
    assert "inflates_expectation" in codes(found)


def test_a_promise_about_what_nobody_felt_is_a_promise_into_the_blue() -> None:
    found = reviewed(town("ab", 4.0), promise(0.9, dimension="price"))
    assert {"delivery_unknown", "inflates_expectation"} <= codes(found)


def test_what_will_be_delivered_counts_for_a_promise_if_it_is_said() -> None:
    assert "promise_beyond_delivery" not in codes(
        reviewed(town("abcd", 3.0), promise(0.9, delivered=0.95))
    )


def test_broken_promises_are_as_many_as_the_plan_says_and_cost_more_than_none() -> None:
    found = reviewed(town("abcd", 4.6), promise(0.85, kept_share=0.25, late_share=0.25))
    (reach,) = found.reached
    assert (len(reach.late), len(reach.broken)) == (1, 2)
    assert not reach.late & reach.broken
    assert "hurts_many" in codes(found)
    changes = {name: effect.score.change for name, effect in found.effects.items()}
    (kept,) = set(reach.customers) - reach.late - reach.broken
    (late,) = reach.late
    assert changes[kept] > 0 > changes[late] > max(changes[name] for name in reach.broken)


def test_a_gift_to_one_of_two_colleagues_is_seen_by_the_other() -> None:
    made = town("ab", 4.0, cohort="office") + town("c", 4.0, cohort="shop")
    found = reviewed(made, {"does": "gift", "to": {"customers": ["a", "c"]}, "cost": 12})
    warned = [w for w in warnings_of(found, default_policy()) if w.code == "splits_cohort"]
    assert [w.text for w in warned] == [
        "in cohort office 1 of 2 get 'gift'; those left out can see it"
    ]
    assert found.effects["a"].score.change > 0
    assert found.effects["b"].score.change == 0
    assert [(group.title, group.cost) for group in found.groups] == [
        ("all", 24.0),
        ("tier ordinary", 24.0),
        ("cohort office", 12.0),
        ("cohort shop", 12.0),
    ]


def test_a_gift_to_a_whole_cohort_splits_none() -> None:
    made = town("ab", 4.0, cohort="office") + town("c", 4.0, cohort="shop")
    gift = {"does": "gift", "to": {"cohorts": ["office"]}}
    found = reviewed(made, gift)
    assert "splits_cohort" not in codes(found)
    assert set(found.reached[0].customers) == {"a", "b"}


def test_a_gift_inflates_the_expectation_only_where_it_is_denied_afterwards() -> None:
    """What is counted on after a gift is also remembered of it. Where attention stays as it ever
    was, though, that wears the pleasure off sooner than the habit."""
    gift = {"does": "gift"}
    for days in (7, 30, 90):
        assert "inflates_expectation" not in codes(reviewed(town("ab", 3.8), gift, days=days))
    attended = answers("a", 3.0, range(5, 31, 5), "attention")
    assert "inflates_expectation" in codes(reviewed(attended, gift, days=90))


def test_a_benchmark_raised_without_delivery_lowers_satisfaction_for_all() -> None:
    found = reviewed(
        town("abcd", 4.0, every=2), {"does": "benchmark", "dimension": "waiting", "to_level": 0.9}
    )
    assert {"hurts_many", "inflates_expectation"} <= codes(found)
    for effect in found.effects.values():
        assert effect.score.change < -1
        assert effect.felt[-1].ratio.change < 0
    assert found.groups[0].fell == 1.0


def test_a_benchmark_raised_with_delivery_raises_satisfaction_for_all() -> None:
    raised = {"does": "benchmark", "dimension": "waiting", "by": 0.2, "delivered": 1.0}
    found = reviewed(town("abcd", 4.0), raised)
    assert "hurts_many" not in codes(found)
    assert all(effect.score.change > 0 for effect in found.effects.values())


def test_a_benchmark_for_some_leaves_the_others_as_they_were() -> None:
    raised = {"does": "benchmark", "dimension": "waiting", "by": 0.2, "to": {"tiers": ["gold"]}}
    found = reviewed(town("a", 4.0, tier="gold") + town("b", 4.0), raised)
    assert found.effects["a"].score.change < 0
    assert found.effects["b"].score.change == 0


def test_hurting_most_slightly_to_please_one_in_six_is_told() -> None:
    """Nobody falls by a whole point, so counting clear falls alone would praise the plan."""
    slightly = {"does": "benchmark", "dimension": "waiting", "by": 0.1}
    gift = {"does": "gift", "to": {"customers": ["a"]}}
    found = reviewed(town("abcdef", 4.0), slightly, gift)
    assert found.groups[0].fell == 0.0
    assert found.effects["a"].score.change > 0
    told = [w for w in warnings_of(found, default_policy()) if w.code == "hurts_many"]
    assert "all: the score of 5 of 6 falls a little, that of 1 rises" in [w.text for w in told]


@pytest.mark.parametrize(("count", "tired"), [(3, False), (10, True)])
def test_messages_beyond_the_free_ones_tire(count: int, tired: bool) -> None:
    messages = {"does": "message", "channel": "sms", "count": count}
    assert ("fatigue" in codes(reviewed(town("ab", 4.0), messages))) == tired


def test_without_a_campaign_the_last_days_happen_again() -> None:
    before = answers("a", 2.0, [3, 20]) + answers("a", 5.0, [25], "attitude")
    at = ["2026-04-02T12:00:00Z", "2026-04-19T12:00:00Z", "2026-04-24T12:00:00Z"]
    after = [m | {"id": f"new-{t}", "time": t} for m, t in zip(before, at, strict=True)]
    assert _without_a_campaign(before) == pytest.approx(_by_hand(before, after), abs=1e-12)


def complaint(what: str, at: str, name: str) -> Made:
    more: dict[str, Made] = {
        "opened": {"severity": 3},
        "handed_over": {"to_department": "cards"},
    }
    data = {"complaint": name} | more.get(what, {})
    type_name = f"touchpoint.complaint.{what}.v1"
    return event(type_name, id=f"{what}-{at}", subject="a", time=at, data=data)


def test_a_complaint_that_comes_again_is_another_one() -> None:
    before = [
        complaint("opened", "2026-02-01T12:00:00Z", "k-1"),
        *(complaint("handed_over", day(number), "k-1") for number in (10, 12, 14)),
        complaint("opened", day(20), "k-2"),
        complaint("resolved", day(25), "k-2"),
    ]
    # Hand-overs of k-1 come again too, but of a case whose opening lies too far back to.
    after = [
        complaint("opened", "2026-04-19T12:00:00Z", "k-3"),
        complaint("resolved", "2026-04-24T12:00:00Z", "k-3"),
    ]
    assert _without_a_campaign(before) == pytest.approx(_by_hand(before, after), abs=1e-12)


def test_a_promise_that_comes_again_is_due_as_much_later() -> None:
    def touches(name: str, *times: str) -> list[Made]:
        made, kept, due = times
        data = {"promise": name, "due": due}
        of = {"subject": "a"}
        return [
            event("touchpoint.promise.made.v1", id=f"{name}-m", time=made, data=data, **of),
            event("touchpoint.promise.kept.v1", id=f"{name}-k", time=kept, **of)
            | {"data": {"promise": name}},
        ]

    before = touches("p-1", day(5), day(20), day(25))
    again = [f"2026-04-{number:02d}T12:00:00Z" for number in (4, 19, 24)]
    found = _without_a_campaign(before)
    assert found == pytest.approx(_by_hand(before, touches("p-2", *again)), abs=1e-12)


def _without_a_campaign(made: Sequence[Made]) -> float:
    nothing = {"does": "gift", "to": {"customers": ["nobody"]}}
    return reviewed(made, nothing).effects["a"].score.without


def _by_hand(before: Sequence[Made], after: Sequence[Made]) -> float:
    life = Life(name="a")
    for made in (*before, *after):
        life.add(made)
    return score_at(life.state, default_policy(), STARTS_S + 30 * DAY_S)


def test_what_is_known_from_the_start_on_is_left_out() -> None:
    later = event(SURVEY, id="later", subject="a", time="2026-04-02T12:00:00Z")
    found = reviewed([*town("a", 4.0), later], promise(0.7))
    assert found.after_start == 1
    assert found.effects == reviewed(town("a", 4.0), promise(0.7)).effects


def test_a_share_is_exact_and_the_same_whoever_is_read_first() -> None:
    gift = {"does": "gift", "to": {"share": 0.5}}
    found = reviewed(town("abcdef", 4.0), gift)
    (reach,) = found.reached
    assert len(reach.customers) == 3
    turned = reviewed(town("fedcba", 4.0), gift)
    assert turned.reached == found.reached
    other = reviewed(town("abcdefghijklmnop", 4.0), gift, name="other")
    same = reviewed(town("abcdefghijklmnop", 4.0), gift)
    assert other.reached[0].customers != same.reached[0].customers


def test_a_step_is_for_those_whom_the_campaign_is_for() -> None:
    gift = {"does": "gift", "to": {"customers": ["a", "b"]}}
    found = reviewed(town("abc", 4.0), gift, who={"customers": ["b", "c"]})
    assert found.reached[0].customers == ("b",)


def test_a_step_that_reaches_nobody_and_names_nobody_knows_are_told() -> None:
    gift = {"does": "gift", "to": {"customers": ["z"]}}
    assert {"reaches_nobody", "unknown_customers"} <= codes(reviewed(town("ab", 4.0), gift))


def test_a_history_that_starts_after_the_campaign_cannot_be_reviewed() -> None:
    with pytest.raises(NoHistoryError, match="before 2026-01-01"):
        reviewed(town("ab", 4.0), promise(0.7), starts="2026-01-01T00:00:00Z")


def test_the_policy_that_is_used_is_the_one_that_is_given() -> None:
    def tireless(content: dict[str, Any]) -> None:
        content["fatigue"]["free_contacts"]["value"] = 50
        content["fatigue"]["free_contacts"]["interval"] = [1, 60]

    plan = campaign({"does": "message", "channel": "sms", "count": 10})
    policy = changed_policy(tireless)
    found = review(plan, histories(town("ab", 4.0)), policy, lambda done, total: None)
    assert "fatigue" not in {warned.code for warned in warnings_of(found, policy)}


EXAMPLE_TEXT = EXAMPLE.read_text(encoding="utf-8")


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Result]:
    def run(made: Sequence[Made], text: str, *options: str) -> Result:
        plan, events = tmp_path / "plan.yaml", tmp_path / "events.jsonl"
        plan.write_text(text, encoding="utf-8")
        events.write_text("\n".join(map(json.dumps, made)), encoding="utf-8")
        arguments = ["review", str(plan), "--history", str(events), *options]
        return CliRunner().invoke(app, arguments)

    return run


def _text(*steps: Mapping[str, Any]) -> str:
    return json.dumps({"name": "plan", "starts": STARTS, "days": 30, "steps": list(steps)})


def test_the_command_says_in_words_and_by_its_exit_code_what_is_wrong(
    command: Callable[..., Result],
) -> None:
    good = command(town("abcd", 4.6), _text(promise(0.85)))
    assert good.exit_code == 0, good.output
    assert "no warning" in good.stdout
    bad = command(town("abcd", 3.0), _text(promise(0.9)))
    assert bad.exit_code == 1
    assert "promised is 0.90 in waiting, delivered is 0.50 on the mean" in bad.stdout
    refused = command(town("abcd", 3.0), _text(promise(9)))
    assert refused.exit_code == 2
    assert "plan.yaml:1: steps.0.level: must be less than or equal to 1" in refused.stderr


def test_two_reviews_of_one_plan_say_the_same_to_the_byte(
    command: Callable[..., Result],
) -> None:
    made = town("abcdefgh", 3.5, cohort="office")
    steps = [promise(0.8, kept_share=0.5), {"does": "gift", "to": {"share": 0.4}}]
    first, second = (command(made, _text(*steps), "--json") for _ in range(2))
    assert first.stdout == second.stdout
    told = json.loads(first.stdout)
    assert [step["reached"] for step in told["steps"]] == [8, 3]
    assert {group["kind"] for group in told["groups"]} == {"all", "tier", "cohort"}
    assert {"code", "where", "text"} == set(told["warnings"][0])


def test_the_example_is_a_campaign_and_says_what_is_wrong_with_it(
    command: Callable[..., Result],
) -> None:
    starts = EXAMPLE_TEXT.replace("2026-03-01", "2026-04-01")
    made = town("ab", 4.0, cohort="office", tier="gold") + town("c", 4.0, cohort="office")
    done = command(made, starts)
    assert done.exit_code == 1, done.output
    assert "in cohort office 2 of 3 get 'tea'" in done.stdout
