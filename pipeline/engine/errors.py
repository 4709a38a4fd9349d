"""The engine's typed errors: what failed, whether trying again helps, and when.

::

    EngineError
    ├── Retryable            trying again may help; says after how many seconds
    │   ├── Fenced           another producer took the lane's transactional id, or it timed out
    │   ├── TimedOut         a phase took longer than its limit
    │   ├── Interrupted      something below was cancelled, though nobody cancelled the lane
    │   └── StoreFailed      the local store cannot be read or written (disk full, locked, ...)
    │       └── StoreCorrupt what it holds cannot be trusted: clear and rebuild it
    ├── Gap                  records between the position and the log's start are gone
    ├── OutputTooLarge       a record to publish is larger than the broker takes
    ├── TimerError           states that are due cannot be stepped; told, never raised
    └── StateError           the bytes of a state cannot be used
        ├── StateTooNew      written by a newer release
        ├── StateTooOld      no upgrade from its version is known
        └── StateUnreadable  they are damaged
"""

# ruff: noqa: N818 - they say what happened, as events do


class EngineError(Exception):
    """Anything the engine raises on purpose."""


class Retryable(EngineError):
    """Trying again may help, not sooner than ``retry_after_seconds`` from now."""

    def __init__(self, message: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Fenced(Retryable):
    """This writer may not commit any more.

    It is no proof of another owner: a transaction older than its time-out is fenced too. So it
    is tried again like the rest; a real zombie is safe, because it opens anew, restores, and then
    skips what the other owner did.
    """


class TimedOut(Retryable):
    """A phase of a lane took longer than its limit: some awaits of a broker client never end."""


class Interrupted(Retryable):
    """A cancellation came from below: a client cancelled one of its own futures."""


class StoreFailed(Retryable):
    """The local store cannot be read or written now; what it holds is not known to be damaged."""


class StoreCorrupt(StoreFailed):
    """The local store is damaged: it has to be cleared and rebuilt from its changelog."""


class Gap(EngineError):
    """Records from ``expected`` up to ``found`` are missing; they are never stepped over."""

    def __init__(self, *, partition: int, expected: int, found: int) -> None:
        super().__init__(
            f"partition {partition}: records from offset {expected} to {found - 1} are missing: "
            f"the position is {expected}, but the log was read from {found} on; deleted by "
            "retention before they were processed? Bring them back, or move the position to "
            f"{found} to go on without them"
        )
        self.partition = partition
        self.expected = expected
        self.found = found


class OutputTooLarge(EngineError):
    """The unit of work cannot publish an output: the broker takes none of that size."""


class TimerError(EngineError):
    """States that are due cannot be stepped; the lane goes on, and tries again at each tick."""


class StateError(EngineError):
    """The bytes of a state cannot be used; the lane stops rather than judge its customer anew."""


class StateTooNew(StateError):
    """The state was written by a newer release than this one."""


class StateTooOld(StateError):
    """No upgrade leads from the state's version to this release's."""


class StateUnreadable(StateError):
    """The bytes are no state of the version they claim."""
