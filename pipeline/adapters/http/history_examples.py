"""What the OpenAPI document shows of what happened over time: an example of every answer."""

from typing import Any, Final

from pipeline.adapters.http.examples import CURSOR, SUMMARY, json_of, page_of, reference
from pipeline.adapters.http.lists_examples import ACTION, CASE, DECISION
from pipeline.adapters.http.trail import Touch, Trail

OUTPUTS: Final = (Touch, Trail)

_TOUCH: Final[dict[str, Any]] = {
    "event": "call-1",
    "source": "/calls",
    "type": "touchpoint.call.completed.v1",
    "time": "2026-01-05T09:12:00Z",
    "touchpoint": "call",
    "channel": "phone",
    "intent": "complaint",
    "topic": "billing",
    "department": "call_centre",
    "staff": "agent-12",
    "details": {
        "direction": "inbound",
        "wait_seconds": 95.0,
        "seconds": 340.0,
        "ivr_path": ["2", "1", "0"],
        "ivr_seconds": 48.0,
        "transfers": 1,
        "resolved": False,
    },
    "felt": [
        {"dimension": "connect_speed", "quality": 0.2, "expected": 0.75, "value": -0.6},
    ],
    "points": -6.1,
    "score_after": 52.3,
}

_TRAIL: Final[dict[str, Any]] = {
    "customer": "customer-7",
    "as_of": "2026-01-05T09:30:00Z",
    "since": "2026-01-03T09:30:00Z",
    "standing": {
        "score": 52.3,
        "confidence": 0.62,
        "band": "tolerated",
        "tier": "ordinary",
        "behaviour": "agitated",
        "stage": "exchange",
        "open_failures": 1,
        "open_promises": 0,
        "overdue_promises": 0,
    },
    "touches": [_TOUCH],
    "more": False,
    "cases": [CASE],
    "actions": [ACTION],
    "decisions": [DECISION],
}

TRAIL_ANSWER: Final = json_of(reference(Trail), "What the agent's screen shows.", _TRAIL)

HISTORY_ANSWER: Final = page_of(Touch, "Touches, each with the score after it.", _TOUCH)

SCORES_ANSWER: Final = json_of(
    {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Summary"}},
            "next": {"type": "string", "description": "Give it as `changed_since` to go on."},
        },
    },
    "Scores in the order in which they last changed.",
    {"items": [SUMMARY], "next": CURSOR},
)
