"""Writes records of the outbound topics as rows, within a transaction that somebody else holds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, cast

from sqlalchemy import Connection, Table, delete

from schemas.care import CareCase, Consent
from schemas.perception import Contribution, Score
from schemas.topics import (
    ACTION_DEAD_LETTERS,
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    ORDERS,
    OUTLOOKS,
    PROPOSAL_DEAD_LETTERS,
    SCORES,
)
from sinks.decode import Erased, Refused, decode
from sinks.port import SinkRecord, Written
from sinks.ranges import Contract
from sinks.sql import bulk, rollups, tables, values
from sinks.sql.bulk import Row
from sinks.sql.orders import order_row, orders

Writer = Callable[[Connection, Sequence[Contract | Erased]], None]

_OF_NO_LOG: Final = 0
"""The partition that outputs of an embedded pipeline count for: it has but one."""


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
    connection: Connection,
    topic: str,
    partition: int | None,
    records: Sequence[SinkRecord],
    *,
    unsummed: list[Contribution] | None = None,
) -> Written:
    """Write records of one topic and partition, in their order; ``partition`` None: of no log.

    Contributions are summed too, or added to ``unsummed`` for the caller to do so at the end.
    """
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
    # Rejects first: a process that is frozen in a COPY must not hold rows that others wait for.
    bulk.append(connection, tables.sink_rejects, rejects)
    writer(connection, decoded)
    if topic == CONTRIBUTIONS:
        contributions = cast("Sequence[Contribution]", decoded)
        if unsummed is None:
            sum_up(connection, partition, contributions)
        else:
            unsummed += contributions
    return Written(len(records), len(rejects))


def sum_up(
    connection: Connection, partition: int | None, contributions: Sequence[Contribution]
) -> None:
    """Add contributions of one partition to the roll-ups; at most once a transaction."""
    rollups.add(connection, contributions, _OF_NO_LOG if partition is None else partition)


def reject_row(topic: str, partition: int | None, record: SinkRecord, why: Refused) -> Row:
    """A row of ``sink_rejects``."""
    place: Row = (None, None, None)
    if partition is not None:
        place = (partition, record.offset, record.timestamp)
    return (topic, *place, why.reason, why.detail, record.key, record.value)


def _latest_of_customer(table: Table, row: Callable[..., Row]) -> Writer:
    """The last of each customer in the batch wins; what was erased last is deleted.

    No comparison with the row that is there: a customer is always in one partition, its records
    come in the order of their offsets, and the position lets each be written once and by one
    writer. What comes later in the batch or in the next is therefore newer.
    """

    def write(connection: Connection, decoded: Sequence[Contract | Erased]) -> None:
        last = {each.customer: each for each in cast("Sequence[Score | Consent | Erased]", decoded)}
        erased = [each.customer for each in last.values() if isinstance(each, Erased)]
        if erased:
            connection.execute(delete(table).where(table.c.customer.in_(erased)))
        kept = {name: each for name, each in last.items() if not isinstance(each, Erased)}
        _replace(connection, table, row, kept, key="customer")

    return write


def _write_cases(connection: Connection, decoded: Sequence[Contract | Erased]) -> None:
    """The last record of each case wins, as with scores: a case is of one customer."""
    last = {case.id: case for case in cast("Sequence[CareCase]", decoded)}
    _replace(connection, tables.cases, values.case_row, last, key="id")


def _replace(
    connection: Connection,
    table: Table,
    row: Callable[..., Row],
    last: Mapping[str, Contract],
    *,
    key: str,
) -> None:
    # In the order of keys: two writers that met on the same rows would not wait in a ring.
    rows = [row(contract) for _, contract in sorted(last.items())]
    bulk.replace(connection, table, rows, key=key)


def _history(table: Table, row: Callable[..., Row]) -> Writer:
    def write(connection: Connection, decoded: Sequence[Contract | Erased]) -> None:
        bulk.append(connection, table, [row(contract) for contract in decoded])

    return write


def _once(table: Table, row: Callable[..., Row], *key: str) -> Writer:
    """The first row of each ``key`` stays."""
    places = [bulk.columns(table).index(name) for name in key]

    def write(connection: Connection, decoded: Sequence[Contract | Erased]) -> None:
        rows: dict[tuple[object, ...], Row] = {}
        for contract in decoded:
            made = row(contract)
            rows.setdefault(tuple(made[place] for place in places), made)
        bulk.add_new(connection, table, list(rows.values()), key=key)

    return write


_write_letters: Final = _history(tables.dead_letters, values.letter_row)

WRITERS: Final[dict[str, Writer]] = {
    SCORES: _latest_of_customer(tables.scores, values.score_row),
    CONTRIBUTIONS: _history(tables.contributions, values.contribution_row),
    OUTLOOKS: _once(tables.outlook_checks, values.outlook_row, "id"),
    ACTIONS: _once(tables.actions, values.action_row, "id"),
    DECISIONS: _once(tables.decisions, values.decision_row, "id", "outcome"),
    CASES: _write_cases,
    CONSENTS: _latest_of_customer(tables.consents, values.consent_row),
    ORDERS: _once(orders, order_row, "id"),
    CAMPAIGNS: _once(tables.campaign_reports, values.campaign_row, "id"),
    DEAD_LETTERS: _write_letters,
    PROPOSAL_DEAD_LETTERS: _write_letters,
    ACTION_DEAD_LETTERS: _write_letters,
}
"""Who writes which topic."""
