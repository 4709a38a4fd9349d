"""What is told of care: what is to be done, what was decided and why, and how cases stand."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from schemas.ids import action_id
from schemas.touchpoints.customers import Purpose

ActionClass = Literal["required", "service", "care", "marketing"]
DecisionOutcome = Literal[
    "requested",
    "withheld",
    "held",
    "proposed",
    "allocated",
    "not_funded",
    "expired",
    "settled",
    "recorded",
]
"""``requested``, ``withheld``, ``not_funded`` and ``expired`` are final: each proposal comes to
exactly one of them. Before it there may be ``held`` (until a time), ``proposed`` (to a campaign)
and ``allocated`` (by it); after ``requested`` comes ``settled``. ``recorded`` is care that staff
gave on their own."""

FINAL: frozenset[str] = frozenset(("requested", "withheld", "not_funded", "expired"))
"""Outcomes of which every proposal has exactly one."""


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The event that an action or decision came of; of a pattern, its own source and id."""

    source: str
    event: str


class Quiet(msgspec.Struct, frozen=True, gc=False):
    """Hours of the customer's day in which nothing is sent: ``HH:MM`` in the IANA zone ``zone``."""

    zone: str
    begins: str
    ends: str


class CareAction(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Something to be done for a customer, now.

    ``id`` is made from action, customer and cause: a repetition has the same id, so whoever
    carries it out uses it as idempotency key. ``decided_at`` is event time. ``fields`` fill the
    template named ``template``, in ``language`` if that is known.

    ``channel`` is ``staff`` where somebody of the company is to do something. ``fallbacks`` are
    the channels to try next, in order, where the one before failed for good. After ``expires_at``
    it is not to be done any more, nor in the ``quiet`` hours, nor if the customer has withdrawn
    consent for ``purpose`` on the channel. ``cost`` is in the policy's currency,
    ``expected_gain`` in points of score. With ``needs_approval`` nothing is done before somebody
    approves it (``CareOrder``).
    """

    id: str
    action: str
    action_class: ActionClass
    customer: str
    channel: str
    cause: Cause
    decided_at: datetime
    reason: str
    template: str
    fields: dict[str, str]
    policy: str
    purpose: Purpose = "service"
    fallbacks: tuple[str, ...] = ()
    expires_at: datetime | None = None
    quiet: Quiet | None = None
    language: str | None = None
    campaign: str | None = None
    cost: float = 0.0
    expected_gain: float = 0.0
    needs_approval: bool = False


class CareDecision(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A step in the life of a proposal, with its one reason.

    ``id`` is the action's; an id has each ``outcome`` at most once. ``until`` is when a held one
    is looked at again. ``trigger`` is what made it a proposal: ``transaction``, ``notice.NAME``,
    ``case.NAME``, ``low_score``, ``outlook.NAME`` or ``nominated``.
    """

    id: str
    action: str
    customer: str
    cause: Cause
    decided_at: datetime
    outcome: DecisionOutcome
    reason: str
    detail: str
    policy: str
    action_class: ActionClass = "service"
    trigger: str = ""
    channel: str | None = None
    until: datetime | None = None
    campaign: str | None = None
    tier: str | None = None
    cost: float = 0.0
    expected_gain: float = 0.0


class CareProposal(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="care.proposed"
):
    """A proposal that competes with others for what a campaign has; keyed by campaign.

    ``customer`` is already known to want it: consent, caps and the like were looked at.
    ``value`` is the expected gain in points times what the customer is worth; ``cost`` is in the
    policy's currency. Nothing is allocated after ``expires_at``.
    """

    id: str
    campaign: str
    action: str
    customer: str
    tier: str
    proposed_at: datetime
    expires_at: datetime
    value: float
    cost: float
    cohort: str | None = None
    cohort_size: int | None = None


class CareDeclined(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="care.declined"
):
    """A customer who was put forward for a campaign and gets nothing, by own wish or by rule.

    Counted, so that a cohort can be whole without this customer; keyed by campaign.
    """

    id: str
    campaign: str
    customer: str
    declined_at: datetime
    reason: str
    cohort: str | None = None
    cohort_size: int | None = None


class GiftSeen(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="gift.seen"
):
    """A gift reached a customer whose peers compare; keyed by campaign."""

    campaign: str
    customer: str
    cohort: str
    given_at: datetime
    event: str


class Unserved(msgspec.Struct, frozen=True, gc=False):
    """A cohort, or with ``cohort`` None the single customers, that got nothing, and why."""

    cohort: str | None
    members: int
    cost: float
    reason: str


class CampaignReport(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How a campaign stands after a window closed; ``id`` is made of campaign and window.

    ``spent`` and ``spent_today`` are in the policy's currency, limits ``None`` where there is
    none. ``unserved`` are the largest, at most 50; ``disparities`` are cohorts part of which got a
    gift, part not.
    """

    id: str
    campaign: str
    at: datetime
    proposed: int
    allocated: int
    not_funded: int
    declined: int
    spent: float
    spent_today: float
    budget: float | None
    budget_per_day: float | None
    capacity_left: int | None
    stock_left: int | None
    unserved: tuple[Unserved, ...]
    disparities: tuple[Unserved, ...]
    policy: str


class CaseStep(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One clock of a case: ``within_hours`` of the calendar, due at ``due``."""

    name: str
    due: datetime
    within_hours: float
    done: datetime | None = None
    warned: bool = False
    breached: bool = False


class CareCase(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """How a case stands; the last record of an ``id`` is the latest.

    ``status`` is ``closed`` only by the customer's own word. ``level`` is how far up it was
    escalated, 0 not at all; ``owner`` is the department that has it.
    """

    id: str
    customer: str
    case: str
    kind: Literal["complaint", "repair"]
    status: Literal["open", "resolved", "closed"]
    tier: str
    opened_at: datetime
    as_of: datetime
    policy: str
    topic: str | None = None
    line: str | None = None
    owner: str | None = None
    level: Annotated[int, Meta(ge=0)] = 0
    hand_overs: Annotated[int, Meta(ge=0)] = 0
    reopened: Annotated[int, Meta(ge=0)] = 0
    breaches: Annotated[int, Meta(ge=0)] = 0
    steps: tuple[CaseStep, ...] = ()
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    satisfied: bool | None = None


class Consent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a customer does not want; compacted by customer.

    ``denied`` are pairs ``CHANNEL:PURPOSE``; ``alerts`` is false where alerts are not wanted.
    """

    customer: str
    denied: tuple[str, ...]
    alerts: bool
    as_of: datetime


OrderKind = Literal["approve", "hold", "release", "cancel"]


class CareOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What somebody wants done with an action that was decided; ``id`` is made by ``order_id``.

    ``hold`` has it wait until ``release`` or ``approve``; ``cancel`` is for good. ``approve`` lets
    go what needs approval, and stays given. ``by`` is who gave it, ``reason`` in that person's
    words. An order for an action that is done already changes nothing.
    """

    id: str
    action: str
    customer: str
    order: OrderKind
    by: str
    at: datetime
    reason: str


ORDER_MATTERS: Final[dict[OrderKind, str]] = {
    "approve": "approval",
    "hold": "hold",
    "release": "hold",
    "cancel": "cancel",
}
"""What an order is about; of each matter of an action the last order holds."""


def order_id(action: str, order: OrderKind, request: str) -> str:
    """The id of an order: the same request for the same action gives the same, sent twice.

    ``request`` names the request, as an idempotency key does.
    """
    return action_id(f"order.{order}", action, "urn:touchpoint:order", request)


def order_key(order: CareOrder) -> bytes:
    """The key of its record. The topic is compacted, so that of each matter the last stays: what
    was approved stays approved, whatever is held and released later."""
    return f"{order.action}:{ORDER_MATTERS[order.order]}".encode()
