"""The files of a replay are in an order of their own, in whatever order their lines came."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.ports import Output
from pipeline.tools.files import whole_file
from pipeline.tools.replay_files import FILES, ReplayFiles
from schemas.care import CareAction, CareDecision, DecisionOutcome
from schemas.outlook import OutlookCheck
from schemas.topics import ACTIONS, CASES, DECISIONS, OUTLOOKS, SCORES
from tests.contract import outbound_samples as samples

OUTCOMES: tuple[DecisionOutcome, ...] = ("held", "proposed", "allocated", "requested", "settled")


def written(*batches: list[Output]) -> dict[str, list[bytes]]:
    """The lines of each file after these batches."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        whole = {file: stack.enter_context(whole_file(folder / file)) for file in FILES}
        files = stack.enter_context(ReplayFiles(whole))
        for batch in batches:
            files.keep(batch)
        files.finish()
        stack.close()
        return {file: (folder / file).read_bytes().splitlines() for file in FILES}


def output(topic: str, number: int) -> Output:
    key, value = samples.message(topic, f"c{number % 3}", number)
    assert key is not None
    assert value is not None
    return Output(topic, key, value)


DATED = [
    *(output(topic, number) for topic in (ACTIONS, OUTLOOKS) for number in range(6)),
    *(
        Output(DECISIONS, b"c1", samples.encode(samples.decision("c1", number, outcome=outcome)))
        for number in range(3)
        for outcome in OUTCOMES
    ),
]


@given(st.permutations(DATED), st.integers(0, len(DATED)))
def test_what_has_a_time_is_in_order_of_it_whenever_it_came(
    outputs: list[Output], cut: int
) -> None:
    files = written(outputs[:cut], outputs[cut:])
    actions = [msgspec.json.decode(line, type=CareAction) for line in files["actions.jsonl"]]
    assert [(a.decided_at, a.id) for a in actions] == sorted((a.decided_at, a.id) for a in actions)
    assert len(actions) == 6
    checks = [msgspec.json.decode(line, type=OutlookCheck) for line in files["outlooks.jsonl"]]
    assert [check.id for check in checks] == [f"o-{n}" for n in range(6)]
    decisions = [msgspec.json.decode(line, type=CareDecision) for line in files["decisions.jsonl"]]
    assert [(d.id, d.outcome) for d in decisions] == [
        (f"d-{number}", outcome) for number in range(3) for outcome in OUTCOMES
    ]


def test_fractions_of_a_second_are_later_than_none(tmp_path: Path) -> None:
    times = [samples.START, samples.START + timedelta(milliseconds=5)]
    made = [
        msgspec.structs.replace(samples.action("c", 0), id=f"{n}", decided_at=time)
        for n, time in zip("ba", times, strict=True)
    ]
    files = written([Output(ACTIONS, b"c", samples.encode(action)) for action in reversed(made)])
    assert files["actions.jsonl"] == [samples.encode(action) for action in made]


def test_scores_and_cases_are_the_last_ones_by_customer_and_by_id() -> None:
    scores, cases = ([output(topic, number) for number in range(9)] for topic in (SCORES, CASES))
    files = written([*scores[:5], *cases[:4]], [*scores[5:], *cases[4:]])
    assert files["scores.jsonl"] == [one.value for one in scores[6:]]
    last = {msgspec.json.decode(one.value)["id"]: one.value for one in cases}
    assert files["cases.jsonl"] == [last[name] for name in sorted(last)]
