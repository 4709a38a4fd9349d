"""Stories of expectation: where it comes from, and that each source can be seen."""

from typing import Any

import pytest

from tests.stories.telling import (
    CALL,
    MARCH,
    OBSERVED,
    PROMISED,
    RIVAL,
    at_level,
    days_later,
    felt,
    gold,
    read_dimension,
    reading,
    survey,
    value_of,
)
from tests.unit.core import Life, changed_policy

OFFER = {"rival": "the bank across the road", "dimension": "waiting", "level": 0.95}
WITH_RIVAL = (4 * 0.7 + 2 * 0.95) / (4 + 2)


def test_the_norm_alone_is_what_everybody_knows_of_life() -> None:
    """Clean, tasty, not too long to wait: nobody told the customer, everybody expects it."""
    mark = felt(survey(Life(), waiting=4))["waiting"]
    assert mark.expected == 0.7
    assert mark.sources is None  # nothing but the norm


def test_a_rivals_offer_makes_the_same_service_a_disappointment() -> None:
    """The company never promised a shorter wait; the bank across the road has it. A wait that
    pleased yesterday falls short today."""
    life = Life()
    pleased = survey(life, waiting=4)
    life.happen(RIVAL, MARCH, OFFER)
    missed = survey(life, waiting=4)
    weight = 0.25 / 11
    assert value_of(pleased, "waiting") == pytest.approx(0.2 * weight * (0.05 / 0.2) ** 0.88)
    assert felt(missed)["waiting"].expected == pytest.approx(WITH_RIVAL)
    value = -2.25 * 0.2 * weight * ((WITH_RIVAL - 0.75) / 0.2) ** 0.88
    assert value_of(missed, "waiting") == pytest.approx(value)
    sources = felt(missed)["waiting"].sources
    assert sources is not None
    assert (sources.norm, sources.competition) == pytest.approx((0.7, 0.95))


@pytest.mark.parametrize(
    ("days", "settled"), [(0, 0), (90, 1 / 2), (180, 3 / 4), (900, 1 - 1 / 1024)]
)
def test_what_rivals_offer_settles_into_common_sense_and_never_falls_back(
    days: float, settled: float
) -> None:
    """A season later half of the offer is what everybody takes for granted, two years later
    nearly all of it. At no time does the customer expect less again."""
    life = Life()
    life.happen(RIVAL, MARCH, OFFER)
    mark = felt(survey(life, at=days_later(days), waiting=4))["waiting"]
    assert mark.expected == pytest.approx(WITH_RIVAL)
    assert mark.sources is not None
    norm = (4 * 0.7 + 2 * settled * 0.95) / (4 + 2 * settled)
    assert mark.sources.norm == pytest.approx(norm)
    assert mark.sources.competition == pytest.approx(0.95)


def test_a_lower_offer_does_not_comfort() -> None:
    """Another rival is slower than the norm, and a third not as quick as the first: neither takes
    anything off what is expected."""
    life = Life()
    life.happen(RIVAL, MARCH, OFFER | {"level": 0.5})
    assert felt(survey(life, waiting=4))["waiting"].expected == pytest.approx(0.7)
    life.happen(RIVAL, MARCH, OFFER)
    life.happen(RIVAL, MARCH, OFFER | {"level": 0.8})
    assert felt(survey(life, waiting=4))["waiting"].expected == pytest.approx(WITH_RIVAL)


def test_a_promise_lifts_what_is_expected_while_it_is_open() -> None:
    """ "No more waiting", says the poster: the usual wait is now a disappointment."""
    life = Life()
    life.happen(PROMISED, MARCH, {"promise": "poster", "dimension": "waiting", "level": 0.9})
    mark = felt(survey(life, waiting=4))["waiting"]
    expected = (4 * 0.7 + 4 * 0.9) / (4 + 4)
    assert mark.expected == pytest.approx(expected)
    assert mark.sources is not None
    assert mark.sources.promise == pytest.approx(0.9)
    assert mark.value == pytest.approx(-2.25 * 0.2 * (0.25 / 11) * (0.05 / 0.2) ** 0.88)
    assert read_dimension(life, "waiting").promise == pytest.approx(0.9)


