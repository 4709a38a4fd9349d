"""Which language an answer is in: asked for by parameter or header, else the policy's."""

from collections.abc import Sequence
from typing import Final

from pipeline.adapters.messages import Catalogues, Messages

_MOST_TAGS: Final = 32
"""Of an ``Accept-Language``; nobody reads more languages, and each is looked up."""


def speaker(
    catalogues: Catalogues, lang: str | None, accept_language: str | None, policy_language: str
) -> Messages:
    """The language to answer in.

    ``lang`` is asked for by name, and goes before the header ``accept_language`` (RFC 9110,
    12.5.4). What is not spoken gives way to the policy's language.
    """
    if lang is not None:
        wanted: Sequence[str] = (lang.replace("_", "-"),)
    else:
        wanted = _preferred(accept_language or "")
    return catalogues.choose((*wanted, policy_language))


def _preferred(header: str) -> list[str]:
    """The tags of an ``Accept-Language``, those wished for most first; what is odd is left out."""
    found = []
    for item in header.split(",")[:_MOST_TAGS]:
        tag, _, parameter = item.partition(";")
        weight = _weight(parameter.strip())
        if weight > 0.0:
            found.append((weight, tag.strip()))
    return [tag for weight, tag in sorted(found, key=lambda each: -each[0])]


def _weight(parameter: str) -> float:
    """The ``q`` of a tag: 1 unless given; 0, which refuses it, where it cannot be read."""
    if not parameter:
        return 1.0
    name, _, value = parameter.partition("=")
    try:
        weight = float(value) if name.strip() in ("q", "Q") else 0.0
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
