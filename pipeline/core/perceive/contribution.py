"""What one event adds to the account: evidence against expectation, weighed.

``x = (quality - expected) / zone``, clipped to plus or minus ``largest_distance``. Gains are
``g w a k+ x ** 0.88``, losses ``-2.25 g w a k- kappa |x| ** 0.88`` (Tversky and Kahneman 1992;
``kappa`` makes an unresolved failure weigh twelve equal positives). The products but for the
intensity ``a`` are in the plan already.
"""

from pydantic import BaseModel

from pipeline.core.policy.plan import Plan, Policy
from pipeline.core.touch import Touch
from schemas.perception import Felt


def contributions(plan: Plan, data: BaseModel, touch: Touch, policy: Policy) -> list[Felt]:
    """The contribution of an event in every dimension it has evidence for."""
    felt: list[Felt] = []
    intensity, resolved = touch.intensity, touch.resolved
    largest, curvature = policy.largest_distance, policy.curvature
    for row in plan.rows:
        quality = row.felt(data)
        if quality is None:
            continue
        x = (quality - row.expected) * row.per_zone
        if x >= 0.0:
            value = row.gain * intensity * (x if x < largest else largest) ** curvature
        else:
            loss = row.loss if resolved else row.unresolved
            value = -loss * intensity * (-x if -x < largest else largest) ** curvature
        felt.append(Felt(row.dimension, quality, row.expected, value))
    return felt
