"""What a customer expects: norm, competition, promise and cues, each visible on its own.

The reference level ``e`` is their mean, weighted by precision. A rival's offer above the norm and
above the mean of the others counts from the moment it is known on; with time its precision passes
from competition to norm, so it settles there and ``e`` never falls back by itself. An open promise
counts until it ends, be it above the norm or below. A cue belongs to one touch or to the
customer's product. Dearer customers expect more: the norm rises with the revenue. Nothing here
depends on how this customer was served before.
"""

from math import log2
from typing import NamedTuple, Protocol

from pipeline.core.customer import Customer
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.numbers import Expectation
from schemas.perception import Sources


class Context(NamedTuple):
    """What one customer expects beyond the tier's norms at one time.

    ``lift`` is added to every norm but of a must-be; ``rivals`` (level and settled share) and
    ``promised`` (level) are by dimension.
    """

    lift: float
    rivals: dict[str, tuple[float, float]]
    promised: dict[str, float]


class Expected(NamedTuple):
    """The reference level and the sources it is the mean of, all in [0, 1]."""

    level: float
    norm: float
    competition: float | None
    promise: float | None
    cue: float | None

    def sources(self) -> Sources:
        """The sources, as they are published."""
        return Sources(self.norm, self.competition, self.promise, self.cue)


class Held(Protocol):
    """What a tier expects of a dimension, in a touch or apart from any."""

    @property
    def dimension(self) -> str: ...
    @property
    def norm(self) -> float: ...
    @property
    def cue(self) -> float | None: ...
    @property
    def lifts(self) -> bool: ...


def context_at(customer: Customer, at_s: float, policy: Policy) -> Context | None:
    """What ``customer`` expected at ``at_s`` beyond the norms; ``None`` if nothing."""
    revenue = revenue_at(customer, at_s)
    if revenue is None and not customer.rivals and not customer.promises:
        return None
    constants = policy.expectation
    rivals: dict[str, tuple[float, float]] = {}
    for offer in customer.rivals:
        known = rivals.get(offer.dimension)
        if offer.since_s <= at_s and (known is None or offer.level > known[0]):
            settled = 1.0 - 2.0 ** ((offer.since_s - at_s) / constants.settle_s)
            rivals[offer.dimension] = (offer.level, settled)
    promised: dict[str, float] = {}
    for promise in customer.promises:
        if promise.dimension is None or promise.level is None or promise.made_s is None:
            continue
        if promise.made_s <= at_s and not (promise.outcome and promise.outcome_s <= at_s):
            most = promised.get(promise.dimension, 0.0)
            promised[promise.dimension] = max(promise.level, most)
    return Context(revenue_lift(revenue, constants), rivals, promised)


def revenue_at(customer: Customer, at_s: float) -> float | None:
    """The customer's revenue a month as it was at ``at_s``."""
    profile = customer.profile
    if profile.since_s is None or at_s >= profile.since_s:
        return profile.revenue
    return profile.earlier_revenue


def revenue_lift(revenue: float | None, constants: Expectation) -> float:
    """How far a customer of this revenue a month expects more than the tier, zero or more."""
    if revenue is None or revenue <= constants.typical_revenue:
        return 0.0
    lift = constants.revenue_lift * log2(revenue / constants.typical_revenue)
    return min(lift, constants.largest_lift)


def expected_of(context: Context, held: Held, by: Expectation) -> Expected:
    """The reference expectation of one customer where the tier's is ``held``."""
    dimension, cue = held.dimension, held.cue
    norm = min(held.norm + context.lift, 1.0) if held.lifts else held.norm
    surely, total = by.norm_precision, by.norm_precision * norm
    promise = context.promised.get(dimension)
    if promise is not None:
        surely += by.promise_precision
        total += by.promise_precision * promise
    if cue is not None:
        surely += by.cue_precision
        total += by.cue_precision * cue
    competition = None
    rival = context.rivals.get(dimension)
    # It raises what is expected, and the norm it becomes, or says nothing.
    if rival is not None and rival[0] > max(norm, total / surely):
        competition, settled = rival
        surely += by.competition_precision
        total += by.competition_precision * competition
        moved = by.competition_precision * settled
        norm = (by.norm_precision * norm + moved * competition) / (by.norm_precision + moved)
    return Expected(total / surely, norm, competition, promise, cue)
