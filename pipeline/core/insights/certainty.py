"""How sure a mean is: its interval, its error, and how many touches are enough to judge.

Only sums are kept, no squares. A quality lies in [0, 1], so its variance is at most
``m (1 - m)`` around a mean ``m`` (Bhatia and Davis 2000): that of a yes or no with the same mean.
So Wilson's score interval for a share covers it too, and is somewhat too wide rather than too
narrow. It takes touches for independent; those of one customer are not.
"""

from math import sqrt
from statistics import NormalDist
from typing import Final

NORMAL_95: Final = NormalDist().inv_cdf(0.975)

ENOUGH: Final = 30
"""Touches from which on a level is judged: an interval of 95 % then reaches at most 0.17 to each
side, which is less than a zone of tolerance (0.2)."""

# Agresti and Coull: two good and two bad touches more, so that no mean of a few seems sure.
_ADDED: Final = 2.0


def interval_95(mean: float, count: int) -> tuple[float, float]:
    """Wilson's interval around ``mean`` in [0, 1] of ``count`` touches; all of it for none."""
    if count <= 0:
        return 0.0, 1.0
    z2 = NORMAL_95**2
    middle = (mean + z2 / (2.0 * count)) / (1.0 + z2 / count)
    reach = NORMAL_95 * sqrt(mean * (1.0 - mean) / count + z2 / (4.0 * count**2))
    reach /= 1.0 + z2 / count
    # The bounds of a mean of 0 or 1 are 0 or 1, but for rounding.
    return max(min(middle - reach, mean), 0.0), min(max(middle + reach, mean), 1.0)


def squared_error(mean: float, count: int) -> float:
    """The square of the standard error of ``mean``, at most; ``count`` is one or more."""
    drawn = (mean * count + _ADDED) / (count + 2.0 * _ADDED)
    return drawn * (1.0 - drawn) / count


def drawn_in(gap: float, count: int) -> float:
    """``gap`` drawn towards none, the more the fewer touches: for the order, never for show.

    Of ``ENOUGH`` touches half of it counts, so that a handful of bad touches do not come first.
    """
    return gap * count / (count + ENOUGH)


def student_95(freedom: float) -> float:
    """Student's t for a 95 % interval, to three digits from nine degrees of freedom on."""
    z = NORMAL_95  # Cornish and Fisher's expansion
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    return z + (z**3 + z) / (4.0 * freedom) + second / freedom**2
