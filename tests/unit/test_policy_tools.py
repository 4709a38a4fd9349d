"""The policy tools: a mistake says what to do, a change says what it does, editors get a schema."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from pipeline.cli_policy import policy as app
from pipeline.core.policy.load import PolicyError, load_policy
from pipeline.tools.policy_diff import Difference, policy_differences
from pipeline.tools.policy_schema import policy_schema
from tests.unit.events import DEFAULT_POLICY


def changed(*changes: tuple[str, str]) -> str:
    text = DEFAULT_POLICY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def refusal(*changes: tuple[str, str]) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policy(changed(*changes), name="care.yaml")
    return str(caught.value)


def differences(*changes: tuple[str, str]) -> list[Difference]:
    old, new = (load_policy(text, name="p") for text in (DEFAULT_POLICY, changed(*changes)))
    return policy_differences(old.policy.file, new.policy.file)


def lines(*changes: tuple[str, str]) -> list[str]:
    return [str(difference) for difference in differences(*changes)]


def as_json_types(value: Any) -> Any:
    """YAML's content as an editor's schema check sees it: times are texts."""
    return json.loads(json.dumps(value, default=datetime.isoformat))


def schema_errors(text: str) -> list[str]:
    content = as_json_types(YAML(typ="safe", pure=True).load(text))
    found = jsonschema.Draft202012Validator(policy_schema()).iter_errors(content)
    return [error.message for error in found]


def touchpoint_policy(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def default_file(tmp_path: Path) -> Path:
    path = tmp_path / "default.yaml"
    path.write_text(DEFAULT_POLICY, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("{connect_speed: 2", "{conect_speed: 2", "do: did you mean 'connect_speed'?"),
        (
            "gold: {channel: push}",
            "gold: {chanel: push}",
            "unknown key 'chanel'; known: threshold, channel; do: did you mean 'channel'?",
        ),
        (
            "gold: {channel: push}",
            "gold: {zzz: push}",
            "do: see `touchpoint policy schema`",
        ),
        ("measure: severity", "measuer: severity", "do: rename 'measuer' to 'measure'"),
        ("kano: attractive", "kano: atractive", "kano: unknown value 'atractive'; known: must_be,"),
        (
            "channel: in_person",
            "channel: in_persn",
            "known: phone, sms, email, push, chat, social, post, in_person, app, web, none; "
            "do: did you mean 'in_person'?",
        ),
        (
            "evidence: yes_no",
            "evidence: yesno",
            "by.evidence: unknown value 'yesno'; known: linear, rating, count, yes_no, sentiment",
        ),
        ("evidence: yes_no, ", "", "by.evidence: is missing; known: linear,"),
        ("  enquiry:", "  enqiry:", "intents.enqiry: unknown key 'enqiry'; known: enquiry,"),
        ("  gold: {named", "  Gold: {named", "do: write small letters"),
        ("guidance: 1", "guidance: 0", "do: leave it out"),
        ('version: "2"', "version: 2", 'do: put it in quotes: "2"'),
        ("threshold: 0\n", "threshold: 0,5\n", "do: write it with a point: 0.5"),
        ("[purchase, withdrawal, transfer]", "purchase", "do: write [purchase]"),
        ("1990-01-01T00:00:00Z", "1990-01-01", "do: write date, time and zone"),
        ("1990-01-01T00:00:00Z", "1990-02-31", "limits.earliest_time: not a time: day is out"),
        ("name: default", "name: !secret default", "not YAML: could not determine a constructor"),
        ("  earliest_time", "\tearliest_time", "do: indent with spaces, not with tabs"),
    ],
)
def test_a_mistake_says_what_to_do(old: str, new: str, what: str) -> None:
    (told,) = [line for line in refusal((old, new)).splitlines() if what in line]
    line = DEFAULT_POLICY[: DEFAULT_POLICY.index(old)].count("\n") + 1
    assert told.startswith(f"care.yaml:{line}: ")


def test_a_bare_number_for_a_constant_is_told_to_name_its_source() -> None:
    given = next(line for line in DEFAULT_POLICY.splitlines() if line.startswith("  gain:"))
    assert 'do: write {value: 0.3, source: "where it is from"}' in refusal((given, "  gain: 0.3"))


def test_a_value_of_several_kinds_is_refused_once() -> None:
    told = refusal(("kano: must_be", "kano: {attractive: 1, one_dimensional: 1, must_be: 1}"))
    assert told.count("\n") == 0
    assert "kano.indifferent: is missing" in told
    assert "literal" not in told


def test_a_key_written_twice_is_refused_with_both_lines() -> None:
    told = refusal(('version: "2"\n', 'version: "2"\nname: other\n'))
    first = DEFAULT_POLICY[: DEFAULT_POLICY.index("name: default")].count("\n") + 1
    assert told == (
        f"care.yaml:{first + 2}: name: stands here again, first in line {first}; "
        "do: keep one of them"
    )


def test_a_key_written_twice_is_named_with_all_other_mistakes() -> None:
    told = refusal(("guidance: 1", "guidance: 1, guidance: 2, guidnce: 1"))
    assert "named.guidance: stands here again" in told
    assert "unknown dimension 'guidnce'" in told


def test_anchors_and_merges_are_plain_content() -> None:
    text = changed(("gold: {channel: push}", "gold: &g {channel: push}\n      ordinary: {<<: *g}"))
    alert = load_policy(text, name="p").policy.file.care.transaction_alert
    assert alert.tiers["ordinary"] == alert.tiers["gold"]


def test_a_mistake_behind_an_anchor_is_named_where_it_stands() -> None:
    told = refusal(("gold: {channel: push}", "gold: &g {chanel: push}\n      ordinary: *g"))
    line = DEFAULT_POLICY[: DEFAULT_POLICY.index("gold: {channel: push}")].count("\n") + 1
    assert f"care.yaml:{line}: care.transaction_alert.tiers.gold.chanel" in told


def test_an_anchor_that_holds_itself_is_refused() -> None:
    assert "care.yaml:" in refusal(("name: default", "name: &a [*a]"))


def test_check_tells_name_digest_and_the_bound_of_the_state() -> None:
    done = touchpoint_policy("check")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("ok: default ")
    assert "state: at most " in done.stdout
    told = json.loads(touchpoint_policy("check", "--json").stdout)
    assert told["digest"] in done.stdout
    assert sum(told["state"]["parts"].values()) == told["state"]["most_bytes"]
    assert told["state"]["most_bytes"] <= told["state"]["allowed_bytes"]


def test_check_refuses_with_every_problem(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(changed(("norm: 0.8", "nrm: 0.8"), ('version: "2"', "version: 1")))
    done = touchpoint_policy("check", bad)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 3  # norm is missing, nrm is unknown
    told = json.loads(touchpoint_policy("check", bad, "--json").stdout)
    assert told["ok"] is False
    assert [f"{p['file']}:{p['line']}:" in done.stderr for p in told["problems"]] == [True] * 3
    assert "did you mean 'norm'?" in [problem["do"] for problem in told["problems"]]


def test_check_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = touchpoint_policy("check", tmp_path / "no.yaml")
    assert done.exit_code == 2
    assert "no.yaml" in done.stderr


def test_the_schema_is_one_and_takes_the_default_policy() -> None:
    schema = json.loads(touchpoint_policy("schema").stdout)
    assert schema == policy_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema_errors(DEFAULT_POLICY) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("norm: 0.8", "norm: 1.8"),
        ("norm: 0.8", "nrm: 0.8"),
        ("kano: attractive", "kano: atractive"),
        ("evidence: yes_no", "evidence: yesno"),
        ("  gold: {named", "  Gold: {named"),
        ("  enquiry:", "  enqiry:"),
        ('version: "2"', "version: 1"),
    ],
)
def test_the_schema_refuses_what_the_program_refuses(old: str, new: str) -> None:
    assert refusal((old, new))
    assert schema_errors(changed((old, new)))


def test_the_schema_says_what_fields_and_sections_are_for() -> None:
    schema = policy_schema()
    parts = schema["$defs"]
    assert "takes for granted" in parts["Dimension"]["properties"]["norm"]["description"]
    assert "unresolved failure" in parts["FeltRow"]["properties"]["failure"]["description"]
    assert (
        "censored" in parts["WaitAgainstPromise"]["properties"]["abandoned_factor"]["description"]
    )
    assert schema["properties"]["dimensions"]["description"] == "One thing a customer notices."
    assert not [name for name, part in parts.items() if "``" in json.dumps(part)]
    # a choice of listed words or counts is not described by its counts alone
    assert "description" not in parts["Dimension"]["properties"]["kano"]


def test_a_higher_norm_says_that_scores_fall() -> None:
    assert lines(("norm: 0.8", "norm: 0.85")) == [
        "dimensions.reliability.norm: 0.8 -> 0.85: more is expected; scores of touches in it fall"
    ]


def test_of_what_displeases_a_higher_norm_says_that_scores_rise() -> None:
    reverse = ("kano: must_be, norm: 0.8", "kano: reverse, norm: 0.8")
    old, new = changed(reverse), changed(reverse).replace("norm: 0.8", "norm: 0.9", 1)
    files = [load_policy(text, name="p").policy.file for text in (old, new)]
    (told,) = policy_differences(*files)
    assert told.text.endswith("scores of touches in it rise")


def test_a_constant_is_told_with_its_source() -> None:
    given = next(line for line in DEFAULT_POLICY.splitlines() if line.startswith("  gain:"))
    (told,) = lines((given, '  gain: {value: 0.25, source: "measured in spring"}'))
    assert told == (
        "score.gain: 0.2 -> 0.25 (source changed: measured in spring) "
        "(interval [0.1, 0.3] -> unset): "
        "every touch moves the score more"
    )


def test_a_dimension_named_anew_shows_the_weights_that_moved_most() -> None:
    told = differences(
        ("gold: {named: {connect_speed: 2", "gold: {named: {waiting: 1, connect_speed: 2")
    )
    assert str(told[0]) == "tiers.gold.named.waiting: new, 1: named there"
    moved = [difference for difference in told if difference.kind == "weights"]
    assert moved
    assert all(difference.path[:2] == ("weights", "gold") for difference in moved[:-1])
    first = moved[0]
    assert sum(first.old.values()) == pytest.approx(1.0)
    steps = {name: abs(first.new[name] - first.old[name]) for name in first.new}
    assert first.text.startswith(f"{max(steps, key=lambda name: steps[name])} ")


def test_a_touchpoint_that_is_gone_or_new_is_told_in_one_line() -> None:
    start = DEFAULT_POLICY.index("  mystery_shopper:\n")
    end = DEFAULT_POLICY.index("  suggestion:\n")
    without = (DEFAULT_POLICY[start:end], "")
    (gone,) = lines(without)
    assert gone.startswith("touchpoints.mystery_shopper: removed: touchpoint.observed.v1")
    old, new = (load_policy(t, name="p").policy.file for t in (changed(without), DEFAULT_POLICY))
    (come,) = map(str, policy_differences(old, new))
    assert come.startswith("touchpoints.mystery_shopper: new: touchpoint.observed.v1 by in_person")
    assert "attitude" in come


def test_a_changed_row_of_a_touchpoint_is_named_by_its_dimension() -> None:
    (told,) = lines(("measure: ivr_steps, worst: 8", "measure: ivr_steps, worst: 6"))
    assert told == "touchpoints.call.felt.guidance.by.worst: 8 -> 6"


def test_another_order_is_told_since_it_is_in_the_digest() -> None:
    (told,) = lines(("{guidance: 1, knowledge: 1}", "{knowledge: 1, guidance: 1}"))
    assert told == "tiers.ordinary.named: other order: guidance, knowledge -> knowledge, guidance"


def test_differences_come_in_the_order_of_the_file() -> None:
    told = differences(
        ("threshold: 0\n", "threshold: 5\n"),
        ("norm: 0.8}", "norm: 0.7}"),
        ("latest_time: 2100", "latest_time: 2101"),
        ('version: "2"', 'version: "3"'),
    )
    assert [difference.path[0] for difference in told] == [
        "version",
        "limits",
        "dimensions",
        "care",
    ]
    assert told[-1].text == "0 -> 5: fewer transactions alert"


def test_diff_of_the_same_meaning_says_so(default_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("# a comment\n" + DEFAULT_POLICY, encoding="utf-8")
    done = touchpoint_policy("diff", default_file, other)
    assert (done.exit_code, done.stdout) == (0, "same meaning\n")
    assert json.loads(touchpoint_policy("diff", default_file, other, "--json").stdout)["same"]


def test_diff_exits_with_one_and_a_line_a_difference(default_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(
        changed(("norm: 0.8", "norm: 0.9"), ("worst: 8, best: 0", "worst: 7, best: 0"))
    )
    done = touchpoint_policy("diff", default_file, other)
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    told = json.loads(touchpoint_policy("diff", default_file, other, "--json").stdout)
    assert told["a"]["digest"] != told["b"]["digest"]
    assert told["differences"][0]["path"] == "dimensions.reliability.norm"
    assert (told["differences"][0]["old"], told["differences"][0]["new"]) == (0.8, 0.9)


def test_diff_reports_the_problems_of_both_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    files[0].write_text(changed(("norm: 0.8", "norm: 8")))
    files[1].write_text(changed(("default_tier: ordinary", "default_tier: silver")))
    done = touchpoint_policy("diff", *files)
    assert done.exit_code == 2
    assert "a.yaml:" in done.stderr
    assert "b.yaml:" in done.stderr
