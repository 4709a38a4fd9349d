"""Ports of the HTTP interface in memory, and an application on them."""

import asyncio
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from pipeline.adapters.http.access import Access
from pipeline.adapters.http.app import make_app
from pipeline.adapters.http.body import Limits
from pipeline.adapters.http.changes import StreamLimits
from pipeline.adapters.http.ports import (
    Change,
    Condition,
    CustomerNow,
    Entry,
    Feed,
    KeyReused,
    Once,
)
from pipeline.adapters.messages import shipped_catalogues
from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from schemas.perception import Contribution
from tests.unit.access_fakes import make_access

POLICY = Path(__file__).parents[2] / "deploy" / "policies" / "default.yaml"
NOW_MS = 1_767_605_400_000  # 2026-01-05T09:30:00Z


@cache
def default_policy() -> Policy:
    return load_policy(POLICY.read_text(), name=POLICY.name).policy


def transaction(**changes: object) -> dict[str, Any]:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "tx-1",
        "source": "/cards",
        "type": "touchpoint.transaction.completed.v1",
        "subject": "customer-7",
        "time": "2026-01-05T09:30:00Z",
        "data": {"amount": 12.5, "currency": "EUR"},
    }
    return {name: value for name, value in (event | changes).items() if value is not ...}


class FakePage(NamedTuple):
    items: Sequence[object]
    next: str | None


def page_of(rows: Sequence[object], limit: int, before: str | None) -> FakePage:
    """Rows that stand newest first, by page; a cursor is how many rows come after it, so that new
    rows in front shift nothing."""
    first = 0 if before is None else len(rows) - int(before)
    rest = len(rows) - first - limit
    return FakePage(rows[first : first + limit], str(rest) if rest > 0 else None)


def _having(
    rows: Sequence[dict[str, object]], asked: Mapping[str, object]
) -> list[dict[str, object]]:
    wanted = {name: value for name, value in asked.items() if value is not None}
    return [row for row in rows if row | wanted == row]


def _within(
    rows: Sequence[dict[str, object]], name: str, since: datetime | None, until: datetime | None
) -> list[dict[str, object]]:
    return [
        row
        for row in rows
        if (since is None or _time(row[name]) >= since)
        and (until is None or _time(row[name]) < until)
    ]


def _time(value: object) -> datetime:
    return datetime.fromisoformat(str(value))


class MemoryHistory:
    """``History`` in lists. A row of ``log`` is (kind, row): the changes, in their order; a row
    that changes again leaves its earlier place, as in a table. A cursor is ``c`` and a number."""

    def __init__(self, *, own_cursors: bool = True) -> None:
        self.touches: list[Contribution] = []  # newest first
        self.reads = 0
        self.failing: Exception | None = None
        self._own_cursors = own_cursors
        self._log: dict[tuple[str, object], tuple[int, Mapping[str, object]]] = {}
        self._last = 0
        self._lock = threading.Lock()  # read in other threads than it is written in

    def write(self, kind: str, row: Mapping[str, object]) -> None:
        """Have a row changed; its name is its customer or its id."""
        with self._lock:
            self._last += 1
            name = (kind, row["customer"] if kind == "score" else row["id"])
            self._log.pop(name, None)
            self._log[name] = (self._last, row)

    def trail(self, customer: str, *, since: datetime, limit: int) -> Sequence[object]:
        return [t for t in self._of(customer) if t.time >= since][:limit]

    def history(
        self, customer: str, limit: int, *, since: datetime | None, before: str | None
    ) -> FakePage:
        rows = [t for t in self._of(customer) if since is None or t.time >= since]
        return page_of(rows, limit, before)

    def cursor_of(self, customer: str, event: str) -> str | None:
        rows = self._of(customer)
        found = next((at for at, row in enumerate(rows) if row.event == event), None)
        return None if found is None else str(len(rows) - found)

    def scores_changed(self, limit: int, *, since: str | None) -> FakePage:
        changes, after = self._after(since or "c0", limit, "score")
        return FakePage([row for _, _, row in changes], after)

    def feed(self, since: str | None, limit: int) -> Feed:
        with self._lock:
            self.reads += 1
        if self.failing is not None:
            raise self.failing
        if since is None:
            return Feed((), f"c{self._last}")
        changes, after = self._after(since, limit, None)
        own = self._own_cursors
        found = [Change(kind, row, f"c{at}" if own else None) for at, kind, row in changes]
        return Feed(found, after)

    def _of(self, customer: str) -> list[Contribution]:
        return [touch for touch in self.touches if touch.customer == customer]

    def _after(
        self, since: str, limit: int, kind: str | None
    ) -> tuple[list[tuple[int, str, Mapping[str, object]]], str]:
        if not re.fullmatch(r"c[0-9]{1,18}", since):
            raise ValueError(f"{since}: no cursor")
        behind = int(since[1:])
        with self._lock:
            found = [
                (at, name, row)
                for (name, _), (at, row) in self._log.items()
                if at > behind and kind in (None, name)
            ][:limit]
        return found, f"c{found[-1][0]}" if found else since


