"""Campaigns: how far budget and capacity reached, who went without, and what actions do."""

from datetime import timedelta
from typing import Final

from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View
from pipeline.adapters.http.rows import read_as
from schemas.care import CampaignReport

_MOST_REPORTS: Final = 200


def view_campaigns(ask: Ask, *, days: int = 90) -> View:
    """The page: of each campaign its latest report, and the experiments of the last ``days``."""
    reports, insights = ask.sources.campaigns, ask.sources.insights
    found = (
        None
        if reports is None
        else read_as(
            reports.campaign_reports(_MOST_REPORTS, campaign=None, before=None).items,
            list[CampaignReport],
        )
    )
    since = ask.now - timedelta(days=days)
    experiments = None if insights is None else insights.experiments(since=since, until=ask.now)
    shows: dict[str, object] = {
        "reports": None if found is None else latest(found),
        "policies": ask.sources.policy().file.campaigns,
        "experiments": experiments,
        "since": since,
        "days": days,
        "span": max(
            (abs(edge) for each in experiments or () for edge in (each.low, each.high) if edge),
            default=1.0,
        ),
    }
    return View("campaigns.html", ask.say.gettext("Campaigns"), shows, live=("action", "decision"))


def latest(reports: list[CampaignReport]) -> list[CampaignReport]:
    """Of reports, newest first, the first of each campaign, by name."""
    first: dict[str, CampaignReport] = {}
    for report in reports:
        first.setdefault(report.campaign, report)
    return [first[name] for name in sorted(first)]
