"""Says in words how two policies differ, one line a difference, in the order of the file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, get_args

from pydantic import BaseModel

from pipeline.core.policy.models import PolicyFile
from pipeline.core.policy.places import is_constant
from pipeline.core.policy.weights import segment_weights
from pipeline.tools.policy_words import shown, words
from schemas.touchpoints.common import Intent

Kind = Literal["changed", "new", "removed", "order", "weights"]

_INTENTS: Final[tuple[Intent, ...]] = get_args(Intent)
_SEGMENTS_SHOWN: Final = 3
_WEIGHTS_SHOWN: Final = 3
_SMALLEST_MOVE: Final = 0.0005  # half of the last digit shown


class Difference(NamedTuple):
    """One difference: where, of what kind, the values before and after, and what it means.

    ``old`` and ``new`` are as they would stand in JSON; ``None`` where there is nothing. Kind
    ``order``: the same names in another order. Kind ``weights``: what follows for one segment.
    """

    path: tuple[str, ...]
    kind: Kind
    old: Any
    new: Any
    text: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.text}"


def policy_differences(old: PolicyFile, new: PolicyFile) -> list[Difference]:
    """What differs between two policies that can be used; nothing if they mean the same."""
    return [*_walk((old, new), (), old, new), *_weights(old, new)]


def _walk(
    files: tuple[PolicyFile, PolicyFile], path: tuple[str, ...], old: Any, new: Any
) -> Iterator[Difference]:
    parts = _parts(old, new)
    if parts is None:
        if _plain(old) != _plain(new):
            yield _difference(files, path, "changed", old, new)
        return
    before, after = parts
    for name in (*before, *(name for name in after if name not in before)):
        inner = (*path, name)
        if name not in after:
            yield _difference(files, inner, "removed", before[name], None)
        elif name not in before:
            yield _difference(files, inner, "new", None, after[name])
        else:
            yield from _walk(files, inner, before[name], after[name])
    orders = [n for n in before if n in after], [n for n in after if n in before]
    if orders[0] != orders[1]:
        text = f"other order: {', '.join(orders[0])} -> {', '.join(orders[1])}"
        yield Difference(path, "order", orders[0], orders[1], text)


def _difference(
    files: tuple[PolicyFile, PolicyFile], path: tuple[str, ...], kind: Kind, old: Any, new: Any
) -> Difference:
    meaning = words(files, path, old, new)
    values = {
        "removed": "removed",
        "new": "new" if isinstance(new, BaseModel) and meaning else f"new, {shown(new)}",
    }.get(kind) or f"{shown(old)} -> {shown(new)}"
    if kind == "changed" and is_constant(type(old)) and is_constant(type(new)):
        values = _constant(old, new)
    text = f"{values}: {meaning}" if meaning else values
    return Difference(path, kind, _plain(old), _plain(new), text)


def _constant(old: Any, new: Any) -> str:
    same = old.value == new.value
    parts = [f"{shown(old.value)}" if same else f"{shown(old.value)} -> {shown(new.value)}"]
    if old.source != new.source:
        parts.append(f"(source changed: {new.source})")
    elif not same:
        parts.append("(source unchanged)")
    if getattr(old, "interval", None) != getattr(new, "interval", None):
        parts.append(f"(interval {shown(old.interval)} -> {shown(new.interval)})")
    return " ".join(parts)


def _parts(old: Any, new: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Both values as named parts, if they are of one kind that has parts."""
    if isinstance(old, BaseModel) and type(old) is type(new) and not is_constant(type(old)):
        fields = type(old).model_fields
        return {n: getattr(old, n) for n in fields}, {n: getattr(new, n) for n in fields}
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old, new
    if isinstance(old, tuple) and isinstance(new, tuple):
        rows = (*old, *new)
        if rows and all(isinstance(row, BaseModel) for row in rows):
            name = _naming_field(old, new)
            return _rows(old, name), _rows(new, name)
    return None


def _naming_field(old: Sequence[Any], new: Sequence[Any]) -> str | None:
    """The first field that is a text in every row, in the old and in the new list."""
    for name in type((*old, *new)[0]).model_fields:
        if all(isinstance(getattr(row, name, None), str) for row in (*old, *new)):
            return str(name)
    return None


def _rows(rows: Sequence[Any], name: str | None) -> dict[str, Any]:
    """The rows by what names them; the second of one name is ``name#2``."""
    found: dict[str, Any] = {}
    for number, row in enumerate(rows):
        key = first = str(number) if name is None else getattr(row, name)
        nth = 1
        while key in found:
            nth += 1
            key = f"{first}#{nth}"
        found[key] = row
    return found


def _plain(value: Any) -> Any:
    """A value as it would stand in JSON; equal just if the policy's digest takes it as equal."""
    if isinstance(value, BaseModel):
        return json.loads(value.model_dump_json())
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _weights(old: PolicyFile, new: PolicyFile) -> Iterator[Difference]:
    """The segments whose weights moved most, and by how much."""
    moved = []
    for tier in (tier for tier in old.tiers if tier in new.tiers):
        for intent in _INTENTS:
            before, after = segment_weights(old, tier, intent), segment_weights(new, tier, intent)
            names = (*before, *(name for name in after if name not in before))
            moves = [(abs(after.get(n, 0.0) - before.get(n, 0.0)), n) for n in names]
            moves.sort(key=lambda move: -move[0])
            if moves[0][0] >= _SMALLEST_MOVE:
                largest = [name for _, name in moves[:_WEIGHTS_SHOWN]]
                moved.append((moves[0][0], tier, intent, before, after, largest))
    moved.sort(key=lambda segment: -segment[0])
    for _, tier, intent, before, after, largest in moved[:_SEGMENTS_SHOWN]:
        text = ", ".join(f"{n} {before.get(n, 0):.3f} -> {after.get(n, 0):.3f}" for n in largest)
        yield Difference(("weights", tier, intent), "weights", before, after, text)
    rest = moved[_SEGMENTS_SHOWN:]
    if rest:
        text = f"{len(rest)} more segments moved, none by more than {rest[0][0]:.3f}"
        yield Difference(("weights",), "weights", None, None, text)
