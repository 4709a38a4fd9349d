"""What one event adds to the account: evidence against expectation, weighed.

``x = (quality - expected) / zone``, clipped to plus or minus ``largest_distance``. Gains are
``g w a k+ x ** 0.88``, losses ``-2.25 g w a k- kappa |x| ** 0.88`` (Tversky and Kahneman 1992).
The products but for the intensity ``a`` are in the plan already; ``kappa``, which makes an
unresolved failure weigh twelve equal positives, is of ``recovery``.
"""

from typing import Final, NamedTuple

from pydantic import BaseModel

from pipeline.core.perceive.expectation import Context, expected_of
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.plan import Plan
from pipeline.core.touch import Touch
from schemas.perception import Felt, Sources

# One zone of tolerance below the expected, which rounding must not miss.
_ADEQUATE: Final = -1.0 + 1e-9


class Failed(NamedTuple):
    """A failure among the felt: its place there, and its loss if it were settled at once."""

    place: int
    base: float


class Contributed(NamedTuple):
    """The contribution of an event in every dimension it has evidence for, failures marked."""

    felt: list[Felt]
    failed: list[Failed]


def contributions(
    plan: Plan, data: BaseModel, touch: Touch, policy: Policy, context: Context | None
) -> Contributed:
    """Weigh an event. A failure's value has the severity of an unresolved one."""
    felt: list[Felt] = []
    failed: list[Failed] = []
    intensity, largest, curvature = touch.intensity, policy.largest_distance, policy.curvature
    for row in plan.rows:
        quality = row.felt(data)
        if quality is None:
            continue
        expected, sources = row.expected, None
        if context is not None:
            mean = expected_of(context, row, policy.expectation)
            expected, sources = mean.level, mean.sources()
        elif row.cue is not None:
            sources = Sources(row.norm, cue=row.cue)
        x = (quality - expected) * row.per_zone
        if x >= 0.0:
            value = row.gain * intensity * (x if x < largest else largest) ** curvature
        else:
            loss = row.loss * intensity * (-x if -x < largest else largest) ** curvature
            value = -loss
            if row.failure and x <= _ADEQUATE and not touch.resolved and loss > 0.0:
                failed.append(Failed(len(felt), loss))
                value = -loss * policy.recovery.severity
        felt.append(Felt(row.dimension, quality, expected, value, sources))
    return Contributed(felt, failed)
