"""The values of a contract's row, in the order of its table's columns."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from schemas.care import CampaignReport, CareAction, CareCase, CareDecision, Consent
from schemas.dead_letter import DeadLetter
from schemas.outlook import OutlookCheck
from schemas.perception import Contribution, Felt, Score
from sinks.sql.bulk import Row
from sinks.sql.tables import time_text

_ENCODE: Final = msgspec.json.Encoder().encode


def score_row(score: Score) -> Row:
    policy, behaviour, stage = score.policy, score.behaviour, score.stage
    return (
        score.customer,
        score.score,
        score.baseline,
        score.confidence,
        score.low,
        score.high,
        score.impression,
        score.loyalty,
        score.ratio,
        score.band,
        score.value,
        score.over_servicing,
        time_text(score.as_of),
        score.events,
        score.tier,
        None if behaviour is None else behaviour.name,
        None if behaviour is None else _json(behaviour.signs),
        stage.name,
        _json(stage.signs),
        score.open_failures,
        score.open_promises,
        score.overdue_promises,
        score.merged_into,
        policy.name,
        policy.version,
        policy.digest,
        _json(score.dimensions),
        _json(score.parts),
        _json(score.outlooks),
    )


def contribution_row(one: Contribution) -> Row:
    return (
        one.customer,
        one.event,
        one.source,
        one.type,
        one.touchpoint,
        time_text(one.time),
        one.tier,
        one.intent,
        _json(one.felt),
        one.score_before,
        one.score_after,
        one.policy,
        one.channel,
        one.topic,
        one.department,
        one.staff,
        one.cohort,
        None if one.details is None else _json(one.details),
        _lost_most(one.felt),
        None if one.details is None else one.details.about,
    )


def action_row(action: CareAction) -> Row:
    return (
        action.id,
        action.action,
        action.action_class,
        action.customer,
        action.channel,
        action.cause.source,
        action.cause.event,
        time_text(action.decided_at),
        action.reason,
        action.template,
        _json(action.fields),
        action.policy,
        action.purpose,
        _json(action.fallbacks),
        _time(action.expires_at),
        None if action.quiet is None else _json(action.quiet),
        action.language,
        action.campaign,
        action.cost,
        action.expected_gain,
        action.needs_approval,
    )


def decision_row(decision: CareDecision) -> Row:
    return (
        decision.id,
        decision.action,
        decision.customer,
        decision.cause.source,
        decision.cause.event,
        time_text(decision.decided_at),
        decision.outcome,
        decision.reason,
        decision.detail,
        decision.policy,
        decision.action_class,
        decision.trigger,
        decision.channel,
        _time(decision.until),
        decision.campaign,
        decision.tier,
        decision.cost,
        decision.expected_gain,
    )


def case_row(case: CareCase) -> Row:
    return (
        case.id,
        case.customer,
        case.case,
        case.kind,
        case.status,
        case.tier,
        time_text(case.opened_at),
        time_text(case.as_of),
        case.policy,
        case.topic,
        case.line,
        case.owner,
        case.level,
        case.hand_overs,
        case.reopened,
        case.breaches,
        _json(case.steps),
        _time(case.resolved_at),
        _time(case.closed_at),
        case.satisfied,
        _time(_next_due(case)),
    )


def _next_due(case: CareCase) -> datetime | None:
    if case.status == "closed":
        return None
    return min((step.due for step in case.steps if step.done is None), default=None)


def consent_row(consent: Consent) -> Row:
    return (
        consent.customer,
        _json(consent.denied),
        consent.alerts,
        time_text(consent.as_of),
    )


def outlook_row(check: OutlookCheck) -> Row:
    return (
        check.id,
        check.outlook,
        check.customer,
        check.tier,
        time_text(check.made_at),
        check.horizon_days,
        check.probability,
        check.happened,
        time_text(check.settled_at),
        check.policy,
    )


def campaign_row(report: CampaignReport) -> Row:
    return (
        report.id,
        report.campaign,
        time_text(report.at),
        report.proposed,
        report.allocated,
        report.not_funded,
        report.declined,
        report.spent,
        report.spent_today,
        report.budget,
        report.budget_per_day,
        report.capacity_left,
        report.stock_left,
        _json(report.unserved),
        _json(report.disparities),
        report.policy,
    )


def letter_row(letter: DeadLetter) -> Row:
    return (
        letter.topic,
        letter.partition,
        letter.offset,
        letter.timestamp_ms,
        letter.reason.value,
        letter.detail,
        _json(letter.fields),
        letter.key,
        letter.value,
        _json(letter.headers),
        letter.component,
        letter.version,
        letter.attempts,
        None,
        None,
    )


def _time(time: datetime | None) -> str | None:
    return None if time is None else time_text(time)


def _json(value: object) -> str:
    return _ENCODE(value).decode()


def _lost_most(felt: Iterable[Felt]) -> str | None:
    lost = ((each.value, each.dimension) for each in felt if each.value < 0)
    return min(lost, default=(0.0, None))[1]
