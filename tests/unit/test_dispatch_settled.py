"""What was done is told as an event that the pipeline itself understands."""

import json
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from pipeline.adapters.dispatch.ends import End
from pipeline.adapters.dispatch.settled import SOURCE, settled_event
from schemas.inbound import Invalid, parse_event
from schemas.registry import event_schema
from schemas.touchpoints.messages import MessageData
from tests.unit.dispatching import START, an_action

LATER = START + timedelta(seconds=12)


def told(end: End, **changes: Any) -> dict[str, Any]:
    """The event, held to its schema and its model."""
    key, value = settled_event(an_action(**changes), end)
    event: dict[str, Any] = json.loads(value)
    jsonschema.validate(event, event_schema(event["type"]))
    parsed = parse_event(value)
    assert not isinstance(parsed, Invalid), parsed
    assert key.decode() == event["subject"]
    return event


@pytest.mark.parametrize("channel", ["sms", "email", "push", "chat", "social", "post"])
def test_a_message_that_was_done_is_delivered(channel: str) -> None:
    event = told(End("done", LATER, channel))
    assert event["type"] == "touchpoint.message.delivered.v1"
    assert event["source"] == SOURCE
    assert event["data"] == {
        "channel": channel,
        "direction": "outbound",
        "purpose": "alert",
        "about": "a-1",
        "action": "transaction_alert",
        "delay_seconds": 12.0,
    }


def test_a_message_that_failed_is_told_with_the_channel_tried_last() -> None:
    event = told(End("failed", LATER, "email", "SMTP 550"))
    assert event["type"] == "touchpoint.message.failed.v1"
    assert event["data"]["channel"] == "email"


@pytest.mark.parametrize(
    ("end", "channel", "cost"),
    [
        (End("done", LATER, "staff"), "staff", 3.0),
        (End("done", LATER, "phone"), "phone", 3.0),
        (End("failed", LATER, "staff", "HTTP 400"), "staff", None),
        (End("failed", LATER, None, "no destination for channel 'sms'"), "none", None),
        (End("suppressed", LATER, None, "not wanted"), "none", None),
        (End("suppressed", LATER, "sms", "not wanted"), "sms", None),
        (End("expired", LATER, "sms", "HTTP 503"), "sms", None),
    ],
)
def test_everything_else_is_settled(end: End, channel: str, cost: float | None) -> None:
    event = told(end, action="apology", cost=3.0)
    assert event["type"] == "touchpoint.care.settled.v1"
    data = event["data"]
    assert (data["action"], data["name"], data["result"]) == ("a-1", "apology", end.result)
    assert (data["channel"], data.get("cost")) == (channel, cost)


@pytest.mark.parametrize(
    ("action_class", "purpose", "proactive"),
    [
        ("required", "alert", False),
        ("service", "reply", False),
        ("care", "care", True),
        ("marketing", "marketing", True),
    ],
)
def test_an_alert_or_reply_is_no_unasked_contact(
    action_class: str, purpose: str, proactive: bool
) -> None:
    data = told(End("done", LATER, "sms"), action_class=action_class)["data"]
    assert data["purpose"] == purpose
    assert MessageData.model_validate(data).proactive is proactive


def test_told_again_it_is_the_same_event_whatever_came_of_it() -> None:
    ids = {
        told(end)["id"]
        for end in (
            End("done", LATER, "sms"),
            End("done", LATER + timedelta(hours=1), "email"),
            End("expired", LATER),
        )
    }
    assert len(ids) == 1
    assert told(End("done", LATER, "sms"), id="a-2")["id"] not in ids


@pytest.mark.parametrize(
    ("seconds", "delay"), [(-5, 0.0), (0.25, 0.25), (400 * 86_400, 366 * 86_400.0)]
)
def test_a_delay_stays_within_what_an_event_may_say(seconds: float, delay: float) -> None:
    end = End("done", START + timedelta(seconds=seconds), "sms")
    assert told(end)["data"]["delay_seconds"] == delay


def test_a_long_detail_is_cut() -> None:
    end = End("expired", LATER, detail="x" * 10_000)
    assert len(told(end)["data"]["detail"]) == 512
