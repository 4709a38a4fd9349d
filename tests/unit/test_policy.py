"""A policy file is refused with file, line, what is wrong and what is known instead."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from pipeline.core.care.memory import HELD, Alarm, Care, Contacted, Forecast, Pending, Shown
from pipeline.core.care.recent import Recent, Settled, Sought
from pipeline.core.cases.memory import Case, Clock
from pipeline.core.policy.bound import worst_care_bytes, worst_state_bytes
from pipeline.core.policy.load import PolicyError, load_policy
from pipeline.core.policy.plan import INTENTS
from pipeline.core.policy.weights import segment_weights
from pipeline.stages.perceive import CODEC
from tests.unit.core import Life, changed_policy, default_policy
from tests.unit.events import DEFAULT_POLICY


def line_of(text: str, needle: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if needle in line)


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        (
            "gold: {named: {connect_speed: 2",
            "gold: {named: {conect_speed: 2",
            None,
            "known: access,",
        ),
        ("default_tier: ordinary", "default_tier: silver", None, "known: gold, ordinary"),
        ("      gold: {channel: push}", "      gold: {chanel: push}", None, "unknown key"),
        (
            "      gold: {channel: push}",
            "      glod: {channel: push}",
            None,
            "known: gold, ordinary",
        ),
        ("    channel: sms\n    kinds", "    channel: smoke\n    kinds", None, "known: "),
        ("kano: must_be, norm: 0.6", "kano: must, norm: 0.6", None, "'must_be'"),
        ("norm: 0.8", "norm: 1.8", None, "less than or equal to 1 (here: 1.8)"),
        ("{value: 75, interval: [65, 85]", "{value: 175", "score:", "between 0 and 100"),
        (
            "loss_aversion: {value: 2.25",
            "loss_aversion: {value: 3.25",
            None,
            "outside its interval",
        ),
        (
            "measure: severity",
            "measure: severty",
            None,
            "unknown measure 'severty'; known: channel,",
        ),
        (
            "evidence: sentiment, measure: sentiment",
            "evidence: feeling, measure: x",
            None,
            "known: ",
        ),
        (
            "event: touchpoint.visit.completed.v1",
            "event: touchpoint.visit.v1",
            None,
            "unknown event",
        ),
        (
            "event: touchpoint.promise.kept.v1",
            "event: touchpoint.promise.made.v1",
            None,
            "already belongs to 'promise_made'",
        ),
        ("  mood:          {layer", "  fatigue:       {layer", None, "choose another name"),
        ("promises:\n  dimension: trust", "promises:\n  dimension: turst", "turst", "unknown"),
        ("    tiers: {gold: 8}", "    tiers: {glod: 8}", None, "known: gold, ordinary"),
        ("    contacts: {value: 3", "    contacts: {value: 9", None, "outside its interval"),
        ("recent_contacts: 4", "recent_contacts: 2", "    contacts: {val", "keeps 2; raise it"),
        ("thank_for: {sugg", "thank_for: {sug", None, "unknown touchpoint"),
        ("thank_for: {suggestion: meas", "thank_for: {suggestion: mess", None, "known: "),
        ("on: [notice.hovering]", "on: [notice.hoovering]", None, "unknown trigger 'notice.hoov"),
        (
            "channels: [none]",
            "channels: [none]\n      needs_approval: true",
            "      needs_approval: true",
            "needs nobody's approval",
        ),
        ("remembered_events: 32", "remembered_events: 999", "state_bytes:", "could take"),
        ('version: "2"', "", "name: default", "version: is missing"),
    ],
)
def test_a_mistake_is_named_with_its_line(old: str, new: str, where: str | None, what: str) -> None:
    assert old in DEFAULT_POLICY
    text = DEFAULT_POLICY.replace(old, new, 1)
    with pytest.raises(PolicyError) as caught:
        load_policy(text, name="care.yaml")
    mistake = DEFAULT_POLICY[: DEFAULT_POLICY.index(old)].count("\n") + 1
    expected = line_of(text, where) if where else mistake
    assert f"care.yaml:{expected}: " in str(caught.value)
    assert what in str(caught.value)


@pytest.mark.parametrize(("section", "name"), [("promises", "trust"), ("repeats", "resolution")])
def test_a_dimension_where_worse_feels_better_cannot_judge_promises(
    section: str, name: str
) -> None:
    def turned(content: dict[str, Any]) -> None:
        content["dimensions"][name]["kano"] = "reverse"

    with pytest.raises(PolicyError, match=rf"{section}\.dimension: '{name}' is a reverse"):
        changed_policy(turned)


def test_text_that_is_no_yaml_names_its_line() -> None:
    with pytest.raises(PolicyError, match=r"care\.yaml:2: not YAML"):
        load_policy("name: x\n  bad: [", name="care.yaml")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=r"care\.yaml:1: a policy is a mapping"):
        load_policy(text, name="care.yaml")


def test_every_mistake_is_named_at_once() -> None:
    text = DEFAULT_POLICY.replace("norm: 0.8", "norm: 8").replace("norm: 0.6", "norm: -1")
    with pytest.raises(PolicyError) as caught:
        load_policy(text, name="care.yaml")
    assert len(str(caught.value).splitlines()) == 5  # 0.6 stands four times


def test_the_digest_is_of_the_meaning_not_of_the_text() -> None:
    one = load_policy(DEFAULT_POLICY, name="a").policy.ref
    two = load_policy("# a comment\n" + DEFAULT_POLICY, name="b").policy.ref
    other = load_policy(DEFAULT_POLICY.replace("norm: 0.8", "norm: 0.81"), name="c").policy.ref
    assert one == two
    assert one.digest != other.digest


def test_weights_sum_to_one_and_named_dimensions_share_three_quarters() -> None:
    file = default_policy().file
    for tier in file.tiers:
        for intent in INTENTS:
            weights = segment_weights(file, tier, intent)
            assert sum(weights.values()) == pytest.approx(1.0, abs=1e-12)
            named = set(file.tiers[tier].named) | set(file.intents[intent])
            assert sum(weights[name] for name in named) == pytest.approx(0.75, abs=1e-12)


def test_an_odd_dimension_is_a_warning_that_names_it() -> None:
    (warning,) = load_policy(DEFAULT_POLICY, name="default.yaml").warnings
    assert "attention" in warning


def test_the_largest_state_that_can_be_made_stays_within_the_arithmetic() -> None:
    policy = default_policy()
    life = Life(name="c" * 128)
    wide = "\U0001f642" * 12  # four bytes a character
    profile = {"tier": "x" * 32, "cohort": wide, "language": "x" * 16, "time_zone": "x" * 32}
    wish = {"threshold": 1e15, "channel": "in_person", "wanted": True}
    for day in (1, 2):  # twice, so that there is an earlier tier
        life.happen(
            "touchpoint.customer.profiled.v1",
            f"2026-01-0{day}T00:00:00Z",
            profile | {"alerts": wish, "revenue": 1e9 + day},
        )
    for channel in ("sms", "email", "push", "post", "social"):
        for purpose in ("service", "care", "marketing"):
            data = {"channel": channel, "purpose": purpose, "granted": purpose == "care"}
            life.happen("touchpoint.customer.consented.v1", "2026-01-03T00:00:00Z", data)
    for number in range(150):
        for type_name, data in _heavy(number):
            at = f"2026-02-{1 + number % 28:02d}T00:00:00Z"
            life.happen(type_name, at, data, id=f"{len(life.outcomes)}".rjust(128, "i"))
    whole = sum(worst_state_bytes(policy.file).values())
    assert len(CODEC.encode(life.state)) <= whole <= policy.limits.state_bytes
    life.state.care = Care()
    size = len(CODEC.encode(life.state))
    most = whole - sum(worst_care_bytes(policy.file).values())
    assert len(life.state.dimensions) == len(policy.file.dimensions)
    assert most * 0.85 < size <= most


def test_the_most_that_care_can_remember_stays_within_the_arithmetic() -> None:
    file = default_policy().file
    limits, dimension = file.limits, max(file.dimensions, key=len)
    two, of_each = ((dimension, 0.5, 0.5),) * 2, limits.recent_contacts
    care = Care(
        alarms=[Alarm(1e9, 1e9, "k" * 32, b"d" * 6, "e" * 128, 1 << 31)] * (limits.alarms + 1),
        shown=[Shown("k" * 32, b"d" * 6, "e" * 128, "n" * 36, 1e9, 0.5, two, 1e9)]
        * limits.shown_patterns,
        pending=[_waiting(limits.pending_bytes)] * limits.pending,
        contacted=[Contacted(b"d" * 6, 1e9, 3, 1_023, b"n" * 6)] * limits.remembered_contacts,
        done=b"d" * 6 * limits.remembered_actions,
        low=65_536,
        silent_until_s=1e9,
        recent=Recent(
            contacts=[Sought(1e9, b"d" * 6, 6, 0.5)] * of_each,
            settled=[Settled(1e9, b"d" * 6, b"d" * 6)] * of_each,
            reached=[1e9] * of_each,
            active_s=1e9,
            sought_s=1e9,
            unasked_s=1e9,
            hovering=True,
        ),
        forecasts=[Forecast("o" * 32, 1e9, 2e9, 0.5, "t" * 32, "p" * 16)] * len(file.outlooks),
        cases=[
            Case(
                name="n" * 64,
                kind=1,
                status=1,
                opened_s=1e9,
                round_s=1e9,
                as_of_s=1e9,
                topic="t" * 64,
                line="l" * 64,
                owner="o" * 64,
                owned_s=1e9,
                hand_overs=65_536,
                reopened=65_536,
                raised=65_536,
                past=65_536,
                promised_s=1e9,
                resolved_s=1e9,
                said_s=1e9,
                clocks=[Clock(5, 1e9, 1e9, 0.5, 1e9, 7)] * 6,
            )
        ]
        * limits.cases,
    )
    size, most = len(msgspec.msgpack.encode(care)), sum(worst_care_bytes(file).values())
    assert most * 0.97 < size <= most


def _waiting(size: int) -> Pending:
    """An action that waits and takes so many bytes."""
    made = Pending("i" * 36, "a" * 32, "t", "s", "e", 1e9, 1e9, 1e9, HELD, "r", {"what": "w" * 300})
    left = size - len(msgspec.msgpack.encode(made))
    made.fields["what"] += "w" * left
    return made


def _heavy(number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events that together fill every part of a state."""
    low = dict.fromkeys(
        ("environment", "attitude", "knowledge", "resolution", "waiting", "price", "attention"), 1
    )
    due = "2026-01-05T00:00:00Z"
    yield "touchpoint.call.completed.v1", {"wait_seconds": 1e6, "ivr_steps": 9, "sentiment": -1}
    yield "touchpoint.call.completed.v1", {"direction": "outbound", "ratings": {"awareness": 1}}
    yield "touchpoint.survey.answered.v1", {"survey": "s", "answers": low}
    yield "touchpoint.complaint.opened.v1", {"complaint": f"k{number}", "topic": f"t{number}"}
    yield "touchpoint.complaint.resolved.v1", {"complaint": f"k{number}", "outcome_justice": 0.3}
    yield "touchpoint.complaint.closed.v1", {"complaint": f"k{number}", "satisfied": False}
    yield "touchpoint.transaction.completed.v1", {"amount": 1, "currency": "EUR"}
    for channel in ("sms", "email", "push", "post"):
        message = {"channel": channel, "purpose": "care", "delay_seconds": 99}
        yield "touchpoint.message.delivered.v1", message
    for dimension in ("connect_speed", "environment", "reliability"):
        offer = {"dimension": dimension, "level": 0.9 + number / 10_000}
        yield "touchpoint.market.rival_offered.v1", offer
        promise = {"promise": f"p{number}{dimension}", "due": due, "level": 0.9}
        yield "touchpoint.promise.made.v1", promise | {"dimension": dimension}
        yield "touchpoint.promise.kept.v1", {"promise": f"p{number}{dimension}"}
