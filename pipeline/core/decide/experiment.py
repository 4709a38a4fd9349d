"""Hold-out: some customers go without an action, so that its worth can be told.

The birthday message nobody can show the value of: who goes without is decided by a hash, so it is
the same at every time and in every replay, whatever else the customer is like. Where peers compare
it is the whole cohort, or none of it.
"""

from hashlib import blake2b
from typing import Final

from pipeline.core.decide.guard import Question, Verdict, withhold
from pipeline.core.moment import Moment

_BYTES: Final = 8
_TOP: Final = 1 << (8 * _BYTES)


def place_of(salt: str, unit: str) -> float:
    """Where ``unit`` lies in [0, 1) under ``salt``: the same for ever, evenly spread."""
    digest = blake2b(f"{salt}\0{unit}".encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") / _TOP


def hold_out(moment: Moment, question: Question) -> Verdict | None:
    """Withhold from the share of customers that goes without."""
    rule = moment.policy.decide.hold_outs.get(question.proposal.rule.name)
    if rule is None:
        return None
    cohort = moment.customer.profile.cohort if rule.cohorts else None
    unit = f"customer\0{moment.name}" if cohort is None else f"cohort\0{cohort}"
    share = rule.share.value
    if place_of(rule.salt, unit) >= share:
        return None
    who = "customers go" if cohort is None else "cohorts go"
    return withhold("hold_out", f"{share:.0%} of {who} without, by {rule.salt}")
