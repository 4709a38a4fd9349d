"""How well readings tell bad outcomes apart: areas under the ROC curve, with their uncertainty."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

RESAMPLES: Final = 1_000
"""Enough for two digits of a 95 % interval (Efron and Tibshirani 1993)."""

_TAILS: Final = (2.5, 97.5)
_PROGRESS_EVERY: Final = 20

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


class Curve(NamedTuple):
    """How a reading does: ``auc``, the chance that a bad outcome's reading is below a good one's.

    A tie counts half; 0.5 tells nothing, below 0.5 high readings go with bad outcomes.
    ``against_best`` is its lead over the best baseline, ``None`` for that one itself.
    """

    auc: Interval
    against_best: Interval | None


def curves(
    readings: Mapping[str, Sequence[float]],
    bad: Sequence[bool],
    *,
    baselines: Sequence[str],
    seed: int,
    progress: Callable[[int, int], None],
) -> tuple[str, dict[str, Curve]]:
    """The best baseline, and how each reading does.

    ``readings``: by name one number a customer, in the order of ``bad``, which holds both values.
    Intervals are percentiles of a bootstrap of customers, the same resamples for all readings, so
    that leads are paired; bad and good are drawn apart, as many as there are.
    """
    names = list(readings)
    is_bad = np.array(bad, dtype=np.bool_)
    values = np.array([readings[name] for name in names], dtype=np.float64)
    values = np.concatenate([values[:, is_bad], values[:, ~is_bad]], axis=1)
    n_bad = int(is_bad.sum())
    found = _auc(values, n_bad)
    best = max((names.index(name) for name in baselines), key=lambda i: float(found[i]))
    drawn = _resampled(values, n_bad, seed, progress)
    told = {
        name: Curve(
            _interval(found[i], drawn[:, i]),
            None if i == best else _interval(found[i] - found[best], drawn[:, i] - drawn[:, best]),
        )
        for i, name in enumerate(names)
    }
    return names[best], told


def is_real(lead: Interval) -> bool:
    """Whether a lead is outside what chance does: its interval does not hold 0."""
    return lead.low > 0.0 or lead.high < 0.0


def _auc(values: Floats, n_bad: int) -> Floats:
    """Of each row, whose first ``n_bad`` columns are the bad ones."""
    n_good = values.shape[1] - n_bad
    ranks = rankdata(values, axis=1)[:, n_bad:]
    above = ranks.sum(axis=1) - n_good * (n_good + 1) / 2  # Mann and Whitney's U
    return np.asarray(above / (n_good * n_bad), dtype=np.float64)


def _resampled(
    values: Floats, n_bad: int, seed: int, progress: Callable[[int, int], None]
) -> Floats:
    draws = np.random.default_rng(seed)
    size = values.shape[1]
    found = np.empty((RESAMPLES, values.shape[0]))
    for n in range(RESAMPLES):
        if n % _PROGRESS_EVERY == 0:
            progress(n, RESAMPLES)
        bad = draws.integers(0, n_bad, n_bad)
        good = draws.integers(n_bad, size, size - n_bad)
        found[n] = _auc(values[:, np.concatenate([bad, good])], n_bad)
    progress(RESAMPLES, RESAMPLES)
    return found


def _interval(value: np.float64, drawn: Floats) -> Interval:
    low, high = np.percentile(drawn, _TAILS)
    return Interval(float(value), float(low), float(high))
