"""What a policy's models cannot say: names that must exist, and what is odd without being wrong."""

from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from pipeline.core.policy.models import KanoClass, KanoCounts, PolicyFile, Touchpoint
from schemas.inbound import EVENTS

OBSERVED = "touchpoint.observed.v1"
FATIGUE = "fatigue"
"""Stands where a dimension would: what too many unasked contacts cost."""

KANO_FACTORS: dict[KanoClass, tuple[float, float]] = {
    "must_be": (0.1, 1.0),
    "one_dimensional": (1.0, 1.0),
    "attractive": (1.0, 0.1),
    "indifferent": (0.0, 0.0),
    "reverse": (1.0, 1.0),
}


class Problem(NamedTuple):
    """Where in the file, and what is wrong there."""

    path: tuple[str, ...]
    what: str


def kano_factors(kano: KanoClass | KanoCounts) -> tuple[float, float]:
    """How much presence pleases and absence hurts: ``(k+, k-)``, each in [0, 1].

    From counts: ``k+ = (A + O) / (A + O + M + I)``, ``k- = (O + M) / (A + O + M + I)`` (Berger et
    al. 1993).
    """
    if not isinstance(kano, KanoCounts):
        return KANO_FACTORS[kano]
    total = kano.attractive + kano.one_dimensional + kano.must_be + kano.indifferent
    return (
        (kano.attractive + kano.one_dimensional) / total,
        (kano.one_dimensional + kano.must_be) / total,
    )


def is_core(kano: KanoClass | KanoCounts) -> bool:
    """Whether a dimension decides on loyalty: its absence hurts. Delights are remembered only.

    Must-be and one-dimensional ones; of counts, where those two outnumber the others.
    """
    if isinstance(kano, KanoCounts):
        return kano.must_be + kano.one_dimensional >= kano.attractive + kano.indifferent
    return kano in ("must_be", "one_dimensional", "reverse")


def is_must_be(kano: KanoClass | KanoCounts) -> bool:
    """Whether presence is taken for granted by everybody alike, so that nobody expects more."""
    if isinstance(kano, KanoCounts):
        return kano.must_be > max(kano.one_dimensional, kano.attractive, kano.indifferent)
    return kano == "must_be"


def reference_problems(file: PolicyFile) -> list[Problem]:
    """Every name in the file that points to nothing, and every measure no event has."""
    return [
        *_unknown_dimensions(file),
        *_misplaced_dimensions(file),
        *_unknown_tiers(file),
        *_touchpoint_problems(file),
    ]


def warnings(file: PolicyFile) -> tuple[str, ...]:
    """Dimensions where a loss does not outweigh an equal gain, contrary to the model's rule."""
    aversion = file.score.loss_aversion.value
    odd = [
        name
        for name, dimension in file.dimensions.items()
        if kano_factors(dimension.kano) != (0.0, 0.0)
        and aversion * kano_factors(dimension.kano)[1] <= kano_factors(dimension.kano)[0]
    ]
    if not odd:
        return ()
    return (f"in these dimensions a gain outweighs an equal loss: {', '.join(odd)}",)


def _known(names: Iterable[str]) -> str:
    return f"known: {', '.join(sorted(names))}"


def _unknown_dimensions(file: PolicyFile) -> Iterator[Problem]:
    places = [
        *((("tiers", t, "named", d), d) for t, tier in file.tiers.items() for d in tier.named),
        *((("tiers", t, "cues", d), d) for t, tier in file.tiers.items() for d in tier.cues),
        (("promises", "dimension"), file.promises.dimension),
        (("repeats", "dimension"), file.repeats.dimension),
        *_sign_dimensions(file),
        *((("intents", i, d), d) for i, named in file.intents.items() for d in named),
        *(
            (("touchpoints", t, "felt", str(n), "dimension"), row.dimension)
            for t, touchpoint in file.touchpoints.items()
            for n, row in enumerate(touchpoint.felt)
        ),
    ]
    for path, name in places:
        if name not in file.dimensions:
            yield Problem(path, f"unknown dimension {name!r}; {_known(file.dimensions)}")


