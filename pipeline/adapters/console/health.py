"""Pipeline health: lanes, latency, the equation of records, and dead letters with their reasons."""

from collections.abc import Iterator
from math import inf
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View
from pipeline.adapters.http.rows import Letter, read_as

_MOST_LETTERS: Final = 50
_OUTCOMES: Final = ("processed", "duplicate", "dead_letter")


class Balance(NamedTuple):
    """Records of one stage since the process started: what was read, and what became of it."""

    stage: str
    read: int
    processed: int
    duplicate: int
    dead_letter: int

    @property
    def missing(self) -> int:
        """What was read and is none of these: not 0 means that records were lost or doubled."""
        return self.read - self.processed - self.duplicate - self.dead_letter


class Spread(NamedTuple):
    """A histogram: how many, their mean, and bounds that half and 95 % stay under, in seconds.

    A bound is infinite where it lies above the histogram's last one.
    """

    name: str
    times: int
    mean: float | None
    half: float | None
    most: float | None


class Numbers(NamedTuple):
    """What the registry says now."""

    balances: tuple[Balance, ...]
    spreads: tuple[Spread, ...]
    gauges: tuple[tuple[str, str, float], ...]


def view_health(ask: Ask, *, before: str | None = None) -> View:
    """The page."""
    page = ask.sources.read.dead_letters(_MOST_LETTERS, before=before)
    shows: dict[str, object] = {
        "conditions": ask.sources.readiness.conditions(),
        "fatal": ask.sources.readiness.fatal(),
        "numbers": numbers_of(ask.sources.registry),
        "letters": read_as(page.items, list[Letter]),
        "older": page.next,
    }
    return View("health.html", ask.say.gettext("Pipeline health"), shows, live=("score",))


def numbers_of(registry: CollectorRegistry) -> Numbers:
    """Balances by stage, latencies, and every gauge, read once."""
    samples = [(f.type, s) for f in registry.collect() for s in f.samples]
    counted = {
        (s.name, s.labels.get("stage", ""), s.labels.get("outcome", "")): int(s.value)
        for _, s in samples
        if s.name in ("touchpoint_records_read_total", "touchpoint_records_total")
    }
    stages = sorted({stage for _, stage, _ in counted})
    return Numbers(
        balances=tuple(
            Balance(
                stage,
                counted.get(("touchpoint_records_read_total", stage, ""), 0),
                *(counted.get(("touchpoint_records_total", stage, each), 0) for each in _OUTCOMES),
            )
            for stage in stages
        ),
        spreads=tuple(_spreads([s for kind, s in samples if kind == "histogram"])),
        gauges=tuple(
            (s.name, ", ".join(f"{k}={v}" for k, v in sorted(s.labels.items())), s.value)
            for kind, s in samples
            if kind == "gauge" and s.name.startswith("touchpoint_")
        ),
    )


def _spreads(samples: list[Sample]) -> Iterator[Spread]:
    buckets: dict[tuple[str, str], list[tuple[float, float]]] = {}
    sums: dict[tuple[str, str], float] = {}
    for s in samples:
        labels = ", ".join(v for k, v in sorted(s.labels.items()) if k != "le")
        if s.name.endswith("_bucket"):
            key = (s.name.removesuffix("_bucket"), labels)
            buckets.setdefault(key, []).append((float(s.labels["le"]), s.value))
        elif s.name.endswith("_sum"):
            sums[s.name.removesuffix("_sum"), labels] = s.value
    for key, bounds in sorted(buckets.items()):
        name, labels = key
        count = int(max(reached for _, reached in bounds))
        yield Spread(
            f"{name} ({labels})" if labels else name,
            count,
            sums[key] / count if count else None,
            _bound(bounds, count, 0.5),
            _bound(bounds, count, 0.95),
        )


def _bound(bounds: list[tuple[float, float]], count: int, share: float) -> float | None:
    """The smallest bucket bound that so large a share stays under: an upper bound, no guess."""
    if count == 0:
        return None
    return next((bound for bound, reached in sorted(bounds) if reached >= share * count), inf)
