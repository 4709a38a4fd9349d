"""The patterns over time as the policy file says them: one section each, absent ones are off."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.policy.constants import (
    Constant,
    Key,
    NotNegative,
    Positive,
    PositiveConstant,
    Section,
)


class MissingAlertPolicy(Section):
    """A transaction over the customer's threshold, and no alert about it in time."""

    within_seconds: Positive


YEAR_HOURS = 8_784.0
Hours = Annotated[float, Field(gt=0, le=YEAR_HOURS)]
ContactWay = Literal["app", "message", "phone", "shop", "repair", "complaint"]


class HoursConstant(Constant):
    """A constant of hours, above zero and within a year."""

    value: Hours


class DaysConstant(Constant):
    """A constant of days, above zero and within a year."""

    value: Annotated[float, Field(gt=0, le=366)]


class CountConstant(Constant):
    """A constant that counts: two or more."""

    value: Annotated[int, Field(ge=2, le=16)]


class RepeatContactPolicy(Section):
    """An inbound contact on a topic that was said to be settled so many hours before at most."""

    within_hours: HoursConstant


class EscalationPolicy(Section):
    """So many contacts within days, each less pleased or by a graver way than the one before.

    ``ways`` go from the least to the gravest; one that is left out says nothing.
    """

    contacts: CountConstant
    within_days: PositiveConstant
    ways: tuple[ContactWay, ...] = ("app", "message", "phone", "shop", "complaint")


class SilencePolicy(Section):
    """Nobody gets in touch within so many hours of a complaint; ``tiers`` have hours of their own.

    Hours of the clock, not of business: who complains on a Friday waits over the weekend, too.
    """

    within_hours: HoursConstant
    tiers: dict[Key, Hours] = Field(default_factory=dict)


class CheckInPolicy(Section):
    """So many days after a complaint was closed nothing was heard of the customer."""

    after_days: DaysConstant


class LatePromisePolicy(Section):
    """A promise is late from its due time on; there is nothing more to say."""


class DoubleFailurePolicy(Section):
    """A second failure within ``recovery.second_failure_days``; ``owner`` is who is senior."""

    owner: Key


class HoveringPolicy(Section):
    """More unasked contacts than ``fatigue.free_contacts``, and none sought within the days."""

    within_days: PositiveConstant


class BuckPolicy(Section):
    """Hand-overs beyond ``recovery.free_hand_overs``; ``owner`` where none is named."""

    owner: Key


class PatternPolicy(Section):
    """Every pattern; one without a section is not looked for.

    ``lateness_seconds`` is how long a pattern of absence waits for events that come late. An
    absence that is found out more than ``history_days`` later is history: what else nobody told
    of then cannot be known, so it is not felt.
    """

    lateness_seconds: Annotated[NotNegative, Field(le=7 * 86_400)] = 5.0
    history_days: Positive = 7.0
    missing_alert: MissingAlertPolicy | None = None
    repeat_contact: RepeatContactPolicy | None = None
    escalation: EscalationPolicy | None = None
    silence_after_complaint: SilencePolicy | None = None
    check_in: CheckInPolicy | None = None
    late_against_promise: LatePromisePolicy | None = None
    double_failure: DoubleFailurePolicy | None = None
    hovering: HoveringPolicy | None = None
    passing_the_buck: BuckPolicy | None = None
