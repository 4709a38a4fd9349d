"""What is wrong with the campaigns of a policy: tiers and campaigns that are not there."""

from collections.abc import Iterable

from pipeline.core.policy.check import Problem
from pipeline.core.policy.models import PolicyFile


def campaign_problems(file: PolicyFile) -> list[Problem]:
    """Every lane of a tier, and every campaign of an action, that points to nothing."""
    problems = [
        Problem(("campaigns", name, "lanes", tier), f"unknown tier {tier!r}; {_known(file.tiers)}")
        for name, campaign in file.campaigns.items()
        for tier in campaign.lanes
        if tier not in file.tiers
    ]
    for name, action in file.care.actions.items():
        path = ("care", "actions", name)
        if action.campaign is not None and action.campaign not in file.campaigns:
            what = f"unknown campaign {action.campaign!r}; {_known(file.campaigns)}"
            problems.append(Problem((*path, "campaign"), what))
        if action.campaign is None and "nominated" in action.on:
            what = "an action on `nominated` needs the `campaign` that puts customers forward"
            problems.append(Problem((*path, "on"), what))
    return problems


def _known(names: Iterable[str]) -> str:
    return f"known: {', '.join(sorted(names)) or 'none'}"
