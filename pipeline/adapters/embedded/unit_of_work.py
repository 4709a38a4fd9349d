"""One SQLite transaction a chunk: outputs, states and position become visible together.

Outputs to topics that stages read go back into the log, which is a file of its own: they are
appended first and the position is moved then. A crash in between appends them once more, never not
at all; a stage knows an event by its source and id, a proposal by its id, and takes the second for
the duplicate it is.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import DBAPIError

from pipeline.adapters.embedded.store import StateFile
from pipeline.engine.errors import Fenced, StoreFailed
from pipeline.engine.ports import Changes, Output, Position
from schemas.topics import READ_BY_STAGES

WriteOutputs = Callable[[Connection, Sequence[Output]], object]
"""Writes outputs as rows in the transaction under way; never begins or ends one."""

AppendLooped = Callable[[Sequence[Output]], Awaitable[object]]
"""Appends outputs to the source log, in their order; they are durable when it returns."""


class SqliteUnitOfWork:
    """The ``UnitOfWork`` of the embedded lane; its database errors become ``StoreFailed``."""

    def __init__(
        self, state: StateFile, write_outputs: WriteOutputs, append_looped: AppendLooped
    ) -> None:
        self._state = state
        self._write_outputs = write_outputs
        self._append_looped = append_looped
        self._looped: list[Output] = []
        self._connection: Connection | None = None
        self._transaction: RootTransaction | None = None
        self._position = Position()
        self._next = Position()

    async def open(self) -> None:
        self._connection = self._state.connect()
        try:
            self._position = self._state.position()
        except sqlite3.Error as error:
            raise self._state.failed(error) from error

    async def begin(self) -> None:
        if self._connection is None:
            raise StoreFailed(f"{self._state.path}: is closed")
        try:
            self._transaction = self._connection.begin()
        except (DBAPIError, sqlite3.Error) as error:
            raise self._state.failed(error) from error

    async def send(self, outputs: Sequence[Output], changes: Changes, position: Position) -> None:
        assert self._connection is not None  # noqa: S101 - begin() was called
        self._looped = [output for output in outputs if output.topic in READ_BY_STAGES]
        if self._looped:
            outputs = [output for output in outputs if output.topic not in READ_BY_STAGES]
        try:
            if outputs:
                self._write_outputs(self._connection, outputs)
            self._state.write(changes)
            moved = self._state.move(self._position, position)
        except (DBAPIError, sqlite3.Error) as error:
            raise self._state.failed(error) from error
        if not moved:
            raise Fenced(f"{self._state.path}: somebody else moved the position")
        self._next = position

    async def send_offsets(self, position: Position) -> None:
        """Nothing to do: nobody but the lane reads this log."""

    async def commit(self) -> int:
        """Returns 0: there is no changelog. Raises what appending to the log raises, too."""
        assert self._transaction is not None  # noqa: S101 - begin() was called
        if self._looped:
            # Last of all before the commit: what fails earlier repeats nothing in the log.
            await self._append_looped(self._looped)
        try:
            self._transaction.commit()
        except (DBAPIError, sqlite3.Error) as error:
            raise self._state.failed(error) from error
        self._transaction = None
        self._position = self._next
        return 0

    async def close(self) -> None:
        self._transaction = self._connection = None
        self._state.disconnect()
