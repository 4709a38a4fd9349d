"""What the HTTP interface needs from behind it: where events go, what is read, who is ready.

The errors below are part of the ports: an implementation raises them, the edge answers with them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from pipeline.engine.errors import Retryable

# ruff: noqa: N818 - they say what happened, as events do


class Busy(Retryable):
    """More is waiting than may wait: answered with 429 and ``Retry-After``."""


class Unavailable(Retryable):
    """Nothing can be written or read now (disk full, read-only): 503 and ``Retry-After``."""


class KeyReused(Exception):
    """An idempotency key came again with another body: answered with 422."""


class Entry(NamedTuple):
    """One event on its way into the log: ``value`` are its own bytes, ``key`` orders it."""

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Once(NamedTuple):
    """What makes a request happen once: the caller's key, a digest of what it sent, and the
    answer to be given again."""

    key: str
    digest: bytes
    answer: bytes


class Ingest(Protocol):
    """Where accepted events are made durable."""

    def check_room(self) -> None:
        """Raise ``Busy`` while too much waits: asked before a body is read and understood."""
        ...

    async def append(
        self, entries: Sequence[Entry], received_ms: int, once: Once | None = None
    ) -> bytes | None:
        """Return after all ``entries`` are durable, in order and without others between them.

        ``received_ms`` (milliseconds since 1970) becomes the records' time. With ``once``: if its
        key was used with the same digest, nothing is written and the first answer comes back. If
        ``entries`` is empty that is only looked up. Raises ``Busy``, ``Unavailable`` (the entries
        may or may not be in the log: sending them again does no harm) and ``KeyReused``.
        """
        ...


class Page(Protocol):
    """Rows, newest first, and the cursor of the next page; ``None`` if this was the last one.

    Rows are anything that ``msgspec.json`` encodes to an object.
    """

    @property
    def items(self) -> Sequence[object]: ...
    @property
    def next(self) -> str | None: ...


class ReadModel(Protocol):
    """What was written, for reading. Methods block; the edge calls them in a thread pool.

    A ``ValueError`` says that ``before`` is no cursor that a page gave; the edge answers 422.
    """

    def score(self, customer: str) -> Mapping[str, object] | None:
        """The customer's latest ``schemas.perception.Score`` without its parts, every float as it
        was written, bit for bit; ``None`` if nothing is known of the customer."""
        ...

    def explanation(self, customer: str) -> Mapping[str, object] | None:
        """The same with its parts."""
        ...

    def actions(self, limit: int, *, customer: str | None, before: str | None) -> Page: ...

    def decisions(self, limit: int, *, customer: str | None, before: str | None) -> Page: ...

    def cases(
        self, limit: int, *, customer: str | None, status: str | None, before: str | None
    ) -> Page: ...

    def dead_letters(self, limit: int, *, before: str | None) -> Page: ...


class Condition(msgspec.Struct, frozen=True):
    """Whether one part (``lane 0``, ``log``) is ready, and why not."""

    name: str
    ready: bool
    state: str
    detail: str = ""


class Readiness(Protocol):
    """How the parts of this process are."""

    def conditions(self) -> Sequence[Condition]:
        """Every part. No part at all (no partition assigned yet) is not ready either."""
        ...

    def fatal(self) -> str | None:
        """Why only a restart can help, ``None`` while the process can go on."""
        ...
