"""What the OpenAPI document shows of people's acts."""

from typing import Final

from pipeline.adapters.http.examples import json_of, reference
from schemas.care import CareOrder

OUTPUTS: Final = (CareOrder,)
"""What the answers refer to."""

_TEXT: Final = {"type": "string"}

ORDER_ANSWER: Final = json_of(
    reference(CareOrder),
    "The order; it is heeded before the action's next attempt.",
    {
        "id": "9d0b6b1e-52f1-5d0c-8a51-8d2a6c9f0a44",
        "action": "0b7a52de-90c1-5c56-8f6e-1f1c8e3f5a20",
        "customer": "customer-7",
        "order": "hold",
        "by": "clara",
        "at": "2026-01-05T09:30:00Z",
        "reason": "she asked for a letter",
    },
)
REDRIVEN_ANSWER: Final = json_of(
    {
        "type": "object",
        "required": ["id", "topic", "redriven_at", "redriven_by"],
        "properties": {
            "id": {"type": "integer"},
            "topic": _TEXT,
            "redriven_at": {"type": "string", "format": "date-time"},
            "redriven_by": _TEXT,
        },
    },
    "When it was sent, and by whom; sent once, however often it is asked.",
    {
        "id": 12,
        "topic": "touchpoint.event.v1",
        "redriven_at": "2026-01-05T09:30:00Z",
        "redriven_by": "otto",
    },
)
CARED_ANSWER: Final = json_of(
    {
        "type": "object",
        "required": ["source", "id"],
        "properties": {"source": _TEXT, "id": _TEXT},
    },
    "The event's source and id; it is durable.",
    {"source": "urn:touchpoint:staff", "id": "5f2d1c34-3f0e-5c0a-9b1e-0c8f3a6f7a11"},
)
