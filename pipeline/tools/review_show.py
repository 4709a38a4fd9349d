"""A review told: as a table with its warnings in words, and as one JSON object."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from pipeline.core.policy.compiled import Policy
from pipeline.tools.review import CLEAR_POINTS, Felt, Group, Pair, Review
from pipeline.tools.review_warnings import Warned

_SHOWN_COHORTS: Final = 12
_SHOWN_WARNINGS: Final = 5
_LEVELS: Final = ("expectation", "perceived", "ratio")


def review_content(review: Review, warnings: Sequence[Warned], policy: Policy) -> dict[str, Any]:
    """Everything that came of a review; ``before`` is without the campaign, ``after`` with it."""
    campaign = review.campaign
    return {
        "campaign": campaign.name,
        "starts": campaign.starts.isoformat(),
        "days": campaign.days,
        "history_days": review.history_days,
        "policy": policy.ref.digest,
        "events": {"rejected": review.rejected, "after_start": review.after_start},
        "steps": [
            {"does": reach.step.does, "reached": len(reach.customers), "cost": cost}
            for reach, cost in zip(review.reached, review.costs, strict=True)
        ],
        "groups": [_group_content(group) for group in review.groups],
        "warnings": [warned._asdict() for warned in warnings],
    }


def review_table(review: Review) -> Table:
    """A line a group: figures without the campaign, and what it adds. Few cohorts are shown."""
    table = Table(box=None, header_style="", pad_edge=False)
    table.add_column("group")
    heads = ("customers", "reached", *_LEVELS, "score")
    for head in (*heads, f"fall > {CLEAR_POINTS:g}", f"rise > {CLEAR_POINTS:g}", "cost"):
        table.add_column(head, justify="right")
    cohorts = [group for group in review.groups if group.kind == "cohort"]
    cohorts.sort(key=lambda group: (-abs(group.score.change), group.name))
    others = [group for group in review.groups if group.kind != "cohort"]
    for group in (*others, *cohorts[:_SHOWN_COHORTS]):
        table.add_row(
            Text(group.title),
            str(group.customers),
            str(group.reached),
            *(_change(getattr(group.felt, level), 3) for level in _LEVELS),
            _change(group.score, 1),
            f"{group.fell:.0%}",
            f"{group.rose:.0%}",
            f"{group.cost:.2f}",
        )
    return table


def review_heading(review: Review) -> Iterator[str]:
    """What was looked at, and what to know of the history."""
    campaign = review.campaign
    ends = campaign.starts + timedelta(days=campaign.days)
    yield f"{campaign.name}: {campaign.starts.isoformat()} to {ends.isoformat()}"
    for n, (reach, cost) in enumerate(zip(review.reached, review.costs, strict=True)):
        told = f"{reach.step.does} to {len(reach.customers)} customers, cost {cost:.2f}"
        yield f"steps.{n}: {told}"
    if review.history_days < campaign.days:
        has = f"the history has {review.history_days:.1f} days before the start"
        yield f"note: {has}, so less than usual is delivered in {campaign.days:g} days after it"
    if review.after_start:
        yield f"note: {review.after_start} events from the start on are left out"
    if review.rejected:
        yield f"note: {review.rejected} lines of the history are rejected"
    cohorts = sum(group.kind == "cohort" for group in review.groups)
    if cohorts > _SHOWN_COHORTS:
        yield f"note: of {cohorts} cohorts the {_SHOWN_COHORTS} that change most are shown"


def warning_lines(warnings: Sequence[Warned]) -> Iterator[str]:
    """The warnings as lines, of each kind the first few."""
    by_code: dict[str, list[Warned]] = {}
    for warned in warnings:
        by_code.setdefault(warned.code, []).append(warned)
    for code, found in by_code.items():
        for warned in found[:_SHOWN_WARNINGS]:
            where = f"{warned.where}: " if warned.where.startswith(("steps", "who")) else ""
            yield f"warning: {code}: {where}{warned.text}"
        if len(found) > _SHOWN_WARNINGS:
            yield f"warning: {code}: {len(found) - _SHOWN_WARNINGS} more, see --json"
    if not warnings:
        yield "no warning"


def _change(pair: Pair, digits: int) -> str:
    return f"{pair.without:.{digits}f} {pair.change:+.{digits}f}"


def _group_content(group: Group) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": group.kind,
        "name": group.name,
        "customers": group.customers,
        "reached": group.reached,
        "score": _pair_content(group.score),
    }
    told |= _felt_content(group.felt)
    told |= {"fell": group.fell, "rose": group.rose, "cost": group.cost}
    told["passing"] = [{"day": day} | _felt_content(felt) for day, felt in group.passing]
    return told


def _felt_content(felt: Felt) -> dict[str, Any]:
    return {level: _pair_content(getattr(felt, level)) for level in _LEVELS}


def _pair_content(pair: Pair) -> dict[str, float]:
    return {"before": pair.without, "after": pair.with_campaign}
