"""Two stages on one log: a key tells whose a record is, a state whose it is."""

import msgspec
import pytest

from pipeline.engine.ports import Due, LogRecord, Read, Refused, Tick
from pipeline.stages.allocate import AllocateStage
from pipeline.stages.both import CAMPAIGN, BothStages
from pipeline.stages.perceive import PerceiveStage
from schemas.dead_letter import DeadLetter
from schemas.topics import CONTRIBUTIONS, EVENTS, PROPOSALS
from schemas.touchpoints.clock import tick_bytes
from tests.unit.allocating import CLOSES, FESTIVAL, campaign_policy, minutes, proposal
from tests.unit.events import event_bytes

POLICY = campaign_policy()
STAGE = BothStages(PerceiveStage(POLICY, version="1"), AllocateStage(POLICY, version="1"))
KEY = CAMPAIGN + FESTIVAL.encode()


def read(key: bytes | None, value: bytes) -> Read | Tick | Refused:
    return STAGE.read(LogRecord(0, key, value), 0)


def test_a_proposal_is_stepped_under_a_key_that_no_customer_has() -> None:
    told = read(KEY, msgspec.json.encode(proposal("ann")))
    assert isinstance(told, Read)
    assert told.key == KEY
    waits = STAGE.step(KEY, None, [told.input], 0)
    assert waits.state is not None
    assert STAGE.due_of(waits.state) == waits.due_ms == round(minutes(1).timestamp() * 1000)
    done = STAGE.step(KEY, waits.state, [Due(waits.due_ms)], waits.due_ms)
    (verdict,) = [output for output in done.outputs if output.topic == EVENTS]
    assert verdict.key == b"ann"
    heard = read(verdict.key, verdict.value)
    assert isinstance(heard, Read)
    felt = STAGE.step(heard.key, None, [heard.input], 0)
    assert felt.outputs[0].topic == CONTRIBUTIONS


def test_a_customers_state_is_known_as_one() -> None:
    bought = read(b"customer-1", event_bytes("touchpoint.transaction.completed.v1"))
    assert isinstance(bought, Read)
    stepped = STAGE.step(bought.key, None, [bought.input], 0)
    assert stepped.state is not None
    assert STAGE.due_of(stepped.state) == stepped.due_ms is not None


def test_what_a_customer_tells_a_campaign_carries_its_mark() -> None:
    told = [
        ("touchpoint.customer.profiled.v1", {"cohort": "sales"}),
        ("touchpoint.gift.given.v1", {"gift": "tea", "campaign": FESTIVAL}),
    ]
    inputs = []
    for number, (kind, data) in enumerate(told):
        found = read(b"customer-1", event_bytes(kind, id=f"e-{number}", data=data))
        assert isinstance(found, Read)
        inputs.append(found.input)
    outputs = STAGE.step(b"customer-1", None, inputs, 0).outputs
    (seen,) = [output for output in outputs if output.topic == PROPOSALS]
    assert seen.key == KEY
    assert isinstance(read(seen.key, seen.value), Read)


def test_a_tick_is_for_both() -> None:
    assert read(None, tick_bytes("/clock", 0, 1_790_000_000_999)) == Tick(1_790_000_000_999)


@pytest.mark.parametrize(
    ("key", "value", "topic"),
    [(KEY, b"{oops", "care.proposal.v1"), (b"customer-1", b"{oops", "touchpoint.event.v1")],
)
def test_a_dead_letter_is_the_stages_it_was_for(key: bytes, value: bytes, topic: str) -> None:
    refused = read(key, value)
    assert isinstance(refused, Refused)
    letter = msgspec.json.decode(refused.output.value, type=DeadLetter)
    assert (letter.topic, letter.key) == (topic, key.removeprefix(CAMPAIGN))
    again = STAGE.refuse(LogRecord(0, key, value), 0, "internal_error", "a bug")
    assert msgspec.json.decode(again.output.value, type=DeadLetter).topic == topic


def test_a_proposal_that_comes_as_an_event_is_refused() -> None:
    told = msgspec.json.encode(proposal("ann", CLOSES))
    assert isinstance(read(b"festival", told), Refused)
    assert isinstance(read(b"ann", told), Refused)
