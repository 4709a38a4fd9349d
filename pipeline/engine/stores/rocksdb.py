"""Keeps states in RocksDB: more customers than fit in memory, and a start that reads a tail only.

The write-ahead log stays on and is not synced. On, because without it a killed process loses its
memtables and reads all of that from the changelog again; not synced, because the changelog is
what is durable: after a power cut RocksDB comes back as it was some batches ago (point-in-time
recovery: a prefix of whole batches), its checkpoint says so, and restoring reads the rest.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, cast

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    WriteBatch,
)

from pipeline.engine.codec import CHECKPOINT_CODEC
from pipeline.engine.errors import StateError, StoreCorrupt, StoreFailed
from pipeline.engine.ports import Changes, Checkpoint

CHECKPOINT_KEY = b"\x00checkpoint"
"""Key of the checkpoint among the states: one batch, one column family, so one atomic write."""

BLOCK_CACHE_BYTES = 32 * 1024 * 1024
WRITE_BUFFER_BYTES = 16 * 1024 * 1024
WAL_BYTES = 64 * 1024 * 1024
"""Per partition; a node with eight partitions so stays near half a gigabyte."""

RETRY_SECONDS = 1.0
"""A full disk or a directory still held by its last owner does not change within less."""

# RocksDB's errors arrive as bare Exception: only their text tells what to do. These say that the
# directory is damaged; all others (no space, held by another owner, not permitted) are the
# machine's doing and pass: clearing would only throw good data away.
_DAMAGED = ("Corruption", "Invalid argument", "IO error: No such file")

T = TypeVar("T")


class RocksStore:
    """A ``Store`` in a RocksDB directory of its own.

    A directory that cannot be read is cleared, once, and the store starts empty: it is rebuilt
    from its changelog. ``on_cleared`` is told why. Raises ``StoreFailed`` if the machine is in
    the way (disk full, directory in use), ``StoreCorrupt`` if damage shows later.
    """

    def __init__(self, path: Path, *, on_cleared: Callable[[str], None] = lambda _: None) -> None:
        self._path = path
        self._db: Rdict | None = None
        try:
            self._db = self._open()
            self.checkpoint()
        except StoreCorrupt as error:
            self.close()
            self._db = self._remove_and_open()
            on_cleared(f"{path}: cleared, to be rebuilt: {error}")
        except StoreFailed:
            self.close()
            raise

    def checkpoint(self) -> Checkpoint:
        db = self._opened()
        data = self._guard(lambda: db.get(CHECKPOINT_KEY))
        if data is None:
            return Checkpoint()
        try:
            return CHECKPOINT_CODEC.decode(data)
        except StateError as error:
            raise StoreCorrupt(f"{self._path}: checkpoint: {error}") from error

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        if not keys:
            return []
        db = self._opened()
        return self._guard(lambda: cast(list[bytes | None], db.get(list(keys))))

    def apply(self, changes: Changes, checkpoint: Checkpoint) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(CHECKPOINT_KEY, CHECKPOINT_CODEC.encode(checkpoint))
        db = self._opened()
        self._guard(lambda: db.write(batch))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        # Not Rdict.items(): it ends silently where it meets a damaged block.
        cursor = self._opened().iter()
        cursor.seek_to_first()
        while cursor.valid():
            key = cursor.key()
            if key != CHECKPOINT_KEY:
                yield key, cursor.value()
            cursor.next()
        self._guard(cursor.status)

    def clear(self) -> None:
        self.close()
        self._db = self._remove_and_open()

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            # Closing flushes, which fails on a full disk: the changelog has what is not flushed.
            with suppress(Exception):
                db.close()

    def _opened(self) -> Rdict:
        if self._db is None:
            raise StoreFailed(f"{self._path}: the store is closed")
        return self._db

    def _remove_and_open(self) -> Rdict:
        try:
            shutil.rmtree(self._path, ignore_errors=False)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreFailed(
                f"{self._path}: cannot be cleared: {error}", retry_after_seconds=RETRY_SECONDS
            ) from error
        return self._open()

    def _open(self) -> Rdict:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreFailed(
                f"{self._path}: cannot be made: {error}", retry_after_seconds=RETRY_SECONDS
            ) from error
        return self._guard(lambda: Rdict(str(self._path), _options()))

    def _guard(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as error:
            # The one edge to a library that raises bare Exception.
            text = str(error)
            if text.startswith(_DAMAGED):
                raise StoreCorrupt(f"{self._path}: {text}") from error
            raise StoreFailed(f"{self._path}: {text}", retry_after_seconds=RETRY_SECONDS) from error


def _options() -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    table.set_bloom_filter(10, False)  # new customers are common: spare them the disk
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_total_wal_size(WAL_BYTES)
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    options.set_keep_log_file_num(2)
    options.set_max_open_files(256)
    return options
