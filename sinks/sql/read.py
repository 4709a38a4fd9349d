"""Reads the SQL store for those who show it: newest first, page by page, ready for JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Engine, Row, Select, Table, func, select

from schemas.history import CustomerNow
from sinks.sql import tables
from sinks.sql.engine import read_only
from sinks.sql.pages import Item, Page, before_seq, item_of, newest_first, page_of, score_item


class ReadModel:
    """Reads over ``engine`` (of ``make_engine``). Each call is one short transaction.

    On SQLite they never wait for the writer, and hold no snapshot that would let the WAL grow.
    ``limit`` is taken as it is: bound it where requests come in.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = read_only(engine)

    def score(self, customer: str) -> Item | None:
        """The latest score of a customer as the contract ``Score`` has it, without its parts."""
        rows = self._all(_score(customer))
        return score_item(rows[0]) if rows else None

    def customer_now(self, customer: str, *, since: datetime, limit: int) -> CustomerNow:
        """What to know of a customer who is there: of actions and decisions none before ``since``,
        of each kind at most ``limit``, newest first."""
        case, action, decision = tables.cases, tables.actions, tables.decisions
        open_cases = _of(case, customer=customer).where(case.c.status != "closed")
        acted = _within(_of(action, customer=customer), action.c.decided_at, since, None)
        decided = _within(_of(decision, customer=customer), decision.c.decided_at, since, None)
        wanted = (
            newest_first(open_cases, case, "opened_at", limit=limit),
            newest_first(acted, action, "decided_at", limit=limit),
            newest_first(decided, decision, "decided_at", limit=limit),
        )
        with self._engine.connect() as connection:
            score = connection.execute(_score(customer)).one_or_none()
            rows = [connection.execute(each).all()[:limit] for each in wanted]
        found = [[item_of(row) for row in each] for each in rows]
        return CustomerNow(None if score is None else score_item(score), *found)

    def explanation(self, customer: str) -> Item | None:
        """The score with its ``parts``, which sum to ``score - baseline``."""
        rows = self._all(select(tables.scores).where(tables.scores.c.customer == customer))
        return score_item(rows[0]) if rows else None

    def actions(
        self,
        limit: int,
        *,
        customer: str | None = None,
        before: str | None = None,
        action: str | None = None,
        action_class: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page:
        """Actions by ``decided_at``, ``since`` included and ``until`` not; filters that are
        ``None`` let all pass; ``BadCursor`` if it is none."""
        table = tables.actions
        wanted = _of(table, customer=customer, action=action, action_class=action_class)
        wanted = _within(wanted, table.c.decided_at, since, until)
        return self._page(wanted, table, "decided_at", limit, before)

    def decisions(
        self,
        limit: int,
        *,
        customer: str | None = None,
        before: str | None = None,
        action: str | None = None,
        outcome: str | None = None,
        reason: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page:
        """What became of proposals, by ``decided_at``, as ``actions``."""
        table = tables.decisions
        wanted = _of(table, customer=customer, action=action, outcome=outcome, reason=reason)
        wanted = _within(wanted, table.c.decided_at, since, until)
        return self._page(wanted, table, "decided_at", limit, before)

    def cases(
        self,
        limit: int,
        *,
        customer: str | None = None,
        status: str | None = None,
        before: str | None = None,
        kind: str | None = None,
        due_before: datetime | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page:
        """Cases by ``opened_at``, as each stands; ``BadCursor`` if it is none.

        ``next_due`` is when the earliest step that is not done is due; with ``due_before`` only
        cases whose ``next_due`` is before it.
        """
        table = tables.cases
        wanted = _of(table, customer=customer, status=status, kind=kind)
        if due_before is not None:
            wanted = wanted.where(table.c.next_due < due_before)
        wanted = _within(wanted, table.c.opened_at, since, until)
        return self._page(wanted, table, "opened_at", limit, before)

    def campaign_reports(
        self, limit: int, *, campaign: str | None = None, before: str | None = None
    ) -> Page:
        """How campaigns stood after their windows, by ``at``; ``BadCursor`` if it is none."""
        table = tables.campaign_reports
        return self._page(_of(table, campaign=campaign), table, "at", limit, before)

    def contributions(self, customer: str, limit: int, *, before: str | None = None) -> Page:
        """What each event of a customer did, by ``time``; ``BadCursor`` if it is none."""
        table = tables.contributions
        wanted = _of(table, customer=customer)
        return self._page(wanted, table, "time", limit, before)

    def dead_letters(self, limit: int, *, before: str | None = None) -> Page:
        """Dead letters, those that came last first; ``key`` and ``value`` in base64.

        ``id`` names each in this store.
        """
        table = tables.dead_letters
        wanted = select(table).order_by(table.c.seq.desc()).limit(limit + 1)
        if before is not None:
            wanted = wanted.where(table.c.seq < before_seq(before))
        rows = self._all(wanted)
        page = page_of(rows, limit, None)
        for item, row in zip(page.items, rows, strict=False):
            item["id"] = row._mapping["seq"]
        return page

    def counts(self) -> dict[str, int]:
        """Rows by table; counts them all, which takes seconds where there are millions."""
        counted = [
            select(func.count()).select_from(table).scalar_subquery().label(table.name)
            for table in _COUNTED
        ]
        with self._engine.connect() as connection:
            row = connection.execute(select(*counted)).one()
        return {table.name: int(count) for table, count in zip(_COUNTED, row, strict=True)}

    def _page(
        self,
        wanted: Select[tuple[object, ...]],
        table: Table,
        time: str,
        limit: int,
        before: str | None,
    ) -> Page:
        rows = self._all(newest_first(wanted, table, time, limit=limit, before=before))
        return page_of(rows, limit, time)

    def _all(self, wanted: Select[tuple[object, ...]]) -> Sequence[Row[tuple[object, ...]]]:
        with self._engine.connect() as connection:
            return connection.execute(wanted).all()


_COUNTED: Final = (
    tables.scores,
    tables.contributions,
    tables.actions,
    tables.decisions,
    tables.cases,
    tables.consents,
    tables.outlook_checks,
    tables.campaign_reports,
    tables.dead_letters,
    tables.sink_rejects,
)


def _score(customer: str) -> Select[tuple[object, ...]]:
    score = tables.scores.c
    return select(*(each for each in score if each is not score.parts)).where(
        score.customer == customer
    )


def _of(table: Table, **wanted: str | None) -> Select[tuple[object, ...]]:
    """Rows of ``table`` whose columns have these values, ``None`` for any."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return select(table).where(*(table.c[name] == value for name, value in given.items()))


def _within(
    wanted: Select[tuple[object, ...]],
    time: Column[datetime],
    since: datetime | None,
    until: datetime | None,
) -> Select[tuple[object, ...]]:
    """Rows with ``since <= time < until``, as far as these are given."""
    if since is not None:
        wanted = wanted.where(time >= since)
    if until is not None:
        wanted = wanted.where(time < until)
    return wanted
