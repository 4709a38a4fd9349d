"""The sinks under one contract: how to make each, look into it, and break it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from sqlalchemy import Engine, Table, delete, event, select

from sinks.memory import MemorySink
from sinks.port import Sink
from sinks.sql import tables
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.orders import orders
from sinks.sql.sink import SqlSink

View = dict[str, object]
"""All that a sink holds, the same for every kind of sink."""


class CrashError(Exception):
    """The end of the process, as far as the sink can tell."""


class Rig(Protocol):
    """A kind of sink; ``sink()`` makes another writer on the same rows."""

    def sink(self) -> Sink: ...
    def view(self) -> View: ...
    def clear(self) -> None:
        """Take all rows and positions away."""
        ...

    def crashing(self, at: int) -> AbstractContextManager[None]:
        """Crash at the ``at``-th step that a write takes, counted from 0."""
        ...


class MemoryRig:
    """One ``MemorySink``: there is nothing beneath it that two could share."""

    def __init__(self) -> None:
        self._sink = MemorySink()

    def sink(self) -> Sink:
        return self._sink

    def view(self) -> View:
        held = self._sink
        return {
            "scores": {each.customer: (each.score, each.events) for each in held.scores.values()},
            "contributions": [(each.source, each.event) for each in held.contributions],
            "actions": list(held.actions),
            "decisions": list(held.decisions),
            "outlook_checks": list(held.outlook_checks),
            "cases": {each.id: (each.status, each.level) for each in held.cases.values()},
            "consents": {c.customer: (list(c.denied), c.alerts) for c in held.consents.values()},
            "orders": [(each.id, each.order, each.at) for each in held.orders.values()],
            "campaign_reports": list(held.campaign_reports),
            "dead_letters": [(each.topic, each.offset, each.value) for each in held.dead_letters],
            "rejects": [
                (each.topic, each.partition, each.offset, each.reason, each.key, each.value)
                for each in held.rejects
            ],
        }

    def clear(self) -> None:
        self._sink = MemorySink()

    def crashing(self, at: int) -> AbstractContextManager[None]:
        return nullcontext()  # a write in memory has no steps


class SqlRig:
    """A ``SqlSink`` on a database that was migrated."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        upgrade(self.engine)

    def sink(self) -> Sink:
        return SqlSink(self.engine)

    def view(self) -> View:
        t = tables
        with self.engine.connect() as connection:

            def rows(*names: str, table: Table) -> list[tuple[object, ...]]:
                wanted = select(*(table.c[name] for name in names)).order_by(table.c.seq)
                return [tuple(row) for row in connection.execute(wanted)]

            def latest(*names: str, table: Table) -> dict[object, tuple[object, ...]]:
                found = connection.execute(select(*(table.c[name] for name in names)))
                return {row[0]: tuple(row[1:]) for row in found}

            return {
                "scores": latest("customer", "score", "events", table=t.scores),
                "contributions": rows("source", "event", table=t.contributions),
                "actions": [name for (name,) in rows("id", table=t.actions)],
                "decisions": rows("id", "outcome", table=t.decisions),
                "outlook_checks": [name for (name,) in rows("id", table=t.outlook_checks)],
                "cases": latest("id", "status", "level", table=t.cases),
                "consents": latest("customer", "denied", "alerts", table=t.consents),
                "orders": rows("id", "order", "at", table=orders),
                "campaign_reports": [name for (name,) in rows("id", table=t.campaign_reports)],
                "dead_letters": rows("topic", "offset", "value", table=t.dead_letters),
                "rejects": rows(
                    "topic", "partition", "offset", "reason", "key", "value", table=t.sink_rejects
                ),
            }

    def clear(self) -> None:
        with self.engine.begin() as connection:
            for table in tables.metadata.tables.values():
                connection.execute(delete(table))

    @contextmanager
    def crashing(self, at: int) -> Iterator[None]:
        """Steps are the statements, and the commit as the last."""
        step = 0

        def crash(*_: object) -> None:
            nonlocal step
            step += 1
            if step > at:
                raise CrashError(f"at step {at}")

        with _listening(self.engine, ("before_cursor_execute", "commit"), crash):
            yield

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _listening(
    engine: Engine, names: tuple[str, ...], listener: Callable[..., None]
) -> Iterator[None]:
    for name in names:
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name in names:
            event.remove(engine, name, listener)
