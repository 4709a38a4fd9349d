"""The policy file as models: what an operator may say, and within which limits."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from pipeline.core.perceive.evidence import Evidence, Measure
from pipeline.core.policy.campaigns import CampaignPolicy
from pipeline.core.policy.care import CarePolicy
from pipeline.core.policy.cases import CalendarPolicy, CasePolicy
from pipeline.core.policy.character import CharacterPolicy
from pipeline.core.policy.constants import (
    ExpectationConstants,
    FatigueConstants,
    HalfLifeDays,
    Key,
    Positive,
    PromiseConstants,
    RatioConstants,
    RecoveryConstants,
    RepeatConstants,
    ScoreConstants,
    Section,
    Share,
    ValueConstants,
)
from pipeline.core.policy.decide import DecidePolicy
from pipeline.core.policy.insights import InsightPolicy
from pipeline.core.policy.outlooks import Outlooks
from pipeline.core.policy.patterns import PatternPolicy
from pipeline.core.policy.retention import RetentionPolicy
from schemas.touchpoints.common import Channel, Intent, Money


class Limits(Section):
    """What bounds an event and the state of a customer."""

    earliest_time: AwareDatetime = datetime(1990, 1, 1, tzinfo=UTC)
    latest_time: AwareDatetime = datetime(2100, 1, 1, tzinfo=UTC)
    largest_lead_hours: Positive = 24.0
    event_bytes: Annotated[int, Field(ge=1_024, le=1_048_576)] = 262_144
    remembered_events: Annotated[int, Field(ge=1, le=1_024)] = 48
    kept_contributions: Annotated[int, Field(ge=1, le=64)] = 8
    kept_bytes: Annotated[
        int, Field(ge=256, le=16_384, description="For all of them, whatever their ids' length.")
    ] = 640
    failures: Annotated[int, Field(ge=1, le=64)] = 3
    promises: Annotated[int, Field(ge=1, le=64)] = 3
    rival_offers: Annotated[int, Field(ge=1, le=64)] = 3
    contacts: Annotated[int, Field(ge=1, le=64)] = 4
    alarms: Annotated[int, Field(ge=1, le=64)] = 12
    shown_patterns: Annotated[int, Field(ge=1, le=64)] = 3
    recent_contacts: Annotated[int, Field(ge=1, le=64)] = 4
    remembered_actions: Annotated[int, Field(ge=1, le=1_024)] = 32
    remembered_contacts: Annotated[int, Field(ge=1, le=256)] = 24
    pending: Annotated[int, Field(ge=1, le=64, description="Actions that wait.")] = 3
    pending_bytes: Annotated[int, Field(ge=128, le=4_096, description="For each of them.")] = 640
    cases: Annotated[int, Field(ge=1, le=64)] = 3
    state_bytes: Annotated[int, Field(ge=256, le=65_536)] = 12_288


class KanoCounts(Section):
    """Answers of a Kano survey, as counts (Berger et al. 1993)."""

    attractive: Annotated[float, Field(ge=0)]
    one_dimensional: Annotated[float, Field(ge=0)]
    must_be: Annotated[float, Field(ge=0)]
    indifferent: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _somebody_answered(self) -> "KanoCounts":
        if self.attractive + self.one_dimensional + self.must_be + self.indifferent <= 0:
            raise ValueError("at least one count must be above zero")
        return self


KanoClass = Literal["must_be", "one_dimensional", "attractive", "indifferent", "reverse"]
Layer = Literal["core_product", "supporting_service", "service_promise", "interaction", "emotion"]


class Dimension(Section):
    """One thing a customer notices."""

    layer: Layer
    department: Key
    kano: KanoClass | KanoCounts
    norm: Annotated[Share, Field(description="What a customer takes for granted.")]
    half_life_days: HalfLifeDays | None = None


class Tier(Section):
    """A grade of customer, and the dimensions that matter most to it.

    ``lift`` is added to every norm but of a must-be; ``cues`` are levels that the product itself
    implies.
    """

    named: dict[Key, Positive] = Field(default_factory=dict)
    baseline: Annotated[float, Field(gt=0, lt=100)] | None = None
    lift: Annotated[float, Field(ge=-0.5, le=0.5)] = 0.0
    cues: dict[Key, Share] = Field(default_factory=dict)


class FeltRow(Section):
    """One dimension felt in a touchpoint, and the evidence for it.

    ``failure``: a quality below the adequate level (a zone of tolerance under the expected one)
    weighs as an unresolved failure unless the event says ``resolved: true``. ``cue``: the level
    that the touch's presentation implies.
    """

    dimension: Key
    by: Evidence
    failure: bool = False
    cue: Share | None = None


class CaseStep(Section):
    """What a touch does to a failure on record; ``id`` is the measure that names the case.

    A resolution is judged by the measures of its justice where it has them; ``satisfied`` is the
    measure of the customer's own word.
    """

    id: Measure
    does: Literal["opens", "hands_over", "resolves", "confirms"]
    outcome: Measure | None = None
    treatment: Measure | None = None
    procedure: Measure | None = None
    satisfied: Measure | None = None

    def measures(self) -> tuple[str, ...]:
        """The paths that must exist in the event's data."""
        every = (self.id, self.outcome, self.treatment, self.procedure, self.satisfied)
        return tuple(measure for measure in every if measure is not None)


