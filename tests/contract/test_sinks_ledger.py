"""The ledger adds up for whatever decisions are made, and shows where one is made twice."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from schemas.care import FINAL, CareDecision, DecisionOutcome
from schemas.topics import DECISIONS
from sinks.sql import tables
from sinks.sql.engine import snapshot
from sinks.sql.ledger import Balance, Ledger, Offender, ReasonCount, ledger_balance
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

ALERT, GIFT = "alert", "gift"


def decided(
    name: str,
    outcome: DecisionOutcome,
    reason: str = "",
    *,
    action: str = GIFT,
    minute: int = 0,
) -> CareDecision:
    """A decision on the proposal ``name``; the reason is the outcome's if it has none."""
    return msgspec.structs.replace(
        samples.decision("c1", 0, outcome=outcome, reason=reason or f"why_{outcome}"),
        id=name,
        action=action,
        decided_at=samples.START + timedelta(minutes=minute),
    )


def write(engine: Engine, decisions: Sequence[CareDecision]) -> None:
    with engine.begin() as connection:
        write_outputs(connection, [(DECISIONS, b"c1", samples.encode(one)) for one in decisions])


def test_an_empty_ledger_holds(engine: Engine) -> None:
    ledger = ledger_balance(engine)
    assert ledger == Ledger((), (), 0, ())
    assert ledger.holds


def test_each_proposal_counts_once_by_where_it_ended_or_stands(engine: Engine) -> None:
    write(
        engine,
        [
            decided("1", "requested", action=ALERT),
            decided("1", "settled", action=ALERT),
            decided("2", "withheld", "opted_out", action=ALERT),
            decided("3", "held", "quiet_hours"),
            decided("3", "requested"),
            decided("4", "proposed"),
            decided("4", "allocated"),
            decided("4", "requested"),
            decided("5", "proposed"),
            decided("5", "not_funded", "stock_short"),
            decided("6", "held", "quiet_hours"),
            decided("6", "expired"),
            decided("7", "held", "quiet_hours"),
            decided("8", "held", "quiet_hours"),
            decided("8", "proposed"),
            decided("9", "recorded"),  # staff's own care was never proposed
        ],
    )
    ledger = ledger_balance(engine)
    assert ledger.actions == (
        Balance(ALERT, 2, requested=1, withheld=1, not_funded=0, expired=0, open=0),
        Balance(GIFT, 6, requested=2, withheld=0, not_funded=1, expired=1, open=2),
    )
    assert set(ledger.reasons) == {
        ReasonCount(ALERT, "requested", "why_requested", 1),
        ReasonCount(ALERT, "withheld", "opted_out", 1),
        ReasonCount(GIFT, "requested", "why_requested", 2),
        ReasonCount(GIFT, "not_funded", "stock_short", 1),
        ReasonCount(GIFT, "expired", "why_expired", 1),
        ReasonCount(GIFT, "held", "quiet_hours", 1),
        ReasonCount(GIFT, "proposed", "why_proposed", 1),
    }
    assert ledger.holds


def test_a_second_final_outcome_is_an_offence_with_the_ids_that_have_it(engine: Engine) -> None:
    write(
        engine,
        [
            decided("1", "withheld"),
            decided("2", "requested"),
            decided("2", "withheld"),
            decided("2", "held"),
            decided("3", "expired"),
            decided("3", "not_funded"),
        ],
    )
    ledger = ledger_balance(engine, most_offenders=1)
    assert not ledger.holds
    assert not ledger.actions[0].holds
    assert ledger.broken == 2
    assert ledger.offenders == (Offender("2", "c1", ("requested", "withheld")),)


def test_one_id_under_two_actions_is_an_offence_too(engine: Engine) -> None:
    write(engine, [decided("1", "requested"), decided("1", "withheld", action=ALERT)])
    ledger = ledger_balance(engine)
    assert all(balance.holds for balance in ledger.actions)  # each for itself
    assert not ledger.holds
    assert ledger.offenders == (Offender("1", "c1", ("requested", "withheld")),)


def test_a_proposal_belongs_to_the_time_of_its_first_decision(engine: Engine) -> None:
    write(
        engine,
        [
            decided("1", "held", minute=0),
            decided("1", "requested", minute=20),
            decided("2", "held", minute=10),
            decided("2", "expired", minute=20),
            decided("3", "withheld", minute=20),
        ],
    )
    ten, twenty = (samples.START + timedelta(minutes=minutes) for minutes in (10, 20))
    (found,) = ledger_balance(engine, since=ten, until=twenty).actions
    assert found == Balance(GIFT, 1, requested=0, withheld=0, not_funded=0, expired=1, open=0)
    (before,) = ledger_balance(engine, until=ten).actions
    assert (before.proposed, before.requested) == (1, 1)


@st.composite
def lives(draw: st.DrawFn) -> list[CareDecision]:
    """Proposals as they should be: what may come before an end, and at most one end."""
    found = []
    for number in range(draw(st.integers(0, 25))):
        action, reason = draw(st.sampled_from([ALERT, GIFT])), draw(st.sampled_from("abc"))
        before = draw(st.lists(st.sampled_from(["held", "proposed", "allocated"]), max_size=3))
        end = draw(st.sampled_from([None, *sorted(FINAL)]))
        after = ["settled"] if end == "requested" and draw(st.booleans()) else []
        steps = [*before, *([] if end is None else [end]), *after]
        found += [
            decided(str(number), outcome, reason, action=action)  # type: ignore[arg-type]
            for outcome in steps
        ]
    return found


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(lives())
def test_suppressed_and_requested_and_open_are_all_that_was_proposed_for_each_reason(
    engine: Engine, decisions: list[CareDecision]
) -> None:
    with engine.begin() as connection:
        connection.execute(delete(tables.decisions))
    write(engine, decisions)
    ledger = ledger_balance(engine)
    assert ledger.holds
    proposals = {(one.action, one.id) for one in decisions}
    assert {b.action: b.proposed for b in ledger.actions} == Counter(a for a, _ in proposals)
    by_reason: Counter[str] = Counter()
    for reason in ledger.reasons:
        by_reason[reason.action] += reason.proposals
    assert by_reason == {b.action: b.proposed for b in ledger.actions}
    ended = Counter((one.action, one.outcome) for one in decisions if one.outcome in FINAL)
    for balance in ledger.actions:
        for outcome in FINAL:
            assert getattr(balance, outcome) == ended[balance.action, outcome]  # type: ignore[index]


def test_what_is_written_between_two_queries_is_in_neither(engine: Engine) -> None:
    write(engine, [decided("1", "requested")])
    with snapshot(engine) as connection:
        wanted = tables.decisions.select()
        before = connection.execute(wanted).all()
        write(engine, [decided("2", "withheld")])
        assert connection.execute(wanted).all() == before
    assert ledger_balance(engine).actions[0].proposed == 2
