"""Stories of words: what customers say and how they say it, as upstream heard it."""

from typing import Any

import pytest

from tests.stories.telling import CALL, COMPLAINT, MARCH, MESSAGE, felt, qualities, reading
from tests.unit.core import Life

COMPLAINED: dict[str, Any] = {"intent": "complaint", "complaint": "k", "severity": 2}
MOOD = 0.25 / 12  # one of twelve that neither an ordinary customer nor a complaint names


def test_an_angry_voice_is_felt_beside_the_matter() -> None:
    """Two customers complain of the same trifle. One is angry, calls it unacceptable and slow, and
    upstream puts the sentiment at -0.6: the mood is one feeling, the mean of the three."""
    plain, angry = Life(), Life()
    plain.happen(COMPLAINT, MARCH, COMPLAINED)
    heard = {"sentiment": -0.6, "emotion": "angry", "words": ["unacceptable", "slow"]}
    outcome = angry.happen(COMPLAINT, MARCH, COMPLAINED | heard)
    mood = ((-0.6 + 1) / 2 + 0.05 + (0 + 0.3) / 2) / 3
    assert felt(outcome)["mood"].quality == pytest.approx(mood)
    value = -2.25 * 0.2 * MOOD * ((0.5 - mood) / 0.2) ** 0.88
    assert felt(outcome)["mood"].value == pytest.approx(value)
    # severity 2 feels like 0.3 where 0.6 is usual: the matter itself weighs the same for both
    matter = -12 * 0.2 * (0.75 * 2 / 6) * 1.5**0.88
    assert felt(outcome)["recovery"].value == pytest.approx(matter)
    assert angry.score < plain.score


def test_a_moved_customer_says_thanks() -> None:
    """A pleased voice on the phone counts as what it is."""
    data = {"intent": "complaint", "wait_seconds": 20, "emotion": "moved", "words": ["thanks"]}
    outcome = Life().happen(CALL, MARCH, data)
    mood = (1.0 + 0.8) / 2
    assert felt(outcome)["mood"].value == pytest.approx(0.2 * MOOD * ((mood - 0.5) / 0.2) ** 0.88)


def test_words_that_nobody_listed_are_no_evidence() -> None:
    """An emotion that the policy does not know, and small talk, say nothing of the mood."""
    data = {"channel": "social", "emotion": "pensive", "words": ["weather"]}
    assert qualities(Life().happen(MESSAGE, MARCH, data)) == {"attention": 0.5}


def test_a_customer_who_keeps_swearing_is_known_as_agitated() -> None:
    """Three angry posts on social media: the remembered mood is poor, and the reason is told."""
    life = Life()
    for _ in range(3):
        life.happen(MESSAGE, MARCH, {"channel": "social", "direction": "inbound", "sentiment": -1})
    behaviour = reading(life).behaviour
    assert behaviour is not None
    assert behaviour.name == "agitated"
    (sign,) = behaviour.signs
    assert (sign.reading, sign.dimension, sign.bound) == ("quality", "mood", 0.38)
    assert sign.value == pytest.approx((0 + 0 + 0 + 5 * 0.5) / (3 + 5))
