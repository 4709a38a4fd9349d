"""The campaign file: what a plan does to whom and when, checked before it is simulated.

A campaign has a ``name``, when it ``starts`` (RFC 3339), how many ``days`` are looked at, ``who``
it is for, and ``steps``. Every step says what it ``does``, ``after_days`` (from the start on, 0
by default) and ``to`` whom inside ``who`` (all by default). Levels and qualities are in [0, 1],
as the policy's norms are.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal, Union

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from pipeline.core.policy.check import Problem
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.constants import Key, NotNegative, Positive, Section, Share
from pipeline.core.policy.faults import SEE, FileError, fault_of, faults_of
from pipeline.core.policy.nodes import located, read_yaml
from schemas.ids import Id, Name
from schemas.touchpoints.common import Channel, Money
from schemas.touchpoints.customers import Cohort

_SEE = "see `touchpoint review --help`"


class Who(Section):
    """Customers who fit every list that is not empty, and of those a ``share``.

    The share is taken in the order of a stable hash of the customer's id and the campaign's name:
    the same customers every time.
    """

    tiers: tuple[Key, ...] = ()
    cohorts: tuple[Cohort, ...] = ()
    customers: tuple[Id, ...] = ()
    share: Annotated[float, Field(gt=0, le=1)] = 1.0


class _Step(Section):
    after_days: NotNegative = 0.0
    to: Who = Who()

    @property
    def last_day(self) -> float:
        """The day after the start on which the step's last event happens."""
        return self.after_days


class PromiseStep(_Step):
    """Each customer is promised a ``level`` in one dimension, due in ``due_days``.

    A ``kept_share`` of the promises is kept when due, a ``late_share`` is kept ``late_days`` after
    that, the others are broken when due. ``delivered`` is the quality that touches in the
    dimension will have from the promise on; without it, what the history shows.
    """

    does: Literal["promise"]
    dimension: Key
    level: Share
    due_days: Positive
    kept_share: Share = 1.0
    late_share: Share = 0.0
    late_days: Positive = 1.0
    delivered: Share | None = None

    @model_validator(mode="after")
    def _at_most_all(self) -> "PromiseStep":
        if self.kept_share + self.late_share > 1.0 + 1e-9:
            raise ValueError("kept_share and late_share together must be at most 1")
        return self

    @property
    def last_day(self) -> float:
        late = self.late_days if self.late_share > 0.0 else 0.0
        return self.after_days + self.due_days + late


class GiftStep(_Step):
    """Each customer gets a ``gift`` of an ``intensity``; ``cost`` is that of one gift.

    Without ``cost`` a gift costs what the policy's catalogue says.
    """

    does: Literal["gift"]
    gift: Name = "gift"
    intensity: Annotated[float, Field(gt=0, le=1)] = 1.0
    cost: Money | None = None


class BenchmarkStep(_Step):
    """What customers take for granted in one dimension changes ``by`` so much, or ``to_level``.

    ``delivered`` is the quality that touches in the dimension will have from then on; without it,
    what the history shows.
    """

    does: Literal["benchmark"]
    dimension: Key
    by: Annotated[float, Field(ge=-1, le=1)] | None = None
    to_level: Share | None = None
    delivered: Share | None = None

    @model_validator(mode="after")
    def _by_or_to(self) -> "BenchmarkStep":
        if (self.by is None) == (self.to_level is None):
            raise ValueError("say by or to_level, and not both")
        return self


class MessageStep(_Step):
    """Each customer gets ``count`` messages nobody asked for, one ``every_days``."""

    does: Literal["message"]
    channel: Channel
    count: Annotated[int, Field(ge=1, le=1_000)] = 1
    every_days: Positive = 1.0
    purpose: Literal["notice", "care", "marketing"] = "marketing"

    @property
    def last_day(self) -> float:
        return self.after_days + (self.count - 1) * self.every_days


Step = Annotated[
    Union[PromiseStep, GiftStep, BenchmarkStep, MessageStep],  # noqa: UP007
    Field(discriminator="does"),
]


class Campaign(Section):
    """The whole file."""

    name: Key
    starts: AwareDatetime
    days: Annotated[float, Field(gt=0, le=3_660)]
    who: Who = Who()
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=32)]


class CampaignError(FileError):
    """A campaign file that cannot be used."""


def load_campaign(text: str, *, name: str, policy: Policy) -> Campaign:
    """Make a campaign of the text of a YAML 1.2 file; ``name`` is the file's name for messages.

    Raises ``CampaignError`` with one line a problem: ``plan.yaml:7: steps.0.dimension: unknown
    dimension 'price_'; known: ...; do: did you mean 'price'?``.
    """
    root, content, faults = read_yaml(text, "a campaign is a mapping with name, starts, days, ...")
    if root is None:
        raise CampaignError(name, faults)
    try:
        campaign = Campaign.model_validate(content)
    except ValidationError as error:
        found = faults_of(error, Campaign)
        found = [f._replace(do=f.do and f.do.replace(SEE, _SEE)) for f in found]
        faults += located(root, found)
    else:
        problems = _problems(campaign, policy)
        faults += located(root, [fault_of(problem) for problem in problems])
        if not faults:
            return campaign
    raise CampaignError(name, faults)


def _problems(campaign: Campaign, policy: Policy) -> Iterator[Problem]:
    """Names that the policy does not know, and times that are not looked at."""
    limits = policy.limits
    ends = campaign.starts + timedelta(days=campaign.days)
    if campaign.starts < limits.earliest_time or ends > limits.latest_time:
        yield Problem(("starts",), "the campaign is outside the times that the policy allows")
    yield from _unknown_tiers(("who",), campaign.who, policy)
    for n, step in enumerate(campaign.steps):
        path = ("steps", str(n))
        yield from _unknown_tiers((*path, "to"), step.to, policy)
        if isinstance(step, PromiseStep | BenchmarkStep) and step.dimension not in policy.decays:
            known = ", ".join(policy.decays)
            what = f"unknown dimension {step.dimension!r}; known: {known}"
            yield Problem((*path, "dimension"), what)
        if step.last_day >= campaign.days:
            what = f"the step ends on day {step.last_day:g}; days must be more (here: "
            yield Problem(path, f"{what}{campaign.days:g})")


def _unknown_tiers(path: tuple[str, ...], who: Who, policy: Policy) -> Iterator[Problem]:
    for n, tier in enumerate(who.tiers):
        if tier not in policy.base_logits:
            known = ", ".join(policy.base_logits)
            yield Problem((*path, "tiers", str(n)), f"unknown tier {tier!r}; known: {known}")
