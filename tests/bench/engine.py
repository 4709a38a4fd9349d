"""Races this worker, an idiomatic Faust app and Quix Streams: ``python -m tests.bench.engine``.

All run the same core on the same broker, one after the other in interleaved rounds, each in a
process of its own on fresh topics filled beforehand. Then the latency of alerts at a steady pace.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from schemas.topics import CONTRIBUTIONS
from tests.bench import latency
from tests.bench.contender import Place
from tests.bench.events import Sent, make_events
from tests.bench.filling import fill
from tests.bench.ours import settings_of
from tests.bench.processes import NAMES, UnavailableError, contender, quix_python
from tests.bench.watching import Rate, Sample, Seen, Watcher, rate_of
from tests.services.kafka import Cluster

# Kafka's own defaults (bin/kafka-server-start.sh), not the tests' hasty ones.
JVM_OPTIONS: Final = (
    *("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    "-XX:InitiatingHeapOccupancyPercent=35",
)
SLOWER: Final = {"ours": 1.0, "faust": 0.1, "quix": 0.5}
"""What share of the events each is given, so that all run about as long."""

WARM_UP_SHARE: Final = 0.2
LATENCY_NAMES: Final = ("ours", "faust")
PACE_PER_SECOND: Final = 500.0
RUN_SECONDS: Final = 300.0


class Options(NamedTuple):
    """What the command line asks for."""

    events: int
    rounds: int
    only: tuple[str, ...]
    latency_seconds: float
    pythons: Mapping[str, Path]


class Race:
    """One broker, and the runs on it."""

    def __init__(self, bootstrap: str, broker_pid: int, folder: Path, options: Options) -> None:
        self._bootstrap = bootstrap
        self._broker_pid = broker_pid
        self._folder = folder
        self._options = options
        self._runs = 0
        self._events = list(make_events(options.events))

    def warm_up(self, name: str) -> None:
        """A run that is not counted: the broker compiles its code and makes its own topics."""
        self._watched(name, self._events[: int(len(self._events) * WARM_UP_SHARE)])

    def throughput(self, name: str) -> tuple[Rate, Seen]:
        """One run of ``name`` over its share of the events."""
        events = self._events[: int(len(self._events) * SLOWER[name])]
        samples, seen = self._watched(name, events)
        return rate_of(samples, len(events)), seen

    def _watched(self, name: str, events: Sequence[Sent]) -> tuple[list[Sample], Seen]:
        with self._at_work(name, events) as (settings, process):
            watcher = Watcher(settings, CONTRIBUTIONS, pid=process.pid, broker_pid=self._broker_pid)
            try:
                samples = watcher.watch(
                    len(events), limit_seconds=RUN_SECONDS, alive=lambda: process.running
                )
                return samples, watcher.count()
            finally:
                watcher.close()

    def latency(self, name: str) -> latency.Latency:
        """One run of ``name`` at the pace, after a warm-up."""
        seconds = self._options.latency_seconds / (1.0 - latency.WARM_UP_SHARE)
        events = self._events[: int(PACE_PER_SECOND * seconds)]
        with self._at_work(name, []) as (settings, process):
            return latency.measure(
                settings, events, per_second=PACE_PER_SECOND, alive=lambda: process.running
            )

    @contextmanager
    def _at_work(self, name: str, events: Sequence[Sent]) -> Iterator[tuple[Any, Any]]:
        self._runs += 1
        place = Place(
            self._bootstrap, f"bench-{self._runs}.", self._folder / f"{name}-{self._runs}"
        )
        settings = settings_of(place)
        fill(settings, events)
        with contender(name, place, python=self._options.pythons[name]) as process:
            try:
                yield settings, process
            except (RuntimeError, TimeoutError) as error:
                raise RuntimeError(f"{name}: {error}\n{process.log_tail()}") from error


def race(cluster: Cluster, folder: Path, options: Options, console: Console) -> dict[str, Any]:
    """All rounds; returns what is printed as JSON."""
    runner = Race(cluster.bootstrap, cluster.brokers[0].process.pid, folder, options)
    with console.status("warming the broker up"):
        runner.warm_up(options.only[0])
    rates: dict[str, list[tuple[Rate, Seen]]] = {name: [] for name in options.only}
    paced: dict[str, list[latency.Latency]] = {
        name: [] for name in options.only if name in LATENCY_NAMES
    }
    for number in range(1, options.rounds + 1):
        for name in options.only:
            with console.status(f"round {number} of {options.rounds}: {name}"):
                rate, seen = runner.throughput(name)
            console.log(f"{name}: {rate.per_second:,.0f} events/s, {seen.doubled} doubled")
            rates[name].append((rate, seen))
    for number in range(1, options.rounds + 1):
        for name, done in paced.items():
            with console.status(f"latency {number} of {options.rounds}: {name}"):
                took = runner.latency(name)
            console.log(f"{name}: p50 {took.p50_ms:.0f} ms, p99 {took.p99_ms:.0f} ms")
            done.append(took)
    return {
        "throughput": {name: _throughput(done) for name, done in rates.items()},
        "latency": {name: _medians(done) for name, done in paced.items()},
        "load_average": os.getloadavg(),
        "processors": os.cpu_count(),
    }


def _throughput(done: Sequence[tuple[Rate, Seen]]) -> dict[str, Any]:
    return {
        **_medians([rate for rate, _ in done]),
        "each_per_second": [round(rate.per_second) for rate, _ in done],
        "events_seen": [seen.events for _, seen in done],
        "doubled": sum(seen.doubled for _, seen in done),
    }


def _medians(rows: Sequence[Any]) -> dict[str, float]:
    columns = zip(*rows, strict=True)
    return {n: statistics.median(c) for n, c in zip(rows[0]._fields, columns, strict=True)}


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print medians and ratios as tables."""
    rates = result["throughput"]
    table = Table(title="Throughput, median; CPU in microseconds an event")
    for column in ("", "events/s", "ours is", "worker CPU", "broker CPU", "each round", "doubled"):
        table.add_column(column, justify="right")
    ours = rates.get("ours", {}).get("per_second")
    for name, row in rates.items():
        ratio = "" if ours is None else f"{ours / row['per_second']:.2f} x"
        each = " ".join(f"{rate:,}" for rate in row["each_per_second"])
        cpu = (f"{row['cpu_us']:.1f}", f"{row['broker_cpu_us']:.1f}")
        table.add_row(name, f"{row['per_second']:,.0f}", ratio, *cpu, each, str(row["doubled"]))
    console.print(table)
    table = Table(title=f"Publish to alert at {PACE_PER_SECOND:g} events/s, milliseconds, median")
    for column in ("", "p50", "p90", "p99", "max", "alerts", "missing"):
        table.add_column(column, justify="right")
    for name, row in result["latency"].items():
        times = [f"{row[field]:.1f}" for field in ("p50_ms", "p90_ms", "p99_ms", "max_ms")]
        table.add_row(name, *times, f"{row['alerts']:.0f}", f"{row['missing']:.0f}")
    console.print(table)
    load = ", ".join(f"{value:.1f}" for value in result["load_average"])
    console.print(f"{result['processors']} processors, load average {load}")


