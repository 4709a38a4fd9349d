"""Says what is wrong in a policy file in the file's own terms: what, what is known, what to do."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError

from pipeline.core.policy.check import Problem
from pipeline.core.policy.models import PolicyFile
from pipeline.core.policy.places import Place, is_constant, keys_of, place_of, tags_of

SEE: Final = "see `touchpoint policy schema`"
"""Where every key of a policy is told."""

_NAME_PATTERN = "^[a-z][a-z0-9_]*$"


class Fault(NamedTuple):
    """One mistake: where, what, the names known there (none if that is no list), what to do.

    ``line`` counts from 1; 0 until the file's text was consulted.
    """

    path: tuple[str, ...]
    what: str
    known: tuple[str, ...] = ()
    do: str | None = None
    line: int = 0

    def __str__(self) -> str:
        known = (f"known: {', '.join(self.known)}",) if self.known else ()
        do = (f"do: {self.do}",) if self.do else ()
        return "; ".join((self.what, *known, *do))


class FileError(Exception):
    """A file that cannot be used. The message lists every problem with file and line.

    ``faults`` are the same problems one by one, in the order of the file.
    """

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line))
        super().__init__("\n".join(_in_file(name, fault) for fault in self.faults))


def faults_of(error: ValidationError, model: type[BaseModel] = PolicyFile) -> list[Fault]:
    """The faults that pydantic found; one where several kinds were tried at one place."""
    found = [
        (place_of(model, e["loc"]), dict(e))
        for e in error.errors(include_url=False, include_context=True)
    ]
    return [say(place, e) for place, e in _joined(found)]


def fault_of(problem: Problem) -> Fault:
    """A problem of a name, with the nearest known one."""
    what, _, names = problem.what.partition("; known: ")
    known = tuple(names.split(", ")) if names else ()
    given = re.search(r"'([^']*)'", what)
    if not (known and given):
        return Fault(problem.path, problem.what)
    return Fault(problem.path, what, known, did_you_mean(given[1], known) or "use a known one")


def did_you_mean(given: object, known: Iterable[str]) -> str | None:
    """A question that names the known name nearest to ``given``, if one is near."""
    near = get_close_matches(str(given), tuple(known), n=1)
    return f"did you mean {near[0]!r}?" if near else None


def say(place: Place, error: Mapping[str, Any]) -> Fault:
    """What pydantic found, in the file's own terms."""
    saying = _SAYINGS.get(error["type"])
    if saying is not None:
        return saying(place, error)
    what = error["msg"].removeprefix("Value error, ")
    what = re.sub(r"^(Input|String|Keys) should ", "must ", what)
    return Fault(place.path, what + _here(error["input"]), do=_advice(place, error))


def _in_file(name: str, fault: Fault) -> str:
    path = f" {'.'.join(fault.path)}:" if fault.path else ""
    return f"{name}:{fault.line}:{path} {fault}"


def _joined(
    found: Sequence[tuple[Place, dict[str, Any]]],
) -> Iterable[tuple[Place, dict[str, Any]]]:
    # A value that may be of several kinds is refused once for each: what the writer meant is the
    # kind whose inside was looked at, else any of the listed values.
    inside = {p.path[:n] for p, _ in found if not p.branch for n in range(len(p.path))}
    inside |= {p.path[:-1] for p, e in found if e["type"] == "missing"}
    listed: dict[tuple[str, ...], dict[str, Any]] = {}
    for place, error in found:
        if place.branch and place.path in inside:
            continue
        if place.branch and error["type"] == "literal_error":
            if place.path in listed:
                first = listed[place.path]
                first["ctx"] = {"expected": first["ctx"]["expected"] + error["ctx"]["expected"]}
                continue
            listed[place.path] = error
    for place, error in found:
        other = listed.get(place.path)
        if not place.branch or other is error or (other is None and place.path not in inside):
            yield place, error


