"""Random data of every family of events; each is made of one number, so that streams are cheap."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from schemas.touchpoints.customers import COHORT_BYTES

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
TWO_YEARS_S: Final = 2 * 365 * 86_400

DIMENSIONS: Final = (
    "access", "connect_speed", "guidance", "waiting", "environment", "attitude", "knowledge",
    "awareness", "resolution", "recovery", "trust", "security", "reliability", "price",
    "attention", "mood",
)  # fmt: skip
CHANNELS: Final = ("phone", "sms", "email", "push", "chat", "social", "post", "in_person")
TIERS: Final = ("ordinary", "gold", "silver", "a_tier_with_a_name_of_32_letters")
_INTENTS: Final = ("enquiry", "help", "fault", "complaint", "purchase", "none")
_RATED: Final = ("attitude", "voice", "knowledge", "awareness", "environment")
_WORDS: Final = ("unacceptable", "never_again", "disappointed", "slow", "thanks", "excellent", "?")
_EMOTIONS: Final = ("angry", "upset", "worried", "calm", "content", "pleased", "moved", "bored")
_TINY: Final = 5e-324


class Dice(Random):
    """Randomness of one number; of 0 comes the plainest event, which failing examples shrink to."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._plain = number == 0

    def yes(self, probability: float = 0.5) -> bool:
        """Whether something shows that need not."""
        return not self._plain and self.random() < probability

    def span(self, low: float, high: float) -> float:
        """A number from ``low`` to ``high``, often one of the two."""
        if self._plain or self.random() < 0.2:
            return low if self.random() < 0.5 else high
        return self.uniform(low, high)

    def seconds(self, usual: float) -> float:
        """A wait: none, hardly any, the longest allowed, or up to ten times the usual one."""
        if self.yes(0.2):
            return self.choice((0.0, _TINY, 366 * 86_400.0))
        return self.uniform(0, 10 * usual)

    def thin(self, **fields: Any) -> dict[str, Any]:
        """Some of the fields."""
        return {name: value for name, value in fields.items() if self.yes(0.6)}

    def contact(self, **fields: Any) -> dict[str, Any]:
        """What every contact may tell, and ``fields``."""
        rated = self.sample(_RATED, self.randint(0, 5))
        return fields | self.thin(
            intent=self.choice(_INTENTS),
            topic=self.choice(("t-1", "t-2", "t-3")),
            resolved=self.yes(),
            sentiment=self.span(-1, 1),
            emotion=self.choice(_EMOTIONS),
            words=self.sample(_WORDS, self.randint(0, 3)),
            ratings={name: self.span(1, 5) for name in rated},
            intensity=self.span(0.001, 1),
        )

    def moment(self) -> str:
        """A time within two years and a little beyond."""
        return (START + timedelta(seconds=self.randint(0, TWO_YEARS_S + 86_400))).isoformat()


Made = dict[str, Any]


def _call(dice: Dice) -> Made:
    return dice.contact(direction=dice.choice(("inbound", "outbound"))) | dice.thin(
        wait_seconds=dice.seconds(20),
        promised_wait_seconds=dice.seconds(20),
        abandoned=dice.yes(),
        ivr_steps=dice.randint(0, 20),
        transfers=dice.randint(0, 9),
    )


def _visit(dice: Dice) -> Made:
    return dice.contact(place=dice.choice(("shop", "home", "other"))) | dice.thin(
        wait_seconds=dice.seconds(300),
        promised_wait_seconds=dice.seconds(300),
        served=dice.yes(),
    )


def _message(dice: Dice) -> Made:
    purposes = ("alert", "reply", "notice", "care", "marketing", "other")
    # Mostly care on few channels: contacts must crowd for fatigue to show.
    return dice.contact(
        channel=dice.choice((*CHANNELS, "sms", "sms", "email")),
        purpose=dice.choice((*purposes, "care", "care", "care")),
    ) | dice.thin(direction=dice.choice(("inbound", "outbound")), delay_seconds=dice.seconds(10))


def _digital(dice: Dice) -> Made:
    return dice.contact(platform=dice.choice(("app", "web", "kiosk"))) | dice.thin(
        completed=dice.yes(),
        steps=dice.randint(0, 30),
        errors=dice.randint(0, 9),
        seconds=dice.seconds(180),
    )


def _case(dice: Dice) -> Made:
    return dice.contact(complaint=dice.choice(("k-1", "k-2", "k-3")))


def _complaint(dice: Dice) -> Made:
    return _case(dice) | dice.thin(severity=dice.randint(1, 5))


