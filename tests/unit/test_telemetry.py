"""Metrics and log lines made of what the engine tells."""

import logging
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.adapters.dispatch.circuit import STATES
from pipeline.adapters.telemetry.dispatch import DispatchWatcher
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.adapters.telemetry.observer import EngineObserver
from pipeline.engine.ports import Labels


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def commit(
    observer: EngineObserver,
    partition: int,
    *,
    processed: int = 0,
    duplicates: int = 0,
    refused: Mapping[str, int] | None = None,
    fired: int = 0,
    failed: int = 0,
    waiting: int = 0,
    told: Mapping[Labels, int] | None = None,
) -> None:
    observer.committed(
        partition,
        processed=processed,
        duplicates=duplicates,
        refused=refused or {},
        outputs=2,
        fired=fired,
        failed=failed,
        waiting=waiting,
        seconds=0.1,
        told=told or {},
    )


def test_read_is_processed_and_duplicates_and_dead_letters() -> None:
    metrics = Metrics(CollectorRegistry())
    observer = EngineObserver(metrics, "perceive")
    commit(observer, 0, processed=7, duplicates=2, refused={"empty": 1, "too_deep": 3})
    commit(observer, 1, processed=1, fired=5)
    found = samples(metrics)
    outcomes = {
        outcome: found["touchpoint_records_total", outcome, "perceive"]
        for outcome in ("processed", "duplicate", "dead_letter")
    }
    assert outcomes == {"processed": 8, "duplicate": 2, "dead_letter": 4}
    assert found["touchpoint_records_read_total", "perceive"] == sum(outcomes.values())
    assert found["touchpoint_dead_letters_total", "too_deep", "perceive"] == 3


def test_timers_are_shown_by_the_process_that_has_them_and_counted_apart() -> None:
    metrics = Metrics(CollectorRegistry())
    observer = EngineObserver(metrics, "perceive")
    commit(observer, 0, processed=1, fired=3, failed=1, waiting=9)
    commit(observer, 1, fired=2, waiting=4)
    found = samples(metrics)
    assert found["touchpoint_timers_fired_total", "perceive"] == 5
    assert found["touchpoint_timers_failed_total", "perceive"] == 1
    assert found["touchpoint_records_read_total", "perceive"] == 1
    assert found["touchpoint_timers", "0", "perceive"] == 9
    for partition in (0, 2):
        observer.state_changed(partition, "closed", "")
    left = [labels for labels in samples(metrics) if labels[0] == "touchpoint_timers"]
    assert left == [("touchpoint_timers", "1", "perceive")]


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


def test_what_a_stage_counts_is_counted_once_it_is_durable() -> None:
    metrics = Metrics(CollectorRegistry())
    observer = EngineObserver(metrics, "perceive")
    told = {("proposed", "apology"): 3, ("decided", "apology", "withheld", "quiet_hours"): 2}
    commit(observer, 0, processed=1, told=told)
    found = samples(metrics)
    assert found["touchpoint_care_proposals_total", "apology"] == 3
    decided = ("touchpoint_care_decisions_total", "apology", "withheld", "quiet_hours")
    assert found[decided] == 2


def test_dispatch_shows_attempts_ends_and_the_state_of_each_circuit() -> None:
    metrics = Metrics(CollectorRegistry())
    watcher = DispatchWatcher(metrics, ["gateway", "mail"])
    watcher.attempted("gateway", "retry")
    watcher.attempted("gateway", "done")
    watcher.settled("apology", "done", 0.2)
    watcher.parked("circuit")
    watcher.waiting(3)
    watcher.circuit("gateway", "open")
    found = samples(metrics)
    assert found["touchpoint_dispatch_attempts_total", "gateway", "retry"] == 1
    assert found["touchpoint_dispatch_settled_total", "apology", "done"] == 1
    assert found["touchpoint_dispatch_seconds_count", "done"] == 1
    assert found["touchpoint_dispatch_parked_total", "circuit"] == 1
    assert found["touchpoint_dispatch_in_flight",] == 3
    states = {
        name: {state for state in STATES if found["touchpoint_dispatch_circuit", name, state] == 1}
        for name in ("gateway", "mail")
    }
    assert states == {"gateway": {"open"}, "mail": {"closed"}}
