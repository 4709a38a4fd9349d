"""Gifts to customers who can see each other: to all who compare, or to none; never after its day.

A company sent gifts for the Spring Festival in batches, gold cards first, because the supplier
could not deliver all at once. Colleagues compared, and more than ten complained.
"""

from datetime import timedelta
from typing import Any

import pytest

from schemas.care import CareProposal
from tests.unit.allocating import (
    CLOSES,
    POOL,
    Desk,
    campaign_policy,
    cohort,
    declined,
    gift_seen,
    minutes,
    names,
    proposal,
)

HOUR = timedelta(hours=1)
DECIDED = minutes(2)


def test_short_stock_goes_to_a_whole_department_and_the_other_is_reported() -> None:
    desk = Desk(campaign_policy(stock=5))
    desk.tell(*cohort("sales", 4, value=2.0), *cohort("audit", 4), DECIDED)
    assert desk.served() == names(cohort("sales", 4))
    assert set(desk.reasons().values()) == {"stock"}
    (report,) = desk.reports()
    assert (report.allocated, report.not_funded, report.stock_left) == (4, 4, 1)
    (unserved,) = report.unserved
    assert (unserved.cohort, unserved.members, unserved.reason) == ("audit", 4, "stock")


def test_what_is_left_goes_to_a_smaller_department_behind_it() -> None:
    desk = Desk(campaign_policy(stock=5))
    sales, audit, desk_two = cohort("sales", 4, value=2.0), cohort("audit", 4), cohort("it", 1)
    desk.tell(*audit, *desk_two, *sales, DECIDED)
    assert desk.served() == names(sales) | names(desk_two)


def test_colleagues_of_whom_one_is_missing_are_held_and_reported() -> None:
    desk = Desk(campaign_policy()).tell(*cohort("sales", 3, cohort_size=4), DECIDED)
    assert desk.served() == set()
    assert desk.unserved() == {"sales": "partial"}


def test_a_colleague_who_wants_no_gift_does_not_keep_it_from_the_others() -> None:
    desk = Desk(campaign_policy())
    desk.tell(*cohort("sales", 3, cohort_size=4), declined("sales-9", "sales"), DECIDED)
    assert len(desk.served()) == 3
    assert desk.reports()[0].declined == 1


def test_a_cohort_of_one_is_served_as_anybody_is() -> None:
    desk = Desk(campaign_policy(stock=1)).tell(*cohort("alone", 1), DECIDED)
    assert desk.served() == {"alone-0"}


def test_a_gift_after_the_festival_has_no_meaning() -> None:
    festival = CLOSES + timedelta(days=2)
    desk = Desk(campaign_policy(not_after=festival.isoformat()))
    desk.tell(*cohort("sales", 2), festival + HOUR)  # no tick in time: the pipeline was down
    assert desk.served() == set()
    assert desk.unserved() == {"sales": "too_late"}


def test_who_is_put_forward_after_the_decision_hears_so_at_once() -> None:
    desk = Desk(campaign_policy()).tell(*cohort("sales", 2), DECIDED, proposal("late"))
    assert desk.reasons() == {"late": "too_late"}


def test_who_cannot_be_served_today_is_served_another_day_before_the_festival() -> None:
    policy = campaign_policy(capacity_per_day=2, zone="Asia/Shanghai")
    desk = Desk(policy).tell(*cohort("sales", 2, value=2.0), *cohort("audit", 2), DECIDED)
    assert desk.served() == names(cohort("sales", 2))
    assert desk.unserved() == {"audit": "capacity_today"}
    midnight = CLOSES + 16 * HOUR  # where the campaign is
    desk.tell(midnight)
    assert len(desk.served()) == 2
    desk.tell(midnight + HOUR)
    assert len(desk.served()) == 4


def test_a_cohort_that_no_day_has_room_for_is_told_so() -> None:
    desk = Desk(campaign_policy(capacity_per_day=2)).tell(*cohort("sales", 3), DECIDED)
    assert set(desk.reasons().values()) == {"capacity"}


