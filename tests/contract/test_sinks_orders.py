"""How an action, or a proposal that may become one, stands for whoever orders it about."""

import msgspec
import pytest
from sqlalchemy import Engine

from schemas.care import CareAction, CareDecision
from schemas.topics import ACTIONS, DECISIONS
from sinks.sql.orders import OrderBook
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

DECISION = samples.decision("ann", 1, outcome="held", reason="quiet_hours")


def write(engine: Engine, *records: CareAction | CareDecision) -> None:
    with engine.begin() as connection:
        write_outputs(
            connection,
            [
                (
                    ACTIONS if isinstance(each, CareAction) else DECISIONS,
                    b"ann",
                    samples.encode(each),
                )
                for each in records
            ],
        )


def test_nobody_orders_what_there_is_not(engine: Engine) -> None:
    assert OrderBook(engine).state(DECISION.id) is None


def test_a_proposal_that_is_held_can_be_ordered_about(engine: Engine) -> None:
    write(engine, DECISION)
    state = OrderBook(engine).state(DECISION.id)
    assert state is not None
    assert (state.customer, state.outcome) == ("ann", None)


@pytest.mark.parametrize("outcome", ["withheld", "not_funded", "expired"])
def test_a_proposal_that_became_no_action_is_over(engine: Engine, outcome: str) -> None:
    ended = samples.decision("ann", 1, outcome=outcome, reason="caps")  # type: ignore[arg-type]
    write(engine, DECISION, ended)
    state = OrderBook(engine).state(DECISION.id)
    assert state is not None
    assert state.outcome is not None
    assert state.outcome.result == outcome


def test_an_action_is_over_once_it_is_settled(engine: Engine) -> None:
    action = samples.action("ann", 1)
    asked = samples.decision("ann", 1, outcome="requested", reason="requested")
    settled = samples.decision("ann", 1, outcome="settled", reason="done")
    book = OrderBook(engine)
    write(engine, action)
    state = book.state(action.id)
    assert state is not None
    assert state.outcome is None
    write(engine, *(_of(action.id, each) for each in (asked, settled)))
    state = book.state(action.id)
    assert state is not None
    assert state.outcome is not None
    assert state.outcome.result == "done"


def _of(identity: str, decision: CareDecision) -> CareDecision:
    return msgspec.structs.replace(decision, id=identity)
