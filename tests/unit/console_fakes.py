"""A made-up town behind the console's ports: rich enough to fill every page, always the same."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry

from pipeline.adapters.console.router import make_console_router
from pipeline.adapters.http.app import make_app
from pipeline.adapters.http.ports import Condition, CustomerNow, Feed
from pipeline.adapters.http.rows import Case, Letter, read_as
from pipeline.adapters.http.who import Who, implied
from pipeline.adapters.messages import Catalogues, shipped_catalogues
from pipeline.adapters.telemetry.metrics import Metrics
from schemas.care import (
    CampaignReport,
    CareAction,
    CareDecision,
    Unserved,
)
from schemas.perception import Contribution, Score
from schemas.queue import OpenCases, Proposals, ToDecide, Wait
from tests.unit.access_fakes import make_access
from tests.unit.console_insights import TownInsights
from tests.unit.console_rows import (
    ACTIONS,
    CASES,
    DECISIONS,
    KNOWN,
    LETTERS,
    NOW_MS,
    ODD,
    POLICY_DIGEST,
    ago,
    contributions,
    score_in_full,
)
from tests.unit.core import default_policy
from tests.unit.http_fakes import FakePage, FixedReadiness
from tests.unit.scores import score_of

OPERATOR = Who(name="ines", id="key:1", scopes=implied(("operate",)), how="session", csrf="token-1")


NEVER: Final = datetime.max.replace(tzinfo=UTC)


class TownRead:
    """A read model; raises ``failing`` if it is set."""

    def __init__(self) -> None:
        fine: dict[str, Any] = {"behaviour": None, "tier": "ordinary", "outlooks": ()}
        self.scores: dict[str, Score] = {
            KNOWN: score_in_full(KNOWN),
            ODD: score_in_full(ODD, **fine),
            "quiet": score_of(customer="quiet"),
        }
        self.cases_rows: list[dict[str, object]] = list(CASES)
        self.decision_rows: list[CareDecision] = list(DECISIONS)
        self.action_rows: list[CareAction] = list(ACTIONS)
        self.letters: list[Letter] = list(LETTERS)
        self.failing: Exception | None = None

    def score(self, customer: str) -> Mapping[str, object] | None:
        return self.explanation(customer)

    def explanation(self, customer: str) -> Mapping[str, object] | None:
        if self.failing is not None:
            raise self.failing
        found = self.scores.get(customer)
        return None if found is None else msgspec.structs.asdict(found)

    def customer_now(self, customer: str, *, since: datetime, limit: int) -> CustomerNow:
        cases = [row for row in self.cases_rows if row["customer"] == customer]
        acted = [each for each in self.action_rows if each.customer == customer]
        decided = [each for each in self.decision_rows if each.customer == customer]
        return CustomerNow(self.score(customer), cases, acted, decided)

    def actions(
        self, limit: int, *, customer: str | None, before: str | None, **_: Any
    ) -> FakePage:
        return FakePage([a for a in self.action_rows if customer in (None, a.customer)], None)

    def decisions(
        self, limit: int, *, customer: str | None, before: str | None, **_: Any
    ) -> FakePage:
        return FakePage([d for d in self.decision_rows if customer in (None, d.customer)], None)

    def cases(
        self, limit: int, *, customer: str | None, status: str | None, before: str | None, **_: Any
    ) -> FakePage:
        if self.failing is not None:
            raise self.failing
        wanted = {"customer": customer, "status": status}
        asked = {name: value for name, value in wanted.items() if value is not None}
        return FakePage([row for row in self.cases_rows if row | asked == row], None)

    def dead_letters(self, limit: int, *, before: str | None) -> FakePage:
        if before is not None:
            raise ValueError("before: not a cursor")
        return FakePage(self.letters, None)


WAITS: Final = (
    Wait("a-6", "approval", ago(hours=2)),
    Wait("a-1", "held", ago(hours=1.2), "clara", "she is travelling until Monday"),
)


class TownQueue:
    """The care queue of what ``read`` has; ``waits`` are what waits for a person."""

    def __init__(self, read: TownRead) -> None:
        self.waits: list[Wait] = list(WAITS)
        self._read = read

    def open_cases(self, limit: int, *, now: datetime, soon: datetime) -> OpenCases:
        items = self._read.cases(limit, customer=None, status="open", before=None).items
        rows = sorted(read_as(items, list[Case]), key=lambda case: case.next_due or NEVER)
        due = [case.next_due for case in rows if case.next_due is not None]
        return OpenCases(
            rows[:limit],
            len(rows),
            sum(time < now for time in due),
            sum(now <= time < soon for time in due),
        )

    def latest(self, limit: int) -> Proposals:
        return Proposals(self._read.decision_rows, self._read.action_rows, more=False)

    def to_decide(self, limit: int) -> ToDecide:
        return ToDecide(self.waits, self.latest(limit), more=False)


class TownHistory:
    """What happened to ``KNOWN``; a cursor is the index of the next row."""

    def __init__(self) -> None:
        self.rows = contributions()

    def trail(self, customer: str, *, since: datetime, limit: int) -> Sequence[object]:
        return self._of(customer, since)[:limit]

    def history(
        self, customer: str, limit: int, *, since: datetime | None, before: str | None
    ) -> FakePage:
        rows, first = self._of(customer, since), int(before or 0)
        more = first + limit < len(rows)
        return FakePage(rows[first : first + limit], str(first + limit) if more else None)

    def cursor_of(self, customer: str, event: str) -> str | None:
        names = [row.event for row in self._of(customer, None)]
        return str(names.index(event)) if event in names else None

    def _of(self, customer: str, since: datetime | None) -> list[Contribution]:
        mine = [row for row in self.rows if row.customer == customer]
        return [row for row in mine if since is None or row.time >= since]

    def scores_changed(self, limit: int, *, since: str | None) -> FakePage:
        return FakePage([], since or "0")

    def feed(self, since: str | None, limit: int) -> Feed:
        return Feed([], since or "0")


class TownCampaigns:
    """Reports of campaigns."""

    def campaign_reports(self, limit: int, *, campaign: str | None, before: str | None) -> FakePage:
        report = CampaignReport(
            id="r-2",
            campaign="spring_gift",
            at=ago(days=2),
            proposed=1612,
            allocated=1200,
            not_funded=412,
            declined=37,
            spent=14_400.0,
            spent_today=3_600.0,
            budget=18_000.0,
            budget_per_day=None,
            capacity_left=3_800,
            stock_left=380,
            unserved=(
                Unserved("works-9", 412, 4944.0, "stock"),
                Unserved(None, 12, 144.0, "budget"),
            ),
            disparities=(Unserved("works-2", 6, 72.0, "peer_disparity"),),
            policy=POLICY_DIGEST,
        )
        pool = msgspec.structs.replace(
            report,
            id="r-3",
            campaign="call_backs",
            at=ago(minutes=20),
            proposed=44,
            allocated=40,
            not_funded=4,
            declined=1,
            spent=200.0,
            spent_today=200.0,
            budget=None,
            capacity_left=160,
            stock_left=None,
            unserved=(),
            disparities=(),
        )
        return FakePage([pool, report], None)


def _registry() -> CollectorRegistry:
    metrics = Metrics(CollectorRegistry())
    metrics.records_read.labels("perceive").inc(48_114)
    for outcome, count in (("processed", 47_902), ("duplicate", 209), ("dead_letter", 3)):
        metrics.records.labels("perceive", outcome).inc(count)
    for seconds in (0.004, 0.008, 0.008, 0.015, 0.03, 0.3):
        metrics.chunk_seconds.labels("perceive").observe(seconds)
    for seconds in (0.2, 0.3, 4.0, 70.0):
        metrics.dispatch_seconds.labels("done").observe(seconds)
    metrics.lanes_running.labels("perceive").set(3)
    metrics.lanes_not_running.labels("perceive").set(1)
    metrics.timers.labels("perceive", "0").set(211)
    metrics.dispatch_in_flight.set(2)
    return metrics.registry


class Town(NamedTuple):
    """The parts behind the console, to be changed by a test."""

    read: TownRead
    queue: TownQueue
    history: TownHistory
    insights: TownInsights
    campaigns: TownCampaigns
    readiness: FixedReadiness


def make_town() -> Town:
    readiness = FixedReadiness(
        Condition("log", True, "writable"),
        Condition("lane 0", True, "running"),
        Condition("lane 1", False, "restoring", "18,204 of 40,000 records"),
        Condition("dispatch", True, "running"),
    )
    read = TownRead()
    return Town(read, TownQueue(read), TownHistory(), TownInsights(), TownCampaigns(), readiness)


@cache
def _catalogues() -> Catalogues:
    return shipped_catalogues()


def town_app(
    town: Town | None = None, *, who: Who = OPERATOR, bare: bool = False, local: bool = True
) -> Any:
    """The console on a town; ``bare`` without history, insights and campaigns, not ``local`` only
    for who has logged in."""
    town = make_town() if town is None else town
    registry = _registry()
    catalogues = _catalogues()
    console = make_console_router(
        town.read,
        town.queue,
        None if bare else town.history,
        None if bare else town.insights,
        campaigns=None if bare else town.campaigns,
        readiness=town.readiness,
        registry=registry,
        policy=default_policy,
        catalogues=catalogues,
        now_ms=lambda: NOW_MS,
        who=lambda request: who,
    )
    return make_app(
        ingest=None,
        read=town.read,
        queue=town.queue,
        readiness=town.readiness,
        policy=default_policy,
        catalogues=catalogues,
        access=make_access(local=local),
        now_ms=lambda: NOW_MS,
        registry=registry,
        version="test",
        console=console,
    )