def _misplaced_dimensions(file: PolicyFile) -> Iterator[Problem]:
    """Dimensions that mean something else elsewhere, or the other way round than they have to."""
    if FATIGUE in file.dimensions:
        what = f"{FATIGUE!r} is what too many contacts cost; choose another name"
        yield Problem(("dimensions", FATIGUE), what)
    for section, name in (
        ("promises", file.promises.dimension),
        ("repeats", file.repeats.dimension),
    ):
        dimension = file.dimensions.get(name)
        if dimension is not None and dimension.kano == "reverse":
            what = f"{name!r} is a reverse dimension, where worse feels better; choose another"
            yield Problem((section, "dimension"), what)


def _sign_dimensions(file: PolicyFile) -> Iterator[tuple[tuple[str, ...], str]]:
    for section in ("behaviours", "stages"):
        for n, kind in enumerate(getattr(file.character, section)):
            for part in ("any", "all"):
                for m, sign in enumerate(getattr(kind, part)):
                    if sign.dimension is not None:
                        path = ("character", section, str(n), part, str(m), "dimension")
                        yield path, sign.dimension


def _unknown_tiers(file: PolicyFile) -> Iterator[Problem]:
    if file.default_tier not in file.tiers:
        what = f"unknown tier {file.default_tier!r}; {_known(file.tiers)}"
        yield Problem(("default_tier",), what)
    for tier in file.care.transaction_alert.tiers:
        if tier not in file.tiers:
            path = ("care", "transaction_alert", "tiers", tier)
            yield Problem(path, f"unknown tier {tier!r}; {_known(file.tiers)}")


def _touchpoint_problems(file: PolicyFile) -> Iterator[Problem]:
    settled: dict[str, str] = {}
    for name, touchpoint in file.touchpoints.items():
        path = ("touchpoints", name)
        if touchpoint.event not in EVENTS:
            what = f"unknown event type {touchpoint.event!r}; {_known(EVENTS)}"
            yield Problem((*path, "event"), what)
            continue
        if touchpoint.event == OBSERVED and touchpoint.where:
            yield Problem((*path, "where"), "an observed touchpoint is told by its name alone")
        if touchpoint.event != OBSERVED and not touchpoint.where:
            if touchpoint.event in settled:
                what = f"{touchpoint.event} already belongs to {settled[touchpoint.event]!r}"
                yield Problem((*path, "event"), f"{what}; say which by `where`")
            settled[touchpoint.event] = name
        data = EVENTS[touchpoint.event].model_fields["data"].annotation
        for place, measure in _measures(touchpoint):
            what_is_wrong = measure_problem(data, measure)
            if what_is_wrong:
                yield Problem((*path, *place), what_is_wrong)


def _measures(touchpoint: Touchpoint) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every measure of a catalogue entry, and where it stands."""
    for n, row in enumerate(touchpoint.felt):
        for measure in row.by.measures():
            yield ("felt", str(n), "by"), measure
    for n, cost in enumerate(touchpoint.costs):
        yield ("costs", str(n), "measure"), cost.measure
    for measure in touchpoint.where:
        yield ("where", measure), measure
    if touchpoint.case is not None:
        for measure in touchpoint.case.measures():
            yield ("case",), measure


def measure_problem(data: object, measure: str) -> str | None:
    """What is wrong with the path ``measure`` into a ``data`` model, or ``None``."""
    head, _, tail = measure.partition(".")
    if not (isinstance(data, type) and issubclass(data, BaseModel)):
        return f"measure {measure!r} leads into something that has no fields"
    known = set(data.model_fields) | {
        name for name in vars(data) if isinstance(vars(data)[name], property)
    }
    if head not in known:
        return f"unknown measure {head!r}; {_known(known)}"
    if not tail:
        return None
    field = data.model_fields.get(head)
    kind = _without_none(field.annotation) if field else None
    if get_origin(kind) is dict:
        return None if "." not in tail else f"measure {measure!r} goes too deep"
    return measure_problem(kind, tail)


def _without_none(annotation: object) -> object:
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation
