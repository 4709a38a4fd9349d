"""The most bytes a customer's state can take under a policy, by arithmetic and not by trial."""

from typing import Final, get_args

from pipeline.core.customer import DIGEST_BYTES
from pipeline.core.perceive.decay import FIXED
from pipeline.core.policy.check import Problem
from pipeline.core.policy.models import PolicyFile
from schemas.touchpoints.common import Channel
from schemas.touchpoints.customers import COHORT_BYTES

# Sizes in msgpack: a float is 9 bytes, an int at most 9, a small one 5 or 1, a string of n < 256
# bytes at most n + 2, bytes of a digest 2 more than they are, a list's or map's head at most 3.
_FLOAT: Final = 9
_INT: Final = 9
_SMALL_INT: Final = 5
_HEAD: Final = 3
_STRUCT: Final = 1  # an array of up to 15 fields
_FLAG: Final = 1
_DIGEST: Final = DIGEST_BYTES + 2
_TIER: Final = 32 + 2
_LANGUAGE: Final = 16 + 1
_TIME_ZONE: Final = 32 + 2
_CHANNEL: Final = max(len(channel) for channel in get_args(Channel)) + 2
_PROFILE: Final = (
    2 * _TIER + (COHORT_BYTES + 2) + _LANGUAGE + _TIME_ZONE + 4 * _FLOAT + 2 * _SMALL_INT
    + (_STRUCT + _FLOAT + _CHANNEL + _FLAG) + _STRUCT
)  # fmt: skip
_NOTICE: Final = 36 + 2
_EVENT: Final = 128 + 2
_KIND: Final = 32 + 2
_ALARM: Final = _STRUCT + 2 * _FLOAT + _KIND + _DIGEST + _EVENT + _SMALL_INT
_CONTACTED: Final = _STRUCT + 2 * _DIGEST + _FLOAT + _FLAG + 3
_FORECAST: Final = _STRUCT + _KIND + 3 * _FLOAT + _TIER + (16 + 1) + 2 * _FLAG
_SHOWN_DIMENSIONS: Final = 2
"""In so many dimensions a pattern may be felt."""
_ACCOUNT: Final = _STRUCT + _FLAG + 7 * _FLOAT
_PAIR: Final = _STRUCT + 2 * _FLOAT
_BURDENS: Final = _HEAD + sum(len(kind) + 1 + _PAIR for kind in ("time", "effort", "money"))


def worst_state_bytes(file: PolicyFile) -> dict[str, int]:
    """The largest size of each part of a customer's state, in bytes."""
    limits = file.limits
    dimension = max(_text(name) for name in file.dimensions)
    half_lives = FIXED + len({d.half_life_days for d in file.dimensions.values()} - {None})
    channels = [*file.fatigue.channels, "other"]
    failure = _STRUCT + 2 * _DIGEST + dimension + 9 * _FLOAT + _SMALL_INT + _FLAG
    promise = _STRUCT + _DIGEST + dimension + 6 * _FLOAT + _FLAG
    counters = (
        _INT
        + 2 * _FLOAT
        + _INT
        + _SMALL_INT
        + 5 * _FLOAT
        + half_lives * (_FLOAT + _SMALL_INT)
        + 2 * _HEAD
    )
    return {
        "dimensions": _HEAD + sum(_text(name) + _ACCOUNT for name in file.dimensions),
        "kept contributions": _HEAD + limits.kept_bytes,
        "remembered events": _HEAD + DIGEST_BYTES * limits.remembered_events,
        "failures": _HEAD + limits.failures * failure,
        "promises": _HEAD + limits.promises * promise,
        "repeated contacts": _HEAD + limits.contacts * (_STRUCT + _DIGEST + 2 * _FLOAT + _FLAG),
        "rival offers": _HEAD + limits.rival_offers * (_STRUCT + dimension + 2 * _FLOAT),
        "contacts": _HEAD + sum(len(name) + 1 + _PAIR for name in channels),
        "profile": _PROFILE,
        "sacrifices": _BURDENS,
        **worst_care_bytes(file),
        "counters": counters + _HEAD + 1,
    }


def worst_care_bytes(file: PolicyFile) -> dict[str, int]:
    """The largest size of each part of what is remembered of care, in bytes."""
    limits = file.limits
    dimension = max(_text(name) for name in file.dimensions)
    shown = _STRUCT + _KIND + _DIGEST + _EVENT + _NOTICE + 3 * _FLOAT + _HEAD
    sought = _STRUCT + 2 * _FLOAT + _DIGEST + _FLAG
    settled = _STRUCT + _FLOAT + 2 * _DIGEST
    shown += _SHOWN_DIMENSIONS * (_STRUCT + dimension + 2 * _FLOAT)
    return {
        # One more than others may set: that of the outlooks always finds room.
        "alarms": _HEAD + (limits.alarms + bool(file.outlooks)) * _ALARM,
        "patterns": _HEAD + limits.shown_patterns * shown,
        "pending": _HEAD + limits.pending * limits.pending_bytes,
        "contacted": _HEAD + limits.remembered_contacts * _CONTACTED,
        "recent contacts": 3 * _HEAD
        + limits.recent_contacts * (sought + settled + _FLOAT)
        + (_STRUCT + 3 * _FLOAT + _FLAG),
        "remembered actions": _HEAD + DIGEST_BYTES * limits.remembered_actions,
        "outlooks": _HEAD + len(file.outlooks) * _FORECAST,
        "care": _STRUCT + _SMALL_INT + _FLAG + _FLOAT,
    }


def _text(name: str) -> int:
    """Bytes of an ASCII name: its head is shorter below 32 characters."""
    return len(name) + (1 if len(name) < 32 else 2)


def bound_problems(file: PolicyFile) -> list[Problem]:
    """One problem, with the arithmetic, if the state could outgrow ``limits.state_bytes``."""
    parts = worst_state_bytes(file)
    total = sum(parts.values())
    if total <= file.limits.state_bytes:
        return []
    sums = " + ".join(f"{size} ({name})" for name, size in parts.items())
    what = (
        f"a customer's state could take {total} bytes, more than {file.limits.state_bytes}: {sums}."
        " Raise state_bytes, or lower kept_bytes, alarms, pending_bytes, remembered_events,"
        " failures or promises"
    )
    return [Problem(("limits", "state_bytes"), what)]
