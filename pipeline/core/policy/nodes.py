"""What a YAML text says of itself before it means anything: its nodes, and keys written twice."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.core.policy.faults import Fault

_MERGE = "tag:yaml.org,2002:merge"
_TIME = "tag:yaml.org,2002:timestamp"


class Document(NamedTuple):
    """A text read: its root, ``None`` if nothing can be made of it, its content, its faults."""

    root: MappingNode | None
    content: Any
    faults: list[Fault]


def read_yaml(text: str, what: str) -> Document:
    """Read a YAML 1.2 text that must be a mapping; ``what`` says so where it is none."""
    try:
        reader = yaml()
        root: Node | None = reader.compose(text)
        if not isinstance(root, MappingNode):
            return Document(None, None, [Fault((), what, line=1)])
        try:
            # Made of the nodes at hand: reading the text is nearly all that it costs.
            content = reader.constructor.construct_document(root)
            return Document(root, content, [*repeated_keys(root)])
        except ValueError as error:
            faults = [*_no_times(root)] or [Fault((), f"not YAML: {error}", line=1)]
            return Document(None, None, faults)
    except YAMLError as error:
        return Document(None, None, [_not_yaml(error)])


def located(root: Node, faults: Sequence[Fault]) -> list[Fault]:
    """The faults with the line of the deepest node on their path that exists in the file."""
    return [fault._replace(line=_line(root, fault.path)) for fault in faults]


def yaml() -> YAML:
    """A reader of plain data. Keys written twice pass: they are named with all other problems."""
    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True
    return reader


def pairs(node: MappingNode) -> Iterator[tuple[Node, Node]]:
    """Keys and values of a mapping; those it takes over by ``<<`` come last."""
    merged: list[Node] = []
    for key, value in node.value:
        if key.tag == _MERGE:
            merged += value.value if isinstance(value, SequenceNode) else [value]
        yield key, value
    for other in merged:
        # one level: for a merge within a merge the line is that of the nearest key above
        yield from other.value if isinstance(other, MappingNode) else ()


def repeated_keys(root: Node) -> Iterator[Fault]:
    """A fault for every key that its mapping has already."""
    for path, node in _nodes(root):
        first: dict[str, int] = {}
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            if not isinstance(key, ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in first:
                what = f"stands here again, first in line {first[key.value]}"
                yield Fault((*path, key.value), what, do="keep one of them", line=line)
            first.setdefault(key.value, line)


def _no_times(root: Node) -> Iterator[Fault]:
    """A fault for every value that looks like a time and is none, as 2026-02-31."""
    for path, node in _nodes(root):
        if node.tag != _TIME:
            continue
        try:
            yaml().load(node.value)
        except ValueError as error:
            what = f"not a time: {error} (here: {node.value})"
            yield Fault(path, what, line=node.start_mark.line + 1)


def _nodes(root: Node) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Every node once with its path, in the order of the file; an alias is what it stands for."""
    seen: set[int] = set()
    waiting: list[tuple[tuple[str, ...], Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield path, node
        if isinstance(node, MappingNode):
            waiting += [((*path, str(key.value)), value) for key, value in reversed(node.value)]
        elif isinstance(node, SequenceNode):
            waiting += [((*path, str(n)), part) for n, part in reversed([*enumerate(node.value)])]


def _not_yaml(error: YAMLError) -> Fault:
    if not isinstance(error, MarkedYAMLError):
        return Fault((), f"not YAML: {error}", line=1)
    mark = error.problem_mark or error.context_mark
    what = " ".join(f"not YAML: {error.problem}".split())
    do = "indent with spaces, not with tabs" if "'\\t'" in what else None
    return Fault((), what, do=do, line=mark.line + 1 if mark else 1)


def _line(node: Node, path: Sequence[str]) -> int:
    line: int = node.start_mark.line
    for step in path:
        if isinstance(node, MappingNode):
            found = next(((k, v) for k, v in pairs(node) if k.value == step), None)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line
        elif isinstance(node, SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line
    return line + 1