def test_a_gift_that_only_one_of_two_colleagues_has_a_day_later_is_an_alarm() -> None:
    desk = Desk(campaign_policy()).tell(*cohort("sales", 2), *cohort("audit", 2), DECIDED)
    given = CLOSES + 48 * HOUR
    desk.tell(
        gift_seen("sales-0", "sales", given),
        gift_seen("audit-0", "audit", given),
        gift_seen("audit-1", "audit", given + 5 * HOUR),
        given + 23 * HOUR,
    )
    assert len(desk.reports()) == 1
    desk.tell(given + 25 * HOUR)
    assert [(d.cohort, d.members) for d in desk.reports()[-1].disparities] == [("sales", 1)]
    assert desk.told["noticed", "peer_disparity", "noticed"] == 1
    desk.tell(given + 26 * HOUR)
    assert len(desk.reports()) == 2  # told once


def test_a_gift_by_hand_to_one_of_those_who_got_none_is_an_alarm_too() -> None:
    desk = Desk(campaign_policy(stock=1)).tell(*cohort("sales", 2), DECIDED)
    given = CLOSES + 48 * HOUR
    desk.tell(gift_seen("sales-1", "sales", given), given + 25 * HOUR)
    assert [(d.cohort, d.members) for d in desk.reports()[-1].disparities] == [("sales", 1)]


def test_a_batch_by_hand_that_trickles_into_a_department_is_an_alarm_once() -> None:
    desk = Desk(campaign_policy())
    for number, hours in enumerate((0, 20, 30, 60)):
        at = CLOSES + hours * HOUR
        desk.tell(gift_seen(f"sales-{number}", "sales", at, campaign="by_hand"))
        desk.tell(gift_seen(f"it-{number}", "it", CLOSES, campaign="by_hand"))
    (report,) = desk.reports()
    assert (report.campaign, report.at) == ("by_hand", CLOSES + 30 * HOUR)
    assert [each.cohort for each in report.disparities] == ["sales"]


# The right service at the best time to the customer who needs it most: call backs.


def calls(count: int, tier: str, *, value: float, at: float = 0) -> list[CareProposal]:
    return [
        proposal(f"{tier}-{at:g}-{n}", minutes(at), campaign=POOL, tier=tier, value=value)
        for n in range(count)
    ]


def pool(**changes: Any) -> Desk:
    return Desk(campaign_policy(POOL, cohorts="single", **changes))


def by_tier(desk: Desk, tier: str) -> int:
    return sum(name.startswith(tier) for name in desk.served())


def test_call_backs_go_where_they_gain_most_for_their_cost() -> None:
    desk = pool(capacity_per_day=2)
    dear = proposal("dear", campaign=POOL, value=5.0, cost=10.0)
    cheap = proposal("cheap", campaign=POOL, value=2.0, cost=1.0)
    urgent = proposal("urgent", campaign=POOL, value=9.0, cost=1.0)
    desk.tell(dear, cheap, urgent, minutes(20))
    assert desk.served() == {"urgent", "cheap"}


def test_a_tier_has_seats_of_its_own_all_day_and_leaves_them_to_all_in_the_end() -> None:
    desk = pool(capacity_per_day=10, lanes={"gold": 0.3})
    desk.tell(*calls(12, "ordinary", value=5.0), minutes(20))
    assert by_tier(desk, "ordinary") == 7
    late = calls(2, "gold", value=1.0, at=600)
    desk.tell(*late, minutes(620))
    assert (by_tier(desk, "gold"), by_tier(desk, "ordinary")) == (2, 7)
    ticks = [minutes(15 * n + 2) for n in range(42, 96)]  # to the end of the day
    desk.tell(*ticks)
    assert (by_tier(desk, "gold"), by_tier(desk, "ordinary")) == (2, 8)


@pytest.mark.parametrize(("before", "after", "served"), [(2, 5, 5), (4, 1, 4), (2, 0, 2)])
def test_a_budget_that_is_changed_in_mid_day_holds_for_what_is_left(
    before: int, after: int, served: int
) -> None:
    desk = pool(budget_per_day=before)
    desk.tell(*calls(8, "ordinary", value=1.0), minutes(20))
    assert len(desk.served()) == before
    desk.policy = campaign_policy(POOL, cohorts="single", budget_per_day=after)
    desk.tell(minutes(40))
    assert len(desk.served()) == served
    assert desk.reports()[-1].spent_today == served
