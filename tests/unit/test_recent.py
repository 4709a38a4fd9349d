"""What is remembered of the latest contacts stays bounded, also where two customers are joined."""

from pipeline.core.care.recent import Recent, Settled, Sought, join, keep, latest


def sought(at_s: float) -> Sought:
    return Sought(at_s, b"", 1, None)


def test_the_latest_are_kept_in_the_order_of_their_times() -> None:
    assert keep([3.0, 1.0, 2.0], 2, lambda each: each) == [2.0, 3.0]


def test_what_is_not_known_is_not_the_latest() -> None:
    assert latest(None, 2.0, None, 1.0) == 2.0
    assert latest(None, None) is None


def test_two_customers_joined_remember_the_latest_of_both() -> None:
    mine = Recent([sought(1), sought(4)], [Settled(1, b"k", b"t")], [5.0], sought_s=4.0)
    theirs = Recent([sought(2), sought(3)], [], [6.0, 7.0], active_s=7.0, hovering=True)
    both = join(mine, theirs, 3)
    assert [each.at_s for each in both.contacts] == [2, 3, 4]
    assert both.settled == mine.settled
    assert both.reached == [5.0, 6.0, 7.0]
    assert (both.active_s, both.sought_s, both.unasked_s) == (7.0, 4.0, None)
    assert both.hovering
