"""The care queue: what waits for a person and whose clock runs out, whatever else goes on."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import cast

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from pipeline.adapters.dispatch.orders import Waiting, standing
from schemas.care import CareOrder, OrderKind
from schemas.topics import ACTIONS, CASES, DECISIONS, ORDERS
from sinks.sql.queue import CareQueue
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

TOPICS = {"CareAction": ACTIONS, "CareDecision": DECISIONS, "CareCase": CASES, "CareOrder": ORDERS}
KINDS: tuple[OrderKind, ...] = ("approve", "hold", "release", "cancel")
NUMBERS = count(1)


def write(engine: Engine, *records: msgspec.Struct) -> None:
    with engine.begin() as connection:
        write_outputs(
            connection,
            [(TOPICS[type(each).__name__], b"ann", samples.encode(each)) for each in records],
        )


def each(name: str, rows: Sequence[object]) -> list[object]:
    """This field of each row."""
    return [cast("Mapping[str, object]", row)[name] for row in rows]


def order(action: str, kind: OrderKind) -> CareOrder:
    number = next(NUMBERS)
    return msgspec.structs.replace(samples.order("ann", number), action=action, order=kind)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    given_orders=st.lists(st.sampled_from(KINDS), max_size=6),
    needs_approval=st.booleans(),
    settled=st.booleans(),
)
def test_what_dispatch_waits_for_is_what_is_to_be_decided(
    engine: Engine, given_orders: list[OrderKind], needs_approval: bool, settled: bool
) -> None:
    identity = f"action-{next(NUMBERS)}"
    action = msgspec.structs.replace(
        samples.action("ann", 1), id=identity, needs_approval=needs_approval
    )
    orders = [order(identity, kind) for kind in given_orders]
    step = msgspec.structs.replace(
        samples.decision("ann", 1, outcome="settled" if settled else "requested"), id=identity
    )
    write(engine, action, *orders, step)
    stands = standing(orders, needs_approval=needs_approval)
    found = [wait.why for wait in CareQueue(engine).to_decide(1_000).waits if wait.id == identity]
    assert found == ([stands.why] if isinstance(stands, Waiting) and not settled else [])


def test_what_waits_comes_with_its_steps_its_action_and_who_held_it(engine: Engine) -> None:
    action = msgspec.structs.replace(samples.action("ann", 1), id="d-1")
    write(engine, action, samples.decision("ann", 1, outcome="requested"), order("d-1", "hold"))
    found = CareQueue(engine).to_decide(10)
    (wait,) = found.waits
    assert (wait.id, wait.why, wait.by) == ("d-1", "held", "anna")
    assert each("outcome", found.proposals.decisions) == ["requested"]
    assert each("id", found.proposals.actions) == ["d-1"]
    assert not found.more


def test_a_proposal_that_is_held_and_then_refused_waits_for_nobody(engine: Engine) -> None:
    write(engine, samples.decision("ann", 1, outcome="held"), order("d-1", "hold"))
    assert [wait.id for wait in CareQueue(engine).to_decide(10).waits] == ["d-1"]
    write(engine, samples.decision("ann", 1, outcome="withheld"))
    assert CareQueue(engine).to_decide(10).waits == []


def test_alerts_do_not_push_out_what_might_be_decided(engine: Engine) -> None:
    write(engine, samples.decision("ann", 0))
    alerts = [
        msgspec.structs.replace(samples.decision("ann", n), action_class="required")
        for n in range(1, 30)
    ]
    write(engine, *alerts)
    found = CareQueue(engine).latest(5)
    assert each("id", found.decisions) == ["d-0"]
    assert not found.more


def test_there_are_more_steps_than_were_asked_for(engine: Engine) -> None:
    write(engine, *(samples.decision("ann", n) for n in range(4)))
    found = CareQueue(engine).latest(3)
    assert (each("id", found.decisions), found.more) == (["d-3", "d-2", "d-1"], True)


def test_cases_go_by_their_next_clock_and_all_are_counted(engine: Engine) -> None:
    # Opened first, due last; the third is of no step any more, the fourth is closed.
    cases = [samples.case(f"c{n}", 2 * n) for n in (3, 2, 1)]
    endless = msgspec.structs.replace(samples.case("endless", 0), steps=())
    write(engine, *cases, endless, samples.case("closed", 1))
    now = samples.START + timedelta(hours=5)
    found = CareQueue(engine).open_cases(2, now=now, soon=now + timedelta(hours=2))
    assert each("customer", found.items) == ["c1", "c2"]
    assert (found.total, found.overdue, found.soon) == (4, 1, 1)
    every = CareQueue(engine).open_cases(10, now=now, soon=now)
    assert each("customer", every.items) == ["c1", "c2", "c3", "endless"]
