"""The room of cases: shows events to them, and lets their alarms fire."""

from math import inf, nextafter
from typing import Final, cast, get_args

from pipeline.core.care.memory import Alarm
from pipeline.core.cases import complaints, repairs
from pipeline.core.cases.book import digest_of_case, say, step_name, tell
from pipeline.core.cases.clocks import WARNING, account, retime, set_alarm, settle, terms_of
from pipeline.core.cases.complaints import ComplaintData
from pipeline.core.cases.memory import Case, Clock, running, settled_s, short
from pipeline.core.cases.occasions import local_time, occasion
from pipeline.core.cases.repairs import RepairData
from pipeline.core.cases.rounds import reopen
from pipeline.core.moment import Moment, Occasion
from schemas.touchpoints.calls import CallCompletedData
from schemas.touchpoints.customers import CustomerInheritedData, CustomerProfiledData
from schemas.touchpoints.messages import MessageData, MessageDelivered

_COMPLAINTS: Final = frozenset(get_args(ComplaintData))
_REPAIRS: Final = frozenset(get_args(RepairData))


def watch(moment: Moment) -> list[Occasion]:
    """Show an event to the cases; what they call for."""
    if moment.policy.cases is None or moment.event is None:
        return []
    data = moment.event.data
    kind = type(data)  # isinstance() of a pydantic model costs more than all the rest here
    if kind in _COMPLAINTS:
        return _changed(moment, *complaints.take(moment, cast("ComplaintData", data)))
    if kind in _REPAIRS:
        return _changed(moment, *repairs.take(moment, cast("RepairData", data)))
    return _hear(moment) if moment.customer.care.cases else []


def fire(moment: Moment, alarm: Alarm) -> list[Occasion]:
    """Let the case of a due alarm warn, or run out."""
    for case in moment.customer.care.cases:
        clock = running(case)
        if digest_of_case(case) == alarm.about and clock is not None:
            break
    else:
        return []
    if moment.policy.cases is None:
        return []
    if alarm.number == WARNING:
        return _changed(moment, case, _warn(moment, case, clock))
    before = clock.over
    occasions = account(moment, case, clock, nextafter(alarm.due_s, inf))
    if clock.over > before:
        why = f"{step_name(case, clock.step)} was due {local_time(moment, alarm.due_s)}"
        occasions.append(occasion(moment, case, clock, "breach", why=why))
    return _changed(moment, case, occasions)


def _warn(moment: Moment, case: Case, clock: Clock) -> list[Occasion]:
    clock.warned = True
    tell(moment, case, "warned")
    occasions = [occasion(moment, case, clock, "warning")]
    if not case.told:
        case.told = True
        why = f"nothing was said to the customer since {local_time(moment, case.round_s)}"
        occasions.append(occasion(moment, case, clock, "call_early", why=why))
    return occasions


def _changed(moment: Moment, case: Case, occasions: list[Occasion]) -> list[Occasion]:
    """After every change: the next alarm is set, and the case told as it stands."""
    set_alarm(moment, case)
    say(moment, case)
    return occasions


def _profiled(moment: Moment) -> list[Occasion]:
    """Another tier has another clock: for a step that is not yet due its hours count from now on.

    They run from the step's start, but are not over before the tier is another.
    """
    occasions: list[Occasion] = []
    for case in moment.customer.care.cases:
        clock = running(case)
        if clock is None or clock.given:
            continue
        hours = {term.step: term.hours for term in terms_of(moment, case)}
        if hours.get(clock.step, clock.hours) != clock.hours:
            occasions += settle(moment, case)
            retime(moment, case, clock, moment.at_s)
            occasions = _changed(moment, case, occasions)
    return occasions


def _hear(moment: Moment) -> list[Occasion]:
    """What an event that names no case means to those that there are."""
    data = moment.event.data if moment.event is not None else None
    if isinstance(data, CustomerProfiledData):
        return _profiled(moment)
    if isinstance(data, CustomerInheritedData):  # they may have come from another account
        return [each for case in moment.customer.care.cases for each in _changed(moment, case, [])]
    _note_told(moment)
    return _come_again(moment)


def _note_told(moment: Moment) -> None:
    """Take down that the customer was told something of a case."""
    event, data = moment.event, moment.event.data if moment.event else None
    if isinstance(data, MessageData):
        if not isinstance(event, MessageDelivered) or data.direction != "outbound":
            return
        about = data.about
    elif isinstance(data, CallCompletedData) and data.direction == "outbound":
        if data.abandoned:
            return
        about = None
    else:
        return
    topic = None if data.topic is None else short(data.topic)
    for case in moment.customer.care.cases:
        same = (topic is not None and topic == case.topic) or about == case.name
        if same and moment.at_s >= case.round_s:
            case.told = True


def _come_again(moment: Moment) -> list[Occasion]:
    """Open the case again that was settled last on the topic of which the customer comes again."""
    rules, touch = moment.policy.cases, moment.touch
    if rules is None or touch is None or not touch.inbound or touch.topic is None:
        return []
    topic = short(touch.topic)
    ended = [(settled_s(case), case) for case in moment.customer.care.cases if case.topic == topic]
    settled = [
        (end_s, case)
        for end_s, case in ended
        if end_s is not None and 0.0 < moment.at_s - end_s <= rules.reopen_s
    ]
    if not settled:
        return []
    case = max(settled, key=lambda found: found[0])[1]
    return _changed(moment, case, reopen(moment, case))
