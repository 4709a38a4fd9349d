"""Examples of every event type, and the default policy, for tests."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEFAULT_POLICY = (ROOT / "deploy/policies/default.yaml").read_text(encoding="utf-8")

TIME = "2026-03-02T09:30:00Z"

_DATA: dict[str, dict[str, Any]] = {
    "touchpoint.call.completed.v1": {
        "intent": "fault",
        "wait_seconds": 95,
        "abandoned": True,
        "ivr_path": ["main", "cards"],
        "resolved": False,
        "ratings": {"attitude": 4},
    },
    "touchpoint.clock.ticked.v1": {},
    "touchpoint.complaint.closed.v1": {"complaint": "k-1", "satisfied": True},
    "touchpoint.complaint.handed_over.v1": {"complaint": "k-1", "to_department": "parking"},
    "touchpoint.complaint.opened.v1": {"intent": "complaint", "complaint": "k-1", "severity": 4},
    "touchpoint.complaint.resolved.v1": {"complaint": "k-1", "outcome_justice": 0.8},
    "touchpoint.customer.absorbed.v1": {"into": "customer-2"},
    "touchpoint.customer.inherited.v1": {"merged": "customer-2", "state": ""},
    "touchpoint.customer.consented.v1": {
        "channel": "sms",
        "purpose": "marketing",
        "granted": False,
    },
    "touchpoint.customer.left.v1": {"reason": "attitude"},
    "touchpoint.customer.merged.v1": {"merged": "customer-2"},
    "touchpoint.customer.profiled.v1": {"tier": "gold", "alerts": {"threshold": 20}},
    "touchpoint.digital.used.v1": {"platform": "web", "task": "transfer", "completed": True},
    "touchpoint.gift.given.v1": {"gift": "tea", "batch": "spring"},
    "touchpoint.market.rival_offered.v1": {"dimension": "connect_speed", "level": 0.9},
    "touchpoint.message.delivered.v1": {"channel": "sms", "purpose": "alert", "delay_seconds": 2},
    "touchpoint.message.failed.v1": {"channel": "sms", "purpose": "alert"},
    "touchpoint.message.sent.v1": {"channel": "email", "purpose": "notice"},
    "touchpoint.observed.v1": {"touchpoint": "mystery_shopper", "measures": {"attitude": 2}},
    "touchpoint.promise.broken.v1": {"promise": "p-1"},
    "touchpoint.promise.kept.v1": {"promise": "p-1"},
    "touchpoint.promise.made.v1": {"promise": "p-1", "due": "2026-03-04T09:30:00Z", "level": 0.9},
    "touchpoint.promise.withdrawn.v1": {"promise": "p-1"},
    "touchpoint.repair.completed.v1": {"repair": "r-1", "resolved": True},
    "touchpoint.repair.opened.v1": {"repair": "r-1", "line": "broadband"},
    "touchpoint.staff.cared.v1": {"care": "rubber_band", "because": "long_hair", "cost": 0.1},
    "touchpoint.survey.answered.v1": {"survey": "exit", "answers": {"attitude": 5}},
    "touchpoint.transaction.completed.v1": {"amount": 12.5, "currency": "EUR"},
    "touchpoint.visit.completed.v1": {"wait_seconds": 1_200, "resolved": True},
}


def event(type_name: str, **changes: Any) -> dict[str, Any]:
    """A valid event of ``type_name``; ``changes`` replace attributes, ``None`` removes one."""
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/tests",
        "type": type_name,
        "subject": "customer-1",
        "time": TIME,
        "data": _DATA[type_name],
    }
    if type_name == "touchpoint.clock.ticked.v1":
        del made["subject"]
    made.update(changes)
    return {name: value for name, value in made.items() if value is not None}


EXAMPLES = {type_name: event(type_name) for type_name in _DATA}


def event_bytes(type_name: str, **changes: Any) -> bytes:
    """``event`` as bytes of JSON."""
    return json.dumps(event(type_name, **changes)).encode()
