"""What in a review speaks against a campaign: each with a reason code, and in plain words."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from pipeline.core.policy.compiled import Policy
from pipeline.tools.review import CLEAR_POINTS, Effect, Felt, Group, Review
from pipeline.tools.review_campaign import BenchmarkStep, GiftStep, PromiseStep, Who

Code = Literal[
    "delivery_unknown",
    "fatigue",
    "hurts_many",
    "inflates_expectation",
    "promise_beyond_delivery",
    "reaches_nobody",
    "splits_cohort",
    "unknown_customers",
]

_NOTICEABLE: Final = 0.001
"""A mean level in [0, 1] that changes by less is taken as unchanged."""

_SLIGHT_POINTS: Final = 0.1
"""A score that changes by less, of 100 points, is taken as unchanged."""

_FEW: Final = 0.2
_MOST: Final = 0.5


class Warned(NamedTuple):
    """One warning. ``where``: the group or the step (``steps.0``) that it is about."""

    code: Code
    where: str
    text: str


def warnings_of(review: Review, policy: Policy) -> list[Warned]:
    """Everything that speaks against the campaign, in a fixed order."""
    target = policy.ratio.target_low
    found = [*_promised(review), *_reach(review)]
    groups = [group for group in review.groups if group.kind != "all"]
    for group in groups:
        if not _is_as_promised(review, group):
            found += _inflated(group, target)
    for group in review.groups:
        members = [e for e in review.effects.values() if _is_member(e, group)]
        found += _hurt(group, [effect.score.change for effect in members])
    return [*found, *_split(review), *_tired(review, policy)]


def _promised(review: Review) -> Iterator[Warned]:
    for n, reach in enumerate(review.reached):
        step = reach.step
        if not isinstance(step, PromiseStep) or not reach.customers:
            continue
        where, said = f"steps.{n}", f"promised is {step.level:.2f} in {step.dimension}"
        delivered = _delivered(review, step, reach.customers)
        if delivered is None:
            what = "no touch in the days before the start shows what is delivered there"
            yield Warned("delivery_unknown", where, f"{said}; {what}")
        elif delivered < step.level:
            what = f"{said}, delivered is {delivered:.2f} on the mean"
            yield Warned("promise_beyond_delivery", where, what)


def _is_as_promised(review: Review, group: Group) -> bool:
    """Whether all that reaches a group are promises, every one kept, that delivery lives up to.

    What its customers perceive then lags what they were promised only as memory lags what
    happens. Any other step, or less delivered to this group, is looked at.
    """
    for reach in review.reached:
        names = [name for name in reach.customers if _is_member(review.effects[name], group)]
        if not names:
            continue
        step = reach.step
        if not isinstance(step, PromiseStep) or step.kept_share < 1.0:
            return False
        delivered = _delivered(review, step, names)
        if delivered is None or delivered < step.level:
            return False
    return True


def _delivered(review: Review, step: PromiseStep, names: Iterable[str]) -> float | None:
    """The quality these customers will get where they were promised one, as far as is known."""
    if step.delivered is not None:
        return step.delivered
    announced = _announced(review, step.dimension)
    return _shown(review, names, step.dimension) if announced is None else announced


def _announced(review: Review, dimension: str) -> float | None:
    """The quality that a change of benchmark says will be delivered."""
    for step in review.campaign.steps:
        if isinstance(step, BenchmarkStep) and step.dimension == dimension:
            return step.delivered
    return None


def _shown(review: Review, names: Iterable[str], dimension: str) -> float | None:
    """The mean quality that these customers felt in the days that are repeated."""
    total, touches = 0.0, 0
    for name in names:
        delivered = review.pasts[name].delivered.get(dimension)
        if delivered is not None:
            total += delivered.total
            touches += delivered.touches
    return total / touches if touches else None


def _reach(review: Review) -> Iterator[Warned]:
    named: list[tuple[str, Who]] = [("who", review.campaign.who)]
    named += [(f"steps.{n}.to", step.to) for n, step in enumerate(review.campaign.steps)]
    for where, who in named:
        unknown = sorted(set(who.customers) - set(review.pasts))
        if unknown:
            some = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
            what = f"{len(unknown)} of its customers are not in the history: {some}"
            yield Warned("unknown_customers", where, what)
    for n, reach in enumerate(review.reached):
        if not reach.customers:
            what = f"the {reach.step.does} reaches no customer of the history"
            yield Warned("reaches_nobody", f"steps.{n}", what)


def _inflated(group: Group, target: float) -> Iterator[Warned]:
    """Expectation that outgrows what is perceived: for good, or while a promise is open.

    One that is open and that what is perceived covers is none: it passes when it is kept.
    """
    if _outgrows(group.felt):
        what = f"in the end expectation {_grown(group.felt)}"
        yield Warned("inflates_expectation", group.title, f"{group.title}: {what}")
        return
    for day, felt in group.passing:
        if _outgrows(felt) and felt.ratio.with_campaign < target:
            what = f"while a promise is open (day {day:g}) expectation {_grown(felt)}"
            yield Warned("inflates_expectation", group.title, f"{group.title}: {what}")
            return


def _outgrows(felt: Felt) -> bool:
    grown = felt.expectation.change
    return grown > _NOTICEABLE and grown - felt.perceived.change > _NOTICEABLE


def _grown(felt: Felt) -> str:
    ratio = f"the ratio goes from {felt.ratio.without:.3f} to {felt.ratio.with_campaign:.3f}"
    return (
        f"grows by {felt.expectation.change:.3f}, what is perceived "
        f"by {felt.perceived.change:.3f}; {ratio}"
    )


def _is_member(effect: Effect, group: Group) -> bool:
    return group.kind == "all" or group.name == (
        effect.tier if group.kind == "tier" else effect.cohort
    )


def _hurt(group: Group, changes: list[float]) -> Iterator[Warned]:
    """More customers fall clearly than rise, or most fall while few have all the gain."""
    count = len(changes)
    fell = sum(change < -CLEAR_POINTS for change in changes)
    rose = sum(change > CLEAR_POINTS for change in changes)
    if fell > rose:
        what = f"the score of {fell} of {count} falls by more than {CLEAR_POINTS:g} point"
        text = f"{group.title}: {what}, that of {rose} rises"
        yield Warned("hurts_many", group.title, text)
        return
    fell = sum(change < -_SLIGHT_POINTS for change in changes)
    rose = sum(change > _SLIGHT_POINTS for change in changes)
    if fell > _MOST * count and rose < _FEW * count:
        what = f"the score of {fell} of {count} falls a little, that of {rose} rises"
        yield Warned("hurts_many", group.title, f"{group.title}: {what}")


def _split(review: Review) -> Iterator[Warned]:
    cohorts = Counter(past.cohort for past in review.pasts.values() if past.cohort is not None)
    for n, reach in enumerate(review.reached):
        if not isinstance(reach.step, GiftStep):
            continue
        given = Counter(review.pasts[name].cohort for name in reach.customers)
        for cohort in sorted(cohorts):
            if 0 < given[cohort] < cohorts[cohort]:
                what = f"{given[cohort]} of {cohorts[cohort]} get {reach.step.gift!r}"
                text = f"in cohort {cohort} {what}; those left out can see it"
                yield Warned("splits_cohort", f"steps.{n}", text)


def _tired(review: Review, policy: Policy) -> Iterator[Warned]:
    tired = sum(effect.tired for effect in review.effects.values())
    if tired:
        reached = sum(effect.reached for effect in review.effects.values())
        free = f"the {policy.fatigue.free_contacts:g} unasked contacts that are free"
        text = f"{tired} of {reached} reached are contacted beyond {free}"
        yield Warned("fatigue", "all", text)
