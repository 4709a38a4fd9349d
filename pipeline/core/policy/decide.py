"""What keeps care from being done, as the policy file says it; what is absent is not asked."""

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.core.policy.constants import (
    FactorConstant,
    Key,
    NotNegativeConstant,
    Positive,
    PositiveConstant,
    Section,
    ShareConstant,
)
from pipeline.core.zones import zone_of
from schemas.care import ActionClass
from schemas.touchpoints.common import Channel

TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""``HH:MM``, 00:00 to 23:59."""


class QuietRule(Section):
    """Quiet hours of one tier; absent parts are those of the general rule."""

    begins: TimeOfDay | None = None
    ends: TimeOfDay | None = None
    classes: tuple[ActionClass, ...] | None = None


class QuietPolicy(Section):
    """Hours of the customer's day in which actions of ``classes`` wait.

    ``zone`` is the time zone of customers of whom none is known.
    """

    begins: TimeOfDay
    ends: TimeOfDay
    zone: Annotated[str, Field(max_length=48)]
    classes: tuple[ActionClass, ...]
    tiers: dict[Key, QuietRule] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _zone_is_known(self) -> "QuietPolicy":
        if zone_of(self.zone) is None:
            raise ValueError(f"unknown time zone {self.zone!r}: an IANA name such as Asia/Shanghai")
        for rule in (QuietRule(), *self.tiers.values()):
            if (rule.begins or self.begins) == (rule.ends or self.ends):
                raise ValueError(
                    "quiet hours that end when they begin: the whole day or none of it?"
                )
        return self


class CapRule(Section):
    """At most ``most`` contacts within ``per_hours``, of some channels and classes or of all."""

    name: Key
    most: Annotated[int, Field(ge=0, le=1_000)]
    per_hours: Annotated[Positive, Field(le=24 * 366)]
    channels: tuple[Channel, ...] = ()
    classes: tuple[ActionClass, ...] = ()
    source: Annotated[str, Field(min_length=3)]


class CoolDownRule(Section):
    """So many days pass between two actions of one of ``classes``."""

    days: PositiveConstant
    classes: tuple[ActionClass, ...]


class HoldOutRule(Section):
    """A share of customers goes without an action, so that its worth can be told.

    Who does is decided by a hash of ``salt`` and customer; with ``cohorts`` of the cohort, where
    peers compare. Actions with the same salt leave out the same customers.
    """

    salt: Annotated[str, Field(min_length=1, max_length=64)]
    share: ShareConstant
    cohorts: bool = False


class OpenComplaintRule(Section):
    """What is not done while a complaint is open: whole classes, or single actions."""

    classes: tuple[ActionClass, ...] = ()
    actions: tuple[Key, ...] = ()


class OverDeliveryRule(Section):
    """What is not done for a customer whose ratio is above the target band (``ratio``)."""

    classes: tuple[ActionClass, ...]


class WorthRule(Section):
    """Actions of ``classes`` must be worth more than they cost.

    One point of score is worth ``year_share`` of a year's revenue, that of ``expectation`` where
    the customer's is not known; it counts at most ``largest_factor`` times that one, and at least
    the same part of it. ``tiers`` multiply it.
    """

    classes: tuple[ActionClass, ...]
    year_share: ShareConstant
    largest_factor: FactorConstant
    tiers: dict[Key, Positive] = Field(default_factory=dict)


class LowScoreRule(Section):
    """When a score calls for care, and when it may do so again.

    Below ``below`` with ``confidence`` in ``evaluations`` that follow each other; again only after
    it was ``clear_errors`` standard errors above.
    """

    below: Annotated[PositiveConstant, Field(description="Score, (0, 100).")]
    confidence: ShareConstant
    evaluations: Annotated[int, Field(ge=1, le=100)] = 2
    clear_errors: NotNegativeConstant

    @model_validator(mode="after")
    def _is_a_score(self) -> "LowScoreRule":
        if self.below.value >= 100:
            raise ValueError("below must lie between 0 and 100, both excluded")
        return self


class DecidePolicy(Section):
    """The guards that a policy can set.

    Classes in ``non_suppressible`` pass caps and cool-down, and are not counted by them; consent
    they need as all do.
    """

    non_suppressible: tuple[ActionClass, ...] = ("required",)
    hold_outs: dict[Key, HoldOutRule] = Field(default_factory=dict)
    open_complaint: OpenComplaintRule = OpenComplaintRule()
    over_delivery: OverDeliveryRule | None = None
    worth: WorthRule | None = None
    cool_down: CoolDownRule | None = None
    caps: Annotated[tuple[CapRule, ...], Field(max_length=32)] = ()
    quiet: QuietPolicy | None = None
    low_score: LowScoreRule | None = None
