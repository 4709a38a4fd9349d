"""The allocate stage, bytes in and bytes out: what it refuses and remembers, how large it gets."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pipeline.core.allocate.state import LARGEST_BYTES, Campaign
from pipeline.engine.ports import LogRecord, Read, Refused, Tick
from pipeline.stages.allocate import CODEC, AllocateStage
from schemas.dead_letter import DeadLetter, Reason
from schemas.inbound import Invalid, parse_event
from schemas.topics import CAMPAIGNS, EVENTS, PROPOSAL_DEAD_LETTERS
from schemas.touchpoints.care import CareDecided
from schemas.touchpoints.clock import tick_bytes
from tests.unit.allocating import (
    CLOSES,
    FESTIVAL,
    POOL,
    Desk,
    campaign_policy,
    cohort,
    declined,
    gift_seen,
    minutes,
    proposal,
    record_of,
)
from tests.unit.core import default_policy
from tests.unit.events import event_bytes

DECIDED = minutes(2)
STAGE = AllocateStage(default_policy(), version="1.2.3")


def changed(**changes: Any) -> bytes:
    """A good proposal as JSON, but for ``changes``."""
    content = json.loads(msgspec.json.encode(proposal("ann")))
    return json.dumps(content | changes).encode()


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"festival", None, Reason.EMPTY),
        (b"festival", b"{oops", Reason.BROKEN_JSON),
        (b"festival", b"\xff", Reason.BROKEN_JSON),
        (b"festival", b"{}", Reason.INVALID_FIELD),
        (b"festival", event_bytes("touchpoint.call.completed.v1"), Reason.INVALID_FIELD),
        (None, event_bytes("touchpoint.call.completed.v1"), Reason.UNKNOWN_TYPE),
        (b"other", changed(), Reason.KEY_MISMATCH),
        (b"festival", changed(id="p-1"), Reason.INVALID_FIELD),
        (b"festival", changed(cost=-1), Reason.INVALID_FIELD),
        (b"festival", changed(value=1e300), Reason.INVALID_FIELD),
        (b"festival", changed(customer=""), Reason.INVALID_FIELD),
        (b"festival", changed(cohort="c" * 49), Reason.INVALID_FIELD),
        (b"festival", changed(cohort_size=10**7), Reason.INVALID_FIELD),
        (b"festival", changed(expires_at="2026-03-01T00:00:00"), Reason.INVALID_FIELD),
    ],
)
def test_what_is_no_proposal_is_a_dead_letter(
    key: bytes | None, value: bytes | None, reason: Reason
) -> None:
    refused = STAGE.read(LogRecord(7, key, value, 5), 3)
    assert isinstance(refused, Refused)
    letter = msgspec.json.decode(refused.output.value, type=DeadLetter)
    assert (refused.output.topic, letter.topic) == (PROPOSAL_DEAD_LETTERS, "care.proposal.v1")
    assert (letter.partition, letter.offset, letter.timestamp_ms) == (3, 7, 5)
    assert (letter.key, letter.value, letter.reason) == (key, value, reason)
    assert (letter.component, letter.version) == ("allocate", "1.2.3")


def test_a_tick_among_proposals_is_time() -> None:
    tick = LogRecord(0, None, tick_bytes("/clock", 3, 1_790_000_000_999))
    assert STAGE.read(tick, 3) == Tick(1_790_000_000_999)


def test_a_verdict_is_an_event_that_the_customer_can_read() -> None:
    desk = Desk(campaign_policy()).tell(proposal("ann"), DECIDED)
    (verdict,) = [output for output in desk.outputs if output.topic == EVENTS]
    event = parse_event(verdict.value)
    assert not isinstance(event, Invalid), event
    assert isinstance(event, CareDecided)
    assert (event.subject, event.data.verdict, event.time) == ("ann", "allocated", DECIDED)
    assert event.data.proposal == proposal("ann").id


def test_a_repetition_changes_nothing_before_and_after_the_decision() -> None:
    desk = Desk(campaign_policy(stock=3)).tell(proposal("ann"), proposal("ann"))
    desk.tell(proposal("ann"), DECIDED, proposal("ann"))
    assert desk.served() == {"ann"}
    assert desk.duplicates == 3
    desk.tell(proposal("bob"), proposal("bob"))
    assert desk.reasons() == {"bob": "too_late"}
    assert desk.duplicates == 4


def test_who_is_known_to_no_campaign_hears_so() -> None:
    desk = Desk(campaign_policy()).tell(proposal("ann", campaign="gone"))
    assert desk.reasons() == {"ann": "no_campaign"}


def test_a_campaign_that_the_policy_gives_up_tells_all_who_wait() -> None:
    desk = Desk(campaign_policy()).tell(proposal("ann"), proposal("bob"))
    desk.policy = campaign_policy(POOL)
    desk.tell(DECIDED)
    assert desk.reasons() == {"ann": "no_campaign", "bob": "no_campaign"}


def test_who_comes_before_the_campaign_opens_hears_so() -> None:
    opens = CLOSES - timedelta(days=2)
    desk = Desk(campaign_policy(opens=opens.isoformat()))
    desk.tell(proposal("ann", opens - timedelta(hours=1)), proposal("bob", opens), DECIDED)
    assert (desk.reasons(), desk.served()) == ({"ann": "not_open"}, {"bob"})


def test_a_campaign_that_is_given_more_time_waits_for_it() -> None:
    later = CLOSES + timedelta(days=1)
    desk = Desk(campaign_policy()).tell(proposal("ann"))
    desk.policy = campaign_policy(closes=later.isoformat())
    desk.tell(DECIDED, proposal("bob"))
    assert desk.verdicts() == {}
    desk.tell(later + timedelta(minutes=2))
    assert desk.served() == {"ann", "bob"}


def test_beyond_its_room_a_campaign_refuses_and_holds_what_is_whole_no_more() -> None:
    sales, audit = (cohort(name, 3, cohort_size=None) for name in ("sales", "audit"))
    desk = Desk(campaign_policy(largest_members=5)).tell(*sales, *audit)
    assert desk.reasons() == {"audit-2": "no_room"}
    desk.tell(DECIDED)
    assert desk.served() == {"sales-0", "sales-1", "sales-2"}
    assert desk.reasons() == {"audit-2": "no_room", "audit-0": "partial", "audit-1": "partial"}


def test_a_state_grows_no_larger_than_a_record_may_be() -> None:
    names = [f"{number:05d}" + "n" * 123 for number in range(45_000)]
    told = [proposal(name, cohort="c" * 48, id=_id(n)) for n, name in enumerate(names)]
    desk = Desk(campaign_policy()).tell(*told, chunk=45_000)
    (state,) = [state for _, state in desk.store.items()]
    assert len(state) < LARGEST_BYTES + 600_000
    assert set(desk.reasons().values()) == {"no_room"}


def test_what_is_never_told_of_keeps_no_state() -> None:
    desk = Desk(campaign_policy()).tell(gift_seen("ann", "sales", DECIDED), DECIDED)
    assert list(desk.store.items()) == []


def test_after_all_is_decided_only_what_was_spent_is_kept() -> None:
    desk = Desk(campaign_policy()).tell(*[proposal(f"c-{n}") for n in range(500)], DECIDED)
    (state,) = [CODEC.decode(state) for _, state in desk.store.items()]
    assert isinstance(state, Campaign)
    assert (state.windows, state.terms, state.due_ms) == ([], [], None)
    assert state.spent["ordinary"].actions == 500


def test_a_decline_without_a_cohort_is_counted() -> None:
    desk = Desk(campaign_policy())
    desk.tell(declined("ann", None), declined("ann", None), chunk=1)
    desk.tell(proposal("bob"), DECIDED)
    assert desk.reports()[-1].declined == 1


def test_reports_have_ids_of_their_own_and_name_what_is_left() -> None:
    desk = Desk(campaign_policy(POOL, cohorts="single", capacity_per_day=3, budget=10))
    for minute in (0, 20, 40):
        desk.tell(proposal(f"c-{minute}", minutes(minute), campaign=POOL), minutes(minute + 16))
    reports = desk.reports()
    assert len({report.id for report in reports}) == 3
    assert [report.capacity_left for report in reports] == [2, 1, 0]
    assert [(report.spent, report.budget) for report in reports] == [(1, 10), (2, 10), (3, 10)]
    keys = {output.key for output in desk.outputs if output.topic == CAMPAIGNS}
    assert keys == {POOL.encode()}


@pytest.mark.slow
def test_a_hundred_thousand_fit_into_a_state_and_are_decided_at_one_tick() -> None:
    size = 100_000
    told = [
        proposal(f"c-{n:06d}", cohort=f"team-{n // 20:04d}", id=_id(n), value=float(n % 7))
        for n in range(size)
    ]
    desk = Desk(campaign_policy(stock=60_000)).tell(*told, chunk=2_000)
    (state,) = [state for _, state in desk.store.items()]
    assert len(state) < 6_000_000
    assert desk.reasons() == {}
    desk.tell(DECIDED)
    assert len(desk.served()) == 60_000
    assert len(desk.reasons()) == 40_000


@pytest.mark.slow
def test_one_cohort_of_a_hundred_thousand_is_one_item() -> None:
    told = [proposal(f"c-{n:06d}", cohort="all", id=_id(n)) for n in range(100_000)]
    desk = Desk(campaign_policy(stock=99_999)).tell(*told, DECIDED, chunk=10_000)
    assert len(desk.reasons()) == 100_000
    assert desk.reports()[-1].unserved[0].members == 100_000


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def test_records_are_read_under_their_campaign() -> None:
    read = STAGE.read(record_of(proposal("ann")), 0)
    assert isinstance(read, Read)
    assert read.key == FESTIVAL.encode()
