"""What every story needs: names of events, and what was felt in them, ready to compare."""

from datetime import UTC, datetime, timedelta
from math import exp, log
from typing import Any, Final

from pipeline.core.perceive.score import full_score
from pipeline.core.steps import Outcome
from schemas.perception import DimensionReading, Felt, Score
from tests.unit.core import Life

CALL: Final = "touchpoint.call.completed.v1"
COMPLAINT: Final = "touchpoint.complaint.opened.v1"
CLOSED: Final = "touchpoint.complaint.closed.v1"
DIGITAL: Final = "touchpoint.digital.used.v1"
GIFT: Final = "touchpoint.gift.given.v1"
BROKEN: Final = "touchpoint.promise.broken.v1"
HANDED_OVER: Final = "touchpoint.complaint.handed_over.v1"
KEPT: Final = "touchpoint.promise.kept.v1"
MESSAGE: Final = "touchpoint.message.delivered.v1"
MESSAGE_FAILED: Final = "touchpoint.message.failed.v1"
OBSERVED: Final = "touchpoint.observed.v1"
PROFILE: Final = "touchpoint.customer.profiled.v1"
PROGRESSED: Final = "touchpoint.complaint.progressed.v1"
PROMISED: Final = "touchpoint.promise.made.v1"
REPAIR: Final = "touchpoint.repair.completed.v1"
RESOLVED: Final = "touchpoint.complaint.resolved.v1"
RIVAL: Final = "touchpoint.market.rival_offered.v1"
SURVEY: Final = "touchpoint.survey.answered.v1"
TRANSACTION: Final = "touchpoint.transaction.completed.v1"
VISIT: Final = "touchpoint.visit.completed.v1"
WITHDRAWN: Final = "touchpoint.promise.withdrawn.v1"

MARCH: Final = "2026-03-01T00:00:00Z"


def noticed(life: Life, pattern: str, state: str = "noticed") -> int:
    """How often a pattern showed, or came to another ``state``."""
    return life.told["noticed", pattern, state]


def days_later(days: float) -> str:
    """The time ``days`` after ``MARCH``."""
    return (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=days)).isoformat()


def gold(life: Life) -> Life:
    """The same life, of a gold card customer."""
    life.happen(PROFILE, MARCH, {"tier": "gold"})
    return life


def felt(outcome: Outcome) -> dict[str, Felt]:
    """What an event meant, by dimension; without what it changed of earlier events."""
    assert outcome.contribution is not None
    return {each.dimension: each for each in outcome.contribution.felt if each.quality is not None}


def qualities(outcome: Outcome) -> dict[str, float]:
    """The felt qualities of an event, by dimension."""
    return {name: each.quality for name, each in felt(outcome).items() if each.quality is not None}


def value_of(outcome: Outcome, dimension: str) -> float:
    """What an event adds through one dimension, in log-odds."""
    return felt(outcome)[dimension].value


def changes(outcome: Outcome) -> list[float]:
    """By how much an event changed what earlier ones weigh, in log-odds."""
    assert outcome.contribution is not None
    return [each.value for each in outcome.contribution.felt if each.quality is None]


def reading(life: Life) -> Score:
    """Every reading of the customer as of the latest event."""
    return full_score(life.name, life.state, life.policy, life.state.as_of_s)


def read_dimension(life: Life, name: str) -> DimensionReading:
    """One dimension as the customer remembers and expects it."""
    (found,) = [each for each in reading(life).dimensions if each.dimension == name]
    return found


def at_level(level: float) -> float:
    """The score of so many log-odds above a baseline of 75, which is 3 to 1."""
    return 100.0 / (1.0 + exp(-(log(3.0) + level)))


def survey(life: Life, at: str = MARCH, intent: str = "none", **answers: float) -> Outcome:
    """The customer answers, 1 poor to 5 excellent."""
    data: dict[str, Any] = {"survey": "story", "intent": intent, "answers": answers}
    return life.happen(SURVEY, at, data)
