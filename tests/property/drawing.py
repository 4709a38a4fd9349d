"""Draws the content of a policy file: all that an operator may set, within what is legal."""

import json
from collections.abc import Sequence
from math import exp, log
from random import Random
from typing import Any, Final

from ruamel.yaml import YAML

from tests.property.touches import CHANNELS, DIMENSIONS, TIERS
from tests.unit.events import DEFAULT_POLICY

Content = dict[str, Any]

# Far beyond the intervals of the default policy. Not as far as the file allows: a gain of 1e300
# is legal, and makes a score of 0 or 100 at once.
_FAR: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "score": {
        "baseline": (0.5, 99.5),
        "gain": (0.01, 1),
        "loss_aversion": (0.5, 5),
        "curvature": (0.3, 1.3),
        "largest_distance": (0.3, 6),
        "zone_of_tolerance": (0.02, 1),
        "unresolved_severity": (1, 16),
        "half_life_days": (1 / 24, 3_650),
        "confidence_prior": (0.01, 100),
        "spread": (0.01, 5),
        "named_share": (0.01, 1),
    },
    "fatigue": {
        "free_contacts": (0, 10),
        "cost": (0, 1),
        "huber_width": (0.01, 10),
        "half_life_days": (1 / 24, 3_650),
    },
    "expectation": {
        "norm_precision": (0.01, 100),
        "competition_precision": (0.01, 100),
        "promise_precision": (0.01, 100),
        "cue_precision": (0.01, 100),
        "settle_days": (1, 3_650),
        "typical_revenue": (1, 1e6),
        "revenue_lift": (0, 0.5),
        "largest_lift": (0, 1),
    },
    "ratio": {
        "quality_prior": (0.001, 100),
        "experience_prior": (0.001, 100),
        "experience_share": (0, 1),
        "experience_half_life_days": (1, 3_650),
        "inconsistency": (0, 5),
        "target_low": (0.1, 1),
        "target_high": (1.01, 2),
    },
    "recovery": {
        "unknown_justice": (0, 1),
        "bonus": (0, 1),
        "bonus_from": (0, 1),
        "second_failure_days": (1, 800),
        "free_hand_overs": (0, 3),
        "hand_over_growth": (0, 1),
        "largest_growth": (1, 4),
    },
    "repeats": {"within_hours": (1, 10_000), "quality": (0, 1)},
    "value": {"largest_burden": (1, 50), "prior": (0.01, 50)},
}


def default_content() -> Content:
    """A fresh copy of the default policy's content, as JSON has it."""
    content = YAML(typ="safe", pure=True).load(DEFAULT_POLICY)
    copied: Content = json.loads(json.dumps(content, default=str))  # no part is shared
    return copied


def draw_content(content: Content, random: Random, *, one_half_life: bool, tight: bool) -> Content:
    """Draw ``content``, that of the default policy, anew; the draws are ``random``'s."""
    for section in _FAR:
        draw_constants(content[section], random, section)
    _draw_shares(content["recovery"], random, "outcome_share", "treatment_share", "procedure_share")
    _draw_shares(content["value"], random, "time_share", "effort_share", "money_share")
    content["fatigue"]["channels"] = random.sample(CHANNELS, random.randint(0, 8))
    dimensions = random.sample(DIMENSIONS, random.randint(3, len(DIMENSIONS)))
    _draw_dimensions(content, random, dimensions, one_half_life=one_half_life)
    _draw_promises(content["promises"], random, dimensions)
    content["repeats"]["dimension"] = random.choice(dimensions)
    for section in ("promises", "repeats"):  # a reverse dimension is refused there
        dimension = content["dimensions"][content[section]["dimension"]]
        if dimension["kano"] == "reverse":
            dimension["kano"] = "one_dimensional"
    _draw_segments(content, random, dimensions)
    _draw_touchpoints(content, random, dimensions)
    _draw_limits(content["limits"], random, tight=tight)
    if one_half_life:
        content["fatigue"]["half_life_days"] = content["score"]["half_life_days"]
    return content


def draw_constants(section: Content, random: Random, name: str) -> None:
    """Draw the constants of the section ``name`` anew."""
    for constant, (low, high) in _FAR[name].items():
        _draw_constant(section[constant], random, low, high)


def _between(random: Random, low: float, high: float) -> float:
    if low > 0:  # as many below one as above it
        return exp(random.uniform(log(low), log(high)))
    return low if random.random() < 0.2 else random.uniform(low, high)


def _draw_constant(constant: Content, random: Random, low: float, high: float) -> None:
    interval = constant.pop("interval", None)
    if interval is not None and random.random() < 0.5:
        low, high = interval
    value = _between(random, low, high)
    constant["value"] = min(max(value, low), high)  # exp(log()) may miss a bound by a bit


