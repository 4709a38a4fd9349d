"""The whole application on a small SQLite store, for tests of its OpenAPI document."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from prometheus_client import CollectorRegistry
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pipeline.adapters.http.app import make_app
from pipeline.adapters.messages import shipped_catalogues
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.bootstrap.operate import make_embedded_desk
from pipeline.bootstrap.reading import make_read_side
from pipeline.bootstrap.subscriptions import make_subscriptions
from schemas.subscriptions import NewCondition, NewSubscription
from schemas.topics import OUTPUTS
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples
from tests.unit.access_fakes import make_access
from tests.unit.http_fakes import (
    FixedReadiness,
    MemoryIngest,
    default_policy,
)

KEY: Final = "a-key-for-tests-alone"
HEADERS: Final = {"Authorization": f"Bearer {KEY}"}
STREAM: Final = "/v1/stream"
"""Has no end."""

CHECKS: Final[list[Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""Whatever is asked: no error of ours, and nothing but what the document says.

What the document cannot say (a cursor is of one list, a period has an order) may be refused."""

NOW_MS: Final = int(samples.START.timestamp() * 1000) + 3_600_000
"""An hour after the first record: the trail has all of them."""

_RECORDS: Final = 12


class Application(NamedTuple):
    """What is asked, and ids by path parameter that it knows."""

    app: FastAPI
    known: Mapping[str, object]


@contextmanager
def application(folder: Path) -> Iterator[Application]:
    """An application whose store in ``folder`` holds records of three customers.

    People may act and subscribe; nothing that they cause is carried out."""
    engine = make_engine(f"sqlite:///{folder / 'api.db'}")
    upgrade(engine)
    with engine.begin() as connection:
        write_outputs(
            connection,
            [
                (topic, *samples.message(topic, f"c{number % 3}", number))
                for number in range(_RECORDS)
                for topic in OUTPUTS
            ],
        )
    side = make_read_side(engine, default_policy)
    metrics, ingest = Metrics(CollectorRegistry()), MemoryIngest()
    desk = make_subscriptions(engine, side.history, metrics).desk  # whose work is never begun
    subscribed = desk.subscribe(
        NewSubscription(
            name="one", url="https://crm.example/hooks", condition=NewCondition(below=50)
        )
    )
    delivery = desk.try_out(subscribed.subscription.id)
    app = make_app(
        ingest=ingest,
        read=side.read,
        queue=side.queue,
        history=side.history,
        insights=side.insights,
        subscriptions=desk,
        desk=make_embedded_desk(engine, ingest, policy=default_policy),
        readiness=FixedReadiness(),
        policy=default_policy,
        catalogues=shipped_catalogues(),
        access=make_access(local=False, environment=KEY),
        now_ms=lambda: NOW_MS,
        registry=metrics.registry,
        version="test",
    )
    (action,) = side.read.actions(1, customer=None, before=None).items
    (letter,) = side.read.dead_letters(1, before=None).items
    known = {
        "customer": "c1",
        "action": _id(action),
        "letter": _id(letter),
        "subscription": subscribed.subscription.id,
        "delivery": delivery,
    }
    try:
        yield Application(app, known)
    finally:
        engine.dispose()


def _id(row: Any) -> object:
    return row["id"] if isinstance(row, Mapping) else row.id


def operations_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Method and path of all that can be asked, without what has no end."""
    paths: dict[str, dict[str, Any]] = document["paths"]
    return [(method, path) for path in paths for method in paths[path] if path != STREAM]


class Probe:
    """Asks an application what its document allows, and what it forbids."""

    def __init__(self, application: Application) -> None:
        self.asked = 0
        """So many questions so far."""
        self._known = application.known
        self._schema = schemathesis.openapi.from_asgi(
            "/openapi.json", application.app, headers=HEADERS
        )

    def check(self, method: str, path: str, examples: int) -> None:
        """Ask so often each of what is allowed and forbidden. Raises for a wrong answer."""
        operation = self._schema[path][method]
        allowed = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        self._ask(allowed, examples)
        if any(f"{{{name}}}" in path for name in self._known):
            # Nobody guesses the id of what is there.
            self._ask(allowed.map(self._of_known), examples)
        with suppress(Unsatisfiable):  # where nothing is forbidden
            forbidden = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
            self._ask(forbidden, examples)

    def _ask(self, cases: SearchStrategy[Case[Any]], examples: int) -> None:
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def ask(case: Case[Any]) -> None:
            self.asked += 1
            case.call_and_validate(headers=HEADERS, checks=CHECKS)

        ask()

    def _of_known(self, case: Case[Any]) -> Case[Any]:
        given = case.path_parameters or {}
        case.path_parameters = {name: self._known.get(name, given[name]) for name in given}
        return case
