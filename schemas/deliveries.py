"""What is kept of subscribers between two looks: how customers stand, and what is to be sent."""

from datetime import datetime
from typing import NamedTuple

from schemas.subscriptions import DeliveryStatus, ScoreNotice


class Standing(NamedTuple):
    """How a customer stands with a subscription: ``matches`` now, after so many ``crossings``."""

    matches: bool = False
    crossings: int = 0


class Crossing(NamedTuple):
    """A customer crossed into or out of a condition: how it stands now, and what is told."""

    subscription: str
    customer: str
    standing: Standing
    notice: ScoreNotice


class Turn(NamedTuple):
    """How far scores were followed: ``cursor`` is of the feed; ``number`` grows with each change
    of cursor or subscriptions, so that who has an old one knows."""

    number: int
    cursor: str


class Target(NamedTuple):
    """Where the notices of a subscription go, and what they are signed with."""

    subscription: str
    url: str
    secret: str


class Claim(NamedTuple):
    """A notice that one process may send ``until`` then; ``since`` it is to be sent."""

    id: str
    body: bytes
    attempts: int
    since: datetime
    until: datetime


class Outcome(NamedTuple):
    """What became of a claim: done, failed, or waiting for ``next_at``."""

    claim: Claim
    status: DeliveryStatus
    attempts: int
    at: datetime
    next_at: datetime | None = None
    detail: str | None = None
