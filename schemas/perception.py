"""What is told of perception: the score of a customer, and what each event did to it.

These are built by us on the hot path, so they are frozen msgspec structs without validation; the
contract tests hold them to the published JSON Schema.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

ScoreValue = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]


class PolicyRef(msgspec.Struct, frozen=True, gc=False):
    """Which policy made a number: name, version, and a digest of its content."""

    name: str
    version: str
    digest: str


class Part(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One summand of ``score - baseline``, in points.

    With an ``event`` it is what that event adds through one dimension. Without, it is the sum of
    all earlier and smaller events in the dimension; the dimension ``fatigue`` is what too many
    contacts cost.
    """

    dimension: str
    points: float
    touchpoint: str | None = None
    event: str | None = None
    at: datetime | None = None


class Score(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How the service feels to one customer, as of the customer's latest event.

    ``score`` is 100 times the probability-like sigmoid of the sum of what was felt, ``baseline``
    the score of a customer of this tier who felt nothing. ``parts`` sum to ``score - baseline``
    within 1e-9. ``low`` and ``high`` bound a 95 % interval; ``confidence`` grows with evidence.
    """

    customer: str
    score: ScoreValue
    baseline: ScoreValue
    confidence: Share
    low: ScoreValue
    high: ScoreValue
    as_of: datetime
    events: Annotated[int, Meta(ge=0)]
    tier: str
    policy: PolicyRef
    parts: tuple[Part, ...]


class Felt(msgspec.Struct, frozen=True, gc=False):
    """What one event meant in one dimension.

    ``quality`` was felt against ``expected``, both in [0, 1]; ``value`` is the contribution in
    log-odds at the event's own time.
    """

    dimension: str
    quality: Share
    expected: Share
    value: float


class Contribution(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one event did: written once for every event that was processed.

    ``customer`` and the scores are ``None`` for an anonymous event. Both scores are as of the
    customer's latest event, without and with this one.
    """

    event: str
    source: str
    type: str
    touchpoint: str | None
    time: datetime
    customer: str | None
    tier: str
    intent: str
    felt: tuple[Felt, ...]
    score_before: ScoreValue | None
    score_after: ScoreValue | None
    policy: str
