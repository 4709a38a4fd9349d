"""What the OpenAPI document shows of lists: an example of every row."""

from typing import Any, Final

from pipeline.adapters.http.examples import page_of
from pipeline.adapters.http.rows import Case, Letter
from schemas.care import CareAction, CareDecision

OUTPUTS: Final = (CareAction, CareDecision, Case, Letter)

ACTION: Final[dict[str, Any]] = {
    "id": "5a1b6a52-6a80-5d0e-9a5c-0d7a1f2b3c4d",
    "action": "transaction_alert",
    "action_class": "required",
    "customer": "customer-7",
    "channel": "sms",
    "cause": {"source": "/cards", "event": "tx-1"},
    "decided_at": "2026-01-05T09:30:00Z",
    "reason": "transaction",
    "template": "transaction_alert",
    "fields": {"amount": "12.50", "currency": "EUR"},
    "policy": "0a1b2c3d4e5f6071",
    "purpose": "service",
    "fallbacks": ["email"],
    "cost": 0.05,
    "expected_gain": 0.4,
}

DECISION: Final[dict[str, Any]] = {
    "id": "7c2d8b64-1f3a-5b6c-8d7e-9f0a1b2c3d4e",
    "action": "call_back",
    "customer": "customer-7",
    "cause": {"source": "/calls", "event": "call-1"},
    "decided_at": "2026-01-04T22:10:00Z",
    "outcome": "held",
    "reason": "quiet_hours",
    "detail": "22:00 to 08:00 of the customer's day",
    "until": "2026-01-05T08:00:00Z",
    "policy": "0a1b2c3d4e5f6071",
    "action_class": "care",
    "trigger": "low_score",
    "tier": "ordinary",
    "cost": 4.0,
    "expected_gain": 2.5,
}

CASE: Final[dict[str, Any]] = {
    "id": "c-17",
    "customer": "customer-7",
    "case": "complaint_recovery",
    "kind": "complaint",
    "status": "open",
    "tier": "ordinary",
    "opened_at": "2026-01-04T16:00:00Z",
    "as_of": "2026-01-05T09:12:00Z",
    "policy": "0a1b2c3d4e5f6071",
    "topic": "billing",
    "owner": "billing",
    "level": 1,
    "hand_overs": 1,
    "breaches": 1,
    "steps": [
        {
            "name": "listen",
            "due": "2026-01-04T18:00:00Z",
            "within_hours": 2.0,
            "done": "2026-01-04T17:10:00Z",
        },
        {"name": "act", "due": "2026-01-05T16:00:00Z", "within_hours": 24.0},
    ],
    "next_due": "2026-01-05T16:00:00Z",
}

_LETTER: Final[dict[str, Any]] = {
    "id": 12,
    "redriven_at": None,
    "redriven_by": None,
    "topic": "touchpoint.event.v1",
    "partition": 0,
    "offset": 4711,
    "timestamp_ms": 1767605400000,
    "key": "Y3VzdG9tZXItNw==",
    "value": "eyJzcGVjdmVyc2lvbiI6",
    "headers": [],
    "reason": "broken_json",
    "detail": "not JSON: unexpected end",
    "fields": [],
    "component": "perceive",
    "version": "0.1.0",
    "attempts": 1,
}

ANSWERS: Final[dict[type, dict[str, Any]]] = {
    CareAction: page_of(CareAction, "What is to be done.", ACTION),
    CareDecision: page_of(CareDecision, "What became of it.", DECISION),
    Case: page_of(Case, "How each case stands.", CASE),
    Letter: page_of(Letter, "With the original bytes in base64.", _LETTER),
}
