"""What the OpenAPI document shows of insights: an example of every answer."""

from typing import Any, Final

from pipeline.adapters.http.examples import json_of, page_of, reference
from schemas.insights import (
    ActionCost,
    CareRule,
    ChurnReason,
    CurvePoint,
    Experiment,
    Fall,
    Iceberg,
    Level,
    SilentCustomer,
)

OUTPUTS: Final = (
    ActionCost,
    CareRule,
    ChurnReason,
    CurvePoint,
    Experiment,
    Fall,
    Iceberg,
    Level,
    SilentCustomer,
)

_LEVEL: Final[dict[str, Any]] = {
    "axis": "department",
    "value": "call_centre",
    "dimension": "connect_speed",
    "department": "call_centre",
    "touches": 412,
    "enough": True,
    "level": 0.61,
    "target": 0.75,
    "gap": -0.14,
    "low": 0.58,
    "high": 0.64,
    "trend": 0.03,
    "trend_error": 0.02,
    "points": -86.5,
    "improvement": "Answer within 20 seconds",
}
_CURVE_POINT: Final = {
    "at": "2026-01-05T09:00:00Z",
    "touches": 12,
    "level": 0.63,
    "target": 0.75,
    "points": -4.5,
}
_ICEBERG: Final = {
    "touchpoint": "call",
    "dimension": "connect_speed",
    "department": "call_centre",
    "complained": 3,
    "silent": 41,
    "estimated": 60.0,
    "at_risk": 12300.0,
    "currency": "EUR",
    "basis": "20 silent behind each complaint; 300 EUR a customer a year",
}
_SILENT: Final = {
    "customer": "customer-7",
    "tier": "ordinary",
    "score": 52.3,
    "felt_at": "2026-01-05T09:12:00Z",
    "touchpoint": "call",
    "dimension": "connect_speed",
    "event": "call-1",
    "points": -6.1,
}
_FALL: Final = {
    "customer": "customer-7",
    "at": "2026-01-05T09:12:00Z",
    "event": "call-1",
    "touchpoint": "call",
    "dimension": "connect_speed",
    "department": "call_centre",
    "points": -6.1,
    "score": 52.3,
}
_CHURN: Final = {"reason": "attitude", "customers": 17, "share": 0.68, "source": "told"}
_COST: Final = {
    "action": "apology",
    "requested": 40,
    "settled": 38,
    "withheld": 12,
    "cost": 95.0,
    "expected_gain": 160.0,
    "gained": 141.5,
    "per_point": 0.67,
}
_EXPERIMENT: Final = {
    "action": "thank_you",
    "treated": 480,
    "held_out": 52,
    "treated_score": 74.2,
    "held_out_score": 73.1,
    "uplift": 1.1,
    "low": -0.4,
    "high": 2.6,
    "expected": 1.5,
    "needed": 910,
}
_CARE_RULE: Final = {
    "care": "call_back",
    "because": "long_wait",
    "customers": 9,
    "times": 11,
    "cost": 44.0,
    "in_policy": False,
}


def _during(items: type, description: str, example: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI response that is about a period."""
    schema = {
        "type": "object",
        "required": ["since", "until", "items"],
        "properties": {
            "since": {"type": "string", "format": "date-time"},
            "until": {"type": "string", "format": "date-time"},
            "items": {"type": "array", "items": reference(items)},
        },
    }
    period = {"since": "2025-12-29T09:30:00Z", "until": "2026-01-05T09:30:00Z"}
    return json_of(schema, description, period | {"items": [example]})


ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "levels": _during(Level, "How each value stands.", _LEVEL),
    "curve": _during(CurvePoint, "The level by bucket.", _CURVE_POINT),
    "matrix": _during(
        Level, "Dimension by tier; `value` is the tier.", _LEVEL | {"axis": "tier", "value": "gold"}
    ),
    "icebergs": _during(Iceberg, "The silent behind those who complained.", _ICEBERG),
    "silent": page_of(SilentCustomer, "The silent, by name.", _SILENT),
    "falls": page_of(Fall, "Falls of scores.", _FALL),
    "churn": _during(ChurnReason, "Reasons by share.", _CHURN),
    "costs": _during(ActionCost, "Cost and gain by action.", _COST),
    "experiments": _during(Experiment, "Uplift by action.", _EXPERIMENT),
    "care-rules": _during(CareRule, "What recurs, by hand.", _CARE_RULE),
}
"""By the last step of the path."""
