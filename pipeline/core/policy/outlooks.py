"""What may happen to a customer, as the policy file says it: what counts as it, and what tells it.

The log-odds of an outlook are ``intercept`` and, for each term, ``coefficient`` times how far the
reading lies above ``usual``. So the intercept is the log-odds of a customer like most.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from pipeline.core.policy.character import Sign
from pipeline.core.policy.constants import Constant, Key, Section, Share

Reading = Literal[
    Sign,
    "score",
    "open_failures",
    "open_promises",
    "overdue_promises",
    "recent_contacts",
]
"""What the terms of outlooks look at: the readings of signs, the score in points, failures and
promises that stand open, promises overdue, and contacts that the customer sought so lately that
the next one on their topic would be a repeat."""

REPEAT_CONTACT: Literal["repeat_contact"] = "repeat_contact"
"""Stands among event types in ``happens_on``: a contact sought again on its topic, see
``repeats``."""

Days = Annotated[float, Field(ge=1 / 24, le=3_660)]
_DAY_S = 86_400.0


class OutlookTerm(Section):
    """One reading and what it adds. ``quality`` needs the dimension it is of.

    ``coefficient`` is in log-odds per unit of the reading above ``usual``. Of a customer of whom
    the reading is not known it adds nothing.
    """

    reading: Reading
    dimension: Key | None = None
    usual: float = 0.0
    coefficient: Constant

    @model_validator(mode="after")
    def _dimension_of_quality(self) -> "OutlookTerm":
        if (self.reading == "quality") != (self.dimension is not None):
            raise ValueError("quality needs a dimension, other readings have none")
        return self


class OutlookPolicy(Section):
    """How likely something is within ``horizon_days``.

    ``happens_on``: the event types that are the thing itself, or ``repeat_contact``.
    ``calibrated``: whether the numbers were fitted to what happened to the operator's own
    customers. ``call_above``: from this probability on it calls for care (``outlook.NAME``), once
    until it was below ``clear_below``.
    """

    horizon_days: Days
    happens_on: Annotated[tuple[str, ...], Field(min_length=1, max_length=16)]
    intercept: Constant
    terms: Annotated[tuple[OutlookTerm, ...], Field(max_length=16)] = ()
    calibrated: bool = False
    call_above: Share = 1.0
    clear_below: Share | None = None

    @model_validator(mode="after")
    def _clears_below_what_calls(self) -> "OutlookPolicy":
        if self.clear_below is not None and self.clear_below > self.call_above:
            raise ValueError("clear_below must not be above call_above")
        return self


Outlooks = Annotated[dict[Key, OutlookPolicy], Field(max_length=8)]
"""Every outlook by name; one without a section is not asked for."""


class Term(NamedTuple):
    """A term as plain numbers; ``key`` is the reading's name, with its dimension if it has one."""

    key: str
    reading: str
    dimension: str | None
    usual: float
    coefficient: float


class OutlookRule(NamedTuple):
    """An outlook as plain numbers. ``listened``: an action waits for ``outlook.NAME``."""

    name: str
    horizon_s: float
    happens_on: frozenset[str]
    on_repeat: bool
    intercept: float
    terms: tuple[Term, ...]
    call_above: float
    clear_below: float
    trigger: str
    listened: bool


def outlook_rules(
    given: Mapping[str, OutlookPolicy], triggers: Mapping[str, object]
) -> tuple[OutlookRule, ...]:
    """The outlooks in the order of the file; ``triggers`` are those that actions wait for."""
    return tuple(_rule(name, each, f"outlook.{name}", triggers) for name, each in given.items())


def _rule(
    name: str, given: OutlookPolicy, trigger: str, triggers: Mapping[str, object]
) -> OutlookRule:
    clear = given.call_above if given.clear_below is None else given.clear_below
    return OutlookRule(
        name=name,
        horizon_s=given.horizon_days * _DAY_S,
        happens_on=frozenset(given.happens_on) - {REPEAT_CONTACT},
        on_repeat=REPEAT_CONTACT in given.happens_on,
        intercept=given.intercept.value,
        terms=tuple(
            Term(_key(term), term.reading, term.dimension, term.usual, term.coefficient.value)
            for term in given.terms
        ),
        call_above=given.call_above,
        clear_below=clear,
        trigger=trigger,
        listened=trigger in triggers,
    )


def _key(term: OutlookTerm) -> str:
    return term.reading if term.dimension is None else f"{term.reading}.{term.dimension}"
