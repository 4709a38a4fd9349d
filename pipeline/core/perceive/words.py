"""A score in sentences: what moved it, how it stands to what is expected, what is open.

The language is the translator's: texts here are keys of the message catalogues. Names that a
policy gave are looked up in a context (``touchpoint``, ``dimension``, ...); one that the catalogue
does not have is shown as the policy writes it.
"""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from math import floor
from typing import Final

from pipeline.core.perceive.explain import Explanation, Sum
from pipeline.core.perceive.tally import Entry, Tally, rounded, tally
from pipeline.core.perceive.translator import Translator
from schemas.perception import DimensionReading, Kind, Score, Sign

MOST_GROUPS: Final = 5
"""So many groups of touches are told of one by one unless a caller wants another number."""

_WHOLE_DAYS: Final = "tenure_days"
# A value and the bound it passed must differ as they are shown; doubles have no more digits.
_MOST_PLACES: Final = 15
# A ratio of 1 may be a rounding below it.
_ROUNDING: Final = 1e-9
_LEAST_LIFT: Final = 0.005


def in_words(
    score: Score,
    explanation: Explanation,
    by: Translator,
    *,
    zone: tzinfo,
    most_groups: int = MOST_GROUPS,
) -> tuple[str, ...]:
    """``score`` and its ``explanation`` in sentences, with days in ``zone``.

    The figures of the sentences about touches add up to the difference in the first sentence, and
    so do those by department and by layer.
    """
    told = tally(score, zone, most_groups)
    total = told.score - told.baseline
    return (
        _headline(told, by),
        *(_moved(entry, by) for entry in told.entries),
        *_by_place(explanation, total, by),
        *_against_expected(score, explanation.layers, by),
        *_lifted(score.dimensions, by),
        *_open(score, by),
        *_character(score, by),
        *_merged(score, by),
    )


def _headline(told: Tally, by: Translator) -> str:
    difference = told.score - told.baseline
    if difference > 0:
        text = by.gettext(
            "The score is {score}: {points} points above the {baseline} of a customer who felt"
            " nothing."
        )
    elif difference < 0:
        text = by.gettext(
            "The score is {score}: {points} points below the {baseline} of a customer who felt"
            " nothing."
        )
    else:
        text = by.gettext("The score is {score}, that of a customer who felt nothing.")
    return text.format(
        score=_points(told.score, by),
        points=_points(abs(difference), by),
        baseline=_points(told.baseline, by),
    )


def _moved(entry: Entry, by: Translator) -> str:
    """One sentence of what moved the score."""
    points, count = _points(abs(entry.tenths), by), entry.touches
    signed = by.decimal(entry.tenths / 10, places=1, signed=True)
    if entry.channel is not None:
        text = by.gettext("Too many unasked contacts by {channel} cost {points} points.")
        return text.format(channel=_name("channel", entry.channel, by), points=points)
    if entry.touchpoint is None or entry.day is None:
        if count == 0:
            return by.gettext("What is left of these touches: {points} points.").format(
                points=signed
            )
        text = by.ngettext(
            "{count} earlier or smaller event: {points} points.",
            "{count} earlier and smaller events: {points} points.",
            count,
        )
        return text.format(count=count, points=signed)
    if entry.tenths < 0:
        text = by.gettext("{count} {touchpoint} on {day} cost {points} points ({dimensions}).")
    else:
        text = by.gettext("{count} {touchpoint} on {day} gave {points} points ({dimensions}).")
    return text.format(
        count=count,
        touchpoint=_spaced(
            by.npgettext("touchpoint", entry.touchpoint, entry.touchpoint, entry.touches)
        ),
        day=by.day(entry.day),
        points=points,
        dimensions=by.listed([_name("dimension", each, by) for each in entry.dimensions]),
    )


def _by_place(explanation: Explanation, total: int, by: Translator) -> list[str]:
    """Who answers for the points, and in which layer of the service they lie."""
    sums = explanation.sums
    told = (
        (by.gettext("By department: {sums}."), _sums("department", sums.department, total, by)),
        (by.gettext("By layer of service: {sums}."), _sums("layer", sums.layer, total, by)),
    )
    return [text.format(sums=by.listed(items)) for text, items in told if items]


def _sums(kind: str, sums: Sequence[Sum], total: int, by: Translator) -> list[str]:
    figures = rounded([each.points for each in sums], total)
    return [
        by.gettext("{name} {points}").format(
            name=by.gettext("no longer in the policy")
            if each.name is None
            else _name(kind, each.name, by),
            points=by.decimal(tenths / 10, places=1, signed=True),
        )
        for each, tenths in zip(sums, figures, strict=True)
        if tenths
    ]


