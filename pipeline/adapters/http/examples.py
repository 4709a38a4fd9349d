"""What the OpenAPI document shows: one event, its answers and errors, and one customer."""

from typing import Any, Final

import msgspec

from pipeline.adapters.http.explanation import ExplanationInWords
from pipeline.adapters.http.problems import MEDIA_TYPE, TYPE_PREFIX, Problem
from schemas.access import AuditEntry, Key
from schemas.perception import PolicyRef, Score

_REF: Final = "#/components/schemas/{name}"
OUTPUTS: Final = (ExplanationInWords, AuditEntry, Key, Problem, PolicyRef)
"""What is referred to here."""

CURSOR: Final = "MjAyNi0wMS0wNVQwOTozMDowMC4wMDAwMDBaIDQx"

EVENT: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": "tx-1",
    "source": "/cards",
    "type": "touchpoint.transaction.completed.v1",
    "subject": "customer-7",
    "time": "2026-01-05T09:30:00Z",
    "data": {"amount": 12.5, "currency": "EUR", "merchant": "Bakery"},
}

SUMMARY: Final[dict[str, Any]] = {
    "customer": "customer-7",
    "score": 74.6,
    "baseline": 75.0,
    "confidence": 0.62,
    "low": 62.4,
    "high": 83.8,
    "impression": 74.8,
    "loyalty": 74.8,
    "ratio": 0.97,
    "band": "tolerated",
    "value": 0.96,
    "over_servicing": 0.0,
    "as_of": "2026-01-05T09:30:00Z",
    "events": 9,
    "tier": "ordinary",
    "behaviour": {
        "name": "demanding",
        "signs": [{"reading": "inbound", "value": 6.4, "bound": 6.0, "dimension": None}],
    },
    "stage": {"name": "exchange", "signs": []},
    "open_failures": 1,
    "open_promises": 0,
    "overdue_promises": 0,
    "merged_into": None,
    "policy": {"name": "default", "version": "2", "digest": "0a1b2c3d4e5f6071"},
    "dimensions": [
        {
            "dimension": "speed",
            "perceived": 0.88,
            "expected": 0.91,
            "weight": 0.15,
            "norm": 0.8,
            "promise": 0.9,
            "experience": 0.01,
        }
    ],
    "outlooks": [
        {
            "name": "complaint",
            "probability": 0.03,
            "reasons": [{"reading": "open_failures", "value": 1.0, "adds": 1.5}],
        }
    ],
}

_EXPLANATION: Final[dict[str, Any]] = {
    "customer": "customer-7",
    "score": 67.5,
    "baseline": 75.0,
    "difference": -7.5,
    "as_of": "2026-05-04T10:30:00Z",
    "policy": SUMMARY["policy"],
    "ratio": 0.94,
    "band": "tolerated",
    "layers": {"supporting_service": 0.94},
    "dimensions": [
        {
            "dimension": "connect_speed",
            "perceived": 0.66,
            "expected": 0.7,
            "weight": 0.07,
            "norm": 0.7,
            "experience": 0.0,
        }
    ],
    "parts": [
        {
            "dimension": "connect_speed",
            "points": -9.8,
            "touchpoint": "call",
            "event": "call-1",
            "at": "2026-05-03T09:30:00Z",
            "layer": "supporting_service",
            "department": "call_centre",
        },
        {
            "dimension": "connect_speed",
            "points": 2.3,
            "touchpoint": "call",
            "event": "call-2",
            "at": "2026-05-04T10:30:00Z",
            "layer": "supporting_service",
            "department": "call_centre",
        },
    ],
    "sums": {
        "event": [{"name": "call-1", "points": -9.8}, {"name": "call-2", "points": 2.3}],
        "dimension": [{"name": "connect_speed", "points": -7.5}],
        "layer": [{"name": "supporting_service", "points": -7.5}],
        "touchpoint": [{"name": "call", "points": -7.5}],
        "department": [{"name": "call_centre", "points": -7.5}],
    },
    "language": "en",
    "words": [
        "The score is 67.5: 7.5 points below the 75.0 of a customer who felt nothing.",
        "1 call on 3 May 2026 cost 9.8 points (connect speed).",
        "1 call on 4 May 2026 gave 2.3 points (connect speed).",
        "By department: call centre -7.5.",
        "By layer of service: supporting service -7.5.",
        "Service is felt at 94% of what is expected: tolerated.",
        "Felt against expected by layer of service: supporting service 94%.",
        "The relationship is at the stage of exchange.",
    ],
}

_TITLES: Final = {
    400: "Not JSON, or no body.",
    401: "A key is needed.",
    403: "The key's scopes do not allow it.",
    404: "Nothing is known of it.",
    409: "It is too late for that; `detail` says what became of it.",
    413: "More than one request or one event may bring.",
    415: "A media type that is not read.",
    422: "Understood, and not acceptable; the wrong fields are named.",
    501: "Not to be had from this server; the detail says why.",
    429: "Too much is waiting; `Retry-After` says when to come again.",
    503: "Not now; `Retry-After` says when to come again.",
}


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for these problems."""
    return {status: _problem_answer(status) for status in statuses}


def json_of(schema: object, description: str, example: object) -> dict[str, Any]:
    """The OpenAPI response that is JSON of this schema."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "content": content}


def page_of(output: type, description: str, example: object) -> dict[str, Any]:
    """The OpenAPI response that is a page of ``output``, one of which is ``example``."""
    schema = {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": reference(output)},
            "next": {
                "type": ["string", "null"],
                "description": "Give it as `before` for the next page; null on the last one.",
            },
        },
    }
    return json_of(schema, description, {"items": [example], "next": CURSOR})


def components(*outputs: type) -> dict[str, Any]:
    """JSON Schemas of what is referred to, and ``Summary``: a score without its parts."""
    _, schemas = msgspec.json.schema_components((Score, *outputs), ref_template=_REF)
    summary = schemas["Score"]
    schemas["Summary"] = summary | {
        "title": "Summary",
        "properties": {k: v for k, v in summary["properties"].items() if k != "parts"},
        "required": [name for name in summary["required"] if name != "parts"],
    }
    return dict(schemas)


def reference(output: type) -> dict[str, str]:
    """A schema that refers to the one of ``output``."""
    return {"$ref": _REF.format(name=output.__name__)}


def _problem_answer(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {MEDIA_TYPE: {"schema": reference(Problem)}}
    if status == 422:
        content[MEDIA_TYPE]["example"] = {
            "type": TYPE_PREFIX + "invalid_field",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "data.amount: Input should be a valid number",
            "fields": [{"field": "data.amount", "message": "Input should be a valid number"}],
        }
    return {"description": _TITLES[status], "content": content}


EVENT_ACCEPTED: Final = json_of(
    {
        "type": "object",
        "required": ["accepted", "rejected"],
        "properties": {
            "accepted": {"type": "integer", "minimum": 0},
            "rejected": {"type": "array", "items": {"type": "object"}},
        },
    },
    "The accepted events are durable.",
    {"accepted": 1, "rejected": []},
)

SUMMARY_ANSWER: Final = json_of({"$ref": _REF.format(name="Summary")}, "The latest score.", SUMMARY)

EXPLANATION_ANSWER: Final = json_of(
    reference(ExplanationInWords),
    "Parts, and sums that each add up to `difference`; the same in words.",
    _EXPLANATION,
)
