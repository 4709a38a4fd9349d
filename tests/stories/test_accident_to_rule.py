"""From accident to rule: what one of the staff did on her own becomes what everybody does.

A waiter at a hot-pot restaurant gave a guest with long hair a rubber band. It was the guest's
first time to look at the restaurant's name.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core.insights.recurring import key_of
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from pipeline.tools.by_hand import AFTER_S, ByHand, Cared, from_events, from_records
from pipeline.tools.proposal_text import policy_text
from pipeline.tools.proposing import Candidate, candidates, effect_of
from schemas.care import CareDecision
from schemas.perception import Contribution
from tests.stories.telling import CALL, TRANSACTION, VISIT, days_later, qualities
from tests.unit.core import Life, changed_policy, default_policy
from tests.unit.events import DEFAULT_POLICY, event

CARED = "touchpoint.staff.cared.v1"
BAND = {"care": "rubber_band", "because": "long_hair", "channel": "in_person", "cost": 0.1}

Event = dict[str, Any]


def without_apology() -> Policy:
    return changed_policy(lambda content: content["care"]["actions"].pop("apology"))


def happened(number: int, kind: str, day: float, data: dict[str, Any]) -> Event:
    """An event of customer ``number``."""
    at = days_later(day)
    return event(kind, id=f"{number}-{kind[11:]}-{day}", time=at, subject=f"c-{number}", data=data)


def written(folder: Path, events: list[Event]) -> Path:
    path = folder / "events.jsonl"
    events.sort(key=lambda each: str(each["time"]))
    path.write_text("".join(json.dumps(each) + "\n" for each in events), encoding="utf-8")
    return path


def restaurant(guests: int = 12) -> list[Event]:
    """Guests, every other one with long hair, who come again a week later."""
    events: list[Event] = []
    for number in range(guests):
        events.append(happened(number, VISIT, number, {"ratings": {"attitude": 4}}))
        if number % 2 == 0:
            events.append(happened(number, CARED, number + 0.05, BAND))
        events.append(happened(number, VISIT, number + 7, {"ratings": {"attitude": 4}}))
    return events


def bank(customers: int = 30) -> list[Event]:
    """Purchases without an alert; some customers get a call from the branch to say sorry."""
    random, events = Random(8), list[Event]()
    for number in range(customers):
        day = number / 2
        events.append(happened(number, TRANSACTION, day, {"amount": 80, "currency": "CNY"}))
        said = {"care": "Apology", "channel": "sms", "cost": 0.5}
        if number % 2 == 0:
            events.append(happened(number, CARED, day + 1, said))
        rating = {"ratings": {"attitude": random.randint(2, 5)}}
        events.append(happened(number, VISIT, day + 10, rating))
    return events


def proposed(path: Path, policy: Policy, **limits: int) -> list[Candidate]:
    return candidates(from_events(path, policy, lambda *_: None), policy.file, **limits)


def test_what_staff_did_pleases_and_stands_in_the_ledger_with_its_reason() -> None:
    life = Life()
    life.happen(CALL, days_later(0), {"topic": "table", "abandoned": True})
    before = life.score
    felt = qualities(life.happen(CARED, days_later(0.1), BAND))
    assert felt == {"attention": 1.0}
    assert life.score > before
    (decision,) = life.decisions("rubber_band")
    assert (decision.outcome, decision.reason, decision.trigger) == ("recorded", "long_hair", "")
    assert (decision.cost, decision.channel, decision.tier) == (0.1, "in_person", "ordinary")
    assert "open failures 2" in decision.detail
    assert decision.detail.startswith("score 72.0 before it, tolerated after it")
    assert life.told["decided", "by_hand", "recorded", "staff"] == 1
    assert life.actions("rubber_band") == []


def test_care_without_a_reason_is_recorded_as_that() -> None:
    life = Life()
    life.happen(CARED, days_later(0), {"care": "tea"})
    (decision,) = life.decisions("tea")
    assert (decision.reason, decision.cost, decision.channel) == ("not_said", 0.0, None)


def test_what_the_pipeline_had_seen_is_the_trigger() -> None:
    life = Life()
    life.happen(TRANSACTION, days_later(0), {"amount": 80, "currency": "CNY"})
    life.tick(days_later(0.01))
    life.happen(CARED, days_later(1), {"care": "apology"})
    life.happen(CARED, days_later(20), {"care": "apology"})
    life.happen(CARED, days_later(21), {"care": "apology", "because": "missing_alert"})
    recorded = [each for each in life.decisions("apology") if each.outcome == "recorded"]
    assert [each.trigger for each in recorded] == [
        "notice.missing_alert",
        "",  # too long ago
        "notice.missing_alert",  # staff said so
    ]
    assert "patterns missing_alert" in recorded[0].detail


def test_the_rubber_band_is_proposed_with_what_it_takes(tmp_path: Path) -> None:
    (rule,) = proposed(written(tmp_path, restaurant()), default_policy())
    assert (rule.name, rule.times, rule.customers) == ("rubber_band", 6, 6)
    assert rule.action_file == "pipeline/core/care/rubber_band.py"
    assert rule.pattern_file == "pipeline/core/notice/long_hair.py"
    assert rule.share is None
    text = policy_text(rule, default_policy().file)
    assert "rubber_band because long_hair: 6 times for 6 customers" in text
    assert "pipeline/core/care/rubber_band.py" in text
    assert "# care:\n#   actions:\n#     rubber_band:\n" in text
    assert all(line.startswith("#") for line in text.splitlines())


def test_a_favour_for_one_customer_is_no_rule(tmp_path: Path) -> None:
    events = [happened(1, CARED, day, BAND) for day in range(9)]
    assert proposed(written(tmp_path, events), default_policy()) == []


def test_accidents_are_no_rule(tmp_path: Path) -> None:
    path = written(tmp_path, restaurant(guests=8))
    assert proposed(path, default_policy()) == []
    assert len(proposed(path, default_policy(), least=4)) == 1


def pasted(text: str, folder: Path) -> Path:
    """The default policy without its apology, and the proposal put in."""
    yaml = YAML()
    policy = yaml.load(DEFAULT_POLICY)
    del policy["care"]["actions"]["apology"]
    policy["care"]["actions"].update(yaml.load(text)["care"]["actions"])
    path = folder / "pasted.yaml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(policy, file)
    return path


def test_what_can_be_pasted_is_accepted_by_policy_check(tmp_path: Path) -> None:
    policy = without_apology()
    (rule,) = proposed(written(tmp_path, bank()), policy)
    assert (rule.trigger, rule.customers, rule.in_situation) == ("notice.missing_alert", 15, 30)
    assert rule.share == 0.5
    assert (rule.action_file, rule.pattern_file) == (None, None)
    assert rule.cost == 0.5
    assert rule.month_for_all == pytest.approx(2 * rule.month)
    assert rule.effect is not None
    assert rule.effect.customers == 15
    text = policy_text(rule, policy.file)
    path = pasted(text, tmp_path)
    loaded = load_policy(path.read_text(encoding="utf-8"), name=path.name).policy
    assert loaded.actions["apology"].on == ("notice.missing_alert",)
    checked = CliRunner().invoke(app, ["policy", "check", str(path)])
    assert checked.exit_code == 0, checked.output


def test_an_action_that_waits_for_something_else_gets_the_trigger_added(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["care"]["actions"]["apology"]["on"] = ["outlook.churn"]

    policy = changed_policy(change)
    (rule,) = proposed(written(tmp_path, bank()), policy)
    entry = YAML(typ="safe").load(policy_text(rule, policy.file))["care"]["actions"]["apology"]
    assert entry["on"] == ["outlook.churn", "notice.missing_alert"]
    assert entry["gain"] == {"value": 1.0} | {"source": entry["gain"]["source"]}


def test_what_the_policy_does_already_is_only_told(tmp_path: Path) -> None:
    (rule,) = proposed(written(tmp_path, bank()), default_policy())
    assert rule.already
    text = policy_text(rule, default_policy().file)
    assert "already" in text
    assert all(line.startswith("#") for line in text.splitlines())


@pytest.mark.parametrize("by", ["text", "json"])
def test_the_command_prints_proposals(tmp_path: Path, by: str) -> None:
    path = written(tmp_path, restaurant())
    options = ["--json"] if by == "json" else []
    done = CliRunner().invoke(app, ["rules", "propose", str(path), *options])
    assert done.exit_code == 0, done.output
    if by == "json":
        told = json.loads(done.stdout)
        assert [each["name"] for each in told["proposals"]] == ["rubber_band"]
    else:
        assert "rubber_band because long_hair" in done.output


def test_the_command_asks_for_one_source(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rules", "propose"])
    assert done.exit_code == 2
    assert "--url" in done.output


def test_records_give_what_the_events_gave(tmp_path: Path) -> None:
    policy, lives = without_apology(), dict[str, Life]()
    path = written(tmp_path, bank())
    for each in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        for life in lives.values():
            life.tick(each["time"])
        life = lives.setdefault(each["subject"], Life(policy, name=each["subject"]))
        life.add(each)
    records = [said.record for life in lives.values() for said in life.said]
    again = from_records(
        [each for each in records if isinstance(each, CareDecision)],
        [each for each in records if isinstance(each, Contribution)],
    )
    assert again == from_events(path, policy, lambda *_: None)


def cared(number: int, before: float, later: float | None) -> Cared:
    return Cared(f"c-{number}", "tea", "cold", "", None, 1.0, 0.0, before, later)


def test_the_effect_of_a_few_has_no_interval_and_of_none_is_not_known() -> None:
    assert effect_of([cared(1, 50, None)]) is None
    few = effect_of([cared(n, 50, 52) for n in range(3)])
    assert few == (2.0, 3, None, None)


def test_the_interval_holds_the_true_change_as_often_as_it_says() -> None:
    random, held = Random(2), 0
    for _ in range(400):
        found = effect_of([cared(n, 50, random.gauss(53, 4)) for n in range(10)])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 3 <= found.high
    assert 365 <= held <= 395  # 380 expected


def test_only_the_first_time_of_a_customer_counts_for_the_effect() -> None:
    twice = [cared(1, 50, 60), cared(1, 60, 55)._replace(at_s=AFTER_S)]
    assert effect_of(twice) == (10.0, 1, None, None)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("Rubber band!", "rubber_band"),
        ("2nd call", "care_2nd_call"),
        ("橡皮筋", "care"),
        ("x" * 64, "x" * 32),
    ],
)
def test_a_free_name_becomes_a_key(said: str, key: str) -> None:
    assert key_of(said) == key


def test_a_name_with_the_signs_of_a_template_does_no_harm() -> None:
    odd = [cared(n, 50, None)._replace(care="{{ x }}", trigger="") for n in range(6)]
    (rule,) = candidates(ByHand(tuple(odd), {}, 6, 30.0), default_policy().file)
    assert "{{" not in policy_text(rule, default_policy().file).split("Then:")[1]
