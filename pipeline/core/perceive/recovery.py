"""Failures on record: passed on they weigh more, made good they weigh less.

An unresolved failure weighs ``kappa = 16 / 3`` times a settled one, which makes it twelve equal
positives. Each hand-over beyond the free ones lets ``kappa`` grow: passing the buck is one
growing negative. A resolution of justice ``J`` (outcome 0.45, treatment 0.35, procedure 0.20;
order after Orsingher et al. 2010) leaves ``1 + (kappa - 1) * (1 - J)``. What that changes is
booked at the failure's own time, so it does not matter which was heard of first. Only the
customer's word can undo a resolution. A bonus for a recovery that delights is off by default, and
never given for a second failure on one topic (Maxham and Netemeyer 2002).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.core.customer import Customer, Failure, digest_of
from pipeline.core.perceive.changes import Change, difference, remembered_as
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.numbers import Recovery
from pipeline.core.policy.plan import Case
from pipeline.core.profile import tier_of

NO_DIGEST = b""


class Matter(NamedTuple):
    """What a touch is about: the digests of its case and of its topic, empty where it has none."""

    case: bytes
    topic: bytes


def case_key(case: str) -> bytes:
    """The digest of a case that the upstream system names."""
    return digest_of(f"case\0{case}")


def topic_key(topic: str | None) -> bytes:
    """The digest of a topic; of none, no digest."""
    return NO_DIGEST if topic is None else digest_of(f"topic\0{topic}")


class Fresh(NamedTuple):
    """A failure just felt: its loss as if it had been settled at once, in log-odds."""

    dimension: str
    base: float
    failed_s: float
    quality: float
    intensity: float


def record(
    customer: Customer, matter: Matter, fresh: Fresh, policy: Policy
) -> tuple[float, list[Change]]:
    """Put a failure on record.

    Returns what the failure itself weighs by what was heard of it already, and what else to book.
    """
    group = [failure for failure in customer.failures if failure.case == matter.case]
    found = next((each for each in group if each.failed_s is None), None)
    if found is None:
        found = Failure(*matter)
        if group:
            _copy_facts(group[0], found)
        _add(customer, found, policy)
    found.topic = matter.topic
    found.dimension, found.base, found.failed_s = fresh.dimension, fresh.base, fresh.failed_s
    found.quality, found.intensity = fresh.quality, fresh.intensity
    # The failure itself is booked by its own touch; here only what was heard of it before.
    found.booked = _worth(customer, found, policy.recovery)
    return found.booked, _settle(customer, matter, policy)


def join(customer: Customer, theirs: Sequence[Failure], policy: Policy) -> list[Change]:
    """Add the records of another account that turned out to be the same customer's.

    What each side heard of one case holds for both; returns what to book.
    """
    mine = tuple(customer.failures)
    shared = {each.case for each in mine} & {each.case for each in theirs}
    customer.failures[:0] = theirs
    changes: list[Change] = []
    for case in sorted(shared):
        group = [each for each in customer.failures if each.case == case]
        facts = _all_facts(group)
        facts.hand_overs = sum(
            next((each.hand_overs for each in side if each.case == case), 0)
            for side in (mine, theirs)
        )
        for failure in group:
            _copy_facts(facts, failure)
            if failure.failed_s is None and any(each.failed_s is not None for each in group):
                customer.failures.remove(failure)
        changes += _settle(customer, Matter(case, NO_DIGEST), policy)
    while len(customer.failures) > policy.limits.failures:
        _forget_one(customer, customer.failures, policy)
    return changes


def hand_over(customer: Customer, matter: Matter, policy: Policy) -> list[Change]:
    """A case was passed on; returns what to book."""
    for failure in _known(customer, matter, policy):
        failure.hand_overs += 1
    return _settle(customer, matter, policy)


def resolve(
    customer: Customer, matter: Matter, at_s: float, justice: float, policy: Policy
) -> list[Change]:
    """The company holds a case for settled; returns what to book."""
    for failure in _known(customer, matter, policy):
        known = (failure.resolved_s, failure.justice)
        if failure.resolved_s is None or (at_s, justice) > known:
            failure.resolved_s, failure.justice = at_s, justice
    return _settle(customer, matter, policy)


def confirm(
    customer: Customer, matter: Matter, at_s: float, satisfied: bool, policy: Policy
) -> list[Change]:
    """The customer said whether a case is settled; returns what to book."""
    for failure in _known(customer, matter, policy):
        # At one time the worse word stands, so that order does not matter.
        known = (failure.confirmed_s, not failure.satisfied)
        if failure.confirmed_s is None or (at_s, not satisfied) > known:
            failure.confirmed_s, failure.satisfied = at_s, satisfied
    return _settle(customer, matter, policy)


def justice_of(case: Case, data: Any, recovery: Recovery) -> float:
    """The justice of a resolution in [0, 1]; what is not told counts as ``unknown_justice``."""
    total = 0.0
    for read, share in (
        (case.outcome, recovery.outcome_share),
        (case.treatment, recovery.treatment_share),
        (case.procedure, recovery.procedure_share),
    ):
        part = read(data)
        total += share * (recovery.unknown_justice if part is None else part)
    return total


def plain_justice(recovery: Recovery) -> float:
    """The justice of a matter settled of which nothing more is told: the outcome is just."""
    return recovery.outcome_share + (1.0 - recovery.outcome_share) * recovery.unknown_justice


def is_open(failure: Failure, recovery: Recovery) -> bool:
    """Whether a failure is on record that nothing has made good."""
    return failure.failed_s is not None and _justice(failure, recovery) == 0.0


def _justice(failure: Failure, recovery: Recovery) -> float:
    """The justice that counts: none for a failure after the resolution, or denied since."""
    failed_s, resolved_s, said_s = failure.failed_s, failure.resolved_s, failure.confirmed_s
    if resolved_s is not None and failed_s is not None and resolved_s < failed_s:
        resolved_s = None
    if said_s is not None and (failed_s is None or said_s >= failed_s):
        if failure.satisfied:
            return plain_justice(recovery) if resolved_s is None else failure.justice
        if resolved_s is None or said_s >= resolved_s:
            return 0.0
    return 0.0 if resolved_s is None else failure.justice


def _worth(customer: Customer, failure: Failure, recovery: Recovery) -> float:
    """What should stand in the account for a failure, in log-odds at its own time."""
    if failure.failed_s is None:
        return 0.0
    passed_on = max(failure.hand_overs - recovery.free_hand_overs, 0.0)
    growth = min(1.0 + recovery.hand_over_growth * passed_on, recovery.largest_growth)
    kappa = recovery.severity * growth
    justice = _justice(failure, recovery)
    worth = -failure.base * (1.0 + (kappa - 1.0) * (1.0 - justice))
    earns_bonus = recovery.bonus > 0.0 and justice >= recovery.bonus_from and justice > 0.0
    if earns_bonus and not _is_second(customer, failure, recovery):
        worth += recovery.bonus * failure.base
    return worth


def _is_second(customer: Customer, failure: Failure, recovery: Recovery) -> bool:
    since = failure.failed_s
    if since is None or failure.topic == NO_DIGEST:
        return False
    return any(
        other is not failure
        and other.topic == failure.topic
        and other.failed_s is not None
        and since - recovery.second_failure_s <= other.failed_s < since
        for other in customer.failures
    )


def _settle(customer: Customer, matter: Matter, policy: Policy) -> list[Change]:
    """Bring the account to what the records of a case, and of others on its topic, say."""
    changes: list[Change] = []
    for failure in customer.failures:
        on_topic = matter.topic != NO_DIGEST and failure.topic == matter.topic
        same = failure.case == matter.case or on_topic
        if not same or failure.failed_s is None:
            continue
        old = _entry(failure, failure.failed_s)
        failure.booked = _worth(customer, failure, policy.recovery)
        failure.mended = _mended(customer, failure, policy)
        changes += difference(old, _entry(failure, failure.failed_s))
    return changes


def _mended(customer: Customer, failure: Failure, policy: Policy) -> float:
    """How much better than it was felt a failure is remembered: justice makes it as expected."""
    standing = policy.standing[tier_of(customer, policy)].get(failure.dimension)
    if standing is None:
        return failure.mended
    return _justice(failure, policy.recovery) * max(standing.norm - failure.quality, 0.0)


def _entry(failure: Failure, failed_s: float) -> Change:
    """What stands in the account for a failure, and in memory beyond how it was felt."""
    quality = failure.quality
    memory = remembered_as(quality + failure.mended, quality, failure.intensity)
    return Change(failure.dimension, failure.booked, failed_s, memory)


def _known(customer: Customer, matter: Matter, policy: Policy) -> list[Failure]:
    """The records of a case; a new one if there is none, so that a late failure finds it."""
    found = [failure for failure in customer.failures if failure.case == matter.case]
    if not found:
        found = [Failure(*matter)]
        _add(customer, found[0], policy)
    return found


def _all_facts(group: Sequence[Failure]) -> Failure:
    """What both sides heard of a case: the later word of each kind."""
    facts = Failure(group[0].case, group[0].topic)
    for resolved in group:
        if resolved.resolved_s is not None:
            known = (facts.resolved_s or float("-inf"), facts.justice)
            if (resolved.resolved_s, resolved.justice) > known:
                facts.resolved_s, facts.justice = resolved.resolved_s, resolved.justice
    for said in group:
        if said.confirmed_s is not None:
            known = (facts.confirmed_s or float("-inf"), not facts.satisfied)
            if (said.confirmed_s, not said.satisfied) > known:
                facts.confirmed_s, facts.satisfied = said.confirmed_s, said.satisfied
    return facts


def _copy_facts(source: Failure, target: Failure) -> None:
    target.hand_overs = source.hand_overs
    target.resolved_s, target.justice = source.resolved_s, source.justice
    target.confirmed_s, target.satisfied = source.confirmed_s, source.satisfied


def _add(customer: Customer, failure: Failure, policy: Policy) -> None:
    """Add a record; beyond the limit the one that matters least goes, and stays as it weighs."""
    customer.failures.append(failure)
    if len(customer.failures) > policy.limits.failures:
        _forget_one(customer, customer.failures[:-1], policy)


def _forget_one(customer: Customer, among: Sequence[Failure], policy: Policy) -> None:
    least = min(among, key=lambda each: _matters(each, policy.recovery))
    customer.failures[:] = [each for each in customer.failures if each is not least]


def _matters(failure: Failure, recovery: Recovery) -> tuple[bool, bool, float]:
    when = failure.failed_s if failure.failed_s is not None else failure.resolved_s or 0.0
    return failure.failed_s is not None, is_open(failure, recovery), when
