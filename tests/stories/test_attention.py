"""Stories of attention: how often, how strongly, and when it is too much."""

import pytest

from tests.stories.telling import (
    GIFT,
    MARCH,
    MESSAGE,
    OBSERVED,
    at_level,
    days_later,
    reading,
    survey,
    value_of,
)
from tests.unit.core import Life

KIND_WORD = 0.2 * 0.15 * 1.0  # attention 0.7 where 0.5 is usual: one zone above


def care(life: Life, channel: str = "sms", at: str = MARCH) -> None:
    life.happen(MESSAGE, at, {"channel": channel, "purpose": "care"})


def approached(life: Life, welcome: bool) -> None:
    """A clerk comes up to the customer by herself."""
    data = {"touchpoint": "staff_approach", "measures": {"welcome": welcome}}
    life.happen(OBSERVED, MARCH, data)


def costs_on_one_day(contacts: int) -> list[float]:
    """Three are free; the next two cost ever more, and from there on each the same."""
    return [0, 0, 0, 0.08 * 1 / 2, 0.08 * 4 / 2, *(0.08 * 2 * (n - 4) for n in range(6, 99))][
        :contacts
    ]


def test_the_clerk_who_follows_you_around_drives_you_out() -> None:
    """The clerk is polite each time, and each time a little more welcome than nobody at all. But
    by the sixth rack the customer wishes she were elsewhere, and by the tenth she is."""
    life, scores = Life(), []
    for _ in range(10):
        approached(life, welcome=True)
        scores.append(life.score)
    levels = [n * KIND_WORD - cost for n, cost in enumerate(costs_on_one_day(10), start=1)]
    assert scores == pytest.approx([at_level(level) for level in levels])
    assert scores[0] < scores[1] < scores[2] > scores[3] > 75 > scores[5] > scores[9]


def test_who_wants_to_be_left_alone_is_tired_sooner() -> None:
    """Another customer came to look, not to be helped: the clerk is unwelcome from the first."""
    life, scores = Life(), []
    for _ in range(10):
        approached(life, welcome=False)
        scores.append(life.score)
    # 0.4 is half a zone below the usual attention, of which the lack is felt by a tenth
    unwelcome = -2.25 * 0.2 * 0.15 * 0.1 * 0.5**0.88
    levels = [n * unwelcome - cost for n, cost in enumerate(costs_on_one_day(10), start=1)]
    assert scores == pytest.approx([at_level(level) for level in levels])
    assert 75 > scores[0] > scores[9]


def test_twenty_gifts_on_one_day_are_a_siege() -> None:
    """The first three delight. The fourth still does, a little less; by the sixth the customer
    would rather have had three, and after twenty she wishes the company had never heard of her."""
    life, scores = Life(), []
    for _ in range(20):
        life.happen(GIFT, MARCH, {"gift": "tea"})
        scores.append(life.score)
    delight = 0.2 * 0.15 * 2.5**0.88  # 1.0 where 0.5 is usual
    levels = [n * delight - cost for n, cost in enumerate(costs_on_one_day(20), start=1)]
    assert scores == pytest.approx([at_level(level) for level in levels])
    assert scores[2] < scores[3] > scores[4] > scores[5]
    assert scores[5] < scores[2]
    assert scores[19] < 50
    assert [part.channel for part in reading(life).parts if part.dimension == "fatigue"] == [
        "other"
    ]


def test_a_gift_a_season_never_tires() -> None:
    """The same presents, one every three months: each pleases, and none is too many."""
    life = Life()
    for season in range(20):
        life.happen(GIFT, days_later(90 * season), {"gift": "tea"})
    weight = (1 - 2.0 ** (-3 * 20)) / (1 - 2.0**-3)  # each is worth an eighth of the next
    assert life.score == pytest.approx(at_level(0.2 * 0.15 * 2.5**0.88 * weight))


def test_too_much_is_counted_channel_by_channel() -> None:
    """Three messages by SMS and three by push in one day: neither channel is worn out."""
    both, one = Life(), Life()
    for channel in ("sms", "push"):
        for _ in range(3):
            care(both, channel)
            care(one)
    assert both.score == pytest.approx(at_level(6 * KIND_WORD))
    assert one.score == pytest.approx(at_level(6 * KIND_WORD - 0.08 * 2 * (3 - 1)))
    assert [part.channel for part in reading(one).parts if part.dimension == "fatigue"] == ["sms"]


def test_what_tires_one_customer_does_not_tire_another() -> None:
    """The same message is the sixth of the day to one customer and the first to another."""
    worn, fresh = Life(), Life(name="customer-2")
    for _ in range(6):
        care(worn)
    fresh.happen(MESSAGE, MARCH, {"channel": "sms", "purpose": "care"}, subject="customer-2")
    assert fresh.score == pytest.approx(at_level(KIND_WORD))
    assert worn.score == pytest.approx(at_level(6 * KIND_WORD - 0.32))


def test_a_word_a_month_is_never_too_much() -> None:
    """Six messages a month apart, where an impression halves in a month: together they weigh
    1.97, and crowd each other as fewer than three on one day would."""
    life = Life()
    for month in range(6):
        care(life, at=days_later(30 * month))
    weight = 1 + 1 / 2 + 1 / 4 + 1 / 8 + 1 / 16 + 1 / 32
    squares = 1 + 1 / 4 + 1 / 16 + 1 / 64 + 1 / 256 + 1 / 1024
    assert weight**2 / squares < 3
    assert life.score == pytest.approx(at_level(KIND_WORD * weight))


def test_weariness_fades_as_fast_as_the_pleasure_it_spoilt() -> None:
    """Ten messages in a day, then a month of silence: half of the pleasure is gone and half of
    the weariness."""
    life = Life()
    for _ in range(10):
        care(life)
    life.happen("touchpoint.customer.profiled.v1", days_later(30), {"tier": "ordinary"})
    assert life.score == pytest.approx(at_level((10 * KIND_WORD - 0.08 * 2 * 6) / 2))


def test_a_message_the_customer_needs_does_not_tire() -> None:
    """Ten alerts for ten purchases in a day are no hovering: the customer made the purchases."""
    life = Life()
    for _ in range(10):
        data = {"channel": "sms", "purpose": "alert", "delay_seconds": 10}
        life.happen(MESSAGE, MARCH, data)
    assert life.score == pytest.approx(75)


def test_a_faint_touch_moves_a_fraction_of_a_strong_one() -> None:
    """The same poor rating, of a customer who hardly noticed and of one whom it struck."""
    values = []
    for intensity in (1.0, 0.25):
        life = Life()
        data = {"survey": "s", "answers": {"attitude": 2}, "intensity": intensity}
        values.append(
            value_of(life.happen("touchpoint.survey.answered.v1", MARCH, data), "attitude")
        )
    whole = -2.25 * 0.2 * (0.25 / 11) * 2.25**0.88
    assert values == pytest.approx([whole, whole / 4])


def test_often_met_is_better_known() -> None:
    """Frequency makes familiar: with each touch the company may be surer how it is felt."""
    life, confidences = Life(), []
    for _ in range(5):
        survey(life, attitude=4)
        confidences.append(reading(life).confidence)
    assert confidences == pytest.approx([1 / 6, 2 / 7, 3 / 8, 4 / 9, 5 / 10])
