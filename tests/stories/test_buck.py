"""The story of the parking place: asked in the office, sent on to the guard, to the captain..."""

from itertools import pairwise

import pytest

from tests.stories.telling import (
    CLOSED,
    COMPLAINT,
    HANDED_OVER,
    MARCH,
    RESOLVED,
    at_level,
    changes,
    days_later,
    noticed,
    reading,
    value_of,
)
from tests.unit.core import Life

DEPARTMENTS = ("finance", "guards", "captain", "management", "owners")
# recovery is 2 of 6 named in a complaint; severity 4 feels like 0.1 where 0.6 is usual
SETTLED_AT_ONCE = 2.25 * 0.2 * (0.75 * 2 / 6) * 2.5**0.88


def complaint_sent_round(departments: tuple[str, ...] = DEPARTMENTS) -> tuple[Life, list[float]]:
    """The life of the resident, and the score after each department."""
    life = Life()
    data = {"intent": "complaint", "complaint": "parking", "severity": 4}
    opened = life.happen(COMPLAINT, MARCH, data)
    assert value_of(opened, "recovery") == pytest.approx(-16 / 3 * SETTLED_AT_ONCE)
    scores = [life.score]
    for first, second in pairwise(departments):
        handed = {"complaint": "parking", "from_department": first, "to_department": second}
        life.happen(HANDED_OVER, MARCH, handed)
        scores.append(life.score)
    return life, scores


def test_passing_the_buck_is_one_growing_negative() -> None:
    """Five departments, none of them responsible. The first hand-over is to whoever can help; each
    further one adds a quarter of the failure. In the books it stays one matter."""
    life, scores = complaint_sent_round()
    unresolved = 16 / 3 * SETTLED_AT_ONCE
    growth = [1, 1, 1.25, 1.5, 1.75]
    assert scores == pytest.approx([at_level(-unresolved * each) for each in growth])
    assert reading(life).open_failures == 1
    assert {part.dimension for part in reading(life).parts} == {"recovery"}


def test_the_run_round_has_a_bottom() -> None:
    """After seven departments it cannot get worse: two and a half times the failure."""
    _, scores = complaint_sent_round(("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"))
    assert scores[-1] == pytest.approx(at_level(-16 / 3 * 2.5 * SETTLED_AT_ONCE))
    assert scores[-1] == scores[-2] < scores[-4]


def test_a_just_resolution_takes_the_growing_negative_back() -> None:
    """A week later somebody takes it on: the parking place is there, with an apology, and in a
    clear procedure. What is left is the complaint as if it had been settled at once, a week ago."""
    life, scores = complaint_sent_round()
    just = {"outcome_justice": 1, "treatment_justice": 1, "procedure_justice": 1}
    outcome = life.happen(RESOLVED, days_later(7), {"complaint": "parking", **just})
    severity = 16 / 3 * 1.75
    assert changes(outcome) == pytest.approx([(severity - 1) * SETTLED_AT_ONCE])
    faded = 2 ** (-7 / 30)
    assert life.score == pytest.approx(at_level(-SETTLED_AT_ONCE * faded))
    assert life.score > scores[0]
    assert reading(life).open_failures == 0


def test_a_resolution_makes_good_as_far_as_it_was_just() -> None:
    """The place is there, but nobody apologised and nobody says why it took so long: outcome
    counts 0.45, treatment 0.35, procedure 0.2."""
    life, _ = complaint_sent_round()
    half = {"outcome_justice": 1, "treatment_justice": 0, "procedure_justice": 0}
    life.happen(RESOLVED, MARCH, {"complaint": "parking", **half})
    left = 1 + (16 / 3 * 1.75 - 1) * (1 - 0.45)
    assert life.score == pytest.approx(at_level(-left * SETTLED_AT_ONCE))


