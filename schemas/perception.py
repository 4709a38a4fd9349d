"""What is told of perception: the score of a customer, and what each event did to it.

These are built by us on the hot path, so they are frozen msgspec structs without validation; the
contract tests hold them to the published JSON Schema.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.outlook import Outlook

ScoreValue = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]
Ratio = Annotated[float, Meta(ge=0, le=2)]
Count = Annotated[int, Meta(ge=0)]

Band = Literal["failing", "tolerated", "satisfied", "over_delivery"]


class PolicyRef(msgspec.Struct, frozen=True, gc=False):
    """Which policy made a number: name, version, and a digest of its content."""

    name: str
    version: str
    digest: str


class Part(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One summand of ``score - baseline``, in points.

    With an ``event`` it is what that event adds through one dimension. Without, it is the sum of
    all earlier and smaller events in the dimension; the dimension ``fatigue`` is what too many
    unasked contacts cost, on the channel that ``channel`` names.
    """

    dimension: str
    points: float
    touchpoint: str | None = None
    event: str | None = None
    at: datetime | None = None
    channel: str | None = None


class DimensionReading(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One dimension as remembered: what was perceived against what is expected by now.

    ``perceived`` is the remembered quality less its inconsistency, ``expected`` the adaptive
    expectation, ``weight`` how much the dimension counts for this tier. Of the expectation:
    ``norm`` (with the tier's and the revenue's lift, and what of a rival's offer has settled),
    ``competition``, ``promise`` and ``cue`` where there are any, and ``experience``, what the own
    experience adds.
    """

    dimension: str
    perceived: Share
    expected: Share
    weight: Share
    norm: Share
    competition: Share | None = None
    promise: Share | None = None
    cue: Share | None = None
    experience: float = 0.0


class Sign(msgspec.Struct, frozen=True, gc=False):
    """Why a customer was told to be of a kind: a reading, its value, and the bound it passed."""

    reading: str
    value: float
    bound: float
    dimension: str | None = None


class Kind(msgspec.Struct, frozen=True, gc=False):
    """A behaviour type or a relationship stage, with its reasons."""

    name: str
    signs: tuple[Sign, ...] = ()


class Score(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How the service feels to one customer, as of the customer's latest event.

    ``score`` is 100 times the probability-like sigmoid of the sum of what was felt, ``baseline``
    the score of a customer of this tier who felt nothing. ``parts`` sum to ``score - baseline``
    within 1e-9. ``low`` and ``high`` bound a 95 % interval; ``confidence`` grows with evidence.

    ``impression`` is the score of all dimensions without fatigue, ``loyalty`` that of the must-be
    and one-dimensional ones alone. ``ratio`` is perceived over expected, 1 as expected, and
    ``band`` where it lies; ``value`` is the ratio against the time, effort and money it took the
    customer. ``over_servicing`` is the part of the service's cost that lies above the target
    band, in the policy's currency. ``outlooks`` say what may happen next, each with its reasons.
    """

    customer: str
    score: ScoreValue
    baseline: ScoreValue
    confidence: Share
    low: ScoreValue
    high: ScoreValue
    impression: ScoreValue
    loyalty: ScoreValue
    ratio: Ratio
    band: Band
    value: Ratio
    over_servicing: Annotated[float, Meta(ge=0)]
    as_of: datetime
    events: Count
    tier: str
    behaviour: Kind | None
    stage: Kind
    open_failures: Count
    open_promises: Count
    overdue_promises: Count
    merged_into: Annotated[
        str | None, Meta(description="The customer this one turned out to be, who has the score.")
    ] = None
    policy: PolicyRef
    dimensions: tuple[DimensionReading, ...]
    parts: tuple[Part, ...]
    outlooks: tuple[Outlook, ...] = ()


class Sources(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The sources of an expected level; ``None`` where one says nothing."""

    norm: Share
    competition: Share | None = None
    promise: Share | None = None
    cue: Share | None = None


class Felt(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one event meant in one dimension.

    ``quality`` was felt against ``expected``, both in [0, 1]; ``value`` is the contribution in
    log-odds at the event's own time. ``sources`` are given where more than the norm is expected.
    An entry without a quality changes what an earlier failure weighs, as of ``since``.
    """

    dimension: str
    quality: Share | None
    expected: Share | None
    value: float
    sources: Sources | None = None
    since: datetime | None = None


class Details(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """How a touch went, for whoever serves the customer next; what is unknown is left out.

    ``seconds`` is how long it took once it began, ``ivr_path`` the choices made in the voice menu,
    ``about`` the id of the event or action that a message answers, ``reason`` why the customer
    left, where that was told.
    """

    direction: Literal["inbound", "outbound"] | None = None
    wait_seconds: Annotated[float, Meta(ge=0)] | None = None
    seconds: Annotated[float, Meta(ge=0)] | None = None
    ivr_path: tuple[str, ...] = ()
    ivr_seconds: Annotated[float, Meta(ge=0)] | None = None
    transfers: Count = 0
    abandoned: bool = False
    resolved: bool | None = None
    about: str | None = None
    reason: str | None = None


class Contribution(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What one event did: written once for every event that was processed.

    ``customer`` and the scores are ``None`` for an anonymous event. Both scores are as of the
    customer's latest event, without and with this one. ``channel`` is that of the touchpoint or,
    of a message, its own; ``department`` and ``staff`` served, as far as the event names them;
    ``cohort`` is the customer's.
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
    channel: str | None = None
    topic: str | None = None
    department: str | None = None
    staff: str | None = None
    cohort: str | None = None
    details: Details | None = None
