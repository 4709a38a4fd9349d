"""What people's orders make of an action: whether it may go, waits, or is never to be done."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from schemas.care import CareOrder


class Waiting(NamedTuple):
    """It is not to be sent now. ``why`` is a metric's label, ``detail`` says it in words."""

    why: Literal["held", "approval"]
    detail: str


class Cancelled(NamedTuple):
    """It is never to be sent; ``detail`` says who wants that and why."""

    detail: str


def standing(orders: Sequence[CareOrder], *, needs_approval: bool) -> Waiting | Cancelled | None:
    """What holds after ``orders``, which are in the order given; ``None`` if it may be sent.

    A cancellation is for good and an approval stays given; of ``hold``, ``release`` and
    ``approve`` the last one decides whether it is held.
    """
    held: CareOrder | None = None
    approved = False
    for order in orders:
        match order.order:
            case "cancel":
                return Cancelled(f"cancelled by {order.by}: {order.reason}")
            case "hold":
                held = order
            case "release":
                held = None
            case "approve":
                held, approved = None, True
    if held is not None:
        return Waiting("held", f"held by {held.by}: {held.reason}")
    if needs_approval and not approved:
        return Waiting("approval", "nobody has approved it")
    return None
