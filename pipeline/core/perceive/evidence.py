"""Evidence functions: from a measure in an event to a felt quality in [0, 1].

Each is a model in the policy file (its parameters) and a function made of it (its meaning). A new
one is a class here, added to ``Evidence``.
"""

from collections.abc import Callable
from math import fsum, log
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, model_validator

Measure = Annotated[str, Field(pattern=r"^[a-z_][\w.]*$", max_length=128)]
Quality = Annotated[float, Field(ge=0, le=1)]

Reader = Callable[[Any], Any]
"""Reads one measure from an event's data; ``None`` where the event has none."""

Felt = Callable[[Any], float | None]
"""The felt quality in an event's data, in [0, 1]; ``None`` where there is no evidence."""


class _Evidence(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    measure: Measure

    def measures(self) -> tuple[str, ...]:
        """The paths that must exist in the event's data."""
        return (self.measure,)


class Linear(_Evidence):
    """A quantity between two anchors: ``worst`` feels like 0, ``best`` like 1."""

    evidence: Literal["linear", "rating", "count"]
    worst: float
    best: float

    @model_validator(mode="after")
    def _anchors_differ(self) -> "Linear":
        if self.worst == self.best:
            raise ValueError("worst and best must differ")
        return self

    def compile(self, readers: dict[str, Reader]) -> Felt:
        read, worst, span = readers[self.measure], self.worst, self.best - self.worst

        def felt(data: Any) -> float | None:
            value = read(data)
            if value is None:
                return None
            quality = (value - worst) / span
            return 0.0 if quality < 0.0 else 1.0 if quality > 1.0 else float(quality)

        return felt


class YesNo(_Evidence):
    """A fact: ``yes`` and ``no`` are the qualities felt if it is true or false."""

    evidence: Literal["yes_no"]
    yes: Quality
    no: Quality

    def compile(self, readers: dict[str, Reader]) -> Felt:
        read, yes, no = readers[self.measure], self.yes, self.no

        def felt(data: Any) -> float | None:
            value = read(data)
            return None if value is None else yes if value else no

        return felt


class Sentiment(_Evidence):
    """A sentiment in [-1, 1], as upstream supplies it: -1 feels like 0, 1 like 1."""

    evidence: Literal["sentiment"]

    def compile(self, readers: dict[str, Reader]) -> Felt:
        read = readers[self.measure]

        def felt(data: Any) -> float | None:
            value = read(data)
            return None if value is None else (value + 1.0) / 2.0

        return felt


class WaitAgainstPromise(_Evidence):
    """A wait, judged by its ratio to what was promised, never by its seconds.

    Severity is ``ln(wait / promised)``: a wait as promised feels like ``as_promised``, each
    factor e takes ``per_factor_e`` away or adds it. An abandoned wait is censored: it would have
    lasted longer, so it counts ``abandoned_factor`` times its length and never as better than
    promised.
    """

    evidence: Literal["wait_against_promise"]
    promised: Measure | None = None
    promised_default_seconds: Annotated[float, Field(gt=0)]
    abandoned: Measure | None = None
    as_promised: Quality = 0.7
    per_factor_e: Annotated[float, Field(gt=0, le=1)] = 0.2
    abandoned_factor: Annotated[float, Field(ge=1)] = 2.0

    def measures(self) -> tuple[str, ...]:
        return tuple(m for m in (self.measure, self.promised, self.abandoned) if m is not None)

    def compile(self, readers: dict[str, Reader]) -> Felt:
        wait_of = readers[self.measure]
        promised_of = readers[self.promised] if self.promised else None
        abandoned_of = readers[self.abandoned] if self.abandoned else None
        default, level, slope = self.promised_default_seconds, self.as_promised, self.per_factor_e
        censoring = self.abandoned_factor

        def felt(data: Any) -> float | None:
            wait = wait_of(data)
            if wait is None:
                return None
            promised = (promised_of(data) if promised_of else None) or default
            ratio = wait / promised
            if abandoned_of and abandoned_of(data):
                ratio = max(ratio * censoring, 1.0)
            if ratio <= 0.0:
                return 1.0
            quality = level - slope * log(ratio)
            return 0.0 if quality < 0.0 else 1.0 if quality > 1.0 else quality

        return felt


class ShareOf(_Evidence):
    """A share such as resolved of asked: ``worst`` feels like 0, ``best`` like 1.

    No evidence where nothing was asked.
    """

    evidence: Literal["share"]
    of: Measure
    worst: Quality = 0.0
    best: Quality = 1.0

    @model_validator(mode="after")
    def _anchors_differ(self) -> "ShareOf":
        if self.worst == self.best:
            raise ValueError("worst and best must differ")
        return self

    def measures(self) -> tuple[str, ...]:
        return (self.measure, self.of)

    def compile(self, readers: dict[str, Reader]) -> Felt:
        part_of, whole_of = readers[self.measure], readers[self.of]
        worst, span = self.worst, self.best - self.worst

        def felt(data: Any) -> float | None:
            part, whole = part_of(data), whole_of(data)
            if part is None or not whole:
                return None
            quality = (part / whole - worst) / span
            return 0.0 if quality < 0.0 else 1.0 if quality > 1.0 else float(quality)

        return felt


class Category(_Evidence):
    """A label from upstream, such as an emotion: ``qualities`` says how each feels.

    A label that is not listed is no evidence.
    """

    evidence: Literal["category"]
    qualities: Annotated[dict[str, Quality], Field(min_length=1)]

    def compile(self, readers: dict[str, Reader]) -> Felt:
        read, qualities = readers[self.measure], self.qualities

        def felt(data: Any) -> float | None:
            return qualities.get(read(data))

        return felt


class Words(_Evidence):
    """Words that upstream heard: the mean of the qualities of those that are listed."""

    evidence: Literal["words"]
    qualities: Annotated[dict[str, Quality], Field(min_length=1)]

    def compile(self, readers: dict[str, Reader]) -> Felt:
        read, qualities = readers[self.measure], self.qualities

        def felt(data: Any) -> float | None:
            known = [qualities[word] for word in read(data) or () if word in qualities]
            return fsum(known) / len(known) if known else None

        return felt


Evidence = Annotated[
    Union[Linear, YesNo, Sentiment, WaitAgainstPromise, ShareOf, Category, Words],  # noqa: UP007
    Field(discriminator="evidence"),
]
