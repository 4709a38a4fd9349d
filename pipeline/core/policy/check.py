"""What a policy's models cannot say: names that must exist, and what is odd without being wrong."""

from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from pipeline.core.policy.models import KanoClass, KanoCounts, PolicyFile
from schemas.inbound import EVENTS

OBSERVED = "touchpoint.observed.v1"

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


def reference_problems(file: PolicyFile) -> list[Problem]:
    """Every name in the file that points to nothing, and every measure no event has."""
    return [
        *_unknown_dimensions(file),
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


def _unknown_tiers(file: PolicyFile) -> Iterator[Problem]:
    if file.default_tier not in file.tiers:
        what = f"unknown tier {file.default_tier!r}; {_known(file.tiers)}"
        yield Problem(("default_tier",), what)
    for tier in file.care.transaction_alert.tiers:
        if tier not in file.tiers:
            path = ("care", "transaction_alert", "tiers", tier)
            yield Problem(path, f"unknown tier {tier!r}; {_known(file.tiers)}")


def _touchpoint_problems(file: PolicyFile) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, touchpoint in file.touchpoints.items():
        path = ("touchpoints", name)
        if touchpoint.event not in EVENTS:
            what = f"unknown event type {touchpoint.event!r}; {_known(EVENTS)}"
            yield Problem((*path, "event"), what)
            continue
        if touchpoint.event != OBSERVED and touchpoint.event in taken:
            what = f"{touchpoint.event} already belongs to {taken[touchpoint.event]!r}"
            yield Problem((*path, "event"), what)
        taken[touchpoint.event] = name
        data = EVENTS[touchpoint.event].model_fields["data"].annotation
        for n, row in enumerate(touchpoint.felt):
            for measure in row.by.measures():
                what_is_wrong = measure_problem(data, measure)
                if what_is_wrong:
                    yield Problem((*path, "felt", str(n), "by"), what_is_wrong)


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
