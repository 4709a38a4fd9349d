"""Counts the cases of a replay: opened, handed over, past their clocks, opened again, closed."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from schemas.care import CareCase

CASES_FILE: Final = "cases.jsonl"
"""What a replay names the file of its cases: one ``CareCase`` a line, the last of an id counts."""

_DECODER: Final = msgspec.json.Decoder(CareCase)


class CasesError(Exception):
    """A file that holds no cases; the message names it, and the line if one is to blame."""


class Case(NamedTuple):
    """The last record of a case, and the clocks that ran out in any of its records."""

    last: CareCase
    breached: frozenset[str]


class Counts(NamedTuple):
    """Sums over cases: ``opened == open + resolved + closed``.

    ``breached`` cases had a clock run out, ``breaches`` is how many clocks did; ``reopened``
    counts each time, ``escalated`` the cases that are above level 0.
    """

    opened: int
    hand_overs: int
    breached: int
    breaches: int
    reopened: int
    escalated: int
    open: int
    resolved: int
    closed: int


def read_cases(folder: Path) -> dict[str, Case]:
    """The cases of the replay in ``folder``, by id, in order of their first record.

    Raises ``CasesError`` if there is no such file or a line of it is no case.
    """
    path = folder / CASES_FILE
    cases: dict[str, Case] = {}
    number = 0
    try:
        with path.open("rb") as file:
            for line in file:
                number += 1
                record = _DECODER.decode(line)
                breached = frozenset(step.name for step in record.steps if step.breached)
                known = cases.get(record.id)
                cases[record.id] = Case(record, breached | known.breached if known else breached)
    except OSError as error:
        what = f"{error.strerror}; touchpoint replay EVENTS --out {folder} writes it"
        raise CasesError(f"{path}: {what}") from error
    except msgspec.DecodeError as error:
        raise CasesError(f"{path}:{number}: no case: {error}") from error
    return cases


def count(cases: Iterable[Case]) -> Counts:
    """Sums over ``cases``."""
    records = [case.last for case in cases]
    statuses = [record.status for record in records]
    return Counts(
        opened=len(records),
        hand_overs=sum(record.hand_overs for record in records),
        breached=sum(record.breaches > 0 for record in records),
        breaches=sum(record.breaches for record in records),
        reopened=sum(record.reopened for record in records),
        escalated=sum(record.level > 0 for record in records),
        open=statuses.count("open"),
        resolved=statuses.count("resolved"),
        closed=statuses.count("closed"),
    )


def count_by(
    cases: Iterable[Case], group: Callable[[CareCase], str | None]
) -> dict[str | None, Counts]:
    """Sums by what ``group`` says of a case; the largest group stands first."""
    groups: dict[str | None, list[Case]] = {}
    for case in cases:
        groups.setdefault(group(case.last), []).append(case)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0] or ""))
    return {name: count(members) for name, members in ordered}
