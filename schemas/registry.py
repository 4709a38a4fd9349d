"""Every contract by name, and the documents published of them.

``python -m schemas.registry`` writes JSON Schemas and the AsyncAPI document to ``published/``; a
golden test holds the files to the models.
"""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.care import (
    CampaignReport,
    CareAction,
    CareCase,
    CareDecision,
    CareDeclined,
    CareOrder,
    CareProposal,
    Consent,
    GiftSeen,
)
from schemas.dead_letter import DeadLetter
from schemas.inbound import EVENTS
from schemas.outlook import OutlookCheck
from schemas.perception import Contribution, Score
from schemas.subscriptions import NOTICES, ScoreNotice
from schemas.topics import (
    ACTION_DEAD_LETTERS,
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    ORDERS,
    OUTLOOKS,
    PROPOSAL_DEAD_LETTERS,
    PROPOSALS,
    SCORES,
)
from schemas.topics import EVENTS as EVENT_TOPIC

OUTBOUND: Final[dict[str, Any]] = {
    SCORES: Score,
    CONTRIBUTIONS: Contribution,
    OUTLOOKS: OutlookCheck,
    ACTIONS: CareAction,
    DECISIONS: CareDecision,
    CASES: CareCase,
    CONSENTS: Consent,
    ORDERS: CareOrder,
    PROPOSALS: CareProposal | CareDeclined | GiftSeen,
    CAMPAIGNS: CampaignReport,
    DEAD_LETTERS: DeadLetter,
    PROPOSAL_DEAD_LETTERS: DeadLetter,
    ACTION_DEAD_LETTERS: DeadLetter,
}
"""What each topic out carries, as JSON."""

WEBHOOKS: Final[dict[str, Any]] = {NOTICES: ScoreNotice}
"""What is posted to subscribers, as JSON."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_KEYS: Final[dict[str, str]] = {
    EVENT_TOPIC: "The customer (`subject`); any key or none for an anonymous event.",
    SCORES: "The customer. Compacted: the last record of a key is the latest score.",
    CONTRIBUTIONS: "The customer, or the event's id if it is anonymous.",
    OUTLOOKS: "The customer.",
    ACTIONS: "The customer.",
    DECISIONS: "The customer.",
    CASES: "The customer. The last record of an `id` is how the case stands.",
    CONSENTS: "The customer. Compacted: the last record of a key is what holds.",
    ORDERS: (
        "The action and what the order is about, `ACTION:approval`, `:hold` or `:cancel`; placed by"
        " the action. Compacted: of each the last order holds."
    ),
    PROPOSALS: "The campaign. Ticks of the clock, which have no key, stand among them.",
    CAMPAIGNS: "The campaign.",
    DEAD_LETTERS: "The original key.",
    PROPOSAL_DEAD_LETTERS: "The original key.",
    ACTION_DEAD_LETTERS: "The customer.",
}


def event_schema(type_name: str) -> dict[str, Any]:
    """The JSON Schema of one event type in, as a whole CloudEvent in structured mode."""
    schema = EVENTS[type_name].model_json_schema(mode="validation")
    return {"$schema": _DIALECT, "$id": type_name, **schema}


def output_schema(topic: str) -> dict[str, Any]:
    """The JSON Schema of what a topic out carries, or of what is posted to subscribers."""
    return {"$schema": _DIALECT, "$id": topic, **msgspec.json.schema((OUTBOUND | WEBHOOKS)[topic])}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document: channels, who sends, who receives, what the messages are."""
    inbound = {name: _message(name, f"{name}.json") for name in sorted(EVENTS)}
    outbound = {name: _message(name, f"{name}.json") for name in (*OUTBOUND, *WEBHOOKS)}
    channels = {EVENT_TOPIC: _channel(EVENT_TOPIC, list(inbound))}
    channels |= {topic: _channel(topic, [topic]) for topic in OUTBOUND}
    channels |= {name: _webhook(name) for name in WEBHOOKS}
    operations = {"receiveEvents": _operation("receive", EVENT_TOPIC)}
    operations |= {f"send {topic}": _operation("send", topic) for topic in (*OUTBOUND, *WEBHOOKS)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Touchpoint pipeline",
            "version": "1",
            "description": (
                "Topics are written in transactions: read them with isolation.level=read_committed"
                " (the default of librdkafka, not of the Java client), or aborted records appear."
                " Publishers must place keys as Java's murmur2 does: librdkafka needs"
                " partitioner=murmur2_random."
            ),
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": inbound | outbound},
    }


def documents() -> dict[str, str]:
    """Every published file by name, as text."""
    files = {f"{name}.json": event_schema(name) for name in EVENTS}
    files |= {f"{name}.json": output_schema(name) for name in (*OUTBOUND, *WEBHOOKS)}
    files["asyncapi.json"] = asyncapi()
    return {
        name: json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        for name, content in sorted(files.items())
    }


def publish(folder: Path) -> None:
    """Write every document to ``folder`` and remove those that no contract has any more."""
    files = documents()
    for old in folder.glob("*.json"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _message(name: str, file: str) -> dict[str, Any]:
    schema = {"schemaFormat": f"application/schema+json;version={_DIALECT}"}
    return {"name": name, "payload": {**schema, "schema": {"$ref": f"./{file}"}}}


def _channel(topic: str, messages: list[str]) -> dict[str, Any]:
    return {
        "address": topic,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"topic": topic}},
        "description": f"Key: {_KEYS[topic]}",
    }


def _webhook(name: str) -> dict[str, Any]:
    return {
        "address": None,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "description": (
            "Posted to the URL of each subscription (POST /v1/subscriptions), signed as Standard"
            " Webhooks says; webhook-id is the notice's id."
        ),
    }


def _operation(action: str, topic: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}


if __name__ == "__main__":
    publish(Path(__file__).parent / "published")
