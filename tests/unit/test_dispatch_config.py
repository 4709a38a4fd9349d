"""The channels file: what is shipped can be used, what is wrong is named with its line."""

import json
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML

from pipeline.adapters.dispatch.config import (
    ChannelsError,
    WebhookDestination,
    default_channels,
    load_channels,
    missing_secrets,
)
from schemas.touchpoints.common import Channel

SHIPPED = Path(__file__).parents[2] / "deploy/channels/default.yaml"

GOOD = """
destinations:
  gateway: {kind: webhook, url: "https://example.org/actions", secret_env: GATEWAY_SECRET}
  mail:
    kind: smtp
    host: smtp.example.org
    password_env: MAIL_PASSWORD
    sender: service@example.org
    address: "{{ action.customer }}@example.org"
channels: {sms: gateway, staff: gateway, email: mail}
"""


def test_the_shipped_file_leads_every_channel_somewhere_harmless() -> None:
    file = default_channels()
    assert set(file.channels) == {*get_args(Channel), "staff"}
    assert {destination.kind for destination in file.destinations.values()} == {"file"}
    elsewhere = default_channels(Path("/var/lib/touchpoint.db.sent.jsonl"))
    assert {getattr(d, "path", None) for d in elsewhere.destinations.values()} == {
        "/var/lib/touchpoint.db.sent.jsonl"
    }


def test_the_examples_in_the_shipped_file_can_be_used() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    commented = [line[2:] for line in text.splitlines() if line.startswith("#   ")]
    examples = YAML(typ="safe", pure=True).load("\n".join(commented))["destinations"]
    named = load_channels(GOOD, name="good.yaml").model_dump(mode="json") | {
        "destinations": examples,
        "channels": {"sms": "gateway", "email": "mail"},
    }
    # JSON is YAML too.
    file = load_channels(json.dumps(named), name="examples.yaml")
    assert set(file.destinations) == set(examples)


def test_what_is_not_said_has_a_default() -> None:
    gateway = load_channels(GOOD, name="good.yaml").destinations["gateway"]
    assert isinstance(gateway, WebhookDestination)
    assert gateway.limits().max_attempts == 8
    assert gateway.timeout_seconds == 10


def test_missing_secrets_are_named_with_what_to_do() -> None:
    file = load_channels(GOOD, name="good.yaml")
    assert missing_secrets(file, {"GATEWAY_SECRET": "x", "MAIL_PASSWORD": "y"}) == []
    (problem,) = missing_secrets(file, {"GATEWAY_SECRET": "", "MAIL_PASSWORD": "y"})
    assert problem.startswith("destination gateway: the environment variable GATEWAY_SECRET")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("kind: webhook", "kind: webhok"), "c.yaml:3: destinations.gateway.kind: unknown value"),
        (("https://", "ftp://"), "c.yaml:3: destinations.gateway.url: must match"),
        (("host:", "hots:"), "c.yaml:6: destinations.mail.hots: unknown key 'hots'"),
        (("secret_env: GATEWAY_SECRET", "secret: abc"), "unknown key 'secret'"),
        (("sms: gateway", "sms: gatway"), "c.yaml:10: channels.sms: unknown destination 'gatway'"),
        (("sms: gateway", "smss: gateway"), "did you mean 'sms'?"),
        (("sms: gateway", "sms: gateway, sms: mail"), "stands here again"),
        (("destinations:", "- destinations"), "c.yaml"),
    ],
)
def test_a_mistake_is_named_with_its_line(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ChannelsError) as caught:
        load_channels(GOOD.replace(*change, 1), name="c.yaml")
    assert message in str(caught.value)