@pytest.mark.parametrize("justice", [0.25, 0.5, 0.75, 1.0])
def test_a_resolution_makes_more_satisfied_not_less(justice: float) -> None:
    """The more just it was, the nearer the complaint is remembered to what is usual: a quality of
    0.1, where 0.6 is, by so much of the way; one touch against five of doubt."""
    life = Life()
    life.happen(COMPLAINT, MARCH, {"intent": "complaint", "complaint": "k", "severity": 4})
    before = reading(life).ratio
    names = ("outcome_justice", "treatment_justice", "procedure_justice")
    life.happen(RESOLVED, MARCH, {"complaint": "k"} | dict.fromkeys(names, justice))
    assert before == pytest.approx((0.1 + 5 * 0.6) / 6 / 0.6)
    assert reading(life).ratio == pytest.approx((0.1 + justice * 0.5 + 5 * 0.6) / 6 / 0.6)
    assert reading(life).ratio > before


def test_it_is_settled_when_the_resident_says_so() -> None:
    """Management closes the file; the resident finds the place taken. Her word undoes it, in the
    score and in what she is satisfied with."""
    life, scores = complaint_sent_round()
    life.happen(RESOLVED, days_later(1), {"complaint": "parking", "outcome_justice": 1})
    life.happen(CLOSED, days_later(1), {"complaint": "parking", "satisfied": False})
    assert life.score == pytest.approx(at_level(-16 / 3 * 1.75 * SETTLED_AT_ONCE * 2 ** (-1 / 30)))
    assert reading(life).open_failures == 1
    assert scores[-1] < life.score < 75
    complained = 2 ** (-1 / 30)  # once, yesterday, of a quality of 0.1 where 0.6 is usual
    perceived = (complained * 0.1 + 5 * 0.6) / (complained + 5)
    assert reading(life).ratio == pytest.approx(perceived / 0.6)
    assert reading(life).band == "tolerated"


def test_every_further_hand_over_is_noticed_and_names_who_has_the_matter_now() -> None:
    """The one at the cash desk says the guards; they say their captain; he says the management. The
    guards might have helped. From the captain on somebody has to call the resident."""
    life, _ = complaint_sent_round()
    calls = life.actions("call_back")
    assert [call.fields["department"] for call in calls] == ["captain", "management", "owners"]
    assert calls[-1].fields["what"] == "handed on 4 times without a result"
    assert len({call.id for call in calls}) == 3
    assert noticed(life, "passing_the_buck") == 3


def test_noticing_it_does_not_make_it_worse() -> None:
    """The failure grows with each hand-over already: the pattern adds nothing to that."""
    life, _ = complaint_sent_round()
    noticed_ones = [c for c in life.contributions() if c.touchpoint == "passing_the_buck"]
    assert len(noticed_ones) == 3
    assert all(c.felt == () and c.score_before == c.score_after for c in noticed_ones)


def test_a_hand_over_without_a_name_leaves_it_to_the_complaints_desk() -> None:
    life, _ = complaint_sent_round(("a", "b"))
    life.happen(HANDED_OVER, MARCH, {"complaint": "parking"})
    (call,) = life.actions("call_back")
    assert call.fields["department"] == "complaints"


def test_a_hand_over_after_the_case_was_settled_passes_no_buck() -> None:
    """What goes round then is the file. Not so if she says that nothing is settled."""
    life, _ = complaint_sent_round(("finance", "guards"))
    life.happen(RESOLVED, days_later(1), {"complaint": "parking", "outcome_justice": 1})
    life.happen(CLOSED, days_later(2), {"complaint": "parking", "satisfied": True})
    life.happen(HANDED_OVER, days_later(3), {"complaint": "parking", "to_department": "archive"})
    assert noticed(life, "passing_the_buck") == 0
    life.happen(CLOSED, days_later(4), {"complaint": "parking", "satisfied": False})
    life.happen(HANDED_OVER, days_later(5), {"complaint": "parking", "to_department": "owners"})
    assert noticed(life, "passing_the_buck") == 1


def test_departments_of_one_case_are_not_those_of_another() -> None:
    life = Life()
    for case in ("lift", "parking"):
        life.happen(COMPLAINT, MARCH, {"complaint": case, "topic": "house"})
        life.happen(HANDED_OVER, MARCH, {"complaint": case, "to_department": "guards"})
    assert noticed(life, "passing_the_buck") == 0
