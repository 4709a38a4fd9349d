"""Stories of delight: what is remembered, and what decides whether the customer comes back."""

from typing import Any

import pytest

from pipeline.core.policy.compiled import Policy
from tests.stories.telling import GIFT, MARCH, OBSERVED, VISIT, at_level, reading, survey, value_of
from tests.unit.core import Life, changed_policy


def hot_pot_house() -> Policy:
    """A restaurant: taste, hygiene and speed of a meal, its price; and small attentions."""

    def add(content: dict[str, Any]) -> None:
        content["limits"]["state_bytes"] = 16_384
        core = {"layer": "core_product", "department": "kitchen", "norm": 0.7}
        content["dimensions"] |= {
            "taste": core | {"kano": "one_dimensional"},
            "hygiene": core | {"kano": "must_be"},
        }
        content["tiers"]["guest"] = {
            "named": {"taste": 2, "hygiene": 1, "price": 1, "waiting": 1},
        }
        content["default_tier"] = "guest"
        content["touchpoints"]["meal"] = {
            "event": OBSERVED,
            "channel": "in_person",
            "felt": [
                {"dimension": dimension, "by": rated(f"measures.{dimension}")}
                for dimension in ("taste", "hygiene", "price", "waiting")
            ],
        }

    return changed_policy(add)


def rated(measure: str) -> dict[str, Any]:
    return {"evidence": "rating", "measure": measure, "worst": 1, "best": 5}


def dine(life: Life, taste: float) -> None:
    measures = {"taste": taste, "hygiene": 4, "price": 4, "waiting": 4}
    data = {"touchpoint": "meal", "intent": "help", "measures": measures}
    life.happen(OBSERVED, MARCH, data)


def test_a_rubber_band_makes_the_name_remembered_and_nobody_loyal() -> None:
    """The waiter sees the long hair over the steam and hands over a rubber band. For the first
    time the guest reads the name over the door. But whether she comes again, taste decides."""
    life = Life(hot_pot_house())
    outcome = life.happen(GIFT, MARCH, {"gift": "rubber band"})
    # no intent: attention, security and trust join the guest's five; 0.75 is shared by 8
    value = 0.2 * (0.75 / 8) * ((1.0 - 0.5) / 0.2) ** 0.88
    assert value_of(outcome, "attention") == pytest.approx(value)
    score = reading(life)
    assert score.impression == pytest.approx(at_level(value))
    assert score.loyalty == pytest.approx(75)


def test_taste_decides_over_the_rubber_band() -> None:
    """One guest gets a rubber band with a poor soup, another a good soup and no band. The first
    tells of the band; the second comes again."""
    house = hot_pot_house()
    charmed, fed = Life(house), Life(house)
    charmed.happen(GIFT, MARCH, {"gift": "rubber band"})
    dine(charmed, taste=2)
    dine(fed, taste=5)
    # help names resolution 2, access 1 and waiting 1 more: taste is 2 of 9
    good, poor = 0.2 * (0.75 * 2 / 9) * 1.5**0.88, -2.25 * 0.2 * (0.75 * 2 / 9) * 2.25**0.88
    same = (
        0.2 * (0.75 / 9) * 0.1 * 0.25**0.88  # hygiene: taken for granted
        + 0.2 * (0.75 / 9) * 0.75**0.88  # price, usually 0.6
        + 0.2 * (0.75 * 2 / 9) * 0.25**0.88  # speed
    )
    band = 0.2 * (0.75 / 8) * 2.5**0.88
    assert reading(fed).loyalty == pytest.approx(at_level(good + same))
    assert reading(charmed).loyalty == pytest.approx(at_level(poor + same))
    assert reading(charmed).impression == pytest.approx(at_level(poor + same + band))


def test_what_is_taken_for_granted_hurts_where_it_lacks_and_hardly_pleases() -> None:
    """First realm: a reliable network. Nobody praises it; its failing is felt in full."""
    weight = 0.25 / 11
    praised, failed = survey(Life(), reliability=5), survey(Life(), reliability=3.4)  # 1.0, 0.6
    assert value_of(praised, "reliability") == pytest.approx(0.2 * weight * 0.1 * 1.0)
    assert value_of(failed, "reliability") == pytest.approx(-2.25 * 0.2 * weight * 1.0)


def test_an_extra_pleases_and_its_absence_is_not_blamed() -> None:
    """Second realm: attention nobody asked for. Given, it pleases in full; somewhat less of it
    than usual is hardly held against the company."""
    weight = 0.75 / 5
    given, missed = survey(Life(), attention=3.8), survey(Life(), attention=2.2)  # 0.7, 0.3
    assert value_of(given, "attention") == pytest.approx(0.2 * weight * 1.0)
    assert value_of(missed, "attention") == pytest.approx(-2.25 * 0.2 * weight * 0.1 * 1.0)


def test_what_is_beyond_imagination_moves_more_than_a_polite_extra() -> None:
    """Third realm: a present nobody could think of, against a polite word: both please, and the
    one beyond imagination is named in the explanation before the other."""
    life = Life()
    moved = value_of(life.happen(GIFT, MARCH, {"gift": "journey of the parents"}), "attention")
    polite = value_of(survey(life, attention=3.8), "attention")
    assert moved == pytest.approx(polite * 2.5**0.88)
    named = [part.event for part in sorted(reading(life).parts, key=lambda part: -part.points)]
    assert named == ["e-0", "e-1"]


def test_delight_does_not_hide_an_unsolved_matter() -> None:
    """A customer with an unsolved matter gets a present. The impression rises, the loyalty does
    not: it shows what is owed."""
    life = Life()
    life.happen(VISIT, MARCH, {"intent": "help", "resolved": False})
    owed = reading(life).loyalty
    life.happen(GIFT, MARCH, {"gift": "tea"})
    level = -12 * 0.2 * 0.25
    assert reading(life).loyalty == pytest.approx(owed) == pytest.approx(at_level(level))
    assert reading(life).impression == pytest.approx(at_level(level + 0.2 * 0.15 * 2.5**0.88))


@pytest.mark.parametrize(
    ("intensity", "zones"),
    [
        (0.1, 0.25),  # 0.55 where 0.5 is usual
        (0.5, 1.25),
        (1.0, 2.5),
    ],
)
def test_a_small_gift_still_pleases(intensity: float, zones: float) -> None:
    """A sweet with the bill is hardly noticed, and what is noticed of it is kind."""
    life = Life()
    outcome = life.happen(GIFT, MARCH, {"gift": "sweet", "intensity": intensity})
    value = intensity * 0.2 * 0.15 * zones**0.88
    assert value_of(outcome, "attention") == pytest.approx(value)
    assert life.score == pytest.approx(at_level(value))
    assert life.score > 75
