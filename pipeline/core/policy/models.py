"""The policy file as models: what an operator may say, and within which limits."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from pipeline.core.perceive.evidence import Evidence
from schemas.care import ActionClass
from schemas.touchpoints.common import Channel, Intent, Money

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A part of the file. An unknown key is an error: it is a typing mistake or a wish unmet."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Constant(Section):
    """A number with the place it comes from, and the interval it was published with."""

    value: float
    source: Annotated[str, Field(min_length=3)]
    interval: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _value_is_in_interval(self) -> "Constant":
        if self.interval and not self.interval[0] <= self.value <= self.interval[1]:
            raise ValueError(f"value {self.value} is outside its interval {list(self.interval)}")
        return self


class PositiveConstant(Constant):
    """A constant above zero."""

    value: Positive


class ScoreConstants(Section):
    """The constants of the score's formulas; what each does is said in ``perceive/``."""

    baseline: Annotated[PositiveConstant, Field(description="Score of who felt nothing, (0, 100)")]
    gain: PositiveConstant
    loss_aversion: PositiveConstant
    curvature: PositiveConstant
    largest_distance: PositiveConstant
    zone_of_tolerance: PositiveConstant
    unresolved_severity: PositiveConstant
    half_life_days: PositiveConstant
    confidence_prior: PositiveConstant
    spread: PositiveConstant
    named_share: PositiveConstant

    @model_validator(mode="after")
    def _in_range(self) -> "ScoreConstants":
        if not 0 < self.baseline.value < 100:
            raise ValueError("baseline must lie between 0 and 100, both excluded")
        if self.named_share.value > 1:
            raise ValueError("named_share is a share of 1")
        if self.half_life_days.value < 1 / 24:
            raise ValueError("half_life_days must be at least an hour (0.0417)")
        return self


class FatigueConstants(Section):
    """How contacts that the customer did not ask for wear out."""

    free_contacts: Constant
    cost: Constant
    huber_width: PositiveConstant
    half_life_days: PositiveConstant


class Limits(Section):
    """What bounds an event and the state of a customer."""

    earliest_time: AwareDatetime = datetime(1990, 1, 1, tzinfo=UTC)
    latest_time: AwareDatetime = datetime(2100, 1, 1, tzinfo=UTC)
    largest_lead_hours: Positive = 24.0
    event_bytes: Annotated[int, Field(ge=1_024, le=1_048_576)] = 262_144
    remembered_events: Annotated[int, Field(ge=1, le=1_024)] = 48
    kept_contributions: Annotated[int, Field(ge=1, le=64)] = 8
    state_bytes: Annotated[int, Field(ge=256, le=65_536)] = 3_072


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
    half_life_days: Annotated[float, Field(ge=1 / 24)] | None = None


class Tier(Section):
    """A grade of customer, and the dimensions that matter most to it."""

    named: dict[Key, Positive] = {}
    baseline: Annotated[float, Field(gt=0, lt=100)] | None = None


class FeltRow(Section):
    """One dimension felt in a touchpoint, and the evidence for it.

    ``failure``: a quality below what was expected weighs as an unresolved failure unless the
    event says ``resolved: true``.
    """

    dimension: Key
    by: Evidence
    failure: bool = False


class Touchpoint(Section):
    """One entry of the catalogue: an event type, or a name within ``touchpoint.observed.v1``."""

    event: str
    channel: Channel | Literal["app", "web", "none"]
    felt: tuple[FeltRow, ...] = ()


class AlertRule(Section):
    """When an alert is sent and by which channel; absent parts fall back to the rule above."""

    threshold: Money | None = None
    channel: Channel | None = None


class TransactionAlertPolicy(Section):
    """The instant alert: any amount by default, otherwise by tier; the customer's word wins."""

    enabled: bool = True
    action_class: ActionClass = "required"
    threshold: Money = 0.0
    channel: Channel = "sms"
    kinds: tuple[str, ...] = ("purchase", "withdrawal", "transfer")
    template: Key = "transaction_alert"
    tiers: dict[Key, AlertRule] = {}


class CarePolicy(Section):
    """What may be done for a customer, one section an action."""

    transaction_alert: TransactionAlertPolicy = TransactionAlertPolicy()


class PolicyFile(Section):
    """The whole file."""

    name: Key
    version: Annotated[str, Field(min_length=1, max_length=32)]
    score: ScoreConstants
    fatigue: FatigueConstants
    limits: Limits = Limits()
    dimensions: Annotated[dict[Key, Dimension], Field(min_length=1, max_length=64)]
    default_tier: Key
    tiers: Annotated[dict[Key, Tier], Field(min_length=1, max_length=32)]
    intents: dict[Intent, dict[Key, Positive]]
    touchpoints: dict[Key, Touchpoint]
    care: CarePolicy = CarePolicy()
