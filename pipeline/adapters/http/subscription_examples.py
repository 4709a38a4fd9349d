"""What the OpenAPI document shows of subscriptions."""

from typing import Any, Final

from pipeline.adapters.http.examples import json_of, page_of, reference
from schemas.subscriptions import Delivery, ScoreNotice, Subscription

OUTPUTS: Final = (Subscription, ScoreNotice, Delivery)
"""What the answers refer to."""

_ID: Final = "5f2d1c34-3f0e-4c0a-9b1e-0c8f3a6f7a11"

_NEW: Final[dict[str, Any]] = {
    "name": "gold customers at risk",
    "url": "https://crm.example/hooks/scores",
    "condition": {"below": 50, "tiers": ["gold"], "min_confidence": 0.3},
    "backfill": True,
}

_SUBSCRIPTION: Final[dict[str, Any]] = {
    "id": _ID,
    "name": _NEW["name"],
    "url": _NEW["url"],
    "condition": {
        "below": 50.0,
        "above": None,
        "bands": [],
        "tiers": ["gold"],
        "min_confidence": 0.3,
    },
    "created_at": "2026-01-05T09:30:00Z",
    "active": True,
}

_DELIVERY: Final[dict[str, Any]] = {
    "id": "0b7a52de-90c1-5c56-8f6e-1f1c8e3f5a20",
    "subscription": _ID,
    "customer": "customer-7",
    "status": "waiting",
    "attempts": 2,
    "next_at": "2026-01-05T09:31:04Z",
    "last_detail": "HTTP 503",
    "created_at": "2026-01-05T09:31:00Z",
    "settled_at": None,
}

NOTICE: Final[dict[str, Any]] = {
    "id": _DELIVERY["id"],
    "subscription": _ID,
    "customer": "customer-7",
    "edge": "entered",
    "crossing": 1,
    "score": 48.9,
    "baseline": 75.0,
    "band": "tolerated",
    "ratio": 0.83,
    "confidence": 0.62,
    "tier": "gold",
    "as_of": "2026-01-05T09:30:58Z",
    "policy": {"name": "default", "version": "2", "digest": "0a1b2c3d4e5f6071"},
}
"""A notice as its receiver gets it."""


NEW_SUBSCRIPTION: Final[dict[str, Any]] = {
    "requestBody": {"content": {"application/json": {"example": _NEW}}, "required": True},
    "callbacks": {
        "notice": {
            "{$request.body#/url}": {
                "post": {
                    "summary": "A customer came to match, or no longer does",
                    "description": (
                        "Signed as Standard Webhooks says (`webhook-id`, `webhook-timestamp`,"
                        " `webhook-signature`). The same `webhook-id` again is the same crossing:"
                        " act upon it once. Answer 2xx within 10 seconds; otherwise it comes again"
                        " for a day, unless the answer says that it never will be taken (400,"
                        " 410, 422)."
                    ),
                    "requestBody": {
                        "content": {
                            "application/json": {
                                "schema": reference(ScoreNotice),
                                "example": NOTICE,
                            }
                        }
                    },
                    "responses": {"204": {"description": "The notice was taken."}},
                }
            }
        }
    },
}

SUBSCRIBED_ANSWER: Final = json_of(
    reference(Subscription),
    "The subscription, with the `secret` that its notices are signed with: shown this once.",
    {**_SUBSCRIPTION, "secret": "whsec_dG91Y2hwb2ludC10b3VjaHBvaW50LXRvdWNo"},
)
SUBSCRIPTION_ANSWER: Final = json_of(reference(Subscription), "The subscription.", _SUBSCRIPTION)
LIST_ANSWER: Final = json_of(
    {
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "items": reference(Subscription)}},
    },
    "All subscriptions.",
    {"items": [_SUBSCRIPTION]},
)
TEST_ANSWER: Final = json_of(
    {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
    "It will be sent; the `id` is that of the delivery, and its `webhook-id`.",
    {"id": _DELIVERY["id"]},
)
DELIVERY_ANSWER: Final = json_of(reference(Delivery), "It will be sent again.", _DELIVERY)
DELIVERIES_ANSWER: Final = page_of(Delivery, "Deliveries, newest first.", _DELIVERY)
