"""Tells the end of an action as an event: what was done is a touch too.

A message to the customer is told as a message, everything else as settled. The event's id is made
of the action's: told twice, it is a duplicate.
"""

from typing import Any, Final, NamedTuple, get_args

import msgspec

from pipeline.adapters.dispatch.ends import End
from schemas.care import ActionClass, CareAction
from schemas.ids import action_id
from schemas.touchpoints.common import Channel

SOURCE: Final = "urn:touchpoint:dispatch"

MESSAGE_CHANNELS: Final = frozenset(("sms", "email", "push", "chat", "social", "post"))
"""What a message is sent over. A call or a visit is no message: staff tell how those went."""

PURPOSES: Final[dict[ActionClass, str]] = {
    "required": "alert",
    "service": "reply",
    "care": "care",
    "marketing": "marketing",
}
"""What a message of an action's class is for. Service is what the customer asked for, so that
neither it nor a required alert counts as unasked contact."""

_LONGEST_SECONDS: Final = 366 * 86_400.0
_DETAIL_CHARACTERS: Final = 512
_CHANNELS: Final = frozenset((*get_args(Channel), "staff"))


class SettledEvent(NamedTuple):
    """An event for the log: its key, the customer, and its bytes."""

    key: bytes
    value: bytes


def settled_event(action: CareAction, end: End) -> SettledEvent:
    """The CloudEvent that says how ``action`` ended."""
    delay = (end.at - action.decided_at).total_seconds()
    delay = min(max(delay, 0.0), _LONGEST_SECONDS)
    if end.channel in MESSAGE_CHANNELS and end.result in ("done", "failed"):
        kind = "delivered" if end.result == "done" else "failed"
        type_name, data = f"touchpoint.message.{kind}.v1", _message(action, end, delay)
    else:
        type_name, data = "touchpoint.care.settled.v1", _settled(action, end, delay)
    event = {
        "specversion": "1.0",
        "id": action_id("settled", action.customer, SOURCE, action.id),
        "source": SOURCE,
        "type": type_name,
        "subject": action.customer,
        "time": end.at,
        "datacontenttype": "application/json",
        "data": data,
    }
    return SettledEvent(action.customer.encode(), msgspec.json.encode(event))


def _message(action: CareAction, end: End, delay: float) -> dict[str, Any]:
    return {
        "channel": end.channel,
        "direction": "outbound",
        "purpose": PURPOSES[action.action_class],
        "about": action.id,
        "action": action.action,
        "delay_seconds": delay,
    }


def _settled(action: CareAction, end: End, delay: float) -> dict[str, Any]:
    data: dict[str, Any] = {
        "action": action.id,
        "name": action.action,
        "channel": end.channel if end.channel in _CHANNELS else "none",
        "result": end.result,
        "detail": end.detail[:_DETAIL_CHARACTERS],
        "delay_seconds": delay,
    }
    if end.result == "done":
        data["cost"] = action.cost
    return data