def _against_expected(score: Score, layers: Mapping[str, float], by: Translator) -> list[str]:
    """The ratio with its band, and that of each layer, the worst first."""
    if not score.dimensions:
        return []
    text = by.gettext("Service is felt at {percent} of what is expected: {band}.")
    told = [text.format(percent=_ratio(score.ratio, by), band=_name("band", score.band, by))]
    if layers:
        items = [
            by.gettext("{layer} {percent}").format(
                layer=_name("layer", layer, by), percent=_ratio(ratio, by)
            )
            for layer, ratio in sorted(layers.items(), key=lambda item: item[1])
        ]
        text = by.gettext("Felt against expected by layer of service: {ratios}.")
        told.append(text.format(ratios=by.listed(items)))
    return told


def _lifted(readings: Sequence[DimensionReading], by: Translator) -> list[str]:
    """What lifts the expectation above the norm: rivals, promises, and the own experience."""
    told = []
    experienced = []
    for reading in readings:
        name, norm = _name("dimension", reading.dimension, by), reading.norm
        if reading.competition is not None:
            text = by.gettext(
                "A rival's offer of {level} in {dimension} lifts what is expected; the norm is"
                " {norm}."
            )
            level = by.percent(reading.competition)
            told.append(text.format(level=level, dimension=name, norm=by.percent(norm)))
        if reading.promise is not None and reading.promise > norm:
            text = by.gettext(
                "An open promise of {level} in {dimension} lifts what is expected; the norm is"
                " {norm}."
            )
            level = by.percent(reading.promise)
            told.append(text.format(level=level, dimension=name, norm=by.percent(norm)))
        if reading.experience >= _LEAST_LIFT:
            text = by.gettext("{dimension} by {lift}")
            experienced.append(text.format(dimension=name, lift=by.percent(reading.experience)))
    if experienced:
        text = by.gettext("Earlier good service lifts what is expected: {dimensions}.")
        told.append(text.format(dimensions=by.listed(experienced)))
    return told


def _open(score: Score, by: Translator) -> list[str]:
    """Failures that nothing made good, and promises whose time has passed."""
    failures, overdue = score.open_failures, score.overdue_promises
    told = []
    if failures:
        text = by.ngettext(
            "{count} failure has not been made good.",
            "{count} failures have not been made good.",
            failures,
        )
        told.append(text.format(count=failures))
    if overdue:
        text = by.ngettext("{count} promise is overdue.", "{count} promises are overdue.", overdue)
        told.append(text.format(count=overdue))
    return told


def _character(score: Score, by: Translator) -> list[str]:
    """The behaviour type and the stage of the relationship, with their reasons."""
    told = []
    if score.behaviour is not None:
        text = by.gettext("The customer seems {behaviour}: {signs}.")
        name = _name("behaviour", score.behaviour.name, by)
        told.append(text.format(behaviour=name, signs=_signs(score.behaviour, by)))
    stage = _name("stage", score.stage.name, by)
    if score.stage.signs:
        text = by.gettext("The relationship is at the stage of {stage}: {signs}.")
    else:
        text = by.gettext("The relationship is at the stage of {stage}.")
    told.append(text.format(stage=stage, signs=_signs(score.stage, by)))
    return told


def _merged(score: Score, by: Translator) -> list[str]:
    if score.merged_into is None:
        return []
    text = by.gettext("This customer turned out to be {customer}, who has the score.")
    return [text.format(customer=score.merged_into)]


def _signs(kind: Kind, by: Translator) -> str:
    return by.listed([_sign(sign, by) for sign in kind.signs]) if kind.signs else ""


def _sign(sign: Sign, by: Translator) -> str:
    """A reading, its value, and the bound it passed, with as many decimals as tell them apart."""
    reading = _name("reading", sign.reading, by)
    if sign.dimension is not None:
        dimension = _name("dimension", sign.dimension, by)
        reading = by.gettext("{reading} of {dimension}").format(
            reading=reading, dimension=dimension
        )
    places = 0 if sign.reading == _WHOLE_DAYS else 2
    while places < _MOST_PLACES and round(sign.value, places) == round(sign.bound, places):
        places += 1
    above = sign.value > sign.bound
    text = (
        by.gettext("{reading} {value} (above {bound})")
        if above
        else by.gettext("{reading} {value} (below {bound})")
    )
    value, bound = (by.decimal(each, places=places) for each in (sign.value, sign.bound))
    return text.format(reading=reading, value=value, bound=bound)


def _points(tenths: int, by: Translator) -> str:
    return by.decimal(tenths / 10, places=1)


def _ratio(ratio: float, by: Translator) -> str:
    # Rounded down: what is below the target must not look as if it reached it.
    return by.percent(floor(ratio * 100 + _ROUNDING) / 100)


def _name(kind: str, name: str, by: Translator) -> str:
    return _spaced(by.pgettext(kind, name))


def _spaced(name: str) -> str:
    # No catalogue's text has an underscore: this is a name that the catalogue does not have.
    return name.replace("_", " ")
