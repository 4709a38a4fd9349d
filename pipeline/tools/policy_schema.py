"""The JSON Schema of a policy file, for editors and for other programs that write one."""

import re
from typing import Any, Final

from pipeline.core.policy.models import PolicyFile

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID: Final = "touchpoint.policy"

_DEFS: Final = "#/$defs/"


def policy_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the policy file; every key says what it means, where that is known.

    A description is the field's own, else what its section's docstring says of it, else what the
    section it holds is. Names that must exist elsewhere in the file are for `policy check`.
    """
    schema = PolicyFile.model_json_schema(mode="validation")
    definitions: dict[str, Any] = schema.get("$defs", {})
    for part in (schema, *definitions.values()):
        _describe(part, definitions)
    for part in (schema, *definitions.values()):
        part["description"] = (
            _plain(part["description"]) if "description" in part else part["title"]
        )
        _close(part)
    about = "A policy of touchpoint: what a customer expects, what is felt where, what is done."
    named = {"$schema": DIALECT, "$id": SCHEMA_ID, "title": "touchpoint policy"}
    return named | {k: v for k, v in schema.items() if k not in named} | {"description": about}


def _describe(section: dict[str, Any], definitions: dict[str, Any]) -> None:
    told = section.get("description", "")
    for name, part in section.get("properties", {}).items():
        said = part.get("description") or _of_field(told, name) or _of_held(part, definitions)
        if said:
            part["description"] = _plain(said)


def _of_field(docstring: str, name: str) -> str | None:
    """What a docstring says of a field: the text after `name:`, else the sentence naming it."""
    text = " ".join(docstring.split())
    mark = f"``{name}``"
    entry = re.search(rf"{re.escape(mark)}: (.+?)(?=(?:\.|;) ``\w+``: |$)", text)
    if entry:
        return entry[1]
    sentences = re.split(r"(?<=[.;]) ", text)
    return next((said.rstrip(";") for said in sentences if mark in said), None)


def _of_held(part: dict[str, Any], definitions: dict[str, Any]) -> str | None:
    """What the section is that a field holds, alone, by name or in a list."""
    kinds = _references(part)
    told = [definitions[kind].get("description", "") for kind in kinds]
    first = [text.split("\n\n")[0] for text in told if text]
    if len(first) > 1:
        return "One of: " + " | ".join(first)
    return first[0] if first else None


def _references(part: dict[str, Any]) -> list[str]:
    """The sections a field may hold; none if it may also hold a plain value."""
    if "$ref" in part:
        return [part["$ref"].removeprefix(_DEFS)]
    if "items" in part:
        return _references(part["items"])
    if "anyOf" in part or "oneOf" in part:
        choices = part.get("anyOf") or part["oneOf"]
        kinds = [_references(choice) for choice in choices if choice != {"type": "null"}]
        return [kind for held in kinds for kind in held] if all(kinds) else []
    by_name = [*part.get("patternProperties", {}).values(), part.get("additionalProperties")]
    return [kind for held in by_name if isinstance(held, dict) for kind in _references(held)]


def _close(part: Any) -> None:
    """Refuse keys that match no pattern: pydantic does, its schema does not say it."""
    if isinstance(part, dict):
        if "patternProperties" in part:
            part.setdefault("additionalProperties", False)
        for inner in part.values():
            _close(inner)
    elif isinstance(part, list):
        for inner in part:
            _close(inner)


def _plain(text: str) -> str:
    """A docstring as an editor shows it: paragraphs of one line, single backquotes."""
    paragraphs = (" ".join(p.split()) for p in text.split("\n\n"))
    return "\n\n".join(paragraphs).replace("``", "`")
