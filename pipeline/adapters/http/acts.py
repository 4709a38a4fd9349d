"""What people do: orders for actions, care by hand, dead letters sent again, each noted first.

Noted before it is done: whatever was done can be asked for, and what failed was at least wanted.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from pipeline.adapters.http.access_ports import AuditNotes
from pipeline.adapters.http.ports import (
    ActionBook,
    Entry,
    Ingest,
    KeyReused,
    Letters,
    Once,
    Orders,
    Redrive,
)
from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.who import who_of
from pipeline.core.admission import admit
from pipeline.core.policy.compiled import Policy
from schemas.care import CareOrder, OrderKind, order_id
from schemas.dead_letter import KeptLetter
from schemas.ids import action_id
from schemas.inbound import Invalid

STAFF_SOURCE: Final = "urn:touchpoint:staff"
"""The source of care that staff tell of over HTTP."""

CARED: Final = "touchpoint.staff.cared.v1"


class Desk(NamedTuple):
    """What people act with. ``now_ms`` is the clock, in milliseconds since 1970; ``new_key`` makes
    a key for a request that brings none; ``ingest`` may be none where no events are taken in."""

    orders: Orders
    actions: ActionBook
    letters: Letters
    redrive: Redrive
    ingest: Ingest | None
    audit: AuditNotes
    policy: Callable[[], Policy]
    now_ms: Callable[[], int]
    new_key: Callable[[], str]


class Actor(NamedTuple):
    """Who acts: ``name`` for people and the audit log, ``how`` that caller was let in."""

    name: str
    how: str


class Told(NamedTuple):
    """The answer about an event; ``again`` if it was given before."""

    answer: bytes
    again: bool


def actor_of(request: Request) -> Actor:
    """Whom the edge let in."""
    who = who_of(request)
    return Actor(who.name, who.how)


async def give_order(
    desk: Desk, action: str, order: OrderKind, *, actor: Actor, reason: str, key: str
) -> tuple[CareOrder, bool]:
    """Order something for an action; returns the order, and whether it was given before.

    ``key`` names the request. Raises ``ProblemError`` 404 for an unknown action and 409 for one
    that is done or cancelled, ``KeyReused``, and what ``Orders.give`` raises.
    """
    identity = order_id(action, order, key)
    known = await desk.orders.find(identity)
    if known is not None:
        if known.reason != reason:
            raise KeyReused("this Idempotency-Key came before with another reason")
        return known, True
    customer = await _open_action(desk, action, order)
    at = _time(desk.now_ms())
    await _note(
        desk, actor, f"action.{order}", action, reason=reason, detail={"customer": customer}
    )
    given = CareOrder(
        id=identity,
        action=action,
        customer=customer,
        order=order,
        by=actor.name,
        at=at,
        reason=reason,
    )
    return await desk.orders.give(given), False


async def _open_action(desk: Desk, action: str, order: OrderKind) -> str:
    """The customer of an action that can still be ordered about."""
    state = await run_in_threadpool(desk.actions.state, action)
    if state is None:
        raise ProblemError(404, "unknown_action", "there is no action of this id")
    if state.outcome is not None:
        ended = state.outcome
        detail = f" ({ended.detail})" if ended.detail else ""
        what = (
            f"the action is over already: {ended.result}{detail} at {ended.at:%Y-%m-%dT%H:%M:%SZ}"
        )
        raise ProblemError(409, "action_settled", what)
    cancel = next((each for each in state.orders if each.order == "cancel"), None)
    if cancel is not None and order != "cancel":
        what = f"the action was cancelled by {cancel.by}: {cancel.reason}"
        raise ProblemError(409, "action_cancelled", what)
    return state.customer


async def redrive_letter(
    desk: Desk, identity: int, *, actor: Actor, reason: str
) -> tuple[KeptLetter, bool]:
    """Send a dead letter back to its topic; returns it, and whether that was done before.

    Where it breaks off in between, it may be sent twice: an event has its id, an action too.
    Raises ``ProblemError`` 404, and what ``Redrive.send`` raises.
    """
    kept = await run_in_threadpool(desk.letters.letter, identity)
    if kept is None:
        raise _unknown_letter()
    if kept.redriven_at is not None:
        return kept, True
    detail = {"topic": kept.letter.topic, "why_dead": kept.letter.reason.value}
    await _note(desk, actor, "dead_letter.redrive", str(identity), reason=reason, detail=detail)
    await desk.redrive.send(kept.letter)
    at = _time(desk.now_ms())
    marked = await run_in_threadpool(
        lambda: desk.letters.mark_redriven(identity, by=actor.name, at=at)
    )
    if marked is None:
        raise _unknown_letter()
    return marked, False


async def tell_of_care(
    desk: Desk, customer: str, body: Mapping[str, object], *, actor: Actor, key: str | None
) -> Told | Invalid:
    """Put care that staff gave into the log; ``body`` is the event's data, and ``at`` its time.

    The same ``key`` with the same body is told once; without a key each request is another care.
    Raises what ``Ingest.append`` raises.
    """
    if desk.ingest is None:
        raise ProblemError(404, "not_found", "no events are taken in here")
    received_ms = desk.now_ms()
    data = dict(body)
    event = {
        "specversion": "1.0",
        "id": action_id("staff_cared", customer, STAFF_SOURCE, key or desk.new_key()),
        "source": STAFF_SOURCE,
        "type": CARED,
        "subject": customer,
        "time": data.pop("at", None) or _time(received_ms),
        "data": data,
    }
    value = msgspec.json.encode(event)
    admitted = admit(value, (), received_ms, desk.policy())
    if isinstance(admitted, Invalid):
        return admitted
    answer = msgspec.json.encode({"source": STAFF_SOURCE, "id": event["id"]})
    once = None
    if key is not None:
        digest = blake2b(msgspec.json.encode([customer, body], order="sorted"), digest_size=16)
        once = Once(f"care:{key}", digest.digest(), answer)
    known = None if once is None else await desk.ingest.append([], received_ms, once)
    if known is None:
        why = str(data.get("because") or "")
        what = {"care": data.get("care"), "event": event["id"]}
        await _note(desk, actor, "customer.care", customer, reason=why, detail=what)
        known = await desk.ingest.append([Entry(customer.encode(), value)], received_ms, once)
    return Told(answer if known is None else known, known is not None)


async def _note(
    desk: Desk,
    actor: Actor,
    action: str,
    target: str,
    *,
    reason: str,
    detail: Mapping[str, object],
) -> None:
    await run_in_threadpool(
        lambda: desk.audit.note(
            action, who=actor.name, how=actor.how, target=target, reason=reason, detail=detail
        )
    )


def _unknown_letter() -> ProblemError:
    return ProblemError(404, "unknown_dead_letter", "there is no dead letter of this id")


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