def _unknown_key(place: Place, error: Mapping[str, Any]) -> Fault:
    key, known = place.path[-1], keys_of(place.section)
    return Fault(place.path, f"unknown key {key!r}", known, did_you_mean(key, known) or SEE)


def _missing(place: Place, error: Mapping[str, Any]) -> Fault:
    key = place.path[-1]
    if place.section is None:
        return Fault(place.path, "is missing", do="write every part of the list")
    given = error["input"] if isinstance(error["input"], dict) else {}
    strange = [name for name in given if name not in keys_of(place.section)]
    near = get_close_matches(key, [str(name) for name in strange], n=1)
    field = place.section.model_fields.get(key)
    meaning = f" ({field.description.rstrip('.')})" if field and field.description else ""
    do = f"rename {near[0]!r} to {key!r}" if near else f"add {key}{meaning}, {SEE}"
    return Fault(place.path, "is missing", do=do)


def _unknown_value(place: Place, error: Mapping[str, Any]) -> Fault:
    known = tuple(re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    what = "unknown key" if error["loc"][-1] == "[key]" else "unknown value"
    given = error["input"]
    do = did_you_mean(given, known) or "use a known one"
    return Fault(place.path, f"{what} {given!r:.60}", known, do)


def _unknown_tag(place: Place, error: Mapping[str, Any]) -> Fault:
    key = error["ctx"]["discriminator"].strip("'")
    known, given = tags_of(place.kind, key), error["ctx"]["tag"]
    do = did_you_mean(given, known) or "use a known one"
    return Fault((*place.path, key), f"unknown value {given!r}", known, do)


def _no_tag(place: Place, error: Mapping[str, Any]) -> Fault:
    key = error["ctx"]["discriminator"].strip("'")
    return Fault((*place.path, key), "is missing", tags_of(place.kind, key), f"add {key}")


def _no_mapping(place: Place, error: Mapping[str, Any]) -> Fault:
    what = "must be a mapping" + _here(error["input"])
    if is_constant(place.kind):
        given = "0.5" if error["input"] is None else error["input"]
        return Fault(place.path, what, do=f'write {{value: {given}, source: "where it is from"}}')
    return Fault(place.path, what, keys_of(place.kind), "write its keys, or {} for none")


def _no_list(place: Place, error: Mapping[str, Any]) -> Fault:
    given = error["input"]
    do = f"write [{given}]" if isinstance(given, str | int | float) else "write [] for none"
    return Fault(place.path, "must be a list" + _here(given), do=do)


_SAYINGS: dict[str, Callable[[Place, Mapping[str, Any]], Fault]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "literal_error": _unknown_value,
    "union_tag_invalid": _unknown_tag,
    "union_tag_not_found": _no_tag,
    "model_type": _no_mapping,
    "model_attributes_type": _no_mapping,
    "dict_type": _no_mapping,
    "tuple_type": _no_list,
    "list_type": _no_list,
}


def _advice(place: Place, error: Mapping[str, Any]) -> str | None:
    """What to do about a value that is wrong in itself, where its message does not say it."""
    given, kind = error["input"], error["type"]
    advice = {
        "string_type": f'put it in quotes: "{given}"' if _is_scalar(given) else None,
        "timezone_aware": "write date, time and zone, like 2026-01-31T00:00:00Z",
        "bool_type": "write true or false",
        "bool_parsing": "write true or false",
    }.get(kind)
    if kind == "string_pattern_mismatch" and error["ctx"]["pattern"] == _NAME_PATTERN:
        return "write small letters, digits and _, a letter first"
    if kind == "float_parsing" and "," in str(given):
        return f"write it with a point: {str(given).replace(',', '.')}"
    if kind == "greater_than" and given == 0 and place.section is None:
        return "leave it out: what is not named shares what is left"
    return advice


def _is_scalar(given: object) -> bool:
    return given is not None and not isinstance(given, dict | list)


def _here(given: object) -> str:
    if given is None:
        return " (here: nothing)"
    shown = repr(given) if isinstance(given, str) else str(given)
    return f" (here: {shown:.60})" if _is_scalar(given) else ""