def _draw_shares(section: Content, random: Random, first: str, second: str, third: str) -> None:
    cuts = sorted((random.random(), random.random()))
    section[first]["value"] = cuts[0]
    section[second]["value"] = cuts[1] - cuts[0]
    section[third]["value"] = 1 - cuts[1]


def _draw_dimensions(
    content: Content, random: Random, dimensions: Sequence[str], *, one_half_life: bool
) -> None:
    kinds = ["must_be", "one_dimensional", "attractive", "indifferent"]
    drawn = {}
    for name in dimensions:
        dimension = content["dimensions"][name] | {"norm": random.choice((0, 1, 0.5, 0.6, 0.7))}
        if random.random() < 0.7:
            dimension["norm"] = random.random()
        if random.random() < 0.4:
            answers = ("attractive", "one_dimensional", "must_be", "indifferent")
            dimension["kano"] = {name: random.randint(0, 50) for name in answers} | {
                random.choice(answers): 9
            }
        else:
            dimension["kano"] = random.choice(kinds if one_half_life else [*kinds, "reverse"])
        if not one_half_life and random.random() < 0.3:
            dimension["half_life_days"] = random.choice((1 / 24, 1, 7, 30, 400, 36_525))
        drawn[name] = dimension
    content["dimensions"] = drawn
    for section in ("behaviours", "stages"):
        content["character"][section] = [
            kind
            for kind in content["character"][section]
            if all(
                sign.get("dimension", dimensions[0]) in drawn
                for part in ("any", "all")
                for sign in kind.get(part, ())
            )
        ]


def _draw_promises(promises: Content, random: Random, dimensions: Sequence[str]) -> None:
    worst, one, other, best = sorted(random.random() for _ in range(4))
    late, withdrawn = random.sample((one, other), 2)
    promises["dimension"] = random.choice(dimensions)
    for name, value in (
        ("kept", best),
        ("late", late),
        ("withdrawn", withdrawn),
        ("broken", random.choice((worst, min(late, withdrawn)))),
    ):
        promises[name] = {"value": value, "source": "drawn"}


def _draw_segments(content: Content, random: Random, dimensions: Sequence[str]) -> None:
    def named() -> dict[str, float]:
        some = random.sample(dimensions, random.randint(0, len(dimensions)))
        return {name: _between(random, 0.001, 1_000) for name in some}

    tiers = {}
    for name in random.sample(TIERS, random.randint(1, 4)):
        tier: Content = {"named": named(), "lift": random.choice((0, random.uniform(-0.5, 0.5)))}
        if random.random() < 0.5:
            tier["baseline"] = random.uniform(1, 99)
        cued = random.sample(dimensions, random.randint(0, 2))
        tiers[name] = tier | {"cues": {name: random.random() for name in cued}}
    content["tiers"] = tiers
    content["default_tier"] = random.choice(list(tiers))
    for step in content["cases"]["complaint"]["steps"]:
        step["within_hours"] = dict.fromkeys(tiers, random.uniform(0.1, 48))
    for clock in content["cases"]["repair"]["clocks"]:
        if "tier" in clock:
            clock["tier"] = random.choice(list(tiers))
    content["decide"]["worth"]["tiers"] = {random.choice(list(tiers)): 2}
    for campaign in content["campaigns"].values():
        campaign["lanes"] = {random.choice(list(tiers)): 0.3}
    content["care"]["transaction_alert"]["tiers"] = {random.choice(list(tiers)): {"threshold": 5}}
    silence = content["patterns"]["silence_after_complaint"]
    silence["tiers"] = {random.choice(list(tiers)): 5}
    content["intents"] = {name: named() for name in content["intents"] if random.random() < 0.8}


def _draw_touchpoints(content: Content, random: Random, dimensions: Sequence[str]) -> None:
    kept = {}
    for name, touchpoint in content["touchpoints"].items():
        # Those of observed events stay: without its entry an event is refused at the door.
        if touchpoint["event"] != "touchpoint.observed.v1" and random.random() < 0.1:
            continue
        rows = [row for row in touchpoint.get("felt", ()) if row["dimension"] in dimensions]
        for row in rows:
            if random.random() < 0.2:
                row["failure"] = not row.get("failure", False)
            if random.random() < 0.1:
                row["cue"] = random.random()
        kept[name] = touchpoint | {"felt": [row for row in rows if random.random() < 0.9]}
        if touchpoint["channel"] != "none" and random.random() < 0.1:
            kept[name]["unasked"] = True
    content["touchpoints"] = kept


def _draw_limits(limits: Content, random: Random, *, tight: bool) -> None:
    limits["kept_contributions"] = random.randint(1, 64)
    limits["kept_bytes"] = random.randint(256, 4_096)
    if tight:
        for name in ("failures", "promises", "rival_offers", "contacts"):
            limits[name] = random.randint(1, 4)
        limits["remembered_events"] = random.randint(1, 48)
        limits["state_bytes"] = 65_536
