"""Charts as Plotly's JSON; colours are names of the style sheet's properties, for both themes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, NamedTuple

from pipeline.adapters.console.speech import Speech
from schemas.insights import CurvePoint

Figure = dict[str, Any]

_MINUTE_MS: Final = 60 * 1000
_HALF_DAY_MS: Final = 12 * 3600 * 1000
_ROOM: Final = 8
"""Points of score that are shown above and below what there is."""


class ScorePoint(NamedTuple):
    """The score after an event, in points, what the event moved it by, and what it was."""

    at: datetime
    score: float
    moved: float
    what: str


class Bar(NamedTuple):
    """One step of a waterfall, in tenths of a point."""

    label: str
    tenths: int
    href: str | None = None


class Fall(NamedTuple):
    """From a baseline to a score in steps that add up; ``rounding`` is what rounding left."""

    baseline: int
    bars: tuple[Bar, ...]
    rounding: int
    score: int


def score_figure(
    points: Sequence[ScorePoint],
    *,
    baseline: float,
    care_below: float | None,
    height: int,
    say: Speech,
) -> Figure:
    """A score over time, with the events that moved it as points; ``height`` in pixels."""
    times = [_time(point.at) for point in points]
    moved = [(time, p) for time, p in zip(times, points, strict=True) if p.moved]
    traces: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": say.gettext("Score"),
            "x": times,
            "y": [round(point.score, 2) for point in points],
            "line": {"shape": "hv", "width": 2, "color": "--line"},
            "hoverinfo": "skip",
        }
    ]
    for name, color, symbol, sign in (
        (say.gettext("Raised it"), "--good", "triangle-up", 1),
        (say.gettext("Lowered it"), "--bad", "triangle-down", -1),
    ):
        of = [(time, p) for time, p in moved if p.moved * sign > 0]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [time for time, _ in of],
                "y": [round(p.score, 2) for _, p in of],
                "text": [f"{_plain(p.what)}: {say.number(p.moved, signed=True)}" for _, p in of],
                "hovertemplate": "%{text}<br>%{x|%Y-%m-%d %H:%M} UTC<br>%{y:.1f}<extra></extra>",
                "marker": {
                    "color": color,
                    "symbol": symbol,
                    "opacity": 1,
                    "size": [min(9 + 1.2 * abs(p.moved), 18) for _, p in of],
                    "line": {"width": 1, "color": "--surface"},
                },
            }
        )
    layout = _layout(height)
    layout["xaxis"] |= _days(say)
    lines = [baseline] if care_below is None else [baseline, care_below]
    shown = [*lines, *(point.score for point in points)]
    low, high = max(min(shown) - _ROOM, 0), min(max(shown) + _ROOM, 100)
    layout["yaxis"] |= {"range": [low, high], "title": {"text": say.gettext("Score, 0 to 100")}}
    layout["shapes"] = [_level(baseline, "--muted", "dot")]
    told = say.number(baseline, places=0)
    layout["annotations"] = [_note(baseline, say.gettext("Baseline {value}", value=told))]
    if care_below is not None:
        told = say.number(care_below, places=0)
        layout["shapes"] += [_level(care_below, "--bad", "dash"), _below(care_below)]
        layout["annotations"] += [_note(care_below, say.gettext("Care below {value}", value=told))]
    return {"data": traces, "layout": layout}


def waterfall_figure(fall: Fall, say: Speech) -> Figure:
    """The way from the baseline to the score, step by step, downwards."""
    steps = [*fall.bars]
    if fall.rounding:
        steps.append(Bar(say.gettext("Rounding"), fall.rounding))
    names = (say.gettext("Baseline"), *(bar.label for bar in steps), say.gettext("Score"))
    labels = [_plain(name) for name in names]
    tenths = [fall.baseline, *(bar.tenths for bar in steps), fall.score]
    ends = len(steps) + 1
    reached = [fall.baseline]
    for bar in steps:
        reached.append(reached[-1] + bar.tenths)
    layout = _layout(26 * len(labels) + 56)
    low, high = min(reached) / 10, max(reached) / 10
    room = max((high - low) * 0.18, 2.0)
    layout["xaxis"] |= {
        "range": [max(low - room, 0), min(high + room, 100)],
        "title": {"text": say.gettext("Points")},
        "showgrid": True,
    }
    # By place, not by name: two events may have the same name.
    layout["yaxis"] = {
        "autorange": "reversed",
        "automargin": True,
        "tickvals": list(range(len(labels))),
        "ticktext": labels,
        "ticks": "outside",
        "ticklen": 6,
        "tickcolor": "rgba(0,0,0,0)",
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    layout["showlegend"] = False
    trace = {
        "type": "waterfall",
        "orientation": "h",
        "measure": [
            "absolute",
            *("relative" for _ in steps),
            "total",
        ],
        "y": list(range(len(labels))),
        "x": [each / 10 for each in tenths],
        "text": [say.number(each / 10, signed=0 < at < ends) for at, each in enumerate(tenths)],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": labels,
        "hoverinfo": "text",
        "connector": {"line": {"color": "--rule", "width": 1}},
        "increasing": {"marker": {"color": "--good"}},
        "decreasing": {"marker": {"color": "--bad"}},
        "totals": {"marker": {"color": "--line"}},
    }
    return {"data": [trace], "layout": layout}


def curve_figure(points: Sequence[CurvePoint], say: Speech) -> Figure:
    """The level towards its target over time, in percent; gaps where nothing was felt."""
    times = [_time(point.at) for point in points]

    def trace(name: str, values: Sequence[float | None], line: Figure, mode: str) -> Figure:
        return {
            "type": "scatter",
            "mode": mode,
            "name": name,
            "x": times,
            "y": [None if each is None else round(100 * each, 2) for each in values],
            "line": line,
            "marker": {"size": 5},
            "hovertemplate": "%{y:.1f}%<br>%{x|%Y-%m-%d %H:%M} UTC<extra>" + name + "</extra>",
        }

    layout = _layout(260)
    layout["xaxis"] |= _days(say)
    layout["yaxis"] |= {"title": {"text": say.gettext("Level, %")}, "ticksuffix": "%"}
    return {
        "data": [
            trace(
                say.gettext("Level"),
                [point.level for point in points],
                {"width": 2, "color": "--line"},
                "lines+markers",
            ),
            trace(
                say.gettext("Target"),
                [point.target for point in points],
                {"width": 2, "color": "--muted", "dash": "dash"},
                "lines",
            ),
        ],
        "layout": layout,
    }


def _layout(height: int) -> Figure:
    axis = {"color": "--muted", "gridcolor": "--grid", "zeroline": False, "fixedrange": True}
    return {
        "height": height,
        "margin": {"l": 52, "r": 16, "t": 28, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": "--text"},
        "hoverlabel": {
            "bgcolor": "--surface",
            "font": {"color": "--text"},
            "bordercolor": "--rule",
        },
        "xaxis": {**axis, "showgrid": False, "automargin": True},
        "yaxis": {**axis, "automargin": True},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "showlegend": True,
        "dragmode": False,
    }


def _days(say: Speech) -> Figure:
    """How an axis of time is written: hours where there is room for them."""
    day = say.pattern("%-d %b")
    return {
        "tickformatstops": [
            {"dtickrange": [None, _MINUTE_MS], "value": "%H:%M:%S\n" + day},
            {"dtickrange": [_MINUTE_MS, _HALF_DAY_MS], "value": "%H:%M\n" + day},
            {"dtickrange": [_HALF_DAY_MS, None], "value": day + "\n%Y"},
        ]
    }


def _level(value: float, color: str, dash: str) -> Figure:
    line = {"color": color, "width": 1, "dash": dash}
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": line,
    }


def _below(value: float) -> Figure:
    return {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": 0,
        "y1": value,
        "fillcolor": "--bad-soft",
        "line": {"width": 0},
        "layer": "below",
    }


def _note(value: float, text: str) -> Figure:
    return {
        "xref": "paper",
        "x": 0.005,
        "xanchor": "left",
        "y": value,
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "bgcolor": "--surface",
        "opacity": 0.85,
        "font": {"size": 11, "color": "--muted"},
    }


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _plain(text: str) -> str:
    """Text that Plotly, which takes some HTML, shows as it is."""
    return escape(text, quote=False)
