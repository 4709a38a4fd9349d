"""From the baseline to the score in figures that add up; what rounding left is a step too."""

from collections.abc import Callable, Mapping
from math import fsum
from typing import Final, Literal

from pipeline.adapters.console.figures import Bar, Fall
from pipeline.adapters.console.speech import Speech
from pipeline.core.perceive.explain import ExplainedPart, Explanation, Sum
from pipeline.core.perceive.tally import tenths_of

By = Literal["dimension", "touchpoint", "department", "layer", "event"]

BY: Final[tuple[By, ...]] = ("dimension", "touchpoint", "department", "layer", "event")

MOST_BARS: Final = 12
"""What is smaller than the largest so many is one step: more cannot be told apart."""


def waterfall(
    explanation: Explanation, by: By, say: Speech, href: Callable[[str], str] | None = None
) -> Fall:
    """The steps by one way of adding up, the largest first.

    Each is rounded by itself to a tenth, as it stands in every other list; ``rounding`` is what
    is then missing to the score as it is shown. ``href`` makes the link to an event.
    """
    sums = getattr(explanation.sums, by)
    large = [each for each in sums[:MOST_BARS] if tenths_of(each.points)]
    small = [each for each in sums if each not in large]
    parts = {part.event: part for part in explanation.parts}
    bars = [
        Bar(
            _label(each, by, parts, say),
            tenths_of(each.points),
            href(each.name) if href is not None and by == "event" and each.name else None,
        )
        for each in large
    ]
    rest = tenths_of(fsum(each.points for each in small))
    if rest:
        bars.append(Bar(say.gettext("All smaller"), rest))
    baseline, score = tenths_of(explanation.baseline), tenths_of(explanation.score)
    shown = baseline + sum(bar.tenths for bar in bars)
    return Fall(baseline, tuple(bars), score - shown, score)


def _label(each: Sum, by: By, parts: Mapping[str | None, ExplainedPart], say: Speech) -> str:
    if each.name is None:
        return {
            "event": say.gettext("Earlier and smaller events"),
            "touchpoint": say.gettext("Earlier events and fatigue"),
        }.get(by, say.gettext("No longer in the policy"))
    if by == "event":
        part = parts[each.name]
        touchpoint = say.title("touchpoint", part.touchpoint)
        return touchpoint if part.at is None else f"{touchpoint}, {say.day(part.at)}"
    return say.title(by, each.name)
