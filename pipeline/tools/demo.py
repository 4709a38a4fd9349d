"""A small town of customers to whom things happen, so that a first look shows something."""

import json
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

SOURCE: Final = "/demo/town"
CUSTOMERS: Final = (
    *("ada", "bao", "carla", "deng", "emil", "fatou", "gao", "hana", "ivo", "jun"),
    *("kofi", "lan", "mei", "nils", "olga", "pia", "qiu", "rosa", "sven", "tao"),
)
MERCHANTS: Final = ("Noodle bar", "Bookshop", "Bakery", "Tram", "Cinema", "Market")
GOLD: Final = frozenset(CUSTOMERS[::5])

# What happens, and how often of a hundred.
_KINDS: Final = ("transaction",) * 55 + ("call",) * 25 + ("visit",) * 12 + ("complaint",) * 8


def introductions(now: datetime) -> list[tuple[bytes, bytes]]:
    """A profile of every customer of the town, as keys and values of log records."""
    return [
        _as_record(
            _event(
                f"profile-{customer}",
                now,
                customer,
                "customer.profiled",
                {"tier": "gold" if customer in GOLD else "ordinary"},
            )
        )
        for customer in CUSTOMERS
    ]


def town_event_bytes(number: int, now: datetime) -> tuple[bytes, bytes]:
    """Event ``number`` of the town at ``now``, as the key and value of a log record.

    The same for the same arguments.
    """
    random = Random(number)  # noqa: S311 - a demonstration, not a secret
    customer = random.choice(CUSTOMERS)
    # Some districts are served worse than others, so that scores differ.
    luck = (CUSTOMERS.index(customer) % 7) / 6
    kind = random.choice(_KINDS)
    return _as_record(_event(str(number), now, customer, _TYPES[kind], _MAKERS[kind](random, luck)))


def _as_record(event: dict[str, Any]) -> tuple[bytes, bytes]:
    return str(event["subject"]).encode(), json.dumps(event, separators=(",", ":")).encode()


def _event(name: str, now: datetime, customer: str, kind: str, data: Any) -> dict[str, Any]:
    # The time is in the id: a second run on the same file makes new events.
    return {
        "specversion": "1.0",
        "id": f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}-{name}",
        "source": SOURCE,
        "type": f"touchpoint.{kind}.v1",
        "subject": customer,
        "time": now.astimezone(UTC).isoformat(),
        "data": data,
    }


def _transaction(random: Random, luck: float) -> dict[str, Any]:
    return {
        "amount": round(random.lognormvariate(2.5, 1.0), 2),
        "currency": "EUR",
        "merchant": random.choice(MERCHANTS),
        "account": f"**{random.randrange(100):02d}",
        "approved": random.random() < 0.9 + 0.1 * luck,
    }


def _call(random: Random, luck: float) -> dict[str, Any]:
    wait = random.expovariate(1 / (80 - 65 * luck))
    return {
        "intent": random.choice(("enquiry", "help", "fault")),
        # A matter of its own each time: a second call on one topic would be a repeat.
        "topic": f"{random.choice(('card', 'loan', 'app'))}-{random.randrange(10**6):06d}",
        "wait_seconds": round(wait, 1),
        "abandoned": wait > 90,
        "resolved": wait <= 90 and random.random() < 0.5 + 0.5 * luck,
    }


def _visit(random: Random, luck: float) -> dict[str, Any]:
    return {
        "intent": "help",
        "wait_seconds": round(random.expovariate(1 / (700 - 500 * luck))),
        "resolved": random.random() < 0.6 + 0.4 * luck,
        "ratings": {"attitude": min(5, 2 + round(3 * luck + random.random()))},
    }


def _complaint(random: Random, luck: float) -> dict[str, Any]:
    return {
        "intent": "complaint",
        "complaint": f"case-{random.randrange(10**6):06d}",
        "severity": 1 + round(4 * (1 - luck) * random.random()),
    }


_TYPES: Final = {
    "transaction": "transaction.completed",
    "call": "call.completed",
    "visit": "visit.completed",
    "complaint": "complaint.opened",
}
_MAKERS: Final = {
    "transaction": _transaction,
    "call": _call,
    "visit": _visit,
    "complaint": _complaint,
}
