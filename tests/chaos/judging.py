"""Waits until a log was worked through, and holds what came of it to the oracle."""

from collections import Counter
from typing import NamedTuple

from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.topics import CONTRIBUTIONS, DEAD_LETTERS, EVENTS
from tests.chaos.feed import SOURCE, Feed
from tests.chaos.oracle import (
    Accounts,
    Oracle,
    Outcome,
    by_count,
    compare,
    contributions,
    make_stage,
    patterns,
    reasons,
)
from tests.chaos.readers import PositionReader, TopicReader, read_outcome, source_log
from tests.services.process import wait_until


class Judged(NamedTuple):
    """An outcome that equals the oracle's; ``ends`` is where each output partition ends."""

    outcome: Outcome
    accounts: Accounts
    ends: dict[tuple[str, int], int]

    def __str__(self) -> str:
        return (
            f"{self.accounts}, {len(self.outcome.states)} states, "
            f"{self.outcome.count(CONTRIBUTIONS)} contributions, "
            f"{self.outcome.count(DEAD_LETTERS)} dead letters"
        )


def catch_up(settings: KafkaSettings, *, seconds: float) -> None:
    """Wait until everything published up to now was worked through."""
    with TopicReader(settings, settings.topic(settings.source_topic)) as source:
        ends = source.ends()
    with PositionReader(settings) as positions:
        wait_until(
            lambda: positions.reached(ends),
            seconds=seconds,
            what=f"lag 0 at {ends}; positions were {positions.positions()}",
        )


def judge(settings: KafkaSettings, feed: Feed) -> Judged:
    """Read back what the workers wrote, all of them stopped, and assert that it is right.

    Equal to the oracle's, byte for byte; and, as the oracle may err as the workers do, what the
    feed meant: each event once, each repetition and each bad record accounted for.
    """
    found, ends = read_outcome(settings)
    oracle, log = Oracle(make_stage()), source_log(settings)
    for partition, records in log.items():
        oracle.feed(partition, records, until=found.positions[partition].next_offset)
    accounts = oracle.accounts
    looped = oracle.outcome.outputs.get(EVENTS, Counter())
    if looped:
        # Among what was published: as often as it should have been sent back, or not.
        logged = Counter((r.key, r.value) for records in log.values() for r in records)
        found.outputs[EVENTS] = Counter({pair: logged[pair] for pair in looped})
    meant = Counter((SOURCE, name) for name in feed.once)
    differences = [
        *compare(oracle.outcome, found),
        *by_count("meant", meant, contributions(found, SOURCE)),
        *by_count("meant to be refused", feed.bad, reasons(found)),
    ]
    if accounts.duplicates != feed.duplicates:
        differences.append(f"{feed.duplicates} repetitions sent, {accounts.duplicates} noticed")
    processed = found.count(CONTRIBUTIONS) - patterns(found) + accounts.ticks
    if accounts.read != processed + accounts.duplicates + found.count(DEAD_LETTERS):
        differences.append(f"read is not processed + duplicates + dead letters: {accounts}")
    assert not differences, "\n".join(differences)
    return Judged(found, accounts, ends)
