"""What an action does, by those who were held out from it: uplift, interval, size needed."""

from collections.abc import Iterable
from math import ceil, sqrt
from statistics import NormalDist
from typing import Final

from pipeline.core.insights.certainty import NORMAL_95, student_95
from schemas.insight_rows import Arm
from schemas.insights import Experiment

LEAST_SCORED: Final = 10
"""Scores in each group below which no interval is told: Student's t is exact enough from nine
degrees of freedom on, and scores are bounded, not normal."""

_POWER: Final = 0.8
"""The chance that an uplift as large as expected shows: the usual four in five (Cohen 1988)."""


def experiments_of(arms: Iterable[Arm]) -> list[Experiment]:
    """One for each action that was held out from somebody, by name."""
    by_action: dict[str, dict[bool, Arm]] = {}
    for arm in arms:
        by_action.setdefault(arm.action, {})[arm.held_out] = arm
    return [
        experiment_of(
            pair.get(False, Arm(action, False, 0, 0, None, None, 0.0)),
            pair[True],
        )
        for action, pair in sorted(by_action.items())
        if True in pair
    ]


def experiment_of(treated: Arm, held_out: Arm) -> Experiment:
    """The difference of the mean later scores, with Welch's interval of 95 %."""
    expected = treated.expected_gain or held_out.expected_gain
    uplift = low = high = None
    if treated.mean is not None and held_out.mean is not None:
        uplift = treated.mean - held_out.mean
        reach = _reach(treated, held_out)
        if reach is not None:
            low, high = uplift - reach, uplift + reach
    return Experiment(
        action=held_out.action,
        treated=treated.customers,
        held_out=held_out.customers,
        treated_score=treated.mean,
        held_out_score=held_out.mean,
        uplift=uplift,
        low=low,
        high=high,
        expected=expected,
        needed=_needed(treated, held_out, expected),
    )


def needed_each(deviation: float, expected: float) -> int:
    """Customers in each group that show an uplift of ``expected`` points, four times in five.

    ``deviation`` is the standard deviation of scores; ``expected`` is above zero.
    """
    surely = NORMAL_95 + NormalDist().inv_cdf(_POWER)
    return max(ceil(2.0 * (surely * deviation / expected) ** 2), 2)


def _reach(treated: Arm, held_out: Arm) -> float | None:
    """Half the width of Welch's interval; ``None`` of too few."""
    if min(treated.scored, held_out.scored) < LEAST_SCORED:
        return None
    if treated.variance is None or held_out.variance is None:
        return None
    one, other = treated.variance / treated.scored, held_out.variance / held_out.scored
    if one + other <= 0.0:
        return 0.0
    below = one**2 / (treated.scored - 1) + other**2 / (held_out.scored - 1)
    return student_95((one + other) ** 2 / below) * sqrt(one + other)


def _needed(treated: Arm, held_out: Arm, expected: float) -> int | None:
    """By the variance of both groups pooled; ``None`` if it or the expected gain is not known."""
    freedom, squares = 0, 0.0
    for arm in (treated, held_out):
        if arm.variance is not None and arm.scored > 1:
            freedom += arm.scored - 1
            squares += arm.variance * (arm.scored - 1)
    if not freedom or expected <= 0.0:
        return None
    return needed_each(sqrt(squares / freedom), expected)
