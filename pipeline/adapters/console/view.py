"""A page before it is written: its template, its title, and what it shows."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote


class View(NamedTuple):
    """A page. ``live`` names the changes that may alter it, ``about`` the one customer it is of.

    It is fetched anew after a change, at most once in ``every_seconds``.
    """

    template: str
    title: str
    shows: Mapping[str, object]
    live: tuple[str, ...] = ()
    about: str = ""
    every_seconds: int = 5
    status: int = 200


def customer_path(base: str, customer: str) -> str:
    """The page of a customer, whatever characters the id has."""
    return f"{base}/customers/{quote(customer, safe='')}"


def event_anchor(event: str) -> str:
    """The id of an event's row in its customer's page."""
    return f"event-{quote(event, safe='')}"


def event_path(base: str, customer: str | None, event: str) -> str | None:
    """The row of an event in its customer's page; ``None`` for one without a customer."""
    if customer is None:
        return None
    named = quote(event, safe="")
    return f"{customer_path(base, customer)}?event={named}#{event_anchor(event)}"
