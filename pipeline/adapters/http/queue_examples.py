"""What the OpenAPI document shows of the care queue."""

from typing import Final

from pipeline.adapters.http.examples import json_of, reference
from pipeline.adapters.http.lists_examples import ACTION, DECISION
from pipeline.adapters.http.rows import Waiting

OUTPUTS: Final = (Waiting,)
"""What the answers refer to."""

WAITING_ANSWER: Final = json_of(
    {
        "type": "object",
        "required": ["items", "more"],
        "properties": {
            "items": {"type": "array", "items": reference(Waiting)},
            "more": {"type": "boolean"},
        },
    },
    "What waits for a person, the longest wait first.",
    {
        "items": [
            {
                "id": ACTION["id"],
                "why": "held",
                "since": "2026-01-05T09:31:00Z",
                "latest": DECISION | {"id": ACTION["id"], "outcome": "requested"},
                "by": "clara",
                "reason": "she asked for a letter",
                "action": ACTION,
            }
        ],
        "more": False,
    },
)
