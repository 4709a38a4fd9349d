"""Random streams of valid events, for properties."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.unit.events import event

START = datetime(2026, 1, 1, tzinfo=UTC)

share = st.floats(0, 1, allow_nan=False)
ratings = st.dictionaries(
    st.sampled_from(["attitude", "knowledge", "environment"]), st.floats(1, 5), max_size=3
)
intents = st.sampled_from(["enquiry", "help", "fault", "complaint", "purchase", "none"])
maybe = st.none() | st.booleans()
contact = {"intent": intents, "resolved": maybe, "ratings": ratings}

_CALL = st.fixed_dictionaries(
    contact
    | {
        "wait_seconds": st.floats(0, 10_000),
        "abandoned": st.booleans(),
        "ivr_steps": st.none() | st.integers(0, 20),
        "sentiment": st.none() | st.floats(-1, 1),
        "intensity": st.floats(0.01, 1),
    }
)
_VISIT = st.fixed_dictionaries(contact | {"wait_seconds": st.none() | st.floats(0, 50_000)})
_MESSAGE = st.fixed_dictionaries(
    {
        "channel": st.sampled_from(["sms", "email"]),
        "purpose": st.sampled_from(["alert", "care", "marketing", "reply"]),
        "delay_seconds": st.none() | st.floats(0, 1e6),
    }
)
_COMPLAINT = st.fixed_dictionaries({"complaint": st.just("k"), "severity": st.integers(1, 5)})
_TRANSACTION = st.fixed_dictionaries(
    {"amount": st.floats(0, 1e6), "currency": st.just("EUR"), "approved": st.booleans()}
)
_SURVEY = st.fixed_dictionaries(
    {
        "survey": st.just("s"),
        "answers": st.dictionaries(
            st.sampled_from(["attitude", "waiting", "resolution"]), st.floats(1, 5), min_size=1
        ),
    }
)
_PROFILE = st.fixed_dictionaries({"tier": st.sampled_from(["gold", "ordinary", "unheard_of"])})

TOUCHES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "touchpoint.call.completed.v1": _CALL,
    "touchpoint.visit.completed.v1": _VISIT,
    "touchpoint.message.delivered.v1": _MESSAGE,
    "touchpoint.complaint.opened.v1": _COMPLAINT,
    "touchpoint.transaction.completed.v1": _TRANSACTION,
    "touchpoint.survey.answered.v1": _SURVEY,
}


@st.composite
def streams(draw: st.DrawFn, *, most: int = 30, profiles: bool = True) -> list[dict[str, Any]]:
    """Up to ``most`` events of one customer within two years, in any order, ids all different."""
    kinds = TOUCHES | ({"touchpoint.customer.profiled.v1": _PROFILE} if profiles else {})
    made = []
    for number in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(sorted(kinds)))
        at = START + timedelta(seconds=draw(st.integers(0, 2 * 365 * 86_400)))
        data = {name: value for name, value in draw(kinds[kind]).items() if value is not None}
        made.append(event(kind, id=f"e-{number}", time=at.isoformat(), data=data))
    return made
