"""Seeded events as a bank would send them, encoded beforehand, so that making them is not timed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

SOURCE: Final = "urn:bank:core"
START: Final = datetime(2025, 1, 6, 8, tzinfo=UTC)
DAYS_BETWEEN_EVENTS: Final = 3.0
"""Of one customer, on average: so many customers make the log's time go so much faster."""

_MERCHANTS: Final = ("Riverside Bakery", "Metro Line 4", "Corner Bookshop", "Harbour Fuel Station")
_TOPICS: Final = ("card-blocked", "loan-rate", "app-login", "statement", "fee")


class Sent(NamedTuple):
    """One record of the source topic."""

    key: bytes
    value: bytes


def make_events(
    count: int,
    *,
    customers: int = 20_000,
    seed: int = 1,
    run: str = "r",
    start: datetime = START,
) -> Iterator[Sent]:
    """``count`` CloudEvents of 300-400 bytes, times advancing, some customers busier than others.

    A customer's rank is the square of a uniform number: the busiest hundredth has a tenth of all
    events. ``run`` is part of every event's id, so that two runs have no duplicates in common.
    """
    random = Random(seed)
    encode = msgspec.json.encode
    step = timedelta(days=DAYS_BETWEEN_EVENTS / customers)
    for number in range(count):
        customer = f"customer-{int(customers * random.random() ** 2):06d}"
        kind, make = random.choices(_KINDS, _WEIGHTS)[0]
        event = {
            "specversion": "1.0",
            "id": f"{run}-{number:08d}-{random.getrandbits(48):012x}",
            "source": SOURCE,
            "type": f"touchpoint.{kind}.v1",
            "subject": customer,
            "time": (start + number * step).isoformat(timespec="milliseconds"),
            "data": make(random),
        }
        yield Sent(customer.encode(), encode(event))


def _transaction(random: Random) -> dict[str, Any]:
    return {
        "amount": round(random.lognormvariate(3.0, 1.2), 2),
        "currency": "EUR",
        "kind": random.choice(("purchase", "purchase", "withdrawal", "transfer")),
        "merchant": random.choice(_MERCHANTS),
        "account": f"**** **** **** {random.randrange(10_000):04d}",
        "approved": random.random() < 0.97,
    }


def _call(random: Random) -> dict[str, Any]:
    wait = round(random.expovariate(1 / 60), 1)
    return {
        "intent": random.choice(("enquiry", "help", "fault")),
        "topic": random.choice(_TOPICS),
        "wait_seconds": wait,
        "promised_wait_seconds": 20.0,
        "abandoned": wait > 200,
        "ivr_steps": random.randrange(8),
        "talk_seconds": round(random.expovariate(1 / 240), 1),
        "resolved": random.random() < 0.8,
    }


def _message(random: Random) -> dict[str, Any]:
    return {
        "channel": random.choice(("sms", "push", "email")),
        "purpose": random.choice(("alert", "alert", "notice", "marketing")),
        "about": f"m-{random.getrandbits(48):012x}",
        "topic": random.choice(_TOPICS),
        "delay_seconds": round(random.expovariate(1 / 6), 2),
    }


def _visit(random: Random) -> dict[str, Any]:
    return {
        "intent": "help",
        "topic": random.choice(_TOPICS),
        "site": f"branch-{random.randrange(400):03d}",
        "wait_seconds": round(random.expovariate(1 / 420)),
        "promised_wait_seconds": 300,
        "resolved": random.random() < 0.9,
        "ratings": {"attitude": random.randint(2, 5), "knowledge": random.randint(2, 5)},
    }


def _complaint(random: Random) -> dict[str, Any]:
    return {
        "intent": "complaint",
        "complaint": f"case-{random.getrandbits(40):010x}",
        "topic": random.choice(_TOPICS),
        "severity": random.randint(1, 5),
        "channel": "phone",
        "sentiment": round(random.uniform(-1.0, 0.2), 2),
    }


_KINDS: Final = (
    ("transaction.completed", _transaction),
    ("call.completed", _call),
    ("message.delivered", _message),
    ("visit.completed", _visit),
    ("complaint.opened", _complaint),
)
_WEIGHTS: Final = (55, 20, 12, 9, 4)
