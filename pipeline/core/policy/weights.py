"""How much each dimension weighs for one tier and intent."""

from collections.abc import Mapping

from pipeline.core.policy.models import PolicyFile
from schemas.touchpoints.common import Intent


def segment_weights(file: PolicyFile, tier: str, intent: Intent) -> dict[str, float]:
    """The weight of every dimension for one tier and intent; they sum to 1.

    Partial pooling: the dimensions that tier or intent name share ``named_share`` in their
    proportions, the others share the rest equally. With none named all are equal; with all named
    they share 1.
    """
    named = _joined(file.tiers[tier].named, file.intents.get(intent, {}))
    total = 0.0
    for share in named.values():
        total += share
    others = len(file.dimensions) - len(named)
    if not named:
        return dict.fromkeys(file.dimensions, 1.0 / others)
    pooled = file.score.named_share.value if others else 1.0
    return {
        name: pooled * named[name] / total if name in named else (1.0 - pooled) / others
        for name in file.dimensions
    }


def _joined(*sources: Mapping[str, float]) -> dict[str, float]:
    named: dict[str, float] = {}
    for source in sources:
        for name, share in source.items():
            named[name] = named.get(name, 0.0) + share
    return named
