"""A worker on Kafka."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from pipeline.adapters.http.health import make_health_app
from pipeline.adapters.http.server import serve_beside
from pipeline.adapters.kafka.readiness import WorkerReadiness
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.worker import KafkaWorker
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.adapters.telemetry.observer import EngineObserver
from pipeline.bootstrap.common import read_policy, tick_value
from pipeline.config import program_version
from pipeline.stages.perceive import PerceiveStage


def run_worker(
    settings: KafkaSettings, *, policy_file: Path | None, host: str, port: int | None
) -> int:
    """A worker of the perceive stage on Kafka, until a signal ends it; returns the exit code.

    ``port`` is where ``/livez``, ``/readyz`` and ``/metrics`` are served, ``None`` for nowhere.
    Raises ``ConfigError``, ``PolicyError``, ``WorkerRefusedError``, ``PortTaken``.
    """
    metrics = Metrics(CollectorRegistry())
    worker = make_worker(settings, policy=policy_file, metrics=metrics)
    if port is not None:
        serve_beside(make_health_app(WorkerReadiness(worker), metrics.registry), host, port)
    return worker.run()


def make_worker(
    settings: KafkaSettings, *, policy: Path | None, metrics: Metrics | None = None
) -> KafkaWorker:
    """A worker of the perceive stage on Kafka, not started."""
    metrics = metrics or Metrics(CollectorRegistry())
    stage = PerceiveStage(read_policy(policy), version=program_version())
    misplaced = metrics.misplaced_keys.labels(stage.name)
    return KafkaWorker(
        settings,
        stage=stage,
        observer=EngineObserver(metrics, stage.name),
        tick_value=tick_value,
        on_misplaced_key=lambda partition, key: misplaced.inc(),
    )
