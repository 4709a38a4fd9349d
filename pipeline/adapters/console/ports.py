"""What the console reads from: the ports of the HTTP interface, and those of its own pages."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from prometheus_client import CollectorRegistry

from pipeline.adapters.console.speech import Speech
from pipeline.adapters.http.ports import History, Insights, Page, Readiness, ReadModel
from pipeline.adapters.http.who import Who
from pipeline.core.policy.compiled import Policy


class CampaignReports(Protocol):
    """How campaigns stood after their windows. Methods block, as those of ``ReadModel``."""

    def campaign_reports(self, limit: int, *, campaign: str | None, before: str | None) -> Page:
        """``schemas.care.CampaignReport``, newest first; ``ValueError`` as in ``ReadModel``."""
        ...


class OpenCases(Protocol):
    """Open cases by their next clock, those without one last. The counts are of all of them:
    ``overdue`` now, ``soon`` due before a time given."""

    @property
    def items(self) -> Sequence[object]: ...

    @property
    def total(self) -> int: ...

    @property
    def overdue(self) -> int: ...

    @property
    def soon(self) -> int: ...


class Proposals(Protocol):
    """Steps of proposals (``CareDecision``), newest first, and their ``CareAction``s. ``more``:
    there are older steps."""

    @property
    def decisions(self) -> Sequence[object]: ...

    @property
    def actions(self) -> Sequence[object]: ...

    @property
    def more(self) -> bool: ...


class Wait(Protocol):
    """Why a proposal or an action, ``id``, waits for a person, and since when: it needs
    ``approval``, or was ``held`` ``by`` somebody with a ``reason``."""

    @property
    def id(self) -> str: ...

    @property
    def why(self) -> Literal["approval", "held"]: ...

    @property
    def at(self) -> datetime: ...

    @property
    def by(self) -> str: ...

    @property
    def reason(self) -> str: ...


class ToDecide(Protocol):
    """What waits for a person, longest first, with all its steps. ``more``: there are more."""

    @property
    def waits(self) -> Sequence[Wait]: ...

    @property
    def proposals(self) -> Proposals: ...

    @property
    def more(self) -> bool: ...


class CareQueue(Protocol):
    """What care managers look after. Methods block, as those of ``ReadModel``."""

    def open_cases(self, limit: int, *, now: datetime, soon: datetime) -> OpenCases: ...

    def latest(self, limit: int) -> Proposals:
        """The newest steps of what somebody may decide about: nothing that is required."""
        ...

    def to_decide(self, limit: int) -> ToDecide: ...


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
