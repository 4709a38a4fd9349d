"""What the OpenAPI document shows: one event and its answers, and the shapes of the outputs."""

from typing import Any, Final

import msgspec

from pipeline.adapters.http.explanation import Explanation
from pipeline.adapters.http.problems import MEDIA_TYPE, TYPE_PREFIX, Problem
from schemas.care import CareAction, CareDecision
from schemas.dead_letter import DeadLetter
from schemas.perception import PolicyRef

_REF: Final = "#/components/schemas/{name}"
_OUTPUTS: Final = (Explanation, CareAction, CareDecision, DeadLetter, Problem, PolicyRef)

EVENT: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": "tx-1",
    "source": "/cards",
    "type": "touchpoint.transaction.completed.v1",
    "subject": "customer-7",
    "time": "2026-01-05T09:30:00Z",
    "data": {"amount": 12.5, "currency": "EUR", "merchant": "Bakery"},
}

EVENT_ACCEPTED: Final[dict[str, Any]] = {
    "description": "The accepted events are durable.",
    "content": {
        "application/json": {
            "schema": {"type": "object", "required": ["accepted", "rejected"]},
            "example": {"accepted": 1, "rejected": []},
        }
    },
}

_SUMMARY: Final[dict[str, Any]] = {
    "customer": "customer-7",
    "score": 75.3,
    "baseline": 75.0,
    "confidence": 0.17,
    "low": 35.2,
    "high": 94.6,
    "as_of": "2026-01-05T09:30:00Z",
    "events": 1,
    "tier": "ordinary",
    "policy": {"name": "default", "version": "1", "digest": "0a1b2c3d4e5f6071"},
}

SUMMARY_ANSWER: Final = {
    "description": "The latest score.",
    "content": {"application/json": {"schema": {"type": "object"}, "example": _SUMMARY}},
}

_TITLES: Final = {
    400: "Not JSON, or no body.",
    401: "A key is needed.",
    404: "Nothing is known of it.",
    413: "More than one request or one event may bring.",
    415: "A media type that is not read.",
    422: "Understood, and not acceptable; the wrong fields are named.",
    429: "Too much is waiting; `Retry-After` says when to come again.",
    503: "Not now; `Retry-After` says when to come again.",
}


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for these problems."""
    return {status: _problem_answer(status) for status in statuses}


def answer_of(output: type, description: str) -> dict[str, Any]:
    """The OpenAPI response that is one ``output``."""
    return {"description": description, "content": {"application/json": {"schema": _ref(output)}}}


def page_of(output: type, description: str) -> dict[str, Any]:
    """The OpenAPI response that is a page of ``output``."""
    schema = {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": _ref(output)},
            "next": {
                "type": ["string", "null"],
                "description": "Give it as `before` for the next page; null on the last one.",
            },
        },
    }
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def components() -> dict[str, Any]:
    """JSON Schemas of everything that is referred to."""
    _, schemas = msgspec.json.schema_components(_OUTPUTS, ref_template=_REF)
    return dict(schemas)


def _ref(output: type) -> dict[str, str]:
    return {"$ref": _REF.format(name=output.__name__)}


def _problem_answer(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {MEDIA_TYPE: {"schema": _ref(Problem)}}
    if status == 422:
        content[MEDIA_TYPE]["example"] = {
            "type": TYPE_PREFIX + "invalid_field",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "data.amount: Input should be a valid number",
            "fields": [{"field": "data.amount", "message": "Input should be a valid number"}],
        }
    return {"description": _TITLES[status], "content": content}
