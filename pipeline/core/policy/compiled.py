"""A policy compiled: constants and tables, so that the hot path looks nothing up by name."""

from collections.abc import Mapping
from math import log
from types import MappingProxyType
from typing import NamedTuple

from pipeline.core.perceive.decay import FIXED
from pipeline.core.policy.care import ActionRule, CarePolicy, action_rules, by_trigger
from pipeline.core.policy.character import CharacterPolicy
from pipeline.core.policy.check import OBSERVED, is_core
from pipeline.core.policy.guarding import Guarding, guarding_of
from pipeline.core.policy.models import Limits, PolicyFile
from pipeline.core.policy.numbers import (
    DAY_S,
    Expectation,
    Fatigue,
    Promises,
    Ratio,
    Recovery,
    Repeats,
    Standing,
    Value,
    expectation_of,
    fatigue_of,
    promises_of,
    ratio_of,
    recovery_of,
    repeats_of,
    standing_of,
    value_of,
)
from pipeline.core.policy.outlooks import OutlookRule, outlook_rules
from pipeline.core.policy.patterns import PatternPolicy
from pipeline.core.policy.plan import Candidate, Plan, compile_candidates, compile_plans
from schemas.perception import PolicyRef


class Policy(NamedTuple):
    """A policy ready for the hot path.

    ``half_lives_s`` are the half-lives in seconds; a ``decay`` elsewhere is an index into them
    (``decays``: of each dimension). ``plans`` are found by tier, intent and touchpoint name;
    ``by_event`` has the touchpoints of an event type. ``standing`` is by tier, ``actions`` by name,
    ``triggers`` has the actions that wait for each trigger.
    """

    ref: PolicyRef
    limits: Limits
    earliest_s: float
    latest_s: float
    care: CarePolicy
    actions: Mapping[str, ActionRule]
    triggers: Mapping[str, tuple[ActionRule, ...]]
    decide: Guarding
    patterns: PatternPolicy
    outlooks: tuple[OutlookRule, ...]
    character: CharacterPolicy
    default_tier: str
    base_logits: Mapping[str, float]
    baselines: Mapping[str, float]
    curvature: float
    largest_distance: float
    confidence_prior: float
    spread: float
    half_lives_s: tuple[float, ...]
    decays: Mapping[str, int]
    core_dimensions: frozenset[str]
    fatigue: Fatigue
    expectation: Expectation
    ratio: Ratio
    recovery: Recovery
    repeats: Repeats
    promises: Promises
    value: Value
    standing: Mapping[str, Mapping[str, Standing]]
    by_event: Mapping[str, tuple[Candidate, ...]]
    observed: frozenset[str]
    plans: Mapping[tuple[str, str, str], Plan]
    file: PolicyFile


def compile_policy(file: PolicyFile, ref: PolicyRef) -> Policy:
    """Multiply a checked policy file out into tables."""
    half_lives, rules = _half_lives(file), action_rules(file.care)
    triggers = by_trigger(rules)
    decays = {name: _decay(file, half_lives, name) for name in file.dimensions}
    baselines = {
        name: file.score.baseline.value if tier.baseline is None else tier.baseline
        for name, tier in file.tiers.items()
    }
    return Policy(
        ref=ref,
        limits=file.limits,
        earliest_s=file.limits.earliest_time.timestamp(),
        latest_s=file.limits.latest_time.timestamp(),
        care=file.care,
        actions=MappingProxyType(rules),
        triggers=MappingProxyType(triggers),
        decide=guarding_of(file, rules),
        patterns=file.patterns,
        outlooks=outlook_rules(file.outlooks, triggers),
        character=file.character,
        default_tier=file.default_tier,
        base_logits=MappingProxyType({n: log(b / (100.0 - b)) for n, b in baselines.items()}),
        baselines=MappingProxyType(baselines),
        curvature=file.score.curvature.value,
        largest_distance=file.score.largest_distance.value,
        confidence_prior=file.score.confidence_prior.value,
        spread=file.score.spread.value,
        half_lives_s=half_lives,
        decays=MappingProxyType(decays),
        core_dimensions=frozenset(n for n, d in file.dimensions.items() if is_core(d.kano)),
        fatigue=fatigue_of(file),
        expectation=expectation_of(file),
        ratio=ratio_of(file),
        recovery=recovery_of(file),
        repeats=repeats_of(file),
        promises=promises_of(file),
        value=value_of(file),
        standing=MappingProxyType({tier: standing_of(file, tier) for tier in file.tiers}),
        by_event=MappingProxyType(compile_candidates(file)),
        observed=frozenset(n for n, t in file.touchpoints.items() if t.event == OBSERVED),
        plans=MappingProxyType(compile_plans(file, decays)),
        file=file,
    )


def _half_lives(file: PolicyFile) -> tuple[float, ...]:
    # The first places are fixed: see perceive.decay. They may hold the same number.
    contacts = file.fatigue.half_life_days.value
    fixed = (
        file.score.half_life_days.value,
        contacts,
        contacts / 2.0,
        file.ratio.experience_half_life_days.value,
    )
    own = {d.half_life_days for d in file.dimensions.values()} - {None, fixed[0]}
    return tuple(days * DAY_S for days in (*fixed, *sorted(days for days in own if days)))


def _decay(file: PolicyFile, half_lives: tuple[float, ...], dimension: str) -> int:
    days = file.dimensions[dimension].half_life_days
    if days is None or days == file.score.half_life_days.value:
        return 0
    return half_lives.index(days * DAY_S, FIXED)
