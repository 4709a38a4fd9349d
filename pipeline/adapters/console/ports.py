"""What the console reads from: the ports of the HTTP interface, and reports of campaigns."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry

from pipeline.adapters.console.speech import Speech
from pipeline.adapters.http.ports import CareQueue, History, Insights, Page, Readiness, ReadModel
from pipeline.adapters.http.who import Who
from pipeline.core.policy.compiled import Policy


class CampaignReports(Protocol):
    """How campaigns stood after their windows. Methods block, as those of ``ReadModel``."""

    def campaign_reports(self, limit: int, *, campaign: str | None, before: str | None) -> Page:
        """``schemas.care.CampaignReport``, newest first; ``ValueError`` as in ``ReadModel``."""
        ...


class Sources(NamedTuple):
    """Everything that pages are made of; ``None`` for what this process does not have."""

    read: ReadModel
    queue: CareQueue
    history: History | None
    insights: Insights | None
    campaigns: CampaignReports | None
    readiness: Readiness
    registry: CollectorRegistry
    policy: Callable[[], Policy]


class Ask(NamedTuple):
    """One request for a page: the sources, the time, the language, who asks, and the path before
    ``/customers`` and the like."""

    sources: Sources
    now: datetime
    say: Speech
    who: Who
    base: str
