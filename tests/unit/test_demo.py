"""The demonstration's town."""

import json
from datetime import UTC, datetime

from pipeline.core.admission import Admitted, admit
from pipeline.tools.demo import CUSTOMERS, introductions, town_event_bytes
from tests.unit.core import default_policy

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_every_event_of_the_town_is_admitted_under_its_own_id() -> None:
    records = introductions(NOW) + [town_event_bytes(number, NOW) for number in range(2_000)]
    ids = set()
    for key, value in records:
        answer = admit(value, (), -1, default_policy())
        assert isinstance(answer, Admitted), answer
        assert key.decode() == answer.event.subject
        ids.add(answer.event.id)
    assert len(ids) == len(records)


def test_the_town_shows_every_customer_and_kind_soon() -> None:
    events = [json.loads(town_event_bytes(number, NOW)[1]) for number in range(300)]
    assert {event["subject"] for event in events} == set(CUSTOMERS)
    assert len({event["type"] for event in events}) == 4
