"""Ten thousand customers' explanations, as their pages show them, add up to the score shown."""

from itertools import count
from math import fsum

import msgspec
import pytest

from pipeline.adapters.console.speech import speech
from pipeline.adapters.console.waterfall import BY, waterfall
from pipeline.adapters.messages import shipped_catalogues
from pipeline.core.perceive.explain import explain, places_of
from pipeline.core.perceive.tally import tenths_of
from pipeline.engine.ports import LogRecord, Read
from pipeline.stages.perceive import PerceiveStage
from schemas.perception import Score
from schemas.topics import SCORES
from tests.bench.events import make_events
from tests.unit.core import default_policy

CUSTOMERS = 10_000
EVENTS = 25_000


def scores() -> list[Score]:
    """The last scores of customers who lived through random events of many kinds."""
    stage, last = PerceiveStage(default_policy(), version="test"), dict[bytes, bytes]()
    states: dict[bytes, bytes | None] = {}
    numbers = count()
    for event in make_events(EVENTS, customers=CUSTOMERS):
        read = stage.read(LogRecord(next(numbers), event.key, event.value), 0)
        assert isinstance(read, Read)
        stepped = stage.step(read.key, states.get(read.key), [read.input], 0)
        states[read.key] = stepped.state
        last |= {each.key: each.value for each in stepped.outputs if each.topic == SCORES}
    for name in range(CUSTOMERS):  # whoever did not come by chance calls once
        key = b"customer-%06d" % name
        if key not in last:
            value = _call(key.decode())
            read = stage.read(LogRecord(next(numbers), key, value), 0)
            assert isinstance(read, Read)
            stepped = stage.step(key, None, [read.input], 0)
            last |= {each.key: each.value for each in stepped.outputs if each.topic == SCORES}
    return [msgspec.json.decode(value, type=Score) for value in last.values()]


def _call(customer: str) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"call-{customer}",
            "source": "/calls",
            "type": "touchpoint.call.completed.v1",
            "subject": customer,
            "time": "2025-02-01T09:00:00Z",
            "data": {"intent": "help", "wait_seconds": len(customer) * 7, "resolved": False},
        }
    )


@pytest.mark.slow
def test_explanations_add_up_to_the_score_as_it_is_shown() -> None:
    say, places = speech(shipped_catalogues(), "en", None, "en"), places_of(default_policy())
    known = scores()
    assert len(known) >= CUSTOMERS
    for score in known:
        explanation = explain(score, places)
        assert abs(fsum(p.points for p in score.parts) - (score.score - score.baseline)) < 1e-9
        for by in BY:
            fall = waterfall(explanation, by, say)
            shown = [bar.tenths for bar in fall.bars]
            assert fall.baseline + sum(shown) + fall.rounding == fall.score
            assert fall.score == tenths_of(score.score)
            # What is called rounding is no more than that: half a tenth for each figure.
            assert abs(fall.rounding) <= (len(shown) + 2) / 2