class Cost(Section):
    """What a touch costs the customer: a measure over what is acceptable."""

    kind: Literal["time", "effort", "money"]
    measure: Measure
    acceptable: Positive


class Touchpoint(Section):
    """One entry of the catalogue: an event type, or a name within ``touchpoint.observed.v1``.

    Of several entries of one type the first fits whose ``where`` does (measures and the values
    they must have), else the one without. ``unasked``: the company sought the contact, which may
    tire; ``initiative``: the customer did something for the company; ``cost``: what the contact
    costs the company.
    """

    event: str
    channel: Channel | Literal["app", "web", "none"]
    where: dict[Measure, str | bool] = Field(default_factory=dict)
    felt: tuple[FeltRow, ...] = ()
    costs: tuple[Cost, ...] = ()
    case: CaseStep | None = None
    unasked: bool = False
    initiative: bool = False
    cost: Money = 0.0


class PolicyFile(Section):
    """The whole file."""

    name: Key
    version: Annotated[str, Field(min_length=1, max_length=32)]
    score: ScoreConstants
    fatigue: FatigueConstants
    expectation: ExpectationConstants
    ratio: RatioConstants
    recovery: RecoveryConstants
    repeats: RepeatConstants
    promises: PromiseConstants
    value: ValueConstants
    character: CharacterPolicy = CharacterPolicy()
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")] = "en"
    limits: Limits = Limits()
    # Not part of what makes a policy another: how long rows are kept changes no score.
    retention: RetentionPolicy = Field(default=RetentionPolicy(), exclude=True)
    dimensions: Annotated[dict[Key, Dimension], Field(min_length=1, max_length=64)]
    default_tier: Key
    tiers: Annotated[dict[Key, Tier], Field(min_length=1, max_length=32)]
    intents: dict[Intent, dict[Key, Positive]]
    touchpoints: dict[Key, Touchpoint]
    patterns: PatternPolicy = PatternPolicy()
    care: CarePolicy = CarePolicy()
    decide: DecidePolicy = DecidePolicy()
    outlooks: Outlooks = Field(default_factory=dict)
    insights: InsightPolicy = InsightPolicy()
    calendars: dict[Key, CalendarPolicy] = Field(default_factory=dict)
    cases: CasePolicy | None = None
    campaigns: Annotated[dict[Key, CampaignPolicy], Field(max_length=256)] = Field(
        default_factory=dict
    )
    templates: dict[Key, dict[str, str]] = Field(default_factory=dict)
