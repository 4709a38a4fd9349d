"""Measures the pure core, chunk by chunk and without a broker: ``python -m tests.bench.core``.

CPU microseconds an event, through ``PerceiveStage`` as a lane calls it: ``read`` validates the
bytes, ``step`` is the core on states at hand, ``encode+state`` is the rest of the stage: decoding
states, the score of each customer of the chunk, encoding outputs and states.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from pipeline.core.admission import Admitted
from pipeline.core.steps import perceive_step
from pipeline.engine.ports import LogRecord, Read
from pipeline.stages.perceive import CODEC, PerceiveStage
from tests.bench.contender import load_bench_policy, make_stage
from tests.bench.events import Sent, make_events

CHUNKS: Final = (100, 1_000, 4_000)

Groups = dict[bytes, list[Admitted]]
States = dict[bytes, bytes]


class Micros(NamedTuple):
    """Microseconds of CPU an event."""

    read: float
    step: float
    encode_and_state: float
    whole: float


class Run(NamedTuple):
    """One pass over the events with one size of chunks, and the states it ended with."""

    micros: Micros
    output_bytes: float
    states: States


def run(events: Sequence[Sent], chunk: int) -> Run:
    """Take ``events`` through the stage, ``chunk`` at a time."""
    stage, policy = make_stage(), load_bench_policy()
    records = [LogRecord(n, event.key, event.value) for n, event in enumerate(events)]
    states: States = {}
    read = step = stage_step = 0.0
    output_bytes = 0
    for first in range(0, len(records), chunk):
        part = records[first : first + chunk]
        began = time.process_time()
        groups = _read(stage, part)
        read += time.process_time() - began
        customers = {k: CODEC.decode(states[k]) if k in states else None for k in groups}
        began = time.process_time()
        for key, inputs in groups.items():
            name, customer = key.decode(), customers[key]
            for admitted in inputs:
                customer = perceive_step(name, customer, admitted, policy).customer
        step += time.process_time() - began
        began = time.process_time()
        done = [(key, stage.step(key, states.get(key), each, 0)) for key, each in groups.items()]
        stage_step += time.process_time() - began
        for key, stepped in done:
            assert stepped.state is not None
            states[key] = stepped.state
            output_bytes += sum(len(output.value) for output in stepped.outputs)
    count = len(events)
    micros = [1e6 * s / count for s in (read, step, stage_step - step, read + stage_step)]
    return Run(Micros(*micros), output_bytes / count, states)


def _read(stage: PerceiveStage, records: Sequence[LogRecord]) -> Groups:
    groups: Groups = {}
    for record in records:
        result = stage.read(record, 0)
        assert type(result) is Read, result
        groups.setdefault(result.key, []).append(result.input)  # type: ignore[arg-type]
    return groups


def report(events: Sequence[Sent], rounds: int) -> dict[str, object]:
    """Interleaved rounds over all sizes of chunks: medians, the fastest, and sizes of states."""
    runs: dict[int, list[Run]] = {chunk: [] for chunk in CHUNKS}
    for _ in range(rounds):
        for chunk in CHUNKS:
            runs[chunk].append(run(events, chunk))
    finals = [done[-1].states for done in runs.values()]
    sizes = sorted(len(state) for state in finals[0].values())
    return {
        "events": len(events),
        "event_bytes": round(statistics.mean(len(event.value) for event in events)),
        "customers": len(sizes),
        "same_states_for_all_chunks": all(states == finals[0] for states in finals),
        "state_bytes": {
            "p50": sizes[len(sizes) // 2],
            "p99": sizes[len(sizes) * 99 // 100],
            "max": sizes[-1],
        },
        "micros": {
            str(chunk): {
                "median": _fold(statistics.median, done),
                "fastest": _fold(min, done),
                "output_bytes": round(done[0].output_bytes),
            }
            for chunk, done in runs.items()
        },
    }


def _fold(how: object, runs: Sequence[Run]) -> dict[str, float]:
    assert callable(how)
    columns = zip(*(done.micros for done in runs), strict=True)
    return {n: round(how(c), 2) for n, c in zip(Micros._fields, columns, strict=True)}


def show(result: dict[str, object], console: Console) -> None:
    """Print the report as a table."""
    table = Table(title="CPU microseconds an event, median (fastest)")
    for column in ("chunk", *Micros._fields, "events/s of CPU", "output bytes"):
        table.add_column(column, justify="right")
    micros = result["micros"]
    assert isinstance(micros, dict)
    for chunk, row in micros.items():
        median, fastest = row["median"], row["fastest"]
        cells = [f"{median[name]:.1f} ({fastest[name]:.1f})" for name in Micros._fields]
        rate = f"{1e6 / median['whole']:,.0f}"
        table.add_row(chunk, *cells, rate, str(row["output_bytes"]))
    console.print(table)
    console.print({name: value for name, value in result.items() if name != "micros"})


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.core", description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    gc.set_threshold(100_000, 20, 100)  # as the worker does
    events = list(make_events(options.events, customers=options.customers))
    result = report(events, options.rounds)
    if options.json:
        print(json.dumps(result))
    else:
        show(result, Console())


if __name__ == "__main__":
    main()
