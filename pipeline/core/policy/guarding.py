"""The guards of a policy multiplied out into tables, for the hot path."""

from collections.abc import Mapping
from math import log
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.core.customer import digest_of
from pipeline.core.policy.care import ActionRule
from pipeline.core.policy.decide import CapRule, DecidePolicy, HoldOutRule
from pipeline.core.policy.models import PolicyFile
from pipeline.core.policy.ways import CLASSES, CONTACTS, KINDS, mask_of
from pipeline.core.zones import zone_of

HOUR_S = 3_600.0
_MONTHS = 12.0


class Cap(NamedTuple):
    """``most`` contacts in ``per_s`` by the channels of ``mask`` and of the kinds in ``kinds``."""

    name: str
    most: int
    per_s: float
    mask: int
    kinds: frozenset[int]


class QuietHours(NamedTuple):
    """``begins`` and ``ends`` are minutes of the day; over midnight where ``begins`` is later."""

    begins: int
    ends: int
    begins_text: str
    ends_text: str
    classes: frozenset[str]


class Rival(NamedTuple):
    """An action that does not go with another, within ``within_s`` before it."""

    name: str
    within_s: float


class Worth(NamedTuple):
    """``point`` is what a point of score is worth of a unit of a month's revenue."""

    classes: frozenset[str]
    point: float
    typical_revenue: float
    largest_factor: float
    tiers: Mapping[str, float]


class LowScore(NamedTuple):
    """As the policy says it; ``logit`` is that of ``below``."""

    below: float
    logit: float
    confidence: float
    evaluations: int
    clear_errors: float


class Guarding(NamedTuple):
    """What the guards ask.

    ``rivals`` has for each action those that it does not go with, by the digest of their name.
    ``remembered_s`` says how long a contact of each kind may matter. ``quiet`` is by tier.
    """

    passing: frozenset[str]
    hold_outs: Mapping[str, HoldOutRule]
    complaint_classes: frozenset[str]
    complaint_actions: frozenset[str]
    overdone_classes: frozenset[str]
    worth: Worth | None
    cool_s: Mapping[str, float]
    caps: tuple[Cap, ...]
    rivals: Mapping[str, Mapping[bytes, Rival]]
    remembered_s: tuple[float, ...]
    quiet: Mapping[str, QuietHours]
    zone: ZoneInfo
    low_score: LowScore | None


def guarding_of(file: PolicyFile, rules: Mapping[str, ActionRule]) -> Guarding:
    """Multiply the guards of a checked policy out; ``rules`` are its actions."""
    said = file.decide
    cool = said.cool_down
    cool_s: dict[str, float] = {}
    if cool is not None:
        cool_s.update(dict.fromkeys(cool.classes, cool.days.value * 24 * HOUR_S))
    caps, rivals = tuple(_cap(rule) for rule in said.caps), _rivals(rules)
    longest_s = max((r.within_s for each in rivals.values() for r in each.values()), default=0.0)
    # An event may lie ahead of the clock, and one that comes after it may lie on the clock.
    lead_s = file.limits.largest_lead_hours * HOUR_S
    over = said.over_delivery
    return Guarding(
        passing=frozenset(said.non_suppressible),
        hold_outs=MappingProxyType(dict(said.hold_outs)),
        complaint_classes=frozenset(said.open_complaint.classes),
        complaint_actions=frozenset(said.open_complaint.actions),
        overdone_classes=frozenset(() if over is None else over.classes),
        worth=_worth(file),
        cool_s=MappingProxyType(cool_s),
        caps=caps,
        rivals=rivals,
        remembered_s=tuple(
            lead_s
            + max(
                longest_s,
                cool_s.get(name, 0.0),
                *(cap.per_s for cap in caps if KINDS[name] in cap.kinds),
                0.0,
            )
            for name in CLASSES
        ),
        quiet=MappingProxyType(_quiet(file)),
        zone=_zone(said),
        low_score=_low_score(said),
    )


def _cap(rule: CapRule) -> Cap:
    return Cap(
        name=rule.name,
        most=rule.most,
        per_s=rule.per_hours * HOUR_S,
        mask=mask_of(rule.channels) if rule.channels else CONTACTS,
        kinds=frozenset(KINDS[name] for name in rule.classes or CLASSES),
    )


def _rivals(rules: Mapping[str, ActionRule]) -> Mapping[str, Mapping[bytes, Rival]]:
    """Both ways: what does not go after another does not go before it either."""
    found: dict[str, dict[bytes, Rival]] = {}
    for rule in rules.values():
        for other in rule.conflicts:
            for one, two in ((rule.name, other), (other, rule.name)):
                known = found.setdefault(one, {}).get(digest_of(two))
                within_s = rule.conflict_s if known is None else max(known[1], rule.conflict_s)
                found[one][digest_of(two)] = Rival(two, within_s)
    return MappingProxyType(found)


def _worth(file: PolicyFile) -> Worth | None:
    rule = file.decide.worth
    if rule is None:
        return None
    return Worth(
        classes=frozenset(rule.classes),
        point=rule.year_share.value * _MONTHS,
        typical_revenue=file.expectation.typical_revenue.value,
        largest_factor=rule.largest_factor.value,
        tiers=MappingProxyType(dict(rule.tiers)),
    )


def _zone(said: DecidePolicy) -> ZoneInfo:
    zone = zone_of("UTC" if said.quiet is None else said.quiet.zone)
    assert zone is not None  # noqa: S101 - the model of the policy has looked
    return zone


def _quiet(file: PolicyFile) -> dict[str, QuietHours]:
    quiet = file.decide.quiet
    if quiet is None:
        return {}
    hours = {}
    for tier in file.tiers:
        own = quiet.tiers.get(tier)
        begins = (own and own.begins) or quiet.begins
        ends = (own and own.ends) or quiet.ends
        classes = quiet.classes if own is None or own.classes is None else own.classes
        hours[tier] = QuietHours(_minutes(begins), _minutes(ends), begins, ends, frozenset(classes))
    return hours


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _low_score(said: DecidePolicy) -> LowScore | None:
    rule = said.low_score
    if rule is None:
        return None
    below = rule.below.value
    return LowScore(
        below=below,
        logit=log(below / (100.0 - below)),
        confidence=rule.confidence.value,
        evaluations=rule.evaluations,
        clear_errors=rule.clear_errors.value,
    )
