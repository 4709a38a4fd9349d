"""What the scores say of the service, for those who run it: levels, gaps, falls, the silent."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]

Axis = Literal[
    "dimension", "layer", "touchpoint", "channel", "department", "staff", "tier", "cohort"
]
Grain = Literal["minute", "hour", "day"]


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """How one value of an axis stands over a time: perceived quality against what was expected.

    ``level``, ``target`` and the interval ``low`` to ``high`` (95 %) are in [0, 1], ``gap`` is
    ``level - target``. ``trend`` is the change of ``level`` against the time before of the same
    length, ``trend_error`` its standard error. With ``enough`` false there are too few touches to
    judge (of staff: to name the level at all; then ``level`` and what hangs on it is ``None``).
    ``points`` is what these touches moved scores by, in all; of a dimension or layer, what its part
    of them would move a score at the baseline by. A touch that names no department counts in each
    that answers for one of its dimensions.
    """

    axis: Axis
    value: str
    dimension: str | None = None
    department: str | None = None
    touches: Count
    enough: bool
    level: Share | None
    target: Share | None
    gap: float | None
    low: Share | None
    high: Share | None
    trend: float | None
    trend_error: float | None
    points: float
    improvement: str | None = None


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The level in one bucket of a curve, which begins ``at``; ``None`` where nothing was felt."""

    at: datetime
    touches: Count
    level: Share | None
    target: Share | None
    points: float


class Iceberg(msgspec.Struct, frozen=True, kw_only=True):
    """Behind those who complained: customers with the same experience who kept silent.

    ``silent`` were found, ``estimated`` is what the policy's ratio would expect behind the
    complainers. Money is the policy's figures times customers, if all of them left; ``basis`` says
    what it is made of.
    """

    touchpoint: str
    dimension: str
    department: str | None
    complained: Count
    silent: Count
    estimated: float
    at_risk: float | None
    currency: str | None
    basis: str


class SilentCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """One who felt what others complained of, and said nothing."""

    customer: str
    tier: str
    score: float
    felt_at: datetime
    touchpoint: str
    dimension: str
    event: str
    points: float


class Fall(msgspec.Struct, frozen=True, kw_only=True):
    """An event that lowered a score, and what it was about the event: the root of the fall."""

    customer: str
    at: datetime
    event: str
    touchpoint: str | None
    dimension: str | None
    department: str | None
    points: float
    score: float


class ChurnReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why customers left, by share; ``source`` is ``told`` by them or ``felt`` before."""

    reason: str
    customers: Count
    share: Share
    source: Literal["told", "felt"]


class ActionCost(msgspec.Struct, frozen=True, kw_only=True):
    """What an action cost and gained, in the policy's currency and in points.

    ``gained`` is what scores moved by the touches that carried it out; ``per_point`` is ``None``
    where nothing was gained.
    """

    action: str
    requested: Count
    settled: Count
    withheld: Count
    cost: float
    expected_gain: float
    gained: float
    per_point: float | None


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """What an action does, by those it was held from: uplift of the later score in points.

    ``low`` and ``high`` bound a 95 % interval; ``needed`` customers a group would show the
    uplift that the policy expects.
    """

    action: str
    treated: Count
    held_out: Count
    treated_score: float | None
    held_out_score: float | None
    uplift: float | None
    low: float | None
    high: float | None
    expected: float
    needed: int | None


class CareRule(msgspec.Struct, frozen=True, kw_only=True):
    """Care that staff gave by hand and that recurs: it could become a rule."""

    care: str
    because: str
    customers: Count
    times: Count
    cost: float
    in_policy: bool
