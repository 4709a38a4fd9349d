"""Finds the section of the policy's models that a place in the file belongs to."""

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

Model = type[BaseModel]


class Place(NamedTuple):
    """A place in the file.

    ``path``: its keys and indices. ``section``: the model whose key the last step is, if it is
    one's. ``kind``: the type expected there. ``branch``: only one of several kinds was tried.
    """

    path: tuple[str, ...]
    section: Model | None
    kind: Any
    branch: bool


def place_of(model: Model, loc: Sequence[int | str]) -> Place:
    """The place of an error that pydantic located at ``loc``, which also names union branches."""
    kind: Any = model
    path: list[str] = []
    section: Model | None = None
    branch = False
    for step in loc:
        kind = bare(kind)
        if step == "[key]":
            continue
        branch = get_origin(kind) in (Union, UnionType)
        if branch:
            kind = _branch(kind, str(step))
            continue
        path.append(str(step))
        section = kind if is_model(kind) else None
        kind = _inside(kind, step)
    return Place(tuple(path), section, bare(kind), branch)


def bare(kind: Any) -> Any:
    """A type without its annotations and without ``None``."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        choices = tuple(choice for choice in get_args(kind) if choice is not NoneType)
        return bare(choices[0]) if len(choices) == 1 else Union[choices]  # noqa: UP007
    return kind


def is_model(kind: Any) -> bool:
    """Whether a type is a section with keys of its own."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_constant(kind: Any) -> bool:
    """Whether a type is a number that names its source."""
    return is_model(kind) and {"value", "source"} <= set(kind.model_fields)


def keys_of(kind: Any) -> tuple[str, ...]:
    """The keys a section may have, in the order of the file; of a union, of all its sections."""
    kind = bare(kind)
    if is_model(kind):
        return tuple(kind.model_fields)
    if get_origin(kind) in (Union, UnionType):
        return tuple(dict.fromkeys(key for choice in get_args(kind) for key in keys_of(choice)))
    return ()


def tags_of(kind: Any, key: str) -> tuple[str, ...]:
    """The values by which ``key`` tells the sections of a union apart."""
    models = [bare(choice) for choice in get_args(kind) if key in keys_of(choice)]
    return tuple(tag for m in models for tag in get_args(bare(m.model_fields[key].annotation)))


def _inside(kind: Any, step: int | str) -> Any:
    if is_model(kind):
        field = kind.model_fields.get(str(step))
        return field.annotation if field else None
    arguments = get_args(kind)
    origin = get_origin(kind)
    if not arguments or not isinstance(origin, type):
        return None
    if issubclass(origin, Mapping):
        return arguments[1]
    if issubclass(origin, tuple) and isinstance(step, int) and Ellipsis not in arguments:
        return arguments[step] if step < len(arguments) else None
    return arguments[0]


def _branch(kind: Any, tag: str) -> Any:
    """The choice of a union that pydantic calls ``tag``: a value of its key, or its own name."""
    choices = [bare(choice) for choice in get_args(kind)]
    for choice in choices:
        if is_model(choice):
            # a section with a check of its own is called "function-after[_check(), Name]"
            values = [v for f in choice.model_fields.values() for v in _values(f.annotation)]
            if tag == choice.__name__ or tag.endswith(f" {choice.__name__}]") or tag in values:
                return choice
        elif tag.startswith(getattr(get_origin(choice) or choice, "__name__", "?")):
            return choice
    return next((choice for choice in choices if not is_model(choice)), None)


def _values(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()
