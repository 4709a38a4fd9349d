"""The birthday message nobody can show the value of: a share of customers goes without it."""

import pytest

from pipeline.core.policy.load import PolicyError
from tests.unit.core import Life
from tests.unit.guarding import CARE, PROFILE, at, buy, guarded, outcomes, sourced

HELD_OUT = ("withheld", "hold_out")
TENTH = guarded(hold_outs={CARE: {"salt": "birthday 2026", "share": sourced(0.1)}})
COHORTS = guarded(hold_outs={CARE: {"salt": "b", "share": sourced(0.5), "cohorts": True}})


def greeted(name: str, cohort: str | None = None) -> bool:
    life = Life(TENTH if cohort is None else COHORTS, name)
    if cohort is not None:
        life.happen(PROFILE, at(0), {"cohort": cohort}, subject=name)
    buy(life, 1, subject=name)
    (decided,) = outcomes(life)
    assert decided in (HELD_OUT, ("requested", "requested"))
    return decided != HELD_OUT


def test_a_tenth_goes_without_always_the_same_ones() -> None:
    names = [f"customer-{n}" for n in range(500)]
    without = {name for name in names if not greeted(name)}
    assert 30 <= len(without) <= 70  # 50, give or take three standard deviations
    assert all(not greeted(name) for name in without)


def test_colleagues_who_compare_all_go_without_or_none_of_them() -> None:
    by_cohort = {
        cohort: {greeted(f"{cohort}-{n}", cohort) for n in range(5)}
        for cohort in (f"firm-{n}" for n in range(20))
    }
    assert all(len(same) == 1 for same in by_cohort.values())
    assert {True, False} == {value for same in by_cohort.values() for value in same}


def test_nobody_is_held_out_of_what_is_owed() -> None:
    with pytest.raises(PolicyError, match="only care and marketing are held out"):
        guarded(
            action={"action_class": "service"},
            hold_outs={CARE: {"salt": "s", "share": sourced(0.1)}},
        )
