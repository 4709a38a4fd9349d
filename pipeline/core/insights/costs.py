"""What a point of perception costs, action by action."""

from schemas.insight_rows import ActionSums
from schemas.insights import ActionCost


def cost_of(sums: ActionSums) -> ActionCost:
    """``per_point`` is ``None`` where nothing was gained: no cost would buy a point."""
    return ActionCost(
        action=sums.action,
        requested=sums.requested,
        settled=sums.settled,
        withheld=sums.withheld,
        cost=sums.cost,
        expected_gain=sums.expected_gain,
        gained=sums.gained,
        per_point=sums.cost / sums.gained if sums.gained > 0.0 else None,
    )
