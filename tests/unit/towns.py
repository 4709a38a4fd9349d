"""Small towns for reviews of campaigns: histories whose figures can be told by hand.

Who answers a survey with ``r`` of 5 felt the quality ``(r - 1) / 4``; waiting has the norm 0.7.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.tools.histories import Histories, histories_of
from pipeline.tools.review import Review, review
from pipeline.tools.review_campaign import Campaign, load_campaign
from tests.unit.core import default_policy
from tests.unit.events import event

SURVEY = "touchpoint.survey.answered.v1"
PROFILED = "touchpoint.customer.profiled.v1"
STARTS = "2026-04-01T00:00:00Z"
STARTS_S = 1_775_001_600.0
DAY_S = 86_400.0

Made = dict[str, Any]


def day(number: int) -> str:
    """Noon of a day in March, so day 31 is the last before the start."""
    return f"2026-03-{number:02d}T12:00:00Z"


def answers(who: str, rating: float, days: Sequence[int], dimension: str = "waiting") -> list[Made]:
    """What a customer answers about one dimension on some days in March."""
    data = {"survey": "exit", "answers": {dimension: rating}}
    return [
        event(SURVEY, id=f"{who}-{dimension}-{d}", subject=who, time=day(d), data=data)
        for d in days
    ]


def profile(who: str, **data: str) -> Made:
    return event(PROFILED, id=f"{who}-p", subject=who, time="2026-03-01T00:00:00Z", data=data)


def town(names: str, rating: float, every: int = 5, **told: str) -> list[Made]:
    """Customers named by letters; each answers about waiting every fifth day, or oftener."""
    made: list[Made] = []
    for name in names:
        made += [profile(name, **told), *answers(name, rating, range(every, 31, every))]
    return made


def histories(made: Sequence[Made]) -> Histories:
    return histories_of([json.dumps(each).encode() for each in made], default_policy())


def campaign(*steps: Mapping[str, Any], **changes: Any) -> Campaign:
    content = {"name": "plan", "starts": STARTS, "days": 30, "steps": list(steps)} | changes
    return load_campaign(json.dumps(content), name="plan.yaml", policy=default_policy())


def reviewed(made: Sequence[Made], *steps: Mapping[str, Any], **changes: Any) -> Review:
    plan = campaign(*steps, **changes)
    return review(plan, histories(made), default_policy(), lambda done, total: None)


def promise(level: float, **changes: Any) -> Made:
    return {"does": "promise", "dimension": "waiting", "level": level, "due_days": 10} | changes
