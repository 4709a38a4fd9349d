"""Turns what dispatch tells into metrics and log lines."""

import logging
from collections.abc import Iterable

from pipeline.adapters.dispatch.circuit import STATES
from pipeline.adapters.telemetry.metrics import Metrics

log = logging.getLogger("pipeline.dispatch")


class DispatchWatcher:
    """The ``Watcher`` of one process."""

    def __init__(self, metrics: Metrics, destinations: Iterable[str]) -> None:
        self._metrics = metrics
        for name in destinations:
            self._show(name, "closed")

    def attempted(self, destination: str, result: str) -> None:
        self._metrics.dispatch_attempts.labels(destination, result).inc()

    def settled(self, action: str, result: str, seconds: float) -> None:
        self._metrics.dispatch_settled.labels(action, result).inc()
        self._metrics.dispatch_seconds.labels(result).observe(seconds)

    def parked(self, why: str) -> None:
        self._metrics.dispatch_parked.labels(why).inc()

    def waiting(self, actions: int) -> None:
        self._metrics.dispatch_in_flight.set(actions)

    def circuit(self, destination: str, state: str) -> None:
        self._show(destination, state)
        level = logging.WARNING if state == "open" else logging.INFO
        log.log(level, "destination %s: circuit %s", destination, state)

    def _show(self, destination: str, state: str) -> None:
        for each in STATES:
            self._metrics.dispatch_circuit.labels(destination, each).set(each == state)
