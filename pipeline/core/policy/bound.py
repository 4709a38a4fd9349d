"""The most bytes a customer's state can take under a policy, by arithmetic and not by trial."""

from typing import get_args

from pipeline.core.policy.check import Problem
from pipeline.core.policy.models import PolicyFile
from schemas.touchpoints.common import Channel

# Sizes in msgpack: a float is 9 bytes, an int at most 9, a string of n < 256 bytes at most n + 2,
# an array head at most 3. Names of the policy, event ids, languages and time zones are ASCII;
# labels (tier, cohort) have up to four bytes a character.
_FLOAT = 9
_INT = 9
_HEAD = 3
_LONGEST_ID = 128
_LONGEST_LABEL = 4 * 32
_LONGEST_LANGUAGE = 35
_LONGEST_TIME_ZONE = 64
_LONGEST_CHANNEL = max(len(channel) for channel in get_args(Channel))


def worst_state_bytes(file: PolicyFile) -> dict[str, int]:
    """The largest size of each part of a customer's state, in bytes."""
    dimension_name = max(len(name) for name in file.dimensions)
    touchpoint_name = max((len(name) for name in file.touchpoints), default=0)
    half_lives = 2 + len({d.half_life_days for d in file.dimensions.values()})
    kept = 3 * _FLOAT + (_LONGEST_ID + 2) + (dimension_name + 2) + (touchpoint_name + 2) + _HEAD
    return {
        "dimensions": _HEAD + len(file.dimensions) * (dimension_name + 2 + 2 * _FLOAT + 2 + _HEAD),
        "kept contributions": _HEAD + file.limits.kept_contributions * kept,
        "remembered events": _HEAD + 2 + 8 * file.limits.remembered_events,
        "profile": 2 * (_LONGEST_LABEL + 2)
        + (_LONGEST_LANGUAGE + 2)
        + (_LONGEST_TIME_ZONE + 2)
        + (_HEAD + _FLOAT + _LONGEST_CHANNEL + 2),
        "counters": 4 * _FLOAT + 2 * _INT + _HEAD + half_lives * (_FLOAT + _INT) + 2 * _HEAD,
    }


def bound_problems(file: PolicyFile) -> list[Problem]:
    """One problem, with the arithmetic, if the state could outgrow ``limits.state_bytes``."""
    parts = worst_state_bytes(file)
    total = 0
    for size in parts.values():
        total += size
    if total <= file.limits.state_bytes:
        return []
    sums = " + ".join(f"{size} ({name})" for name, size in parts.items())
    what = (
        f"a customer's state could take {total} bytes, more than {file.limits.state_bytes}: {sums}."
        " Raise state_bytes, or lower kept_contributions or remembered_events"
    )
    return [Problem(("limits", "state_bytes"), what)]
