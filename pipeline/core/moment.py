"""One moment of one customer's life, as care looks at it, and what care has to say of it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from pipeline.core.customer import Customer
from pipeline.core.policy.compiled import Policy
from pipeline.core.touch import Touch
from schemas.care import Cause
from schemas.inbound import Event
from schemas.perception import Contribution

PIPELINE: Final = "urn:touchpoint:pipeline"
"""Source of what the pipeline itself says: patterns, cases, verdicts."""


class Said(NamedTuple):
    """A record to publish: the topic and, where it is not the customer's, the key."""

    topic: str
    record: msgspec.Struct
    key: str | None = None


class Answer:
    """What care has to say, in order: records to publish, and labels of what is to be counted."""

    __slots__ = ("said", "told")

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.told: list[tuple[str, ...]] = []

    def say(self, topic: str, record: msgspec.Struct, key: str | None = None) -> None:
        self.said.append(Said(topic, record, key))

    def tell(self, *labels: str) -> None:
        self.told.append(labels)


class Moment(NamedTuple):
    """An event that was felt, or with ``event`` None a time that has come.

    ``at_s`` is when it happened or was due, ``now_s`` when it is known: the later of ``at_s`` and
    the partition's clock. Both are seconds since 1970. ``customer`` is as it is after the event.
    """

    name: str
    customer: Customer
    policy: Policy
    at_s: float
    now_s: float
    answer: Answer
    event: Event | None = None
    touch: Touch | None = None
    contribution: Contribution | None = None


class Occasion(NamedTuple):
    """Something that calls for care: ``trigger`` is a name that the policy's actions wait for.

    ``transaction``, ``initiative``, ``notice.PATTERN``, ``case.WHAT``, ``low_score``,
    ``outlook.NAME``, ``nominated``. ``facts`` are texts for templates; ``at_s`` as of the moment
    or of the alarm.
    """

    trigger: str
    cause: Cause
    at_s: float
    facts: Mapping[str, str] = {}
    event: Event | None = None
