"""A seeded stream of touches, with everything bad a publisher can send, published steadily."""

import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import KafkaProducer

from pipeline.adapters.kafka.settings import KafkaSettings
from tests.chaos.bad_input import BAD_INPUTS, Sent

SOURCE = "/chaos"
_START = datetime(2025, 1, 1, tzinfo=UTC)
_TICK_SECONDS = 0.02
_ANSWER_SECONDS = 120.0


class _Shares(NamedTuple):
    """Of how many in a thousand records something is made."""

    duplicate: int = 30
    bad: int = 30
    anonymous: int = 20
    binary: int = 20


class Feed:
    """Makes records, and remembers what should become of them.

    ``once`` are the ids of events that must have exactly one contribution, ``duplicates`` the
    number of repetitions, ``bad`` the dead letters by reason. A repetition comes at most
    ``memory`` events after its original, which the default policy still remembers.
    """

    def __init__(
        self, seed: int, *, customers: int = 200, memory: int = 40, large: bool = True
    ) -> None:
        self._random = random.Random(seed)
        self._customers = [f"customer-{number}" for number in range(customers)]
        self._recent: deque[Sent] = deque(maxlen=memory)
        self._shares = _Shares()
        # Large ones come once each, or they would be most of the bytes.
        self._large = [name for name, bad in BAD_INPUTS.items() if bad.large and large]
        self._small = [name for name, bad in BAD_INPUTS.items() if not bad.large]
        self._number = 0
        self.once: set[str] = set()
        self.duplicates = 0
        self.bad: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Sent]:
        while True:
            yield self._next()

    def _next(self) -> Sent:
        self._number += 1
        draw, shares = self._random.randrange(1000), self._shares
        if draw < shares.bad or (self._large and self._number % 2_000 == 0):
            return self._bad()
        if draw < shares.bad + shares.duplicate and self._recent:
            self.duplicates += 1
            return self._random.choice(self._recent)
        made = self._event(anonymous=draw >= 1000 - shares.anonymous)
        return made if draw % (1000 // shares.binary) else _binary_mode(made)

    def _bad(self) -> Sent:
        large = self._large and self._number % 2_000 == 0
        name = self._large.pop() if large else self._random.choice(self._small)
        bad = BAD_INPUTS[name]
        self.bad[bad.reason] += 1
        return bad.sent

    def _event(self, *, anonymous: bool) -> Sent:
        name = f"e-{self._number}"
        self.once.add(name)
        type_name, data = self._touch()
        at = _START + timedelta(seconds=self._random.randrange(365 * 86_400))
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": name,
            "source": SOURCE,
            "type": type_name,
            "time": at.isoformat(),
            "data": data,
        }
        if anonymous:
            event["anonymous"] = True
            return Sent(self._random.choice([None, name.encode()]), json.dumps(event).encode())
        event["subject"] = customer = self._random.choice(self._customers)
        sent = Sent(customer.encode(), json.dumps(event).encode())
        self._recent.append(sent)
        return sent

    def _touch(self) -> tuple[str, dict[str, Any]]:
        r = self._random
        intent = r.choice(["enquiry", "help", "fault", "complaint", "purchase", "none"])
        makers = (
            lambda: ("transaction.completed", {"amount": r.uniform(0, 900), "currency": "EUR"}),
            lambda: (
                "call.completed",
                {
                    "intent": intent,
                    "wait_seconds": r.uniform(0, 900),
                    "abandoned": r.random() < 0.1,
                    "resolved": r.random() < 0.7,
                    "ratings": {"attitude": r.randint(1, 5)},
                },
            ),
            lambda: ("visit.completed", {"wait_seconds": r.uniform(0, 3_600), "resolved": True}),
            lambda: ("complaint.opened", {"complaint": "k-1", "severity": r.randint(1, 5)}),
            lambda: (
                "survey.answered",
                {"survey": "exit", "answers": {"attitude": r.randint(1, 5)}},
            ),
            lambda: (
                "message.delivered",
                {"channel": "sms", "purpose": "alert", "delay_seconds": r.uniform(0, 60)},
            ),
            lambda: (
                "customer.profiled",
                {
                    "tier": r.choice(["gold", "ordinary"]),
                    "alerts": {"threshold": r.uniform(0, 500), "wanted": r.random() < 0.8},
                },
            ),
        )
        name, data = r.choices(makers, weights=(35, 25, 10, 8, 8, 8, 6))[0]()
        return f"touchpoint.{name}.v1", data


def _binary_mode(sent: Sent) -> Sent:
    event = json.loads(sent.value or b"")
    data = json.dumps(event.pop("data")).encode()
    texts = {k: "true" if v is True else str(v) for k, v in event.items()}
    return Sent(sent.key, data, tuple((f"ce_{k}", v.encode()) for k, v in texts.items()))


class Publishing:
    """Publishes a feed at a steady rate in a thread until it is left; raises what it met."""

    def __init__(self, settings: KafkaSettings, feed: Feed, *, per_second: float) -> None:
        self._feed = feed
        self._per_second = per_second
        self._topic = settings.topic(settings.source_topic)
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self.sent = 0
        self._producer: Any = KafkaProducer(
            **settings.kafka_python_options(),
            enable_idempotence=True,
            acks="all",
            linger_ms=5,
            # Soon back after an outage of all brokers: what is tested is not this client.
            request_timeout_ms=8_000,
            reconnect_backoff_max_ms=500,
            max_request_size=settings.max_message_bytes,
        )
        self._thread = threading.Thread(target=self._run, name="publishing", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(_ANSWER_SECONDS)
        try:
            if error is None:
                self._producer.flush(timeout=_ANSWER_SECONDS)
        finally:
            self._producer.close(timeout=1.0 if error else _ANSWER_SECONDS)
        if error is None:
            self.check()

    def check(self) -> None:
        """Raises if a record was refused or the thread failed."""
        if self._failure is not None:
            raise RuntimeError(f"after {self.sent} records") from self._failure

    def has_sent(self, count: int) -> bool:
        """Whether so many records were sent; raises as ``check`` does."""
        self.check()
        return self.sent >= count

    def _run(self) -> None:
        began = time.monotonic()
        records = iter(self._feed)
        try:
            while not self._stop.wait(_TICK_SECONDS):
                due = (time.monotonic() - began) * self._per_second
                while self.sent < due and not self._stop.is_set():
                    self._send(next(records))
        except BaseException as error:  # noqa: BLE001 - told to whoever leaves the block
            self._failure = error

    def _send(self, record: Sent) -> None:
        key, value, headers = record
        future = self._producer.send(self._topic, key=key, value=value, headers=list(headers))
        future.add_errback(self._refused)
        self.sent += 1

    def _refused(self, error: BaseException) -> None:
        self._failure = error
