"""Which scores match a subscription, and what is to be told of a change: pure, without a clock.

A crossing is a change between matching and not, seen from what was last known of the customer. So
crossings alternate, and the last one told says how the customer stands.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from schemas.deliveries import Crossing, Standing
from schemas.ids import action_id
from schemas.perception import Band, PolicyRef
from schemas.subscriptions import Edge, ScoreCondition, ScoreNotice, Subscription


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What of a score is looked at; see ``schemas.perception.Score``."""

    customer: str
    score: float
    baseline: float
    band: Band
    ratio: float
    confidence: float
    tier: str
    as_of: datetime
    policy: PolicyRef
    merged_into: str | None = None


Standings = Mapping[tuple[str, str], Standing]
"""By subscription and customer; who is not in it never matched."""

_NEVER: Final = Standing()


def reading_of(row: Mapping[str, object]) -> Reading:
    """From a row of a feed. Raises ``msgspec.ValidationError`` if it is no score."""
    # By our own names: a database's are strings of a kind that msgspec does not take for keys.
    known = {name: row[name] for name in Reading.__struct_fields__ if name in row}
    return msgspec.convert(known, Reading)


def matches(condition: ScoreCondition, reading: Reading) -> bool:
    """Whether a score satisfies all that ``condition`` gives."""
    return (
        reading.merged_into is None
        and (condition.below is None or reading.score < condition.below)
        and (condition.above is None or reading.score > condition.above)
        and (not condition.bands or reading.band in condition.bands)
        and (not condition.tiers or reading.tier in condition.tiers)
        and reading.confidence >= condition.min_confidence
    )


def crossings(
    subscriptions: Iterable[Subscription], readings: Iterable[Reading], standings: Standings
) -> Iterator[Crossing]:
    """What ``readings``, in the order of their changes, mean to each of ``subscriptions``."""
    found = [*readings]
    for subscription in subscriptions:
        now = {
            reading.customer: standings.get((subscription.id, reading.customer), _NEVER)
            for reading in found
        }
        for reading in found:
            before = now[reading.customer]
            if matches(subscription.condition, reading) != before.matches:
                crossed = cross(subscription.id, reading, before)
                now[reading.customer] = crossed.standing
                yield crossed


def cross(subscription: str, reading: Reading, before: Standing) -> Crossing:
    """The crossing from ``before`` to its opposite; the same for the same crossing, always."""
    standing = Standing(not before.matches, before.crossings + 1)
    edge: Edge = "entered" if standing.matches else "left"
    notice = ScoreNotice(
        id=action_id(
            "score_notice", reading.customer, f"urn:{subscription}", str(standing.crossings)
        ),
        subscription=subscription,
        customer=reading.customer,
        edge=edge,
        crossing=standing.crossings,
        score=reading.score,
        baseline=reading.baseline,
        band=reading.band,
        ratio=reading.ratio,
        confidence=reading.confidence,
        tier=reading.tier,
        as_of=reading.as_of,
        policy=reading.policy,
        merged_into=reading.merged_into,
    )
    return Crossing(subscription, reading.customer, standing, notice)


def trial_notice(identity: str, subscription: str, now: datetime) -> ScoreNotice:
    """What is sent to try a subscription out; ``identity`` is a new id."""
    return ScoreNotice(
        id=identity,
        subscription=subscription,
        customer="test",
        edge="entered",
        crossing=0,
        score=50.0,
        baseline=75.0,
        band="tolerated",
        ratio=0.8,
        confidence=0.5,
        tier="test",
        as_of=now,
        policy=PolicyRef("test", "0", ""),
        test=True,
    )
