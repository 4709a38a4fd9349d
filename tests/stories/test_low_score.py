"""A score that is low and sure calls for care once, and names what pulled it down."""

from typing import Any, Final

from tests.stories.telling import SURVEY
from tests.unit.core import Life
from tests.unit.guarding import CARE, at, guarded, outcomes, sourced

RULE: Final[dict[str, Any]] = {
    "below": sourced(60),
    "confidence": sourced(0.5),
    "evaluations": 2,
    "clear_errors": sourced(2),
}
POOR, FINE = 1, 5


def watched(**changes: Any) -> Life:
    return Life(guarded(action={"on": ["low_score"]}, low_score=RULE | changes))


def answer(life: Life, day: float, waiting: int, times: int = 1) -> None:
    for n in range(times):
        told = {"survey": "s", "answers": {"waiting": waiting, "attitude": 2 * waiting // 3 + 1}}
        life.happen(SURVEY, at(24 * day + n / 100), told)


def test_one_poor_touch_is_no_reason_and_the_second_evaluation_is_the_cause() -> None:
    life = watched()
    while not life.decisions(CARE):
        answer(life, len(life.outcomes), POOR)
    confident = [
        each.contribution
        for each in life.outcomes[4:]
        if each.contribution and (each.contribution.score_after or 0) < 60
    ]
    assert len(confident) == 2
    (decision,) = life.decisions(CARE)
    assert decision.cause.event == confident[1].event
    assert decision.trigger == "low_score"
    (action,) = life.actions(CARE)
    assert action.fields == {
        "topic": "",
        "what": "attitude (survey)",
        "department": "front_line",
        "pattern": "",
    }
    assert action.reason.endswith("is below 60")


def test_it_calls_once_and_again_only_after_the_score_was_well_above() -> None:
    life = watched()
    answer(life, 1, POOR, 18)
    assert len(outcomes(life)) == 1
    day = 2
    while life.score < 63:  # above the threshold, but not beyond doubt
        answer(life, day, FINE)
        day += 1
    answer(life, day, POOR, 10)
    assert len(outcomes(life)) == 1
    for later in range(day, day + 120):
        answer(life, later, FINE)
    answer(life, day + 121, POOR, 40)
    assert len(outcomes(life)) == 2


def test_what_is_hardly_known_does_not_call() -> None:
    life = watched(confidence=sourced(0.9))
    answer(life, 1, POOR, 20)
    assert not outcomes(life)


def test_by_default_somebody_calls_who_knows_what_went_wrong() -> None:
    life = Life()
    answer(life, 1, POOR, 18)
    (call,) = [each for each in life.actions("call_back") if "is below 60" in each.reason]
    assert call.fields["department"] == "front_line"
    assert call.fields["what"] == "attitude (survey)"
