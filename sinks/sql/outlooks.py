"""How well outlooks were calibrated: what was forecast against what then happened."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import Final, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, Engine, case, func, select

from sinks.sql import tables
from sinks.sql.engine import snapshot

_BINS: Final = 10
_TINY: Final = 1e-150  # whose square is a double still
_Z95: Final = 1.959963984540054
"""The normal distribution holds 95 % within so many standard deviations."""


class Bin(NamedTuple):
    """Checks whose probability is in ``[low, high)``, in the last bin ``high`` too.

    ``forecast`` is the mean probability, ``observed`` the share that came true, with its Wilson
    interval of 95 %; all ``None`` where there is no check.
    """

    low: float
    high: float
    n: int
    forecast: float | None
    observed: float | None
    observed_low: float | None
    observed_high: float | None


class Calibration(NamedTuple):
    """One outlook against what happened, over ``n`` checks whose horizon has passed.

    ``immature`` checks are left out: an outlook that comes true is settled at once, one that does
    not only when its horizon is over, so of the latest there would be none but the former.
    ``brier`` is the mean squared error of the probabilities: 0 is perfect, 0.25 what always
    saying one half gets. ``skill`` is 1 - brier / base (1 - base): 1 is perfect, 0 no better than
    saying the base rate each time, below 0 worse. Rates are ``None`` without checks, ``skill`` too
    where all came true or none did.

    Intervals take checks as independent. Those of one customer at near times are not: read them
    as somewhat too narrow.
    """

    outlook: str
    n: int
    immature: int
    base_rate: float | None
    mean_forecast: float | None
    brier: float | None
    skill: float | None
    bins: tuple[Bin, ...]


def outlook_names(engine: Engine) -> list[str]:
    """Every outlook that has a check, in alphabetical order."""
    column = tables.outlook_checks.c.outlook
    with snapshot(engine) as connection:
        return list(connection.execute(select(column).distinct().order_by(column)).scalars())


def calibration(
    engine: Engine,
    outlook: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Calibration:
    """The checks of ``outlook``; of those whose outlook was made in ``since <= time < until``."""
    column = tables.outlook_checks.c
    wanted = [column.outlook == outlook]
    if since is not None:
        wanted.append(column.made_at >= since)
    if until is not None:
        wanted.append(column.made_at < until)
    with snapshot(engine) as connection:
        total = connection.execute(select(func.count()).where(*wanted)).scalar_one()
        matured = _matured(connection, outlook)
        if matured is not None:
            wanted.append(column.made_at <= matured)
        rows = _bins(connection, wanted)
    n = sum(row.n for row in rows.values())
    bins = tuple(_bin(number, rows.get(number)) for number in range(_BINS))
    if not n:
        return Calibration(outlook, 0, total, None, None, None, None, bins)
    base_rate = sum(row.happened for row in rows.values()) / n
    brier = sum(row.squares for row in rows.values()) / n
    reference = base_rate * (1.0 - base_rate)
    return Calibration(
        outlook,
        n,
        total - n,
        base_rate,
        sum(row.probability for row in rows.values()) / n,
        brier,
        1.0 - brier / reference if reference else None,
        bins,
    )


class _Sums(NamedTuple):
    n: int
    happened: int
    probability: float
    squares: float


def _matured(connection: Connection, outlook: str) -> datetime | None:
    """The time up to which outlooks made are all settled; ``None`` if there is no check."""
    column = tables.outlook_checks.c
    last_untrue, settled_at, horizon_days = connection.execute(
        select(
            func.max(case((~column.happened, column.made_at))),
            func.max(column.settled_at),
            func.max(column.horizon_days),
        ).where(column.outlook == outlook)
    ).one()
    if last_untrue is not None or settled_at is None:
        return cast("datetime | None", last_untrue)
    return cast(datetime, settled_at) - timedelta(days=horizon_days)


def _bins(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> dict[int, _Sums]:
    column = tables.outlook_checks.c
    # Comparisons and no rounding, which the databases do not do alike.
    number = case(
        *((column.probability < (each + 1) / _BINS, each) for each in range(_BINS - 1)),
        else_=_BINS - 1,
    ).label("number")
    came_true = case((column.happened, 1), else_=0)
    error = column.probability - came_true
    # PostgreSQL refuses a product too small for a double, where others round it to zero.
    square = case((func.abs(error) > _TINY, error * error), else_=0.0)
    sums = (func.sum(came_true), func.sum(column.probability), func.sum(square))
    counted = select(number, func.count(), *sums).where(*wanted).group_by(number)
    return {row[0]: _Sums(*row[1:]) for row in connection.execute(counted)}


def _bin(number: int, sums: _Sums | None) -> Bin:
    low, high = number / _BINS, (number + 1) / _BINS
    if sums is None:
        return Bin(low, high, 0, None, None, None, None)
    observed = sums.happened / sums.n
    bounds = wilson(observed, sums.n)
    return Bin(low, high, sums.n, sums.probability / sums.n, observed, *bounds)


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share seen in ``n`` > 0 trials (Wilson 1927), within [0, 1]."""
    z2 = _Z95 * _Z95
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = _Z95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)
