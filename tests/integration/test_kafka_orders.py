"""Orders for actions on a real broker, over a restart of dispatch, and dead letters sent again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from pipeline.adapters.http.ports import NoWayBack
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.orders import KafkaOrders
from pipeline.adapters.kafka.redrive import KafkaRedrive
from pipeline.adapters.kafka.sender import Sender
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.wishes import KafkaWishes
from pipeline.cli import app
from schemas.care import CareOrder, OrderKind, order_id
from schemas.dead_letter import DeadLetter, Reason
from schemas.topics import ACTION_RETRIES, ACTIONS, CONSENTS, DEAD_LETTERS, EVENTS, ORDERS
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.chaos.readers import TopicReader
from tests.contract import outbound_samples as samples
from tests.integration.dispatch_process import (
    PARTITIONS,
    DispatchProcess,
    Ledger,
    fresh_action,
    publish_actions,
)
from tests.services.process import wait_until
from tests.services.receiver import Receiver

pytestmark = pytest.mark.kafka


def an_order(action: str, order: OrderKind, request: str = "1") -> CareOrder:
    return CareOrder(
        id=order_id(action, order, request),
        action=action,
        customer="customer-1",
        order=order,
        by="anna",
        at=datetime.now(UTC),
        reason="asked for",
    )


def with_sender(settings: KafkaSettings, act: Callable[[Sender], Awaitable[None]]) -> None:
    async def run() -> None:
        sender = Sender(settings)
        try:
            await act(sender)
        finally:
            await sender.close()

    asyncio.run(run())


def give(settings: KafkaSettings, *orders: CareOrder) -> None:
    async def act(sender: Sender) -> None:
        desk = KafkaOrders(sender)
        for order in orders:
            await desk.give(order)

    with_sender(settings, act)


def wait_for_results(ledger: Ledger, ids: set[str]) -> None:
    wait_until(lambda: ledger.results().keys() >= ids, seconds=90, what=f"the ends of {ids}")


@pytest.mark.slow
def test_orders_hold_over_a_restart_of_dispatch(
    settings: KafkaSettings, worker: DispatchProcess, receiver: Receiver, ledger: Ledger
) -> None:
    give(settings, an_order("a-1", "hold"), an_order("a-2", "hold"), an_order("a-3", "cancel"))
    held = [fresh_action(n) for n in (1, 2, 3)]
    publish_actions(settings, [*held, fresh_action(4, needs_approval=True), fresh_action(5)])
    wait_for_results(ledger, {"a-3", "a-5"})
    with TopicReader(settings, settings.topic(ACTION_RETRIES)) as retries:
        wait_until(
            lambda: sum(map(len, retries.read().values())) >= 3, seconds=60, what="three put off"
        )
    worker.kill()
    give(settings, an_order("a-2", "cancel"))
    worker.start()
    publish_actions(settings, [fresh_action(6)])
    wait_for_results(ledger, {"a-2", "a-6"})
    assert receiver.seen.keys() == {"a-5", "a-6"}
    give(settings, an_order("a-1", "release"), an_order("a-4", "approve"))
    wait_for_results(ledger, {"a-1", "a-4"})
    assert ledger.results() == {
        **{name: {"delivered"} for name in ("a-1", "a-4", "a-5", "a-6")},
        **{name: {"suppressed"} for name in ("a-2", "a-3")},
    }
    assert receiver.acted.keys() == {"a-1", "a-4", "a-5", "a-6"}
    assert receiver.seen["a-1"] == receiver.seen["a-4"] == 1
    assert all(len(ids) == 1 for ids in ledger.event_ids().values())


def test_what_was_ordered_last_is_known_by_the_next_question(settings: KafkaSettings) -> None:
    async def check(sender: Sender) -> None:
        desk, wishes = KafkaOrders(sender), KafkaWishes(settings)
        try:
            assert await wishes.orders("a-1") == []
            orders: list[OrderKind] = ["approve", "hold", "release", "hold", "approve"]
            for number, order in enumerate(orders):
                given = await desk.give(an_order("a-1", order, str(number)))
                known = await wishes.orders("a-1")
                assert known[-1] == given
            assert [order.order for order in known] == ["hold", "approve"]
            again = await desk.give(an_order("a-1", "hold", "1"))  # repeated, not given anew
            assert (again.id, await wishes.orders("a-1")) == (order_id("a-1", "hold", "1"), known)
        finally:
            await wishes.close()

    with_sender(settings, check)
    with TopicReader(settings, settings.topic(ORDERS)) as reader:
        (held,) = [n for n, records in reader.read().items() if records]
        assert held == key_partition(b"a-1", PARTITIONS)


def a_letter(topic: str, **changes: object) -> DeadLetter:
    letter = DeadLetter(
        topic=topic,
        partition=3,
        offset=7,
        timestamp_ms=1,
        key=b"customer-1",
        value=b"\x00{broken",
        headers=(("trace", b"\xff"), ("none", None)),
        reason=Reason.BROKEN_JSON,
        detail="not JSON",
        fields=(),
        component="perceive",
        version="1",
    )
    return msgspec.structs.replace(letter, **changes)


def test_a_dead_letter_goes_back_to_its_topic_as_it_was(settings: KafkaSettings) -> None:
    async def act(sender: Sender) -> None:
        redrive = KafkaRedrive(settings, sender)
        await redrive.send(a_letter(EVENTS))
        await redrive.send(a_letter(EVENTS, key=None, headers=()))
        put_off = (("not-before", b"1"), ("progress", b"{}"), ("trace", b"x"))
        await redrive.send(a_letter(ACTION_RETRIES, headers=put_off))
        with pytest.raises(NoWayBack, match="nothing in it"):
            await redrive.send(a_letter(EVENTS, key=None, value=None))
        with pytest.raises(NoWayBack, match=CONSENTS):
            await redrive.send(a_letter(CONSENTS))

    with_sender(settings, act)
    by_key = key_partition(b"customer-1", PARTITIONS)
    expected = {
        EVENTS: {
            (by_key, b"customer-1", b"\x00{broken", (("trace", b"\xff"), ("none", None))),
            (3, None, b"\x00{broken", ()),
        },
        ACTIONS: {(by_key, b"customer-1", b"\x00{broken", (("trace", b"x"),))},
    }
    for topic, wanted in expected.items():
        with TopicReader(settings, settings.topic(topic)) as reader:
            found = {
                (partition, record.key, record.value, tuple(map(tuple, record.headers)))
                for partition, records in reader.read().items()
                for record in records
            }
            assert found == wanted


def test_commands_act_on_the_broker(settings: KafkaSettings, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'sink.db'}"
    engine = make_engine(database)
    upgrade(engine)
    with engine.begin() as connection:
        outputs = (ACTIONS, DEAD_LETTERS)
        write_outputs(connection, [(topic, *samples.message(topic, "c1", 1)) for topic in outputs])
    engine.dispose()
    cluster = ("--url", database, "--bootstrap", settings.bootstrap, "--prefix", settings.prefix)
    said = ("--reason", "asked for", "--by", "anna")
    for command in (("care", "hold", "a-1"), ("dlq", "redrive", "1")):
        done = CliRunner().invoke(app, [*command, *cluster, *said])
        assert done.exit_code == 0, done.output
    again = CliRunner().invoke(app, ["dlq", "redrive", "1", *cluster, *said])
    assert "was sent again before" in again.stdout

    async def known() -> Sequence[CareOrder]:
        wishes = KafkaWishes(settings)
        try:
            return await wishes.orders("a-1")
        finally:
            await wishes.close()

    (order,) = asyncio.run(known())
    assert (order.order, order.by, order.reason) == ("hold", "anna", "asked for")
    with TopicReader(settings, settings.topic(EVENTS)) as reader:
        (sent,) = [record for records in reader.read().values() for record in records]
    assert sent.value == samples.dead_letter(1).value
