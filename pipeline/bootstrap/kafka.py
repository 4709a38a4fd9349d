"""A worker on Kafka."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from pipeline.adapters.http.health import make_health_app
from pipeline.adapters.http.server import serve_beside
from pipeline.adapters.kafka.readiness import WorkerReadiness
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.worker import KafkaWorker
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.adapters.telemetry.observer import EngineObserver
from pipeline.bootstrap.common import read_policy, tick_value
from pipeline.config import ConfigError, program_version
from pipeline.engine.ports import Stage
from pipeline.stages.allocate import AllocateStage
from pipeline.stages.perceive import PerceiveStage

STAGES: Final[Mapping[str, Callable[..., Stage]]] = {
    PerceiveStage.name: PerceiveStage,
    AllocateStage.name: AllocateStage,
}
"""What a worker may do, by the name of its stage."""


def run_worker(
    settings: KafkaSettings,
    *,
    policy_file: Path | None,
    host: str,
    port: int | None,
    stage: str = PerceiveStage.name,
) -> int:
    """A worker of a stage on Kafka, until a signal ends it; returns the exit code.

    ``port`` is where ``/livez``, ``/readyz`` and ``/metrics`` are served, ``None`` for nowhere.
    Raises ``ConfigError``, ``PolicyError``, ``WorkerRefusedError``, ``PortTaken``.
    """
    metrics = Metrics(CollectorRegistry())
    worker = make_worker(settings, policy=policy_file, metrics=metrics, stage=stage)
    if port is not None:
        serve_beside(make_health_app(WorkerReadiness(worker), metrics.registry), host, port)
    return worker.run()


def make_worker(
    settings: KafkaSettings,
    *,
    policy: Path | None,
    metrics: Metrics | None = None,
    stage: str = PerceiveStage.name,
) -> KafkaWorker:
    """A worker of a stage on Kafka, not started. Raises ``ConfigError`` for an unknown stage."""
    if stage not in STAGES:
        raise ConfigError(f"unknown stage {stage!r}; known: {', '.join(sorted(STAGES))}")
    metrics = metrics or Metrics(CollectorRegistry())
    made = STAGES[stage](read_policy(policy), version=program_version())
    misplaced = metrics.misplaced_keys.labels(made.name)
    return KafkaWorker(
        settings.of_stage(stage),
        stage=made,
        observer=EngineObserver(metrics, made.name),
        tick_value=tick_value,
        on_misplaced_key=lambda partition, key: misplaced.inc(),
    )
