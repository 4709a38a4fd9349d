"""Brings a local store and its timers up to the changelog before a lane may work on them."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from pipeline.engine.codec import POSITION_CODEC
from pipeline.engine.ports import POSITION_KEY, Changelog, Checkpoint, Position, Store
from pipeline.engine.timers import Timers

STATES_AT_ONCE: Final = 1_000
"""States looked at for their due times before others get a turn: some milliseconds."""


class Restored(NamedTuple):
    """What restoring did: changelog entries read, and why the store was rebuilt if it was."""

    entries: int
    rebuilt_because: str | None


async def restore(
    store: Store,
    changelog: Changelog | None,
    *,
    now_ms: int,
    tombstones_kept_ms: int,
    timers: Timers,
    on_batch: Callable[[], None] = lambda: None,
) -> Restored:
    """Bring ``store`` to the end of ``changelog``, from its tail if it can be trusted.

    Without a changelog (state and position in one database with the outputs) there is nothing to
    do for it. ``timers`` are brought to where the store is: from its tail if they stood where it
    stood, else from all of its states. ``now_ms`` is milliseconds since 1970;
    ``tombstones_kept_ms`` is the least time for which the changelog keeps a tombstone (Kafka:
    ``delete.retention.ms``). ``on_batch`` is called after each batch: progress. A restore broken
    off goes on where it stood.
    """
    if changelog is None:
        await _catch_up(timers, store, on_batch)
        return Restored(0, None)
    identity = await changelog.identity()
    log_start, end = await changelog.bounds()
    checkpoint = store.checkpoint()
    reason = _why_rebuild(checkpoint, identity, log_start, end)
    if reason is None:
        reason = _why_too_old(checkpoint, end, now_ms, tombstones_kept_ms)
    if reason is not None:
        store.clear()
        checkpoint = Checkpoint()
    await _catch_up(timers, store, on_batch)
    position, entries = checkpoint.position, 0
    start = max(log_start, checkpoint.changelog_offset)
    async for batch in changelog.read(start, end):
        if not batch:
            continue
        changes: dict[bytes, bytes | None] = {}
        for _, key, value in batch:
            if key == POSITION_KEY:
                position = Position() if value is None else POSITION_CODEC.decode(value)
            else:
                changes[key] = value
        checkpoint = Checkpoint(position, batch[-1].offset + 1, identity)
        store.apply(changes, checkpoint)
        timers.follow(changes, checkpoint)
        entries += len(batch)
        on_batch()
    done = Checkpoint(position, end, identity)
    if store.checkpoint() != done:  # control records at the end are passed, never received
        store.apply({}, done)
        timers.apply({}, done)
    return Restored(entries, reason)


async def _catch_up(timers: Timers, store: Store, on_batch: Callable[[], None]) -> None:
    """Read the due times of all states, unless ``timers`` have them already."""
    checkpoint = store.checkpoint()
    if timers.checkpoint == checkpoint:
        return
    timers.clear()
    for number, (key, state) in enumerate(store.items()):
        timers.put(key, timers.due_of(state))
        if number % STATES_AT_ONCE == 0:
            on_batch()
            await asyncio.sleep(0)
    timers.checkpoint = checkpoint


def _why_rebuild(checkpoint: Checkpoint, identity: str, log_start: int, end: int) -> str | None:
    if checkpoint == Checkpoint():
        return None  # empty: there is nothing to throw away
    if checkpoint.changelog_id != identity:
        return f"built from changelog {checkpoint.changelog_id!r}, not from {identity!r}"
    stands = checkpoint.changelog_offset
    if stands > end:
        return f"stands at {stands}, ahead of its changelog's end {end}"
    if stands < log_start:
        # What was deleted unread may be tombstones: read on, and erased states would be back.
        return f"stands at {stands}, below its changelog's start {log_start}"
    return None


def _why_too_old(
    checkpoint: Checkpoint, end: int, now_ms: int, tombstones_kept_ms: int
) -> str | None:
    """Whether compaction may have removed a tombstone the store has not read yet.

    Compaction leaves the log's start where it is, so only time tells: the partition's clock says
    when the store was last written. A clock at 0 (no ticks in this log) tells nothing; the store
    is then taken as young. A history that is being imported looks old and costs a rebuild.
    """
    if checkpoint.changelog_offset >= end or checkpoint.position.clock_ms == 0:
        return None
    age_ms = now_ms - checkpoint.position.clock_ms
    if age_ms <= tombstones_kept_ms:
        return None
    return (
        f"last written {age_ms / 1000:.0f} s ago; the changelog keeps tombstones for "
        f"{tombstones_kept_ms / 1000:.0f} s, so erased states could come back"
    )
