"""Counts of cases told: as tables, and as one JSON object."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from pipeline.tools.case_counts import Case, Counts, count, count_by
from pipeline.tools.case_outcomes import Comparison, Confusion

_SHOWN_GROUPS: Final = 12
_SHOWN_DIFFERENCES: Final = 20


def cases_content(cases: Sequence[Case], comparison: Comparison | None) -> dict[str, Any]:
    """Everything that was counted; groups are lists, for a case may have no line or topic."""
    content: dict[str, Any] = {"all": count(cases)._asdict()}
    for name, groups in _groupings(cases).items():
        content[name] = [{"name": group, **c._asdict()} for group, c in groups.items()]
    if comparison is not None:
        confusion = comparison.confusion
        content["comparison"] = {
            "figures": [
                {**figure._asdict(), "differences": [d._asdict() for d in figure.differences]}
                for figure in comparison.figures
            ],
            "breached": None if confusion is None else confusion._asdict(),
            "not_counted": comparison.not_counted,
            "not_told": comparison.not_told,
        }
    return content


def counts_tables(cases: Sequence[Case]) -> Iterator[Table]:
    """All cases in one row, then those by line and by topic, the largest groups only."""
    everything: Mapping[str, Mapping[str | None, Counts]] = {"cases": {"all": count(cases)}}
    for name, groups in {**everything, **_groupings(cases)}.items():
        table = _table(name, Counts._fields)
        for group, counts in list(groups.items())[:_SHOWN_GROUPS]:
            table.add_row(Text(group or "-"), *(str(figure) for figure in counts))
        left = len(groups) - _SHOWN_GROUPS
        if left > 0:
            table.add_row(f"({left} more; all with --json)")
        yield table


def comparison_tables(comparison: Comparison) -> Iterator[Table]:
    """What is equal, the breaches crossed, and the differences, each in a table."""
    table = _table("compared", ("cases", "counted", "told", "equal", "differ"))
    for figure in comparison.figures:
        table.add_row(figure.figure, *(str(n) for n in figure[1:6]))
    yield table
    if comparison.confusion is not None:
        yield _confusion_table(comparison.confusion)
    for figure in comparison.figures:
        if not figure.differences:
            continue
        table = _table(figure.figure, ("counted", "told"))
        for case, counted, told in figure.differences[:_SHOWN_DIFFERENCES]:
            table.add_row(Text(case), str(counted), str(told))
        left = figure.differ - _SHOWN_DIFFERENCES
        if left > 0:
            table.add_row(f"({left} more; all with --json)")
        yield table


def one_sided_lines(comparison: Comparison) -> Iterator[str]:
    """A line for each side that has cases the other does not have."""
    for side, names in (
        ("told of, and not in the replay", comparison.not_counted),
        ("in the replay, and nothing is told of", comparison.not_told),
    ):
        if names:
            some = [*names[:3], *(["..."] if len(names) > 3 else [])]
            yield f"{len(names)} cases {side}: {', '.join(some)}"


def _groupings(cases: Sequence[Case]) -> Mapping[str, Mapping[str | None, Counts]]:
    found = {
        "line": count_by(cases, lambda case: case.line),
        "topic": count_by(cases, lambda case: case.topic),
    }
    return {name: groups for name, groups in found.items() if set(groups) - {None}}


def _confusion_table(confusion: Confusion) -> Table:
    table = _table("a clock ran out", ("told: yes", "told: no"))
    table.add_row("counted: yes", str(confusion.both), str(confusion.counted_only))
    table.add_row("counted: no", str(confusion.told_only), str(confusion.neither))
    return table


def _table(first: str, heads: Sequence[str]) -> Table:
    table = Table(first)
    for head in heads:
        table.add_column(head.replace("_", "-"), justify="right")
    return table
