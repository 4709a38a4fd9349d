"""Random valid policies: the default one with every number, name and table drawn anew.

Making a policy takes a while, so a session has a few of each flavour, made when first
asked for. Which ones is said by one number, which the session prints.
"""

import os
from dataclasses import dataclass, field
from functools import cache
from random import Random, SystemRandom
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import LoadedPolicy, policy_of
from tests.property.drawing import default_content, draw_content

SEED_VARIABLE: Final = "TOUCHPOINT_POLICY_SEED"
POOL: Final = 12

Content = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """A policy, and the content of the file it was made of; shown by its name alone."""

    name: str
    policy: Policy = field(repr=False)
    warnings: tuple[str, ...] = field(repr=False)
    content: Content = field(repr=False)


def pool_seed() -> int:
    """The number that the session's random policies are made of."""
    given = os.environ.get(SEED_VARIABLE)
    if given is None:  # kept, so that it can be told, and is that of a child process too
        given = os.environ[SEED_VARIABLE] = str(SystemRandom().randrange(2**32))
    return int(given)


def loaded(content: Content, name: str) -> LoadedPolicy:
    """The policy of a content."""
    return policy_of(content, name=name)


def sample(content: Content, name: str) -> Sample:
    """The policy of a content, with it."""
    return Sample(name, *loaded(content, name), content)


@cache
def default_sample() -> Sample:
    """The default policy as it is."""
    return sample(default_content(), "default")


def make_roomy(content: Content) -> None:
    """Let the records hold all that a test lets happen: what falls out of them has no order."""
    content["limits"] |= {
        "state_bytes": 65_536,
        "failures": 64,
        "promises": 16,
        "rival_offers": 64,
        "contacts": 64,
        "remembered_events": 64,
    }


@cache
def roomy_default() -> Sample:
    """The default policy with room on record, and with probes."""
    content = default_content()
    make_roomy(content)
    add_probes(content)
    return sample(content, "default, roomy")


PROBE: Final = "probe"
FAILURE_PROBE: Final = "failure_probe"
"""Observed touchpoints that bring any quality in any dimension: ``measures.<dimension>``."""


def add_probes(content: Content) -> None:
    """Add the probes to a policy's catalogue."""
    for name, failure in ((PROBE, False), (FAILURE_PROBE, True)):
        content["touchpoints"][name] = {
            "event": "touchpoint.observed.v1",
            "channel": "none",
            "felt": [
                {
                    "dimension": dimension,
                    "failure": failure,
                    "by": {"evidence": "rating", "measure": f"measures.{dimension}"}
                    | {"worst": 0, "best": 1},
                }
                for dimension in content["dimensions"]
            ],
        }


@cache
def random_sample(number: int, *, one_half_life: bool, tight: bool = False) -> Sample:
    """Random policy ``number`` of the session.

    With ``one_half_life`` everything that moves the score fades alike, and no dimension is
    reverse. A ``tight`` one has the state's limits drawn, too, down to what just suffices.
    """
    flavour = f"one_half_life={one_half_life}, tight={tight}"
    random = Random(f"{pool_seed()} {number} {flavour}")
    content = draw_content(default_content(), random, one_half_life=one_half_life, tight=tight)
    if not tight:
        make_roomy(content)
    add_probes(content)
    return sample(content, f"policy {number} of {SEED_VARIABLE}={pool_seed()}, {flavour}")


def samples(*, one_half_life: bool, tight: bool = False) -> st.SearchStrategy[Sample]:
    """One of the session's random policies."""
    return st.integers(0, POOL - 1).map(
        lambda number: random_sample(number, one_half_life=one_half_life, tight=tight)
    )


# Built only when drawn: st.builds() of a cached function.
DEFAULT: Final = st.builds(default_sample)
ROOMY: Final = st.builds(roomy_default)
ONE: Final = samples(one_half_life=True)
SEVERAL: Final = samples(one_half_life=False)
TIGHT: Final = samples(one_half_life=False, tight=True)


def under(**strategies: st.SearchStrategy[Sample]) -> pytest.MarkDecorator:
    """Run a property once for each of these kinds of policies, drawn from ``policies``."""
    return pytest.mark.parametrize("policies", strategies.values(), ids=list(strategies))
