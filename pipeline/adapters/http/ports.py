"""What the HTTP interface needs from behind it: where events go, what is read, who is ready.

The errors below are part of the ports: an implementation raises them, the edge answers with them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from pipeline.engine.errors import Retryable
from schemas import history
from schemas.care import CareOrder
from schemas.dead_letter import DeadLetter, KeptLetter
from schemas.insights import (
    ActionCost,
    Axis,
    CareRule,
    ChurnReason,
    CurvePoint,
    Experiment,
    Grain,
    Iceberg,
    Level,
)
from schemas.queue import OpenCases, Proposals, ToDecide

# ruff: noqa: N818 - they say what happened, as events do


class Busy(Retryable):
    """More is waiting than may wait: answered with 429 and ``Retry-After``."""


class Unavailable(Retryable):
    """Nothing can be written or read now (disk full, read-only): 503 and ``Retry-After``."""


class KeyReused(Exception):
    """An idempotency key came again with another body: answered with 422."""


class OnceUnsupported(Exception):
    """An idempotency key where none can be kept: answered with 501, and nothing was written."""


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


Change = history.Change
CustomerNow = history.CustomerNow
Feed = history.Feed


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

    def customer_now(self, customer: str, *, since: datetime, limit: int) -> CustomerNow:
        """What to know of a customer who is there: of actions and decisions none before ``since``,
        of each kind at most ``limit``, newest first."""
        ...

    # Of every list: filters that are None let everything pass; since <= time < until.

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
    ) -> Page: ...

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
    ) -> Page: ...

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
    ) -> Page:
        """By ``opened_at``; ``due_before``: only those whose next step was due before it."""
        ...

    def dead_letters(self, limit: int, *, before: str | None) -> Page: ...


class History(Protocol):
    """What happened over time, and what changed since. Methods block, as those of ``ReadModel``."""

    def trail(self, customer: str, *, since: datetime, limit: int) -> Sequence[object]:
        """The customer's ``Contribution`` rows, newest first, none before ``since``."""
        ...

    def history(
        self, customer: str, limit: int, *, since: datetime | None, before: str | None
    ) -> Page:
        """The customer's contributions, newest first, page by page."""
        ...

    def cursor_of(self, customer: str, event: str) -> str | None:
        """The ``before`` of ``history`` whose page begins with this event, the latest of this id;
        ``None`` if the customer has none such."""
        ...

    def scores_changed(self, limit: int, *, since: str | None) -> Page:
        """Scores (without parts) in the order in which they last changed, from ``since`` on.

        ``since`` is ``next`` of an earlier page; ``next`` is never ``None``: at the end it is
        where to go on later. Nothing that is committed is ever passed over.
        """
        ...

    def feed(self, since: str | None, limit: int) -> Feed:
        """What changed behind ``since``, oldest first; ``None``: from now on, nothing yet."""
        ...


class CareQueue(Protocol):
    """What care managers look after. Methods block, as those of ``ReadModel``."""

    def open_cases(self, limit: int, *, now: datetime, soon: datetime) -> OpenCases: ...

    def latest(self, limit: int) -> Proposals:
        """The newest steps of what somebody may decide about: nothing that is required."""
        ...

    def to_decide(self, limit: int) -> ToDecide: ...


class Insights(Protocol):
    """What the scores say of the service. Methods block, as those of ``ReadModel``.

    Words are in ``language``, a tag; else, and where it is not spoken, in the policy's.
    """

    def levels(
        self,
        axis: Axis,
        *,
        since: datetime,
        until: datetime,
        dimension: str | None = None,
        language: str | None = None,
    ) -> Sequence[Level]:
        """How each value of an axis stands, the largest gap first; staff by name only."""
        ...

    def curve(
        self,
        axis: Axis,
        value: str,
        *,
        grain: Grain,
        since: datetime,
        until: datetime,
        dimension: str | None = None,
    ) -> Sequence[CurvePoint]:
        """Every bucket from ``since`` to ``until``, also those in which nothing was felt."""
        ...

    def matrix(self, *, since: datetime, until: datetime) -> Sequence[Level]:
        """Dimension by tier: ``value`` is the tier."""
        ...

    def icebergs(
        self, *, since: datetime, until: datetime, language: str | None = None
    ) -> Sequence[Iceberg]: ...

    def silent(
        self, touchpoint: str, dimension: str, limit: int, *, since: datetime, before: str | None
    ) -> Page:
        """``SilentCustomer``, the lowest score first."""
        ...

    def falls(self, limit: int, *, since: datetime, before: str | None) -> Page:
        """``Fall``, newest first."""
        ...

    def churn(self, *, since: datetime, until: datetime) -> Sequence[ChurnReason]: ...

    def costs(self, *, since: datetime, until: datetime) -> Sequence[ActionCost]: ...

    def experiments(self, *, since: datetime, until: datetime) -> Sequence[Experiment]: ...

    def care_rules(self, *, since: datetime, until: datetime) -> Sequence[CareRule]: ...


class NoWayBack(Exception):
    """A dead letter of a topic that cannot be written from here: answered with 422."""


class Ended(Protocol):
    """How an action ended: ``result`` is ``done``, ``failed``, ``suppressed``, ``expired``."""

    @property
    def result(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def at(self) -> datetime: ...


class ActionState(Protocol):
    """How an action stands: ``outcome`` is ``None`` until it is told to be done; ``orders`` are in
    the order given."""

    @property
    def customer(self) -> str: ...
    @property
    def outcome(self) -> Ended | None: ...
    @property
    def orders(self) -> Sequence[CareOrder]: ...


class ActionBook(Protocol):
    """How single actions stand. Methods block, as those of ``ReadModel``."""

    def state(self, action: str) -> ActionState | None:
        """``None`` if there is no action of this id."""
        ...


class Orders(Protocol):
    """Where people's orders for actions go."""

    async def find(self, identity: str) -> CareOrder | None:
        """The order that was given under this id."""
        ...

    async def give(self, order: CareOrder) -> CareOrder:
        """Durable when it returns, and heeded before the action's next attempt. Returns what is
        there under its id: the first one given. Raises ``Unavailable``: it may be given or not,
        and giving it again does no harm."""
        ...


class Letters(Protocol):
    """Dead letters as they are kept. Methods block, as those of ``ReadModel``."""

    def letter(self, identity: int) -> KeptLetter | None: ...

    def mark_redriven(self, identity: int, *, by: str, at: datetime) -> KeptLetter | None:
        """Note that it was sent again; who did first stays."""
        ...


class Redrive(Protocol):
    """The way back of a dead letter."""

    async def send(self, letter: DeadLetter) -> None:
        """Write the original bytes, key and headers to their topic once more; durable when it
        returns. Raises ``NoWayBack``, ``Busy`` and ``Unavailable``."""
        ...


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
