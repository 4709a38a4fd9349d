"""Turns what the engine tells into metrics and log lines."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.engine.ports import Labels

log = logging.getLogger("pipeline.lane")

_GONE: Final = frozenset({"closed"})


class EngineObserver:
    """The engine's ``Observer`` for one stage of one process."""

    def __init__(self, metrics: Metrics, stage: str) -> None:
        self._metrics = metrics
        self._stage = stage
        self._states: dict[int, str] = {}
        self._read = metrics.records_read.labels(stage)
        self._processed = metrics.records.labels(stage, "processed")
        self._duplicates = metrics.records.labels(stage, "duplicate")
        self._dead_letters = metrics.records.labels(stage, "dead_letter")
        self._outputs = metrics.outputs.labels(stage)
        self._fired = metrics.timers_fired.labels(stage)
        self._failed = metrics.timers_failed.labels(stage)
        self._seconds = metrics.chunk_seconds.labels(stage)
        self._told = {
            "proposed": metrics.care_proposals,
            "decided": metrics.care_decisions,
            "repeated": metrics.care_repeats,
            "noticed": metrics.patterns,
            "outlook": metrics.outlook_checks,
            "cases": metrics.cases,
            "verdict": metrics.verdicts,
        }

    def committed(
        self,
        partition: int,
        *,
        processed: int,
        duplicates: int,
        refused: Mapping[str, int],
        outputs: int,
        fired: int,
        failed: int,
        waiting: int,
        seconds: float,
        told: Mapping[Labels, int],
    ) -> None:
        dead = 0
        for reason, count in refused.items():
            dead += count
            self._metrics.dead_letters.labels(self._stage, reason).inc(count)
        self._read.inc(processed + duplicates + dead)
        self._processed.inc(processed)
        self._duplicates.inc(duplicates)
        self._dead_letters.inc(dead)
        self._outputs.inc(outputs)
        self._fired.inc(fired)
        self._failed.inc(failed)
        self._metrics.timers.labels(self._stage, partition).set(waiting)
        self._seconds.observe(seconds)
        for (name, *labels), count in told.items():
            self._told[name].labels(*labels).inc(count)

    def failed(self, partition: int, phase: str, error: BaseException) -> None:
        self._metrics.lane_failures.labels(self._stage, phase).inc()
        log.warning(
            "stage %s partition %d: %s failed, will be tried again: %s: %s",
            self._stage, partition, phase, type(error).__name__, error,
        )  # fmt: skip

    def state_changed(self, partition: int, state: str, detail: str) -> None:
        if state in _GONE:
            self._states.pop(partition, None)
            self._forget_timers(partition)
        else:
            self._states[partition] = state
        running = sum(1 for s in self._states.values() if s == "running")
        self._metrics.lanes_running.labels(self._stage).set(running)
        self._metrics.lanes_not_running.labels(self._stage).set(len(self._states) - running)
        level = logging.WARNING if state == "gap" else logging.INFO
        log.log(
            level, "stage %s partition %d: %s%s",
            self._stage, partition, state, f": {detail}" if detail else "",
        )  # fmt: skip

    def _forget_timers(self, partition: int) -> None:
        # Another process may own them now: shown here, they would be counted twice.
        with suppress(KeyError):  # nothing was committed here
            self._metrics.timers.remove(self._stage, partition)
