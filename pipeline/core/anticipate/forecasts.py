"""Holds outlooks to what then happens, and lets a likely one call for care.

At a touch an outlook is taken down, one of each at a time and at most once a day. It is settled
when the thing happens within the horizon, or when that has passed. The event that is the thing
itself settles the forecast made before it and makes none: what is foretold lies after everything
that the readings know of.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pipeline.core.anticipate.outlook import Taken, outlook_of
from pipeline.core.anticipate.readings import Seen
from pipeline.core.care.memory import Alarm, Care, Forecast, arm, disarm
from pipeline.core.moment import PIPELINE, Moment, Occasion
from pipeline.core.perceive.character import Known
from pipeline.core.perceive.decay import scales
from pipeline.core.perceive.expectation import context_at
from pipeline.core.perceive.ratio import read_ratio
from pipeline.core.perceive.recovery import topic_key
from pipeline.core.perceive.repeats import is_repeat
from pipeline.core.perceive.score import score_at
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.outlooks import OutlookRule
from pipeline.core.profile import tier_of
from schemas.care import Cause
from schemas.ids import action_id
from schemas.outlook import Outlook, OutlookCheck
from schemas.topics import OUTLOOKS

KIND: Final = "outlook"
"""The kind of the one alarm that all forecasts of a customer share."""

_ABOUT: Final = b""
_DAY_S: Final = 86_400.0
_BINS: Final = 10


def watch(moment: Moment) -> list[Occasion]:
    """Show an event to every outlook; the occasions of those that became likely."""
    rules, contribution = moment.policy.outlooks, moment.contribution
    if not rules or moment.event is None or contribution is None:
        return []
    care, touched = moment.customer.care, contribution.touchpoint is not None
    seen: Seen | None = None
    taken: Taken = {}
    occasions: list[Occasion] = []
    changed = False
    for rule in rules:
        found = _of(care, rule.name)
        if _is_thing(moment, rule):
            changed = _happened(moment, found) or changed
            continue
        fresh = touched and _is_due(found, moment.customer.as_of_s)
        if not fresh and not (rule.listened and touched):
            continue
        seen = seen or look(moment)
        outlook = outlook_of(seen, rule, taken)
        if fresh:
            found = _take_down(moment, rule, outlook, found)
            changed = True
        if rule.listened and found is not None:
            occasions += _calls(moment, rule, outlook, found)
    if changed:
        _arm(moment)
    return occasions


def fire(moment: Moment, alarm: Alarm) -> list[Occasion]:
    """Settle the forecasts whose horizon has passed without the thing."""
    for forecast in moment.customer.care.forecasts:
        if forecast.waits and forecast.until_s <= alarm.due_s:
            _settle(moment, forecast, forecast.until_s, happened=False)
    _arm(moment)
    return []


def join(mine: Care, theirs: Care, policy: Policy) -> None:
    """Take over the forecasts of a customer who turned out to be this one, but for what waits."""
    for forecast in theirs.forecasts:
        found = _of(mine, forecast.outlook)
        if found is None:
            mine.forecasts.append(forecast)
        elif forecast.waits and not found.waits:
            mine.forecasts[mine.forecasts.index(found)] = forecast
    _arm_for(mine, policy)


def look(moment: Moment) -> Seen:
    """The customer as of the latest event, with everything that outlooks look at."""
    customer, policy = moment.customer, moment.policy
    at_s, tier = customer.as_of_s, tier_of(customer, policy)
    scale, context = scales(customer, at_s), context_at(customer, at_s, policy)
    ratio = read_ratio(customer, tier, context, policy, scale).ratio
    known = Known(customer, tier, at_s, scale, ratio, context, policy)
    return Seen(known, score_at(customer, policy, at_s))


def check_bin(probability: float) -> str:
    """The tenth that a probability lies in, by its lower end: ``0.0`` to ``0.9``."""
    return f"{min(int(probability * _BINS), _BINS - 1) / _BINS:.1f}"


def _of(care: Care, name: str) -> Forecast | None:
    for forecast in care.forecasts:
        if forecast.outlook == name:
            return forecast
    return None


def _is_due(found: Forecast | None, now_s: float) -> bool:
    return found is None or (not found.waits and now_s - found.made_s >= _DAY_S)


def _is_thing(moment: Moment, rule: OutlookRule) -> bool:
    event, touch = moment.event, moment.touch
    assert event is not None  # noqa: S101 - only events are watched
    if event.type in rule.happens_on:
        return True
    if not rule.on_repeat or touch is None or not touch.inbound or touch.topic is None:
        return False
    return is_repeat(moment.customer, topic_key(touch.topic), moment.at_s)


def _happened(moment: Moment, found: Forecast | None) -> bool:
    """Settle what was foretold of this event, if it was: not what was known when that was made."""
    if found is None or not found.waits or not found.made_s < moment.at_s <= found.until_s:
        return False
    _settle(moment, found, moment.at_s, happened=True)
    return True


def _settle(moment: Moment, forecast: Forecast, at_s: float, *, happened: bool) -> None:
    forecast.waits = False
    made_at = datetime.fromtimestamp(forecast.made_s, UTC)
    kind = f"{KIND}.{forecast.outlook}"
    check = OutlookCheck(
        id=action_id(kind, moment.name, PIPELINE, made_at.isoformat()),
        outlook=forecast.outlook,
        customer=moment.name,
        tier=forecast.tier,
        made_at=made_at,
        horizon_days=round((forecast.until_s - forecast.made_s) / _DAY_S, 6),
        probability=forecast.probability,
        happened=happened,
        settled_at=datetime.fromtimestamp(at_s, UTC),
        policy=forecast.policy,
    )
    moment.answer.say(OUTLOOKS, check)
    probable, answer = check_bin(forecast.probability), "yes" if happened else "no"
    moment.answer.tell(KIND, forecast.outlook, probable, answer)


def _take_down(
    moment: Moment, rule: OutlookRule, outlook: Outlook, found: Forecast | None
) -> Forecast:
    policy, made_s = moment.policy, moment.customer.as_of_s
    made = Forecast(
        outlook=rule.name,
        made_s=made_s,
        until_s=made_s + rule.horizon_s,
        probability=outlook.probability,
        tier=tier_of(moment.customer, policy),
        policy=policy.ref.digest,
        called=found is not None and found.called,
    )
    asked = {each.name for each in policy.outlooks} - {rule.name}
    care = moment.customer.care  # what the policy no longer asks for gives way
    care.forecasts = [*(each for each in care.forecasts if each.outlook in asked), made]
    return made


def _calls(
    moment: Moment, rule: OutlookRule, outlook: Outlook, found: Forecast
) -> Iterator[Occasion]:
    """The occasion when an outlook becomes likely; the next one only after it was not."""
    if found.called:
        found.called = outlook.probability >= rule.clear_below
        return
    if outlook.probability < rule.call_above:
        return
    found.called = True
    event = moment.event
    assert event is not None  # noqa: S101 - only events are watched
    why = ", ".join(f"{each.reading} {each.value:.3g}" for each in outlook.reasons if each.adds > 0)
    facts = {
        "outlook": rule.name,
        "probability": f"{outlook.probability:.0%}",
        "what": rule.name.replace("_", " "),
        "topic": "",
        "department": "",
        "why": f"{outlook.probability:.0%} likely: {why or 'as of most customers'}",
    }
    identity = action_id(rule.trigger, moment.name, event.source, event.id)
    yield Occasion(rule.trigger, Cause(PIPELINE, identity), moment.at_s, facts, event)


def _arm(moment: Moment) -> None:
    _arm_for(moment.customer.care, moment.policy)


def _arm_for(care: Care, policy: Policy) -> None:
    """Set the alarm to the end of the horizon that passes first; it has a place of its own."""
    ends = [each.until_s for each in care.forecasts if each.waits]
    if not ends:
        disarm(care, KIND, _ABOUT)
        return
    due_s = min(ends)
    alarm = Alarm(due_s + policy.patterns.lateness_seconds, due_s, KIND, _ABOUT, "")
    arm(care, alarm, policy.limits.alarms + 1)