class FixedInsights:
    """``Insights`` that always finds the same, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.found: Sequence[object] = []

    def levels(self, axis: str, **asked: object) -> Any:
        return self._find("levels", axis=axis, **asked)

    def curve(self, axis: str, value: str, **asked: object) -> Any:
        return self._find("curve", axis=axis, value=value, **asked)

    def matrix(self, **asked: object) -> Any:
        return self._find("matrix", **asked)

    def icebergs(self, **asked: object) -> Any:
        return self._find("icebergs", **asked)

    def silent(self, touchpoint: str, dimension: str, limit: int, **asked: Any) -> FakePage:
        self._find("silent", touchpoint=touchpoint, dimension=dimension, limit=limit, **asked)
        return page_of(self.found, limit, asked["before"])

    def falls(self, limit: int, **asked: Any) -> FakePage:
        self._find("falls", limit=limit, **asked)
        return page_of(self.found, limit, asked["before"])

    def churn(self, **asked: object) -> Any:
        return self._find("churn", **asked)

    def costs(self, **asked: object) -> Any:
        return self._find("costs", **asked)

    def experiments(self, **asked: object) -> Any:
        return self._find("experiments", **asked)

    def care_rules(self, **asked: object) -> Any:
        return self._find("care_rules", **asked)

    def _find(self, what: str, **asked: object) -> Any:
        self.asked.append((what, asked))
        return self.found


class MemoryIngest:
    """A log in a list; appends raise ``failing``, and asking for room ``full``, if set."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.failing: Exception | None = None
        self.full: Exception | None = None
        self._known: dict[str, Once] = {}

    def check_room(self) -> None:
        if self.full is not None:
            raise self.full

    async def append(
        self, entries: Sequence[Entry], received_ms: int, once: Once | None = None
    ) -> bytes | None:
        if self.failing is not None:
            raise self.failing
        if once is not None:
            known = self._known.get(once.key)
            if known is not None and known.digest != once.digest:
                raise KeyReused("this Idempotency-Key came before with another body")
            if known is not None:
                return known.answer
            if entries:
                self._known[once.key] = once
        self.entries += entries
        return None

    @property
    def values(self) -> list[bytes]:
        return [entry.value for entry in self.entries]


