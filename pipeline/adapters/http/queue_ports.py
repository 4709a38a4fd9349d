"""The port of the care queue: what care managers look after."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol


class OpenCases(Protocol):
    """Open cases by their next clock, those without one last. The counts are of all of them:
    ``overdue`` now, ``soon`` due before a time given."""

    @property
    def items(self) -> Sequence[object]: ...

    @property
    def total(self) -> int: ...

    @property
    def overdue(self) -> int: ...

    @property
    def soon(self) -> int: ...


class Proposals(Protocol):
    """Steps of proposals (``CareDecision``), newest first, and their ``CareAction``s. ``more``:
    there are older steps."""

    @property
    def decisions(self) -> Sequence[object]: ...

    @property
    def actions(self) -> Sequence[object]: ...

    @property
    def more(self) -> bool: ...


class Wait(Protocol):
    """Why a proposal or an action, ``id``, waits for a person, and since when: it needs
    ``approval``, or was ``held`` ``by`` somebody with a ``reason``."""

    @property
    def id(self) -> str: ...

    @property
    def why(self) -> Literal["approval", "held"]: ...

    @property
    def at(self) -> datetime: ...

    @property
    def by(self) -> str: ...

    @property
    def reason(self) -> str: ...


class ToDecide(Protocol):
    """What waits for a person, longest first, with all its steps. ``more``: there are more."""

    @property
    def waits(self) -> Sequence[Wait]: ...

    @property
    def proposals(self) -> Proposals: ...

    @property
    def more(self) -> bool: ...


class CareQueue(Protocol):
    """What care managers look after. Methods block, as those of ``ReadModel``."""

    def open_cases(self, limit: int, *, now: datetime, soon: datetime) -> OpenCases: ...

    def latest(self, limit: int) -> Proposals:
        """The newest steps of what somebody may decide about: nothing that is required."""
        ...

    def to_decide(self, limit: int) -> ToDecide: ...
