"""The published documents say what the models say, and what we write is what they say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import schemas
from pipeline.core.policy.load import load_policy
from pipeline.engine.ports import LogRecord, Output, Read, Refused
from pipeline.stages.perceive import PerceiveStage
from schemas.dead_letter import Reason
from schemas.inbound import EVENTS, Invalid, parse_event
from schemas.registry import OUTBOUND, documents
from schemas.topics import (
    ACTIONS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    OUTPUTS,
    SCORES,
)
from schemas.topics import EVENTS as EVENT_TOPIC
from tests.contract import outbound_samples as samples
from tests.unit.events import DEFAULT_POLICY, EXAMPLES, event_bytes

PUBLISHED = Path(schemas.__file__).parent / "published"


def published(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PUBLISHED / f"{name}.json").read_text(encoding="utf-8"))
    return content


def test_published_files_are_those_generated_from_the_models() -> None:
    on_disk = {file.name: file.read_text(encoding="utf-8") for file in PUBLISHED.glob("*.json")}
    assert on_disk == documents(), "run `python -m schemas.registry` and review the difference"


@pytest.mark.parametrize("type_name", sorted(EVENTS))
def test_an_example_of_every_event_type_fits_its_schema_and_its_model(type_name: str) -> None:
    example = EXAMPLES[type_name]
    jsonschema.validate(example, published(type_name))
    parsed = parse_event(event_bytes(type_name))
    assert not isinstance(parsed, Invalid), parsed
    assert parsed.type == type_name


def outputs() -> Iterator[Output]:
    """Outputs of every kind that the perceive stage has, from examples of every event type."""
    stage = PerceiveStage(load_policy(DEFAULT_POLICY, name="default.yaml").policy, version="1")
    for offset, type_name in enumerate(sorted(EVENTS)):
        example = EXAMPLES[type_name]
        subject = example.get("subject")
        record = LogRecord(offset, subject.encode() if subject else None, event_bytes(type_name))
        read = stage.read(record, 0)
        if isinstance(read, Read):
            yield from stage.step(read.key, None, [read.input], 0).outputs
    refused = stage.read(LogRecord(9, b"k", b"{"), 0)
    assert isinstance(refused, Refused)
    yield refused.output


def test_everything_we_write_fits_its_published_schema() -> None:
    seen = set()
    for output in outputs():
        seen.add(output.topic)
        content = json.loads(output.value)
        if output.topic == EVENT_TOPIC:  # what one customer's account tells another's
            jsonschema.validate(content, published(content["type"]))
            assert not isinstance(parse_event(output.value), Invalid)
            continue
        jsonschema.validate(content, published(output.topic))
        # and a reader of ours reads it back as the same bytes
        decoded = msgspec.json.decode(output.value, type=OUTBOUND[output.topic])
        assert msgspec.json.encode(decoded) == output.value
    assert seen >= {EVENT_TOPIC, SCORES, CONTRIBUTIONS, ACTIONS, DECISIONS, DEAD_LETTERS}


@pytest.mark.parametrize("topic", OUTPUTS)
@pytest.mark.parametrize("number", [0, 1])  # with and without what may be absent
def test_what_the_sinks_are_tested_with_fits_its_published_schema(topic: str, number: int) -> None:
    _, value = samples.message(topic, "c1", number)
    assert value is not None
    jsonschema.validate(json.loads(value), published(topic))


def test_every_reason_of_a_dead_letter_is_in_its_schema() -> None:
    reasons = published("touchpoint.event.v1.dlq")["$defs"]["Reason"]["enum"]
    assert set(reasons) == {reason.value for reason in Reason}
