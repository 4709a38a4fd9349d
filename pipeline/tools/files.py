"""Writes files that are whole or not there at all, and knows what was written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO


class LineFile:
    """A file of lines under way; counts them and keeps the SHA-256 of all bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = sha256()
        self.lines = 0

    def write(self, line: bytes) -> None:
        """Write ``line``, which holds no line break, and end it."""
        ended = line + b"\n"
        self._file.write(ended)
        self._sha256.update(ended)
        self.lines += 1

    @property
    def digest(self) -> str:
        """SHA-256 of what was written so far, in hexadecimal."""
        return self._sha256.hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[LineFile]:
    """Write lines to ``path``, which changes only when the block ends without an exception.

    Until then the lines stand in a hidden file beside it; a failure removes that and leaves what
    ``path`` held before.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield LineFile(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
