"""What a change of a policy means for scores and care, in words."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from pipeline.core.policy.check import kano_factors
from pipeline.core.policy.models import PolicyFile

Files = tuple[PolicyFile, PolicyFile]

# What a larger and what a smaller value means; `*` stands for any one key.
_MEANINGS: Final[dict[str, tuple[str, str]]] = {
    "score.baseline": ("who felt nothing scores higher", "who felt nothing scores lower"),
    "score.gain": ("every touch moves the score more", "every touch moves the score less"),
    "score.loss_aversion": ("losses weigh more", "losses weigh less"),
    "score.curvature": (
        "touches far from the expectation weigh more, those near it less",
        "touches far from the expectation weigh less, those near it more",
    ),
    "score.largest_distance": ("extreme touches count for more", "extreme touches count for less"),
    "score.zone_of_tolerance": (
        "the same distance from the expectation counts for less",
        "the same distance from the expectation counts for more",
    ),
    "score.unresolved_severity": (
        "unresolved failures weigh more",
        "unresolved failures weigh less",
    ),
    "score.half_life_days": ("impressions last longer", "impressions fade sooner"),
    "score.confidence_prior": (
        "the same confidence takes more touches",
        "the same confidence takes fewer touches",
    ),
    "score.spread": ("intervals are wider", "intervals are narrower"),
    "score.named_share": ("what a segment names weighs more", "what a segment names weighs less"),
    "fatigue.free_contacts": ("more contacts are free", "fewer contacts are free"),
    "fatigue.free_contacts.*": ("more contacts are free", "fewer contacts are free"),
    "fatigue.cost": ("contacts too many cost more", "contacts too many cost less"),
    "fatigue.half_life_days": ("contacts tire for longer", "contacts are forgotten sooner"),
    "limits.earliest_time": (
        "events before it are refused that were let in",
        "older events are let in",
    ),
    "limits.latest_time": ("later events are let in", "events after it are refused"),
    "limits.largest_lead_hours": (
        "events may lie further ahead",
        "events ahead are refused sooner",
    ),
    "limits.event_bytes": ("larger events are let in", "events above it are refused"),
    "limits.remembered_events": (
        "duplicates are known for longer; states grow",
        "duplicates are known for less long; states shrink",
    ),
    "limits.kept_contributions": (
        "explanations name more touches; states grow",
        "explanations name fewer touches; states shrink",
    ),
    "limits.state_bytes": ("states may be larger", "states must be smaller"),
    "dimensions.*.half_life_days": (
        "impressions of it last longer",
        "impressions of it fade sooner",
    ),
    "tiers.*.baseline": (
        "who felt nothing scores higher in this tier",
        "who felt nothing scores lower in this tier",
    ),
    "tiers.*.lift": ("this tier expects more", "this tier expects less"),
    "care.*.threshold": ("fewer transactions alert", "more transactions alert"),
    "care.*.tiers.*.threshold": ("fewer transactions alert", "more transactions alert"),
}


def words(files: Files, path: tuple[str, ...], old: Any, new: Any) -> str | None:
    """What a change at ``path`` means, or ``None`` if the values must speak for themselves.

    ``files`` are the policies before and after; ``old`` or ``new`` is ``None`` where the file has
    nothing at ``path``.
    """
    for pattern, tell in _TELLERS.items():
        if _fits(pattern, path):
            return tell(files, path, old, new)
    for pattern, (larger, smaller) in _MEANINGS.items():
        if _fits(pattern, path):
            before, after = _effective(files[0], path, old), _effective(files[1], path, new)
            if before is None or after is None or before == after:
                return None
            return larger if after > before else smaller
    return None


def shown(value: Any) -> str:
    """A value in one line, near to how it stands in the file."""
    if isinstance(value, BaseModel):
        fields = (name for name in type(value).model_fields if name in value.model_fields_set)
        return shown({name: getattr(value, name) for name in fields})
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(inner) for inner in value) + "]"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if value is None or isinstance(value, str):
        return value or "unset"
    return json.dumps(value).removesuffix(".0")


def _fits(pattern: str, path: tuple[str, ...]) -> bool:
    steps = pattern.split(".")
    return len(steps) == len(path) and all(s in ("*", p) for s, p in zip(steps, path, strict=True))


def _effective(file: PolicyFile, path: tuple[str, ...], value: Any) -> Any:
    """The number or time that counts: a constant's value, and what stands in for one not given."""
    if value is not None:
        return getattr(value, "value", value)
    if path[-1] == "half_life_days":
        return file.score.half_life_days.value
    if path[-1] == "baseline":
        return file.score.baseline.value
    if path[-1] == "threshold":
        return file.care.transaction_alert.threshold
    return None


def _norm(files: Files, path: tuple[str, ...], old: float, new: float) -> str:
    more = new > old
    kano = files[1].dimensions[path[1]].kano
    if kano_factors(kano) == (0.0, 0.0):
        return f"{'more' if more else 'less'} is expected; it is indifferent, no score moves"
    falls = more != (kano == "reverse")
    return (
        f"{'more' if more else 'less'} is expected; "
        f"scores of touches in it {'fall' if falls else 'rise'}"
    )


def _kano(files: Files, path: tuple[str, ...], old: Any, new: Any) -> str:
    told = []
    for verb, before, after in zip(
        ("presence pleases", "absence hurts"), kano_factors(old), kano_factors(new), strict=True
    ):
        how = "as before" if before == after else "more" if after > before else "less"
        told.append(f"{verb} {how} ({shown(round(after, 3))})")
    if "reverse" in (old, new):
        told.append("more of it now displeases" if new == "reverse" else "more of it now pleases")
    return ", ".join(told)


def _touchpoint(files: Files, path: tuple[str, ...], old: Any, new: Any) -> str | None:
    if new is None:
        return f"{old.event} is no longer felt through it"
    felt = ", ".join(row.dimension for row in new.felt) or "nothing"
    return f"{new.event} by {new.channel}, felt in {felt}"


def _felt(files: Files, path: tuple[str, ...], old: Any, new: Any) -> str | None:
    if new is None:
        return "no longer felt there"
    return f"felt there by {shown(new.by)}" if old is None else None


def _failure(files: Files, path: tuple[str, ...], old: bool, new: bool) -> str:
    return f"a bad touch weighs as {'an unresolved' if new else 'no'} failure"


def _enabled(files: Files, path: tuple[str, ...], old: bool, new: bool) -> str:
    return f"this care is {'given' if new else 'no longer given'}"


def _named(files: Files, path: tuple[str, ...], old: float | None, new: float | None) -> str | None:
    # a changed share says nothing alone: the resulting weights are told for each segment
    if old is not None and new is not None:
        return None
    return "named there" if old is None else "no longer named there"


_TELLERS: Final[dict[str, Callable[[Files, tuple[str, ...], Any, Any], str | None]]] = {
    "dimensions.*.norm": _norm,
    "dimensions.*.kano": _kano,
    "touchpoints.*": _touchpoint,
    "touchpoints.*.felt.*": _felt,
    "touchpoints.*.felt.*.failure": _failure,
    "care.*.enabled": _enabled,
    "tiers.*.named.*": _named,
    "intents.*.*": _named,
}