def parse_options(console: Console) -> tuple[Options, bool]:
    """The command line; contenders that cannot run here are left out with the reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000, help="for the fastest contender")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(NAMES), help="contenders, comma-separated")
    parser.add_argument("--quix-python", type=Path, help="an interpreter with Quix Streams")
    parser.add_argument("--latency-seconds", type=float, default=20.0)
    parser.add_argument("--quick", action="store_true", help="see that it works: tiny numbers")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    given = parser.parse_args()
    if given.quick:
        given.events, given.rounds, given.latency_seconds = 20_000, 1, 3.0
    only = given.only.split(",")
    unknown = set(only) - set(NAMES)
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(NAMES)}")
    pythons = dict.fromkeys(only, Path(sys.executable))
    if "quix" in only:
        try:
            pythons["quix"] = quix_python(given.quix_python)
        except UnavailableError as error:
            console.print(f"without Quix Streams: {error}", markup=False)
            only.remove("quix")
    options = Options(given.events, given.rounds, tuple(only), given.latency_seconds, pythons)
    return options, given.json


def main() -> None:
    """Parse the command line, start a broker, race, print."""
    console = Console(stderr=True)
    options, as_json = parse_options(console)
    with (
        tempfile.TemporaryDirectory(prefix="touchpoint-bench-") as folder,
        Cluster(1, jvm_options=JVM_OPTIONS) as cluster,
    ):
        result = race(cluster, Path(folder), options, console)
    if as_json:
        print(json.dumps(result))
    else:
        show(result, Console())


if __name__ == "__main__":
    main()
