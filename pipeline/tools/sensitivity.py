"""Says which constants of a policy matter: how the customers' order changes at each one's ends."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from scipy.stats import kendalltau

from pipeline.core.policy.compiled import Policy, compile_policy
from pipeline.core.policy.constants import Constant
from pipeline.core.policy.models import PolicyFile
from pipeline.tools.histories import Histories, Progress, live, read_histories, readings_at

_PROGRESS_EVERY: Final = 200
# Sums of the same numbers may differ beyond this; customers who are equal must stay so.
_DECIMALS: Final = 9


class NoSuchReadingError(Exception):
    """The score has no reading of this name under this policy."""


class Shift(NamedTuple):
    """What one constant at one end of its interval does.

    ``tau`` is Kendall's tau-b between the customers' order then and now, 1 if nothing changes
    places, ``None`` if all customers are equal in one of the two. ``mean_change`` is the mean
    absolute change of the reading, in its own unit. ``refused`` says why the policy cannot take
    this end, if so; then the other two are ``None``.
    """

    constant: str
    value: float
    end: float
    tau: float | None
    mean_change: float | None
    refused: str | None = None

    @property
    def moves_nothing(self) -> bool:
        """Whether every customer's reading stayed as it was."""
        return self.mean_change == 0.0


class SensitivityReport(NamedTuple):
    """The shifts, those that matter most first, and the customers they were seen in."""

    reading: str
    customers: int
    events: int
    rejected: int
    shifts: tuple[Shift, ...]


class _End(NamedTuple):
    path: tuple[str | int, ...]
    value: float
    end: float


def sensitivity(
    events: Path, progress: Progress, *, policy: Policy, reading: str
) -> SensitivityReport:
    """Replay ``events`` once for each end of each published interval in ``policy``.

    Customers are read as of the latest event of the file. Raises ``OSError`` if the file cannot
    be read, ``NoSuchReadingError``.
    """
    histories = read_histories(events, policy, lambda done, total: None)
    ends = list(_ends(policy.file))
    passes = _Passes(histories, reading, progress, len(ends) + 1)
    base = passes.read(policy)
    shifts = [_shift(end, base, passes, policy) for end in ends]
    shifts.sort(key=_order)
    count = sum(len(history) for history in histories.customers.values())
    return SensitivityReport(reading, len(base), count, histories.rejected, tuple(shifts))


class _Passes:
    """Replays of the same histories under one policy after the other."""

    def __init__(self, histories: Histories, reading: str, progress: Progress, passes: int) -> None:
        self._histories = histories
        self._reading = reading
        self._progress = progress
        self._done = 0
        self._total = passes * len(histories.customers)

    def read(self, policy: Policy) -> list[float]:
        """The reading of every customer, in one order for all passes."""
        found: list[float] = []
        for name, history in self._histories.customers.items():
            life = live(name, history, policy)
            if life is not None:
                readings = readings_at(name, life.customer, policy, self._histories.last_s)
                value = readings.get(self._reading)
                if value is None:
                    known = ", ".join(key for key, got in readings.items() if got is not None)
                    raise NoSuchReadingError(f"no reading {self._reading!r}; known: {known}")
                found.append(round(value, _DECIMALS))
            self._done += 1
            if self._done % _PROGRESS_EVERY == 0:
                self._progress(self._done, self._total)
        return found

    def skip(self) -> None:
        """A pass that cannot be made."""
        self._done += len(self._histories.customers)


def _shift(end: _End, base: Sequence[float], passes: _Passes, policy: Policy) -> Shift:
    name = ".".join(str(step) for step in end.path)
    try:
        file = _with(policy.file, end)
    except ValidationError as error:
        passes.skip()
        why = "; ".join(str(e["msg"]) for e in error.errors(include_url=False))
        return Shift(name, end.value, end.end, None, None, why)
    moved = passes.read(compile_policy(file, policy.ref))
    tau = float(kendalltau(base, moved).statistic) if len(base) > 1 else float("nan")
    change = 0.0
    for before, after in zip(base, moved, strict=True):
        change += abs(after - before)
    mean_change = change / len(base) if base else None
    return Shift(name, end.value, end.end, None if isnan(tau) else tau, mean_change)


def _order(shift: Shift) -> tuple[float, float, str, float]:
    tau = 1.0 if shift.tau is None else shift.tau
    return (tau, -(shift.mean_change or 0.0), shift.constant, shift.end)


def _ends(file: PolicyFile) -> Iterator[_End]:
    """Both ends of every interval, but for an end that is the value itself."""
    for path, constant in _constants(file, ()):
        for end in constant.interval or ():
            if end != constant.value:
                yield _End(path, constant.value, end)


def _constants(
    node: object, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Constant]]:
    """Every constant in a tree of models, mappings and sequences, with the way to it."""
    if isinstance(node, Constant):
        yield path, node
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _constants(getattr(node, name), (*path, name))
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _constants(value, (*path, str(key)))
    elif isinstance(node, tuple | list):
        for index, value in enumerate(node):
            yield from _constants(value, (*path, index))


def _with(file: PolicyFile, end: _End) -> PolicyFile:
    """The policy with one constant at an end. Raises ``ValidationError`` if it refuses that."""
    content = file.model_dump(mode="json")
    place: Any = content
    for step in end.path:
        place = place[step]
    place["value"] = end.end
    return PolicyFile.model_validate(content)
