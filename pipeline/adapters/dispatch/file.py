"""A channel that writes each action as a line of JSON, to a file or to standard output.

For trying things out, and for whoever picks actions up from a file. An id stands in a file once:
what is there already is known at the start.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from pipeline.adapters.dispatch.port import Done, Message, Settled, TryAgain
from pipeline.adapters.dispatch.webhook import webhook_body

STANDARD_OUTPUT: Final = "-"


class _Line(msgspec.Struct):
    id: str


class FileChannel:
    """Appends to ``path``; a line is on the disk before the action counts as done."""

    def __init__(self, path: Path) -> None:
        """Raises ``OSError`` if the file cannot be read or written."""
        self._path = path
        self._lock = asyncio.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.seek(0)
            self._known = _ids(file.read())

    async def send(self, message: Message) -> Settled:
        async with self._lock:
            if message.action.id in self._known:
                return Done()
            try:
                await asyncio.to_thread(self._append, webhook_body(message) + b"\n")
            except OSError as error:
                return TryAgain(f"cannot be written: {error.strerror}")
            self._known.add(message.action.id)
        return Done()

    async def close(self) -> None:
        """Nothing to do: the file is open only while a line is written."""

    def _append(self, line: bytes) -> None:
        with self._path.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":  # a line that was cut short, by a full disk or a kill
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


class ConsoleChannel:
    """Writes to standard output; what is written there again is there again."""

    async def send(self, message: Message) -> Settled:
        sys.stdout.buffer.write(webhook_body(message) + b"\n")
        sys.stdout.buffer.flush()
        return Done()

    async def close(self) -> None:
        """Nothing to do."""


def _ids(content: bytes) -> set[str]:
    """The ids of all whole lines; what is no action's line is nobody's."""
    found: set[str] = set()
    for line in content.splitlines():
        try:
            found.add(msgspec.json.decode(line, type=_Line).id)
        except msgspec.DecodeError:
            continue
    return found
