"""The read API on a SQL store that others write, and events in onto Kafka."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from pipeline.adapters.http.ports import Condition
from pipeline.adapters.kafka.clients import limit_client_logs
from pipeline.adapters.kafka.ingest import KafkaIngest
from pipeline.adapters.kafka.sender import Sender
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.bootstrap.access import check_environment, open_access, provider_of
from pipeline.bootstrap.common import read_policy
from pipeline.bootstrap.operate import make_kafka_desk
from pipeline.bootstrap.reading import DatabaseReadiness, make_read_side, open_database
from pipeline.bootstrap.subscriptions import make_subscriptions, telling
from pipeline.bootstrap.web import make_web, serve_web
from pipeline.config import ConfigError, access_settings


def run_serve(
    database: str,
    kafka: KafkaSettings | None,
    *,
    host: str,
    port: int,
    policy_file: Path | None,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Serve what the database at ``database`` holds until a signal ends it.

    With ``kafka`` events are taken in too, and written there. Nothing is migrated: a database with
    another schema is refused at the start, and makes a running server not ready. ``warn`` is told
    the first key, once. Raises ``ConfigError``, ``PolicyError``, ``AccessRefused``, ``PortTaken``.
    """
    may_enter = access_settings(os.environ)
    check_environment(may_enter)
    policy = read_policy(policy_file)
    engine = open_database(database)
    for condition in DatabaseReadiness(engine).conditions():
        if not condition.ready:
            raise ConfigError(f"--database: {condition.state}: {condition.detail}")
    metrics = Metrics(CollectorRegistry())
    ingest = None if kafka is None else KafkaIngest(kafka)
    limit_client_logs()
    side = make_read_side(engine, lambda: policy)
    subscriptions = make_subscriptions(engine, side.history, metrics)
    sender = None if kafka is None else Sender(kafka)
    desk = None
    if kafka is not None and sender is not None:  # orders go the way of everything else
        desk = make_kafka_desk(engine, kafka, sender, ingest=ingest, policy=lambda: policy)
    app = make_web(
        side,
        ingest=ingest,
        desk=desk,
        subscriptions=subscriptions.desk,
        readiness=_Readiness(DatabaseReadiness(engine), ingest),
        access=open_access(engine, may_enter, host=host, tell=warn, always_keyed=True),
        provider=provider_of(may_enter),
        policy=policy,
        metrics=metrics,
    )
    with telling(subscriptions):
        serve_web(
            app,
            host,
            port,
            listening=lambda url: say(f"listening on {url}"),
            around=_together(ingest, sender),
        )
    engine.dispose()


@asynccontextmanager
async def _together(ingest: KafkaIngest | None, sender: Sender | None) -> AsyncIterator[None]:
    """What lasts as long as the server does."""
    async with AsyncExitStack() as stack:
        if ingest is not None:
            await stack.enter_async_context(ingest)
        if sender is not None:
            stack.push_async_callback(sender.close)
        yield


class _Readiness:
    """How the database is and, where events are taken in, Kafka."""

    def __init__(self, database: DatabaseReadiness, ingest: KafkaIngest | None) -> None:
        self._database = database
        self._ingest = ingest

    def conditions(self) -> Sequence[Condition]:
        conditions = self._database.conditions()
        if self._ingest is None:
            return conditions
        return (*conditions, self._ingest.condition())

    def fatal(self) -> str | None:
        return self._database.fatal()
