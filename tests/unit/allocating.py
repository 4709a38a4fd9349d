"""A campaign's desk for tests: proposals and ticks in, verdicts and reports out, as a lane does."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from pipeline.core.policy.campaigns import CampaignPolicy, campaign_rules
from pipeline.core.policy.compiled import Policy
from pipeline.engine.ports import Checkpoint, Labels, LogRecord, Output, Position
from pipeline.engine.stepping import Stepping
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.timers import Timers
from pipeline.stages.allocate import AllocateStage
from schemas.care import CampaignReport, CareDeclined, CareProposal, GiftSeen
from schemas.topics import CAMPAIGNS, EVENTS
from schemas.touchpoints.care import CareDecidedData
from schemas.touchpoints.clock import tick_bytes
from tests.unit.core import default_policy

FESTIVAL: Final = "festival"
POOL: Final = "pool"
CLOSES: Final = datetime(2026, 2, 10, tzinfo=UTC)
"""When ``FESTIVAL`` closes."""


def campaign_policy(name: str = FESTIVAL, **changes: Any) -> Policy:
    """The default policy with one campaign, which ``changes`` say more of."""
    given: dict[str, Any] = {"settle_seconds": 60}
    given |= {"every_seconds": 900} if name == POOL else {"closes": CLOSES.isoformat()}
    rules = campaign_rules({name: CampaignPolicy.model_validate(given | changes)})
    return default_policy()._replace(campaigns=rules)


def identity(name: str) -> str:
    """The id of a proposal, as the pipeline would make it."""
    return str(uuid5(NAMESPACE_URL, name))


def proposal(customer: str, at: datetime = CLOSES, **changes: Any) -> CareProposal:
    """A proposal of ``customer``: a gain of 1 for a cost of 1, good for ten days."""
    given: dict[str, Any] = {
        "id": identity(f"p {customer} {changes.get('campaign', FESTIVAL)}"),
        "campaign": FESTIVAL,
        "action": "gift",
        "customer": customer,
        "tier": "ordinary",
        "proposed_at": at,
        "expires_at": at + timedelta(days=10),
        "value": 1.0,
        "cost": 1.0,
    }
    return CareProposal(**given | changes)


def cohort(name: str, members: int, **changes: Any) -> list[CareProposal]:
    """The proposals of all of a cohort."""
    size = changes.pop("cohort_size", members)
    return [
        proposal(f"{name}-{number}", cohort=name, cohort_size=size, **changes)
        for number in range(members)
    ]


def declined(
    customer: str, cohort: str | None, at: datetime = CLOSES, **changes: Any
) -> CareDeclined:
    """One of ``cohort`` who gets nothing by own wish."""
    given: dict[str, Any] = {
        "id": identity(f"d {customer}"),
        "campaign": FESTIVAL,
        "customer": customer,
        "declined_at": at,
        "reason": "no_consent",
        "cohort": cohort,
    }
    return CareDeclined(**given | changes)


def gift_seen(customer: str, cohort: str, at: datetime, campaign: str = FESTIVAL) -> GiftSeen:
    return GiftSeen(
        campaign=campaign, customer=customer, cohort=cohort, given_at=at, event=f"g-{customer}"
    )


def record_of(told: msgspec.Struct | datetime, offset: int = 0) -> LogRecord:
    """What was told as a record of the log; a time is a tick."""
    if isinstance(told, datetime):
        return LogRecord(offset, None, tick_bytes("/clock", 0, round(told.timestamp() * 1000)))
    key: str = told.campaign  # type: ignore[attr-defined]
    return LogRecord(offset, key.encode(), msgspec.json.encode(told))


class Desk:
    """Works through what campaigns are told, in chunks, as a lane does."""

    def __init__(self, policy: Policy) -> None:
        self.store = MemoryStore()
        self.outputs: list[Output] = []
        self.told: dict[Labels, int] = {}
        self.duplicates = 0
        self.policy = policy

    @property
    def policy(self) -> Policy:
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        """Go on under another policy, as a process does that was started anew."""
        self._policy = policy
        self.stage = AllocateStage(policy, version="test")
        self._timers = Timers(self.stage.due_of)
        for key, state in self.store.items():
            self._timers.put(key, self.stage.due_of(state))
        self._timers.checkpoint = self.store.checkpoint()

    def tell(self, *told: msgspec.Struct | datetime, chunk: int = 1_000) -> "Desk":
        records = [record_of(each, offset) for offset, each in enumerate(told)]
        for first in range(0, len(records), chunk):
            self._work(records[first : first + chunk])
        return self

    def _work(self, records: Sequence[LogRecord]) -> None:
        position = self.store.checkpoint().position
        stepping = Stepping(self.stage, self.store, self._timers, 0, position)
        stepping.run(records)
        work = stepping.work(position.next_offset + len(records), 0.0)
        assert not work.failures, work.failures
        checkpoint = Checkpoint(Position(work.position.next_offset, work.position.clock_ms))
        self.store.apply(work.changes, checkpoint)
        self._timers.apply(work.dues, checkpoint)
        self.outputs += work.outputs
        self.duplicates += work.duplicates
        for labels, count in work.told.items():
            self.told[labels] = self.told.get(labels, 0) + count

    def verdicts(self) -> dict[str, CareDecidedData]:
        """The verdict on each customer; every proposal has one at most."""
        found: dict[str, CareDecidedData] = {}
        seen: set[str] = set()
        for output in self.outputs:
            if output.topic == EVENTS:
                event = json.loads(output.value)
                data = CareDecidedData(**event["data"])
                assert data.proposal not in seen, f"a second verdict on {event['subject']}"
                seen.add(data.proposal)
                assert output.key.decode() == event["subject"]
                found[event["subject"]] = data
        return found

    def served(self) -> set[str]:
        return {name for name, data in self.verdicts().items() if data.verdict == "allocated"}

    def reasons(self) -> dict[str, str]:
        """Why customers got nothing."""
        verdicts = self.verdicts().items()
        return {name: data.reason for name, data in verdicts if data.verdict == "not_funded"}

    def reports(self) -> list[CampaignReport]:
        return [
            msgspec.json.decode(output.value, type=CampaignReport)
            for output in self.outputs
            if output.topic == CAMPAIGNS
        ]

    def unserved(self) -> dict[str | None, str]:
        """Why cohorts got nothing, as the last report has it."""
        return {each.cohort: each.reason for each in self.reports()[-1].unserved}


def minutes(count: float, since: datetime = CLOSES) -> datetime:
    return since + timedelta(minutes=count)


def names(proposals: Iterable[CareProposal]) -> set[str]:
    return {each.customer for each in proposals}
