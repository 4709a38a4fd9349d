"""Takes down what the patterns found: each is felt as a touch of its own, and calls for care.

A pattern is evidence as any touch is: the catalogue says in which dimensions it is felt
(``event: touchpoint.pattern.noticed.v1, where: {pattern: NAME}``). Its id is made of pattern,
customer and trigger, so a replay gives the same. One of absence is taken back if what was awaited
comes late but had happened in time.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from pipeline.core.care.memory import Alarm, Care, Shown
from pipeline.core.decide.again import withdraw
from pipeline.core.moment import PIPELINE, Moment, Occasion
from pipeline.core.notice.pattern import Finding, Found, Withdrawn
from pipeline.core.notice.patterns import BY_TYPE, EVERYWHERE, PATTERNS
from pipeline.core.policy.numbers import DAY_S
from pipeline.core.steps import feel_own, take_back
from schemas.care import Cause
from schemas.ids import action_id
from schemas.topics import CONTRIBUTIONS
from schemas.touchpoints.patterns import PatternNoticed, PatternNoticedData

_TYPE: Final = "touchpoint.pattern.noticed.v1"


def watch(moment: Moment) -> list[Occasion]:
    """Show an event to the patterns that watch its kind; the occasions for care they found."""
    occasions: list[Occasion] = []
    patterns = BY_TYPE.get(type(moment.event.data), ()) if moment.event is not None else ()
    for pattern in (*patterns, *EVERYWHERE):
        occasions += take_down(moment, pattern.watch(moment))
    return occasions


def fire(moment: Moment, alarm: Alarm) -> list[Occasion]:
    """Let the pattern of a due alarm look again."""
    pattern = PATTERNS.get(alarm.kind)
    if pattern is None or pattern.fire is None:
        return []  # of a release that knew a pattern which this one does not
    if getattr(moment.policy.patterns, alarm.kind) is None:
        return []  # switched off since
    if moment.now_s - alarm.due_s > moment.policy.patterns.history_days * DAY_S:
        moment.answer.tell("noticed", alarm.kind, "history")
        return []
    return take_down(moment, pattern.fire(moment, alarm))


def take_down(moment: Moment, findings: Iterable[Finding]) -> list[Occasion]:
    """Feel what was found and take back what showed wrongly; the occasions for care."""
    occasions: list[Occasion] = []
    for finding in findings:
        if isinstance(finding, Withdrawn):
            _withdraw(moment, finding)
        else:
            occasions.append(_notice(moment, finding))
    return occasions


def notice_id(name: str, found: Found) -> str:
    """Made of pattern, customer and trigger; of the count too, where one trigger counts on."""
    kind = f"notice.{found.pattern}" + (f".{found.number}" if found.number > 1 else "")
    where = found.source or (found.about or b"").hex()
    return action_id(kind, name, where, found.trigger)


def _notice(moment: Moment, found: Found) -> Occasion:
    identity = notice_id(moment.name, found)
    event = PatternNoticed(
        type=_TYPE,
        id=identity,
        source=PIPELINE,
        time=datetime.fromtimestamp(found.at_s, UTC),
        subject=moment.name,
        data=PatternNoticedData(
            pattern=found.pattern,
            trigger=found.trigger,
            count=found.number,
            topic=found.topic,
            department=found.department,
            ratings={},
        ),
    )
    contribution = feel_own(moment.name, moment.customer, event, found.at_s, moment.policy)
    moment.answer.say(CONTRIBUTIONS, contribution)
    moment.answer.tell("noticed", found.pattern, "noticed")
    if found.about is not None:
        felt = tuple(
            (each.dimension, each.quality, each.value)
            for each in contribution.felt
            if each.quality is not None
        )
        shown = Shown(
            found.pattern,
            found.about,
            found.trigger,
            identity,
            found.at_s,
            1.0,
            felt,
            found.since_s,
        )
        _keep(moment.customer.care, shown, moment.policy.limits.shown_patterns)
    facts = {
        "pattern": found.pattern,
        "count": str(found.number),
        "topic": found.topic or "",
        "department": found.department or "",
        "when": f"{event.time:%Y-%m-%d %H:%M} UTC",
        "why": found.pattern.replace("_", " "),
        **found.facts,
    }
    cause = Cause(source=PIPELINE, event=identity)
    return Occasion(f"notice.{found.pattern}", cause, found.at_s, facts, event)


def _keep(care: Care, shown: Shown, most: int) -> None:
    """Remember what may be withdrawn; of the kind there is most of, the earliest gives way."""
    care.shown.append(shown)
    while len(care.shown) > most:
        kinds = Counter(each.kind for each in care.shown)
        largest = max(kinds.values())
        care.shown.remove(next(each for each in care.shown if kinds[each.kind] == largest))


def _withdraw(moment: Moment, gone: Withdrawn) -> None:
    """Take back what was felt of a pattern that showed wrongly, and what still waits for it."""
    care = moment.customer.care
    for shown in care.shown:
        same = shown.about == gone.about or shown.event == gone.trigger
        undone = gone.superseded or gone.at_s <= shown.at_s
        if shown.kind == gone.pattern and same and undone:
            care.shown.remove(shown)
            felt = take_back(
                moment.name,
                moment.customer,
                shown,
                moment.policy,
                source=PIPELINE,
                told_s=gone.at_s,
            )
            moment.answer.say(CONTRIBUTIONS, felt)
            moment.answer.tell("noticed", gone.pattern, "withdrawn")
            withdraw(moment, shown.notice)
            return