def _resolved(dice: Dice) -> Made:
    return _case(dice) | dice.thin(
        outcome_justice=dice.span(0, 1),
        treatment_justice=dice.span(0, 1),
        procedure_justice=dice.span(0, 1),
    )


def _closed(dice: Dice) -> Made:
    return _case(dice) | {"satisfied": dice.yes()}


def _repair(dice: Dice) -> Made:
    return dice.contact(repair=dice.choice(("r-1", "r-2")))


def _repaired(dice: Dice) -> Made:
    return _repair(dice) | dice.thin(
        seconds_to_repair=dice.seconds(86_400), promised_seconds=dice.seconds(86_400)
    )


def _promise(dice: Dice) -> Made:
    return dice.contact(promise=dice.choice(("p-1", "p-2")))


def _promised(dice: Dice) -> Made:
    level = {"dimension": dice.choice((*DIMENSIONS, "unheard_of")), "level": dice.span(0, 1)}
    return _promise(dice) | dice.thin(due=dice.moment()) | (level if dice.yes() else {})


def _rival(dice: Dice) -> Made:
    return {"dimension": dice.choice((*DIMENSIONS, "unheard_of")), "level": dice.span(0, 1)}


def _profile(dice: Dice) -> Made:
    return dice.thin(
        tier=dice.choice((*TIERS, "unheard_of")),
        revenue=dice.choice((0.0, 99.0, 250.0, 1e15)),
        cohort="é" * (COHORT_BYTES // 2),
        language="x" * 16,
        time_zone="Z" * 32,
        alerts={"threshold": dice.span(0, 100), "channel": "in_person", "wanted": dice.yes()},
    )


def _consent(dice: Dice) -> Made:
    purpose = dice.choice(("service", "care", "marketing"))
    return {"channel": dice.choice(CHANNELS), "purpose": purpose, "granted": dice.yes()}


def _survey(dice: Dice) -> Made:
    asked = dice.sample(DIMENSIONS, dice.randint(1, 11))
    by = dice.choice(("customer", "mystery_shopper", "third_party"))
    return dice.contact(survey="s", answers={name: dice.span(1, 5) for name in asked}) | {
        "answered_by": by
    }


def _transaction(dice: Dice) -> Made:
    amount, approved = dice.span(0, 1e15), dice.yes()
    return {"amount": amount, "currency": "EUR"} | dice.thin(approved=approved, kind="fee")


def _observed(dice: Dice) -> Made:
    entries: dict[str, Made] = {
        "mystery_shopper": {
            "attitude": dice.span(1, 5),
            "knowledge": dice.span(-1e15, 1e15),
            "questions_solved": dice.span(0, 9),
            "questions_asked": dice.choice((0.0, _TINY, 9.0)),
        },
        "suggestion": {"answered": dice.yes(), "taken_up": dice.yes()},
        "key_account_meeting": {"needs_met": dice.span(1, 5), "actions_done": 2.0}
        | {"actions_agreed": dice.span(0, 4)},
        "courtesy_call": {"welcome": dice.yes()},
        "staff_approach": {"welcome": dice.yes()},
    }
    name = dice.choice(tuple(entries))
    return dice.contact(touchpoint=name, measures=dice.thin(**entries[name]))


def _gift(dice: Dice) -> Made:
    return dice.contact(gift="tea")


FAMILIES: Final[dict[str, Callable[[Dice], Made]]] = {
    "touchpoint.call.completed.v1": _call,
    "touchpoint.visit.completed.v1": _visit,
    "touchpoint.message.delivered.v1": _message,
    "touchpoint.message.failed.v1": _message,
    "touchpoint.message.sent.v1": _message,
    "touchpoint.digital.used.v1": _digital,
    "touchpoint.complaint.opened.v1": _complaint,
    "touchpoint.complaint.handed_over.v1": _case,
    "touchpoint.complaint.resolved.v1": _resolved,
    "touchpoint.complaint.closed.v1": _closed,
    "touchpoint.repair.opened.v1": _repair,
    "touchpoint.repair.completed.v1": _repaired,
    "touchpoint.promise.made.v1": _promised,
    "touchpoint.promise.kept.v1": _promise,
    "touchpoint.promise.broken.v1": _promise,
    "touchpoint.promise.withdrawn.v1": _promise,
    "touchpoint.market.rival_offered.v1": _rival,
    "touchpoint.customer.profiled.v1": _profile,
    "touchpoint.customer.consented.v1": _consent,
    "touchpoint.survey.answered.v1": _survey,
    "touchpoint.transaction.completed.v1": _transaction,
    "touchpoint.observed.v1": _observed,
    "touchpoint.gift.given.v1": _gift,
}
"""By event type; merging of customers is not here, as it takes two of them."""
