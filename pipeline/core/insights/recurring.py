"""Care by hand that recurs: what staff did for many customers could become a rule for all."""

from collections import Counter
from collections.abc import Iterable
from re import sub
from typing import Final

from pipeline.core.policy.care_check import known_triggers
from pipeline.core.policy.models import PolicyFile
from schemas.insight_rows import CaredFor
from schemas.insights import CareRule

LEAST: Final = 5
"""Fewer times are accidents."""
CUSTOMERS: Final = 3
"""With fewer customers it is about them, not about a situation."""


def recurring(
    cared: Iterable[CaredFor], file: PolicyFile, *, least: int = LEAST, customers: int = CUSTOMERS
) -> list[CareRule]:
    """What recurs at least ``least`` times for at least so many ``customers``, most often first.

    Alike is what was done in one situation: what an action could wait for where the pipeline had
    seen such a thing, else the reason that staff gave.
    """
    triggers = known_triggers(file)
    groups: dict[tuple[str, str], list[CaredFor]] = {}
    for each in cared:
        situation = each.trigger if each.trigger in triggers else each.because
        groups.setdefault((each.care.casefold(), situation), []).append(each)
    made = [
        _rule(situation, members, file)
        for (_, situation), members in groups.items()
        if sum(each.times for each in members) >= least
        and len({each.customer for each in members}) >= customers
    ]
    return sorted(made, key=lambda rule: (-rule.times, rule.care, rule.because))


def key_of(name: str) -> str:
    """A free name as a key of a policy: small letters, digits and ``_``, a letter first."""
    key = sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return (key if key[:1].isalpha() else f"care_{key}".rstrip("_"))[:32]


def _rule(situation: str, members: list[CaredFor], file: PolicyFile) -> CareRule:
    care = _usual((each.care, each.times) for each in members)
    given = file.care.actions.get(key_of(care))
    return CareRule(
        care=care,
        because=_usual((each.because, each.times) for each in members),
        customers=len({each.customer for each in members}),
        times=sum(each.times for each in members),
        cost=sum(each.cost for each in members),
        in_policy=given is not None and given.enabled and situation in given.on,
    )


def _usual(written: Iterable[tuple[str, int]]) -> str:
    """What was written most often; of several the first by name."""
    counted: Counter[str] = Counter()
    for name, times in written:
        counted[name] += times
    return min(counted, key=lambda name: (-counted[name], name))
