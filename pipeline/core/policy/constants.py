"""The numbers of the model as an operator may set them: each with its source and interval."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.touchpoints.common import Channel

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
HalfLifeDays = Annotated[float, Field(ge=1 / 24, le=36_525)]


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


class NotNegativeConstant(Constant):
    """A constant of zero or more."""

    value: NotNegative


class ShareConstant(Constant):
    """A constant from 0 to 1."""

    value: Share


class FactorConstant(Constant):
    """A constant of one or more."""

    value: Annotated[float, Field(ge=1)]


class HalfLifeConstant(Constant):
    """Days in which something halves: an hour at least."""

    value: HalfLifeDays


class ScoreConstants(Section):
    """The constants of the score; what each does is said in ``perceive/``."""

    baseline: Annotated[PositiveConstant, Field(description="Score of who felt nothing, (0, 100).")]
    gain: PositiveConstant
    loss_aversion: PositiveConstant
    curvature: PositiveConstant
    largest_distance: PositiveConstant
    zone_of_tolerance: Annotated[
        ShareConstant, Field(description="Desired minus adequate level, above 0.")
    ]
    unresolved_severity: FactorConstant
    half_life_days: HalfLifeConstant
    confidence_prior: PositiveConstant
    spread: PositiveConstant
    named_share: ShareConstant

    @model_validator(mode="after")
    def _in_range(self) -> "ScoreConstants":
        if not 0 < self.baseline.value < 100:
            raise ValueError("baseline must lie between 0 and 100, both excluded")
        if not (self.zone_of_tolerance.value > 0 and self.named_share.value > 0):
            raise ValueError("zone_of_tolerance and named_share must be above 0")
        return self


class FatigueConstants(Section):
    """How contacts that the customer did not ask for wear out, channel by channel.

    Channels that ``channels`` does not name tire together, as one.
    """

    channels: tuple[Channel, ...] = ()

    free_contacts: NotNegativeConstant
    cost: NotNegativeConstant
    huber_width: PositiveConstant
    half_life_days: HalfLifeConstant
    department: Annotated[Key, Field(description="Who answers for too many contacts.")]


class ExpectationConstants(Section):
    """How norm, competition, promise and cues make one expected level.

    Each weighs by its precision, how surely the customer holds to it. ``settle_days`` is the time
    in which half of a rival's offer has become a norm.
    """

    norm_precision: PositiveConstant
    competition_precision: PositiveConstant
    promise_precision: PositiveConstant
    cue_precision: PositiveConstant
    settle_days: HalfLifeConstant
    typical_revenue: Annotated[
        PositiveConstant, Field(description="A month, in the operator's currency.")
    ]
    revenue_lift: Annotated[
        NotNegativeConstant, Field(description="Added to the norm per doubling of the revenue.")
    ]
    largest_lift: ShareConstant


class RatioConstants(Section):
    """Perceived over expected: what is remembered, what is used to, and the bands."""

    quality_prior: PositiveConstant
    experience_prior: PositiveConstant
    experience_share: Annotated[
        ShareConstant,
        Field(description="How much of what is better than expected becomes expected, at most."),
    ]
    experience_half_life_days: HalfLifeConstant
    inconsistency: Annotated[
        NotNegativeConstant, Field(description="Standard deviations taken off the mean quality.")
    ]
    target_low: PositiveConstant
    target_high: PositiveConstant

    @model_validator(mode="after")
    def _in_range(self) -> "RatioConstants":
        if not self.target_low.value < self.target_high.value <= 2:
            raise ValueError("target_low must be below target_high, and that at most 2")
        return self


class RecoveryConstants(Section):
    """What making good a failure takes off its weight, and what passing it on adds."""

    outcome_share: ShareConstant
    treatment_share: ShareConstant
    procedure_share: ShareConstant
    unknown_justice: ShareConstant
    bonus: Annotated[
        ShareConstant, Field(description="Gain on top, as a share of the settled failure.")
    ]
    bonus_from: Annotated[ShareConstant, Field(description="The justice that earns the bonus.")]
    second_failure_days: PositiveConstant
    free_hand_overs: NotNegativeConstant
    hand_over_growth: NotNegativeConstant
    largest_growth: FactorConstant

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "RecoveryConstants":
        total = self.outcome_share.value + self.treatment_share.value + self.procedure_share.value
        if abs(total - 1.0) > 1e-9:
            raise ValueError(
                f"outcome_share, treatment_share and procedure_share sum to {total:g}, not to 1"
            )
        return self


class RepeatConstants(Section):
    """When coming again on one topic shows that the matter was not settled, and how it feels."""

    dimension: Key
    within_hours: PositiveConstant
    quality: ShareConstant


class PromiseConstants(Section):
    """How the end of a promise feels, as a quality in the dimension of promises."""

    dimension: Key
    kept: ShareConstant
    late: ShareConstant
    withdrawn: ShareConstant
    broken: ShareConstant

    @model_validator(mode="after")
    def _worse_and_worse(self) -> "PromiseConstants":
        kept, late, withdrawn, broken = (
            each.value for each in (self.kept, self.late, self.withdrawn, self.broken)
        )
        if not (kept > late >= broken and kept > withdrawn >= broken):
            raise ValueError("kept must feel better than late and withdrawn, those than broken")
        return self


class ValueConstants(Section):
    """What customers give for service: the shares of time, effort and money, and a prior."""

    time_share: ShareConstant
    effort_share: ShareConstant
    money_share: ShareConstant
    largest_burden: FactorConstant
    prior: PositiveConstant

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "ValueConstants":
        total = self.time_share.value + self.effort_share.value + self.money_share.value
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"time_share, effort_share and money_share sum to {total:g}, not to 1")
        return self
