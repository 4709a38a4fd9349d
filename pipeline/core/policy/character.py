"""How the policy tells behaviour types and relationship stages: by signs in the readings."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.core.policy.constants import Key, Section

Sign = Literal[
    "inbound",
    "complaints",
    "initiative",
    "evidence",
    "tenure_days",
    "ratio",
    "lift",
    "effort",
    "quality",
]
"""Readings that signs look at: decayed counts of contacts the customer sought, of complaints, of
initiatives, of all touches; days since the first touch; the satisfaction ratio; how far the own
expectation lies above the norm; effort in acceptable units; remembered quality of a dimension."""


class SignRule(Section):
    """One sign: a reading beyond a bound. ``quality`` needs the dimension it is of."""

    reading: Sign
    dimension: Key | None = None
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "SignRule":
        if (self.above is None) == (self.below is None):
            raise ValueError("a sign has either above or below")
        if (self.reading == "quality") != (self.dimension is not None):
            raise ValueError("quality needs a dimension, other readings have none")
        return self


class KindRule(Section):
    """A type or stage: it holds if all of ``all`` hold, and, where given, one of ``any``."""

    name: Key
    any: tuple[SignRule, ...] = ()
    all: tuple[SignRule, ...] = ()

    @model_validator(mode="after")
    def _has_signs(self) -> "KindRule":
        if not (self.any or self.all):
            raise ValueError("needs a sign in any or all")
        return self


class CharacterPolicy(Section):
    """Types and stages, the first that holds is taken; else ``None`` and ``first_stage``."""

    behaviours: tuple[KindRule, ...] = ()
    stages: tuple[KindRule, ...] = ()
    first_stage: Annotated[Key, Field(description="The stage of who shows no signs.")] = "exchange"
