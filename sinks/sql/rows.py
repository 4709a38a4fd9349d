"""Writes records of the outbound topics as rows, within a transaction that somebody else holds."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

import msgspec
from sqlalchemy import Connection, Table, delete

from schemas.care import CareAction, CareDecision
from schemas.dead_letter import DeadLetter
from schemas.perception import Contribution, Score
from schemas.topics import ACTIONS, CONTRIBUTIONS, DEAD_LETTERS, DECISIONS, SCORES
from sinks.decode import Contract, Erased, Refused, decode
from sinks.port import SinkRecord, Written
from sinks.sql import bulk, tables
from sinks.sql.bulk import Row
from sinks.sql.tables import time_text

_encode = msgspec.json.Encoder().encode


def write_outputs(
    connection: Connection, outputs: Iterable[tuple[str, bytes | None, bytes | None]]
) -> Written:
    """Write (topic, key, value) of one partition, in their order, in the caller's transaction.

    Outputs of unknown topics and such as do not decode become rows of ``sink_rejects``. Errors of
    the database are raised as they come.
    """
    by_topic: dict[str, list[SinkRecord]] = {}
    for topic, key, value in outputs:
        by_topic.setdefault(topic, []).append(SinkRecord(-1, key, value))
    records = rejected = 0
    for topic, batch in by_topic.items():
        written = write_records(connection, topic, None, batch)
        records += written.records
        rejected += written.rejected
    return Written(records, rejected)


def write_records(
    connection: Connection, topic: str, partition: int | None, records: Sequence[SinkRecord]
) -> Written:
    """Write records of one topic and partition, in their order; ``partition`` None: of no log."""
    writer = WRITERS.get(topic)
    if writer is None:
        why = Refused("unknown_topic", f"no table for {topic}")
        rejects = [reject_row(topic, partition, record, why) for record in records]
        bulk.append(connection, tables.sink_rejects, rejects)
        return Written(len(records), len(rejects))
    decoded: list[Contract | Erased] = []
    rejects = []
    for record in records:
        contract = decode(topic, record.key, record.value)
        if isinstance(contract, Refused):
            rejects.append(reject_row(topic, partition, record, contract))
        else:
            decoded.append(contract)
    writer(connection, decoded)
    bulk.append(connection, tables.sink_rejects, rejects)
    return Written(len(records), len(rejects))


def reject_row(topic: str, partition: int | None, record: SinkRecord, why: Refused) -> Row:
    """A row of ``sink_rejects``."""
    place: Row = (None, None, None)
    if partition is not None:
        place = (partition, record.offset, record.timestamp)
    return (topic, *place, why.reason, why.detail, record.key, record.value)


def _write_scores(connection: Connection, decoded: Sequence[Contract | Erased]) -> None:
    """The last of each customer in the batch wins; what was erased last is deleted.

    No comparison with the row that is there: a customer is always in one partition, its records
    come in the order of their offsets, and the position lets each be written once and by one
    writer. What comes later in the batch or in the next is therefore newer.
    """
    last: dict[str, Score | None] = {}
    for contract in cast("Sequence[Score | Erased]", decoded):
        last[contract.customer] = contract if isinstance(contract, Score) else None
    erased = [customer for customer, score in last.items() if score is None]
    if erased:
        column = tables.scores.c.customer
        connection.execute(delete(tables.scores).where(column.in_(erased)))
    # In the order of keys: two writers that met on the same rows would not wait in a ring.
    rows = [_score_row(score) for _, score in sorted(last.items()) if score is not None]
    bulk.replace(connection, tables.scores, rows, key="customer")


def _score_row(score: Score) -> Row:
    policy, behaviour, stage = score.policy, score.behaviour, score.stage
    return (
        score.customer,
        score.score,
        score.baseline,
        score.confidence,
        score.low,
        score.high,
        score.impression,
        score.loyalty,
        score.ratio,
        score.band,
        score.value,
        score.over_servicing,
        time_text(score.as_of),
        score.events,
        score.tier,
        None if behaviour is None else behaviour.name,
        None if behaviour is None else _json(behaviour.signs),
        stage.name,
        _json(stage.signs),
        score.open_failures,
        score.open_promises,
        score.overdue_promises,
        score.merged_into,
        policy.name,
        policy.version,
        policy.digest,
        _json(score.dimensions),
        _json(score.parts),
    )


def _contribution_row(one: Contribution) -> Row:
    return (
        one.customer,
        one.event,
        one.source,
        one.type,
        one.touchpoint,
        time_text(one.time),
        one.tier,
        one.intent,
        _json(one.felt),
        one.score_before,
        one.score_after,
        one.policy,
    )


def _action_row(action: CareAction) -> Row:
    return (
        action.id,
        action.action,
        action.action_class,
        action.customer,
        action.channel,
        action.cause.source,
        action.cause.event,
        time_text(action.decided_at),
        action.reason,
        action.template,
        _json(action.fields),
        action.policy,
    )


def _decision_row(decision: CareDecision) -> Row:
    return (
        decision.id,
        decision.action,
        decision.customer,
        decision.cause.source,
        decision.cause.event,
        time_text(decision.decided_at),
        decision.outcome,
        decision.reason,
        decision.detail,
        decision.policy,
    )


def _letter_row(letter: DeadLetter) -> Row:
    return (
        letter.topic,
        letter.partition,
        letter.offset,
        letter.timestamp_ms,
        letter.reason.value,
        letter.detail,
        _json(letter.fields),
        letter.key,
        letter.value,
        _json(letter.headers),
        letter.component,
        letter.version,
        letter.attempts,
    )


def _json(value: object) -> str:
    return _encode(value).decode()


Writer = Callable[[Connection, Sequence[Contract | Erased]], None]


def _history(table: Table, row: Callable[..., Row]) -> Writer:
    def write(connection: Connection, decoded: Sequence[Contract | Erased]) -> None:
        bulk.append(connection, table, [row(contract) for contract in decoded])

    return write


def _once_per_id(table: Table, row: Callable[..., Row]) -> Writer:
    def write(connection: Connection, decoded: Sequence[Contract | Erased]) -> None:
        rows: dict[object, Row] = {}
        for contract in decoded:
            made = row(contract)
            rows.setdefault(made[0], made)
        bulk.add_new(connection, table, list(rows.values()), key="id")

    return write


WRITERS: Final[dict[str, Writer]] = {
    SCORES: _write_scores,
    CONTRIBUTIONS: _history(tables.contributions, _contribution_row),
    ACTIONS: _once_per_id(tables.actions, _action_row),
    DECISIONS: _once_per_id(tables.decisions, _decision_row),
    DEAD_LETTERS: _history(tables.dead_letters, _letter_row),
}
"""Who writes which topic."""