class MemoryReadModel:
    """Rows in dictionaries; a cursor is the index of the next row."""

    def __init__(self) -> None:
        self.scores: dict[str, dict[str, object]] = {}
        self.action_rows: list[dict[str, object]] = []
        self.decision_rows: list[dict[str, object]] = []
        self.case_rows: list[dict[str, object]] = []
        self.failing: Exception | None = None

    def score(self, customer: str) -> Mapping[str, object] | None:
        if self.failing is not None:
            raise self.failing
        found = self.scores.get(customer)
        return None if found is None else {k: v for k, v in found.items() if k != "parts"}

    def explanation(self, customer: str) -> Mapping[str, object] | None:
        return self.scores.get(customer)

    def customer_now(self, customer: str, *, since: datetime, limit: int) -> CustomerNow:
        own = {"customer": customer}
        return CustomerNow(
            self.score(customer),
            [row for row in _having(self.case_rows, own) if row["status"] != "closed"][:limit],
            _within(_having(self.action_rows, own), "decided_at", since, None)[:limit],
            _within(_having(self.decision_rows, own), "decided_at", since, None)[:limit],
        )

    def actions(
        self,
        limit: int,
        *,
        customer: str | None,
        before: str | None,
        action: str | None = None,
        action_class: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> FakePage:
        asked = {"customer": customer, "action": action, "action_class": action_class}
        rows = _within(_having(self.action_rows, asked), "decided_at", since, until)
        return page_of(rows, limit, before)

    def decisions(
        self,
        limit: int,
        *,
        customer: str | None,
        before: str | None,
        action: str | None = None,
        outcome: str | None = None,
        reason: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> FakePage:
        asked = {"customer": customer, "action": action, "outcome": outcome, "reason": reason}
        rows = _within(_having(self.decision_rows, asked), "decided_at", since, until)
        return page_of(rows, limit, before)

    def cases(
        self,
        limit: int,
        *,
        customer: str | None,
        status: str | None,
        before: str | None,
        kind: str | None = None,
        due_before: datetime | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> FakePage:
        asked = {"customer": customer, "status": status, "kind": kind}
        rows = _within(_having(self.case_rows, asked), "opened_at", since, until)
        if due_before is not None:
            rows = [r for r in rows if r["next_due"] and _time(r["next_due"]) < due_before]
        return page_of(rows, limit, before)

    def dead_letters(self, limit: int, *, before: str | None) -> FakePage:
        return FakePage([], None)


class FixedReadiness:
    def __init__(self, *conditions: Condition) -> None:
        self.now: Sequence[Condition] = conditions or (Condition("lane 0", True, "running"),)
        self.why_fatal: str | None = None

    def conditions(self) -> Sequence[Condition]:
        return self.now

    def fatal(self) -> str | None:
        return self.why_fatal


class World:
    """An application on fakes, and calls to it; open to this machine without ``key``."""

    def __init__(
        self,
        *,
        key: str | None = None,
        access: Access | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        stream_limits: StreamLimits = StreamLimits(),  # noqa: B008 - frozen
        subscriptions: SubscriptionDesk | None = None,
    ) -> None:
        self.access = access or make_access(local=key is None, environment=key)
        self.ingest = MemoryIngest()
        self.read = MemoryReadModel()
        self.history = MemoryHistory()
        self.insights = FixedInsights()
        self.readiness = FixedReadiness()
        self.registry = CollectorRegistry()
        self.now_ms = NOW_MS
        self.app: FastAPI = make_app(
            ingest=self.ingest,
            read=self.read,
            subscriptions=subscriptions,
            readiness=self.readiness,
            policy=default_policy,
            catalogues=shipped_catalogues(),
            access=self.access,
            now_ms=lambda: self.now_ms,
            registry=self.registry,
            version="test",
            history=self.history,
            insights=self.insights,
            limits=limits,
            stream_limits=stream_limits,
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        host: str = "127.0.0.1:8080",
    ) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                return await client.request(method, path, content=content, headers=headers)

        return asyncio.run(run())

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.call("GET", path, headers=headers)

    def post(
        self, body: object, kind: str | None = "application/json", **headers: str
    ) -> httpx.Response:
        """POST /v1/events; a body that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if kind is not None:
            names["Content-Type"] = kind
        return self.call("POST", "/v1/events", content=content, headers=names)


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """The problem in an answer, held to RFC 9457 and to this interface's own rules."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:touchpoint:problem:")
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in answer.text
    return problem
