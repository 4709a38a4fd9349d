"""What of a contract no database could hold: long ids, times without a zone, large integers."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from schemas.care import CampaignReport, CareAction, CareCase, CareDecision, CareOrder, Consent
from schemas.dead_letter import DeadLetter
from schemas.outlook import OutlookCheck
from schemas.perception import Contribution, Score

Contract = (
    Score
    | Contribution
    | OutlookCheck
    | CareAction
    | CareDecision
    | CareCase
    | Consent
    | CareOrder
    | CampaignReport
    | DeadLetter
)

# PostgreSQL refuses an index entry above 2,704 bytes. An index holds an id or a customer with some
# 20 bytes more, or two names. Ids of ours have 128 characters at most, 512 bytes; names 64, 256.
MAX_ID_BYTES: Final = 2_000
_MAX_NAME_BYTES: Final = 1_000
# What a signed 64-bit column holds.
_INT_MAX: Final = 2**63 - 1
# Certainty to any practical purpose; sums of billions of them fit into 64 bits as millionths.
_MAX_LOG_ODDS: Final = 1_000.0


def fault_of(contract: Contract) -> str | None:
    """What is out of the range that every database holds; ``None`` if nothing is."""
    return _FAULTS[type(contract)](contract)


def _score(score: Score) -> str | None:
    counts = (score.events, score.open_failures, score.open_promises, score.overdue_promises)
    return _long(score.customer) or _outside(score.as_of) or _large(counts)


def _contribution(one: Contribution) -> str | None:
    names = (
        *(one.touchpoint, one.channel, one.department, one.staff, one.tier, one.cohort),
        *(felt.dimension for felt in one.felt),
    )
    return (
        _outside(one.time)
        or (None if one.customer is None else _long(one.customer))
        or next((fault for name in names if name and (fault := _long(name, _MAX_NAME_BYTES))), None)
        or next((_huge(felt.value) for felt in one.felt if _huge(felt.value)), None)
    )


def _outlook(check: OutlookCheck) -> str | None:
    return (
        _long(check.id)
        or _long(check.customer)
        or _long(check.outlook, _MAX_NAME_BYTES)
        or _outside(check.made_at)
        or _outside(check.settled_at)
    )


def _action(action: CareAction) -> str | None:
    return (
        _long(action.id)
        or _long(action.customer)
        or _outside(action.decided_at)
        or _outside(action.expires_at)
    )


def _decision(decision: CareDecision) -> str | None:
    return (
        _long(decision.id)
        or _long(decision.customer)
        or _long(decision.action, _MAX_NAME_BYTES)
        or _long(decision.reason, _MAX_NAME_BYTES)
        or _outside(decision.decided_at)
        or _outside(decision.until)
    )


def _case(case: CareCase) -> str | None:
    times = (case.opened_at, case.as_of, case.resolved_at, case.closed_at)
    steps = (time for step in case.steps for time in (step.due, step.done))
    return (
        _long(case.id)
        or _long(case.customer)
        or next((fault for time in (*times, *steps) if (fault := _outside(time))), None)
        or _large((case.level, case.hand_overs, case.reopened, case.breaches))
    )


def _consent(consent: Consent) -> str | None:
    return _long(consent.customer) or _outside(consent.as_of)


def _order(order: CareOrder) -> str | None:
    return _long(order.id) or _long(order.action) or _long(order.customer) or _outside(order.at)


def _campaign(report: CampaignReport) -> str | None:
    left = (each for each in (report.capacity_left, report.stock_left) if each is not None)
    groups = (group.members for group in (*report.unserved, *report.disparities))
    counts = (report.proposed, report.allocated, report.not_funded, report.declined)
    return (
        _long(report.id)
        or _long(report.campaign, _MAX_NAME_BYTES)
        or _outside(report.at)
        or _large((*counts, *left, *groups))
    )


def _letter(letter: DeadLetter) -> str | None:
    return _large((letter.partition, letter.offset, letter.timestamp_ms, letter.attempts))


_FAULTS: Final[dict[type, Callable[[Any], str | None]]] = {
    Score: _score,
    Contribution: _contribution,
    OutlookCheck: _outlook,
    CareAction: _action,
    CareDecision: _decision,
    CareCase: _case,
    Consent: _consent,
    CareOrder: _order,
    CampaignReport: _campaign,
    DeadLetter: _letter,
}


def _long(text: str, most: int = MAX_ID_BYTES) -> str | None:
    # The first test spares nearly all the second: a character is at most four bytes.
    if len(text) <= most // 4 or len(text.encode()) <= most:
        return None
    what = "an id" if most == MAX_ID_BYTES else "a name"
    return f"{what} of {len(text)} characters is too long"


def _outside(time: datetime | None) -> str | None:
    if time is None or time.tzinfo is UTC:
        return None
    if time.tzinfo is None:
        return f"the time {time.isoformat()} has no zone"
    try:
        time.astimezone(UTC)
    except OverflowError:
        return f"the time {time.isoformat()} does not exist in UTC"
    return None


def _large(integers: tuple[int, ...]) -> str | None:
    if all(-_INT_MAX <= integer <= _INT_MAX for integer in integers):
        return None
    return "an integer does not fit into 64 bits"


def _huge(log_odds: float) -> str | None:
    return None if abs(log_odds) <= _MAX_LOG_ODDS else f"a value of {log_odds} log-odds"
