"""Ports of the HTTP interface in memory, and an application on them."""

import asyncio
from collections.abc import Mapping, Sequence
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
from pipeline.adapters.http.ports import Condition, Entry, KeyReused, Once
from pipeline.adapters.messages import shipped_catalogues
from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy

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
        self.case_rows: list[dict[str, object]] = []
        self.failing: Exception | None = None

    def score(self, customer: str) -> Mapping[str, object] | None:
        if self.failing is not None:
            raise self.failing
        found = self.scores.get(customer)
        return None if found is None else {k: v for k, v in found.items() if k != "parts"}

    def explanation(self, customer: str) -> Mapping[str, object] | None:
        return self.scores.get(customer)

    def actions(self, limit: int, *, customer: str | None, before: str | None) -> FakePage:
        rows = [r for r in self.action_rows if customer in (None, r["customer"])]
        first = int(before or "0")
        more = first + limit < len(rows)
        return FakePage(rows[first : first + limit], str(first + limit) if more else None)

    def decisions(self, limit: int, *, customer: str | None, before: str | None) -> FakePage:
        return FakePage([], None)

    def cases(
        self, limit: int, *, customer: str | None, status: str | None, before: str | None
    ) -> FakePage:
        asked = {"customer": customer, "status": status}
        wanted = {name: value for name, value in asked.items() if value is not None}
        return FakePage([r for r in self.case_rows if r | wanted == r], None)

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
    """An application on fakes, and calls to it."""

    def __init__(
        self,
        *,
        key: str | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        subscriptions: SubscriptionDesk | None = None,
    ) -> None:
        self.ingest = MemoryIngest()
        self.read = MemoryReadModel()
        self.readiness = FixedReadiness()
        self.registry = CollectorRegistry()
        self.app: FastAPI = make_app(
            ingest=self.ingest,
            read=self.read,
            subscriptions=subscriptions,
            readiness=self.readiness,
            policy=default_policy,
            catalogues=shipped_catalogues(),
            access=Access(key),
            now_ms=lambda: NOW_MS,
            registry=self.registry,
            version="test",
            limits=limits,
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
