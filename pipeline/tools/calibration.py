"""Says what probabilities were worth: held to what then happened, in figures and in a table.

The Brier score is the mean squared error of the probabilities, 0 at best; whoever always says the
base rate has that of ``base_rate_brier``. Calibration is judged by two tests: whether as much
happened as was foretold in all (calibration in the large), and whether the errors are as large as
the probabilities themselves let expect (Spiegelhalter 1986). The same customer's forecasts are
taken as independent, so with few customers of many forecasts the intervals are too narrow.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import exp, inf, isfinite, log, sqrt
from typing import Final, NamedTuple

from schemas.outlook import OutlookCheck

BINS: Final = 10
LEAST: Final = 100
"""Below so many checks nothing is said of calibration: the tests could not see much."""

_DAY_S: Final = 86_400.0
_NORMAL_95: Final = 1.959964
# Two tests at 2.5 % each: the chance to call good probabilities wrong is 5 % at most.
_NORMAL_975: Final = 2.241403
_STEPS: Final = 50
_SETTLED: Final = 1e-10


class Bin(NamedTuple):
    """Forecasts between two probabilities: how many, what they said, and what happened.

    ``low`` to ``high`` is the 95 % interval of the share that happened (Wilson 1927). ``as_told``:
    what was said lies in it.
    """

    begins: float
    ends: float
    checks: int
    said: float
    happened: float
    low: float
    high: float

    @property
    def as_told(self) -> bool:
        return self.low <= self.said <= self.high


class Calibration(NamedTuple):
    """What the probabilities of one outlook were worth.

    ``said`` is their mean, ``base_rate`` the share that happened. ``skill`` is how much of the
    base rate's Brier score they save, below zero if they are worse than it. ``in_the_large`` and
    ``spread`` are the tests' standard scores: positive, if more happened than was said, and if
    errors were larger. ``calibrated`` is ``None`` where there are too few checks to say.
    """

    checks: int
    said: float
    base_rate: float
    brier: float
    base_rate_brier: float
    skill: float | None
    in_the_large: float
    spread: float
    calibrated: bool | None
    bins: tuple[Bin, ...]


class Remedy(NamedTuple):
    """What would have made the probabilities right: new log-odds = ``shift + slope * old``."""

    shift: float
    slope: float


def calibrations(checks: Iterable[OutlookCheck]) -> dict[str, Calibration]:
    """The calibration of every outlook among the checks, by name."""
    found: dict[str, list[OutlookCheck]] = {}
    for check in checks:
        found.setdefault(check.outlook, []).append(check)
    return {name: calibration_of(found[name]) for name in sorted(found)}


def matured(checks: Iterable[OutlookCheck], known_s: float) -> list[OutlookCheck]:
    """The checks whose horizon had passed at ``known_s``, in seconds since 1970.

    What came true is settled at once, what did not only at the end of its horizon: among the
    latest there are hardly any but the former, so they would make everything look likelier.
    """
    return [
        each for each in checks if each.made_at.timestamp() + each.horizon_days * _DAY_S <= known_s
    ]


def calibration_of(checks: Sequence[OutlookCheck]) -> Calibration:
    """The calibration of one outlook. Raises ``ValueError`` if there is no check."""
    return judged([(each.probability, each.happened) for each in checks])


def judged(pairs: Sequence[tuple[float, bool]]) -> Calibration:
    """The same of probabilities in [0, 1] and whether the thing happened."""
    if not pairs:
        raise ValueError("no outlook was checked yet")
    count = len(pairs)
    said = sum(p for p, _ in pairs) / count
    base = sum(happened for _, happened in pairs) / count
    brier = sum((happened - p) ** 2 for p, happened in pairs) / count
    base_brier = base * (1.0 - base)
    large = _standard(sum(y - p for p, y in pairs), sum(p * (1.0 - p) for p, _ in pairs))
    spread = _standard(
        sum((y - p) * (1.0 - 2.0 * p) for p, y in pairs),
        sum((1.0 - 2.0 * p) ** 2 * p * (1.0 - p) for p, _ in pairs),
    )
    good = max(abs(large), abs(spread)) <= _NORMAL_975
    return Calibration(
        checks=count,
        said=said,
        base_rate=base,
        brier=brier,
        base_rate_brier=base_brier,
        skill=1.0 - brier / base_brier if base_brier > 0.0 else None,
        in_the_large=large,
        spread=spread,
        calibrated=good if count >= LEAST else None,
        bins=tuple(_bins(pairs)),
    )


def brier_of_bins(counts: Mapping[tuple[str, str], float]) -> float:
    """About the Brier score of ``touchpoint_outlook_checks`` by bin and yes or no.

    Each probability is taken as the middle of its bin, which is off by 0.05 at most. Raises
    ``ValueError`` if nothing was counted.
    """
    total = sum(counts.values())
    if total <= 0.0:
        raise ValueError("no outlook was checked yet")
    error = 0.0
    for (begins, happened), number in counts.items():
        middle = float(begins) + 0.5 / BINS
        error += number * (middle - (happened == "yes")) ** 2
    return error / total


def remedy_of(pairs: Sequence[tuple[float, bool]]) -> Remedy | None:
    """The shift and slope of log-odds that fit best (Cox 1958); ``None`` where none does.

    To apply it, multiply every coefficient of the outlook and its intercept by the slope, and add
    the shift to the intercept.
    """
    points = [(log(p / (1.0 - p)), float(y)) for p, y in pairs if 0.0 < p < 1.0]
    odds = {x for x, _ in points}
    if len(odds) < 2 or len({y for _, y in points}) < 2:
        return None
    shift, slope = 0.0, 1.0
    for _ in range(_STEPS):
        moved = _newton(points, shift, slope)
        if moved is None:
            return None
        shift, slope = shift + moved.shift, slope + moved.slope
        if not isfinite(shift + slope) or abs(shift) + abs(slope) > 1e3:
            return None  # what happened is told apart completely: no finite line fits best
        if abs(moved.shift) + abs(moved.slope) < _SETTLED:
            return Remedy(shift, slope)
    return None


def _newton(points: Sequence[tuple[float, float]], shift: float, slope: float) -> Remedy | None:
    """One step of Newton's method towards the greatest likelihood."""
    g0 = g1 = h00 = h01 = h11 = 0.0
    for x, y in points:
        p = 1.0 / (1.0 + exp(-min(max(shift + slope * x, -30.0), 30.0)))
        weight = p * (1.0 - p)
        g0 += y - p
        g1 += (y - p) * x
        h00 += weight
        h01 += weight * x
        h11 += weight * x * x
    determinant = h00 * h11 - h01 * h01
    if determinant <= 1e-12:
        return None
    return Remedy((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant)


def _standard(total: float, variance: float) -> float:
    if variance > 0.0:
        return total / sqrt(variance)
    return 0.0 if abs(total) < 1e-12 else inf if total > 0.0 else -inf


def _bins(pairs: Sequence[tuple[float, bool]]) -> Iterable[Bin]:
    """The bins that hold anything, from the least probable on."""
    held: dict[int, list[tuple[float, bool]]] = {}
    for pair in pairs:
        held.setdefault(min(int(pair[0] * BINS), BINS - 1), []).append(pair)
    for number in sorted(held):
        inside = held[number]
        yes = sum(happened for _, happened in inside)
        low, high = wilson(yes, len(inside))
        yield Bin(
            begins=number / BINS,
            ends=(number + 1) / BINS,
            checks=len(inside),
            said=sum(p for p, _ in inside) / len(inside),
            happened=yes / len(inside),
            low=low,
            high=high,
        )


def wilson(yes: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); ``count`` is above zero."""
    share, z2 = yes / count, _NORMAL_95**2
    middle = (share + z2 / (2.0 * count)) / (1.0 + z2 / count)
    half = _NORMAL_95 / (1.0 + z2 / count)
    half *= sqrt(share * (1.0 - share) / count + z2 / (4.0 * count * count))
    # At the ends exactly: rounding must not keep 0 out of the interval of none.
    return middle - half if yes else 0.0, middle + half if yes < count else 1.0
