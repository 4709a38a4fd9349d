"""Keeps the read model small: once a day, beside those who write it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pipeline.core.policy.compiled import Policy
from sinks.sql.retention import Retention, forget

log = logging.getLogger(__name__)

_DAY_SECONDS: Final = 86_400.0
_RETRY_SECONDS: Final = 3_600.0
_PAUSE_SECONDS: Final = 0.02
"""Between two of its transactions, so that whoever waits for SQLite's only writer comes to it."""


def retention_of(policy: Policy) -> Retention:
    """For how long ``policy`` keeps rows."""
    # Not model_dump(): a field that only one of the two knows must not go unseen.
    kept = policy.file.retention
    return Retention(**{name: getattr(kept, name) for name in Retention._fields})


@contextmanager
def forgetting(engine: Engine, retention: Retention) -> Iterator[None]:
    """Delete what is too old now, and then once a day, in a thread of its own."""
    stop = Event()
    thread = Thread(target=_run, args=(engine, retention, stop), name="retention", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _run(engine: Engine, retention: Retention, stop: Event) -> None:
    while not stop.is_set():
        wait_seconds = _DAY_SECONDS
        try:
            gone = forget(
                engine,
                retention,
                datetime.now(UTC),
                goes_on=lambda: not stop.wait(_PAUSE_SECONDS),
            )
            log.info("deleted for their age: %s", {k: n for k, n in gone.items() if n} or "nothing")
        except SQLAlchemyError as error:
            log.warning("nothing more is deleted for an hour: %s", error)
            wait_seconds = _RETRY_SECONDS
        stop.wait(wait_seconds)
