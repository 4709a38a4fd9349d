"""Promises: made, kept, broken, withdrawn."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Envelope
from schemas.ids import Id, Name
from schemas.touchpoints.common import Contact, Share


class PromiseData(Contact):
    """``promise`` names it in every later event about it."""

    promise: Id


class PromiseMadeData(PromiseData):
    """What was promised, by when, and how high it lifts what the customer expects."""

    due: AwareDatetime | None = None
    dimension: Name | None = None
    level: Annotated[Share | None, Field(description="The quality promised, in [0, 1].")] = None


class PromiseMade(Envelope):
    """The company said "I will"."""

    type: Literal["touchpoint.promise.made.v1"]
    data: PromiseMadeData


class PromiseKept(Envelope):
    """It was done."""

    type: Literal["touchpoint.promise.kept.v1"]
    data: PromiseData


class PromiseBroken(Envelope):
    """It was not done, and the company knows."""

    type: Literal["touchpoint.promise.broken.v1"]
    data: PromiseData


class PromiseWithdrawn(Envelope):
    """The company took it back before it was due."""

    type: Literal["touchpoint.promise.withdrawn.v1"]
    data: PromiseData
