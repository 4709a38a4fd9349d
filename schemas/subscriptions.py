"""Subscriptions to changes of scores: what a consumer asks for, and what it is sent."""

from datetime import datetime
from typing import Annotated, Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.ids import Label, Name
from schemas.perception import Band, PolicyRef, Ratio, ScoreValue, Share

Edge = Literal["entered", "left"]
"""Whether a customer came to match a condition, or no longer does."""

DeliveryStatus = Literal["waiting", "done", "failed"]

NOTICES: Final = "perception.notice.v1"
"""The name of the contract of what is sent."""

_URL_CHARACTERS: Final = 2_048
_STRICT: Final = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ScoreCondition(msgspec.Struct, frozen=True, kw_only=True):
    """Which scores match: those that satisfy all that is given.

    The score lies ``below`` and ``above`` these bounds, both exclusive; the ratio in one of
    ``bands``, the customer's tier is one of ``tiers`` (empty: any), and ``confidence`` is at least
    ``min_confidence``. A customer who turned out to be another one never matches.
    """

    below: ScoreValue | None = None
    above: ScoreValue | None = None
    bands: tuple[Band, ...] = ()
    tiers: tuple[str, ...] = ()
    min_confidence: Share = 0.0


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told, at ``url``, when a customer comes to match ``condition`` or no longer does.

    One that is not ``active`` is told nothing; what it missed it is told once it is again.
    """

    id: str
    name: str
    url: str
    condition: ScoreCondition
    created_at: datetime
    active: bool = True


class ScoreNotice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A customer ``entered`` or ``left`` the condition of a subscription, with the score that did.

    ``id`` is the ``webhook-id``: the same id again is the same crossing, to be acted upon once.
    ``crossing`` counts those of this customer and this subscription from 1: a lower one that comes
    later is older news. ``test`` marks one that was asked for, of no real customer.
    """

    id: str
    subscription: str
    customer: str
    edge: Edge
    crossing: Annotated[int, Meta(ge=0)]
    score: ScoreValue
    baseline: ScoreValue
    band: Band
    ratio: Ratio
    confidence: Share
    tier: str
    as_of: datetime
    policy: PolicyRef
    merged_into: str | None = None
    test: bool = False


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one notice: ``waiting`` for ``next_at``, ``done``, or ``failed``.

    ``last_detail`` is what the last attempt that did not succeed met with.
    """

    id: str
    subscription: str
    customer: str
    status: DeliveryStatus
    attempts: Annotated[int, Meta(ge=0)]
    next_at: datetime | None
    last_detail: str | None
    created_at: datetime
    settled_at: datetime | None


class NewCondition(BaseModel):
    """As a consumer writes a ``ScoreCondition``; refused if none or all would match."""

    model_config = _STRICT

    below: Annotated[
        float | None, Field(gt=0, le=100, description="The score is lower than this.")
    ] = None
    above: Annotated[
        float | None, Field(ge=0, lt=100, description="The score is higher than this.")
    ] = None
    bands: Annotated[
        tuple[Band, ...], Field(description="The ratio lies in one of these; empty: any.")
    ] = ()
    tiers: Annotated[
        tuple[Label, ...], Field(max_length=100, description="Of these tiers only; empty: any.")
    ] = ()
    min_confidence: Annotated[
        float, Field(ge=0, le=1, description="The score is at least so certain.")
    ] = 0.0

    @model_validator(mode="after")
    def _says_something(self) -> "NewCondition":
        if self.below is None and self.above is None and not self.bands:
            raise ValueError("asks for nothing: give below, above or bands")
        if self.below is not None and self.above is not None and self.below <= self.above:
            raise ValueError(
                f"never matches: no score is below {self.below:g} and above {self.above:g}"
            )
        if self.below is None and self.above is None and set(self.bands) == {*get_args(Band)}:
            raise ValueError("always matches: these are all bands; leave one out")
        return self

    def condition(self) -> ScoreCondition:
        """The same as it is kept."""
        return ScoreCondition(
            below=self.below,
            above=self.above,
            bands=tuple(dict.fromkeys(self.bands)),
            tiers=tuple(dict.fromkeys(self.tiers)),
            min_confidence=self.min_confidence,
        )


class NewSubscription(BaseModel):
    """As a consumer asks for a ``Subscription``."""

    model_config = _STRICT

    name: Annotated[Name, Field(description="For people: what it is for.")]
    url: Annotated[
        str, Field(max_length=_URL_CHARACTERS, description="Takes each notice as a signed POST.")
    ]
    condition: NewCondition
    backfill: Annotated[
        bool, Field(description="Also tell of the customers who match already.")
    ] = False

    @field_validator("url")
    @classmethod
    def _can_be_posted_to(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            named = parts.hostname and parts.port != 0
        except ValueError as error:
            raise ValueError(f"no URL: {error}") from error
        if parts.scheme not in ("http", "https"):
            raise ValueError("must begin with https:// or http://")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("has characters that must be percent-encoded")
        if not named:
            raise ValueError("names no host")
        if "@" in parts.netloc:
            raise ValueError("must hold no user or password: notices are signed instead")
        if parts.fragment:
            raise ValueError("has a fragment (#), which is never sent")
        return url