def test_a_scarf_for_a_hundred_yuan_pleases_and_a_garment_does_not() -> None:
    """Both presents cost a hundred. For a scarf that is a lot; a garment looks as if it should
    have cost more. What a thing implies is a cue in the catalogue."""

    def presents(content: dict[str, Any]) -> None:
        for name, cue in (("scarf", 0.3), ("garment", 0.8)):
            worth = {"evidence": "linear", "measure": "measures.yuan", "worst": 0, "best": 200}
            content["touchpoints"][name] = {
                "event": OBSERVED,
                "channel": "post",
                "felt": [{"dimension": "attention", "by": worth, "cue": cue}],
            }

    given = {}
    for name in ("scarf", "garment"):
        data = {"touchpoint": name, "measures": {"yuan": 100}}
        given[name] = Life(changed_policy(presents)).happen(OBSERVED, MARCH, data)
    scarf, garment = (felt(given[name])["attention"] for name in ("scarf", "garment"))
    assert (scarf.quality, garment.quality) == (0.5, 0.5)
    expected = ((4 * 0.5 + 0.3) / 5, (4 * 0.5 + 0.8) / 5)
    assert (scarf.expected, garment.expected) == pytest.approx(expected)
    assert scarf.value == pytest.approx(0.2 * 0.15 * ((0.5 - expected[0]) / 0.2) ** 0.88)
    # attention is a delight: missing it weighs a tenth
    hurt = -2.25 * 0.2 * 0.15 * 0.1 * ((expected[1] - 0.5) / 0.2) ** 0.88
    assert garment.value == pytest.approx(hurt)
    assert [each.sources.cue for each in (scarf, garment) if each.sources] == [0.3, 0.8]


def test_norm_competition_promise_and_cue_are_seen_each_by_itself() -> None:
    """A gold card implies a fine lounge. A rival has a finer one, the company promised a new one,
    and the customer's bill is twice the typical: four sources, and the mean of them."""
    life = gold(Life())
    life.happen("touchpoint.customer.profiled.v1", MARCH, {"revenue": 200})
    life.happen(RIVAL, MARCH, {"dimension": "environment", "level": 0.95})
    life.happen(PROMISED, MARCH, {"promise": "p", "dimension": "environment", "level": 0.9})
    mark = felt(survey(life, environment=5))["environment"]
    norm = 0.7 + 0.03 + 0.02 * 1  # the grade's lift and that of one doubling
    expected = (4 * norm + 2 * 0.95 + 4 * 0.9 + 1 * 0.8) / (4 + 2 + 4 + 1)
    assert mark.expected == pytest.approx(expected)
    assert mark.sources is not None
    assert mark.sources.norm == pytest.approx(norm)
    assert (mark.sources.competition, mark.sources.promise, mark.sources.cue) == pytest.approx(
        (0.95, 0.9, 0.8)
    )
    # the same four stand behind the satisfaction, above which the experience of this one visit
    found = read_dimension(life, "environment")
    assert (found.norm, found.cue) == pytest.approx((norm, 0.8))
    assert (found.competition, found.promise) == pytest.approx((0.95, 0.9))
    assert found.expected == pytest.approx(expected + 0.8 * 1 / 6 * (1.0 - expected))
    # gold: connect_speed, awareness, resolution, attention, security, trust are named
    value = 0.2 * (0.25 / 10) * ((1.0 - expected) / 0.2) ** 0.88
    assert life.score == pytest.approx(at_level(value))


def test_what_happened_before_the_offer_is_judged_as_it_was_then() -> None:
    """A call of last week is reported late, after the rival's offer. The customer did not know of
    the offer when she called."""
    life = Life()
    life.happen(RIVAL, days_later(7), OFFER | {"dimension": "connect_speed"})
    data = {"intent": "fault", "wait_seconds": 20}
    late = felt(life.happen(CALL, MARCH, data))["connect_speed"]
    assert late.expected == pytest.approx(0.7)


def test_the_look_of_the_card_counts_in_satisfaction_too() -> None:
    """A gold card looks like a lounge of its own. The same tidy shop leaves its holder less
    satisfied than somebody with an ordinary card."""
    ordinary, dear = Life(), gold(Life())
    for life in (ordinary, dear):
        survey(life, environment=3.8)  # 0.7
    expected = (4 * (0.7 + 0.03) + 0.8) / 5
    found = read_dimension(dear, "environment")
    assert (found.expected, found.cue) == pytest.approx((expected, 0.8))
    assert reading(ordinary).ratio == pytest.approx(1.0)
    assert reading(dear).ratio == pytest.approx((0.7 + 5 * 0.73) / 6 / expected)
    assert (reading(ordinary).band, reading(dear).band) == ("satisfied", "tolerated")
