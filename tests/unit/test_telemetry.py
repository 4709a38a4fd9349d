"""Metrics and log lines made of what the engine tells."""

import logging

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.adapters.telemetry.observer import EngineObserver


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_read_is_processed_and_duplicates_and_dead_letters() -> None:
    metrics = Metrics(CollectorRegistry())
    observer = EngineObserver(metrics, "perceive")
    observer.committed(
        0, processed=7, duplicates=2, refused={"empty": 1, "too_deep": 3}, outputs=20, seconds=0.1
    )
    observer.committed(1, processed=1, duplicates=0, refused={}, outputs=2, seconds=0.1)
    found = samples(metrics)
    outcomes = {
        outcome: found["touchpoint_records_total", outcome, "perceive"]
        for outcome in ("processed", "duplicate", "dead_letter")
    }
    assert outcomes == {"processed": 8, "duplicate": 2, "dead_letter": 4}
    assert found["touchpoint_records_read_total", "perceive"] == sum(outcomes.values())
    assert found["touchpoint_dead_letters_total", "too_deep", "perceive"] == 3


def test_lanes_that_do_not_run_are_counted_until_they_are_closed() -> None:
    metrics = Metrics(CollectorRegistry())
    observer = EngineObserver(metrics, "perceive")
    for partition, state in ((0, "running"), (1, "restoring"), (2, "gap"), (3, "closed")):
        observer.state_changed(partition, state, "")
    assert samples(metrics)["touchpoint_lanes_running", "perceive"] == 1
    assert samples(metrics)["touchpoint_lanes_not_running", "perceive"] == 2
    observer.state_changed(1, "running", "")
    observer.state_changed(2, "closed", "")
    assert samples(metrics)["touchpoint_lanes_running", "perceive"] == 2
    assert samples(metrics)["touchpoint_lanes_not_running", "perceive"] == 0


def test_a_failure_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics(CollectorRegistry())
    with caplog.at_level(logging.INFO):
        EngineObserver(metrics, "perceive").failed(4, "commit", OSError("disk full"))
    (line,) = caplog.messages
    assert "partition 4: commit failed" in line
    assert samples(metrics)["touchpoint_lane_failures_total", "commit", "perceive"] == 1


def test_every_metric_has_our_prefix_and_a_help_text() -> None:
    metrics = Metrics(CollectorRegistry())
    families = list(metrics.registry.collect())
    assert families
    assert all(f.name.startswith("touchpoint_") and f.documentation for f in families)
