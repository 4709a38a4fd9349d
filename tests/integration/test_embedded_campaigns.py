"""The embedded pipeline decides campaigns: on the log of the touches, beside the customers."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.log_reader import LogReader
from pipeline.adapters.embedded.runner import EmbeddedLimits, EmbeddedRunner
from pipeline.adapters.http.ports import Entry
from pipeline.engine.ports import Stage
from pipeline.stages.allocate import AllocateStage
from pipeline.stages.both import CAMPAIGN, BothStages
from pipeline.stages.perceive import PerceiveStage
from schemas.care import CareProposal
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.integration.embedded_app import now_ms, tick_value
from tests.integration.embedded_process import EmbeddedProcess, processed
from tests.integration.observers import CountingObserver
from tests.services.process import wait_until
from tests.unit.allocating import POOL, campaign_policy, cohort, proposal
from tests.unit.events import event_bytes

POLICY = campaign_policy(POOL, every_seconds=1, settle_seconds=0, stock=4)
PERCEIVE = PerceiveStage(POLICY, version="test")
BOTH = BothStages(PERCEIVE, AllocateStage(POLICY, version="test"))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "touchpoint.db")


def make_runner(files: Files, stage: Stage = BOTH) -> EmbeddedRunner:
    return EmbeddedRunner(
        files,
        stage=stage,
        prepare=upgrade,
        write_outputs=write_outputs,
        observer=CountingObserver(),
        tick_value=tick_value,
        now_ms=now_ms,
        limits=EmbeddedLimits(tick_seconds=0.05),
    )


def append(runner: EmbeddedRunner, entries: Sequence[Entry]) -> None:
    asyncio.run(runner.append(entries, now_ms()))


def entry(told: CareProposal) -> Entry:
    return Entry(CAMPAIGN + told.campaign.encode(), msgspec.json.encode(told))


def verdicts(files: Files) -> dict[str, str]:
    """The verdict on each proposal; each stands in the log once."""
    reader = LogReader(files.log)
    found: dict[str, str] = {}
    try:
        for record in reader.read(0, records=100_000, size=1 << 26):
            if record.value is not None and b"touchpoint.care.decided.v1" in record.value:
                event = json.loads(record.value)
                assert record.key == event["subject"].encode()
                assert event["subject"] not in found
                found[event["subject"]] = event["data"]["verdict"]
    finally:
        reader.close()
    return found


def now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def test_proposals_are_answered_in_the_log_and_felt_by_the_customers(files: Files) -> None:
    sales = cohort("sales", 3, at=now(), campaign=POOL, value=3.0)
    audit = cohort("audit", 2, at=now(), campaign=POOL)
    runner = make_runner(files)
    runner.start()
    try:
        # At once, so that one window has them all; the first twice, as after a kill.
        append(runner, [entry(each) for each in (*sales, *audit, sales[0])])
        wait_until(lambda: len(verdicts(files)) == 5, seconds=30, what="five verdicts")
        wait_until(lambda: len(processed(files)) == 5, seconds=30, what="the customers to know")
    finally:
        runner.stop()
    served = {name for name, verdict in verdicts(files).items() if verdict == "allocated"}
    assert served == {each.customer for each in sales}
    assert set(processed(files).values()) == {1}


def test_files_of_customers_alone_are_gone_on_with(files: Files) -> None:
    old = make_runner(files, PERCEIVE)
    old.start()
    event = event_bytes("touchpoint.transaction.completed.v1", subject="ann")
    append(old, [Entry(b"ann", event)])
    wait_until(lambda: old.lag_records == 0, seconds=30, what="the lane to catch up")
    old.stop()
    runner = make_runner(files)
    runner.start()
    try:
        append(runner, [Entry(b"ann", event), entry(proposal("ann", now(), campaign=POOL))])
        wait_until(lambda: verdicts(files) == {"ann": "allocated"}, seconds=30, what="a verdict")
    finally:
        runner.stop()
    assert processed(files)["e-1"] == 1


def test_nobody_hands_in_a_proposal_over_http(tmp_path: Path) -> None:
    process = EmbeddedProcess(tmp_path)
    process.start()
    try:
        told = json.loads(msgspec.json.encode(proposal("ann", now() - timedelta(days=1))))
        refused = process.post([told])
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        subject = "\0campaign\0festival"
        event = json.loads(event_bytes("touchpoint.transaction.completed.v1", subject=subject))
        assert process.post([event]).status_code == httpx.codes.UNPROCESSABLE_ENTITY
        event = json.loads(event_bytes("touchpoint.transaction.completed.v1", id=subject))
        assert process.post([event]).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    finally:
        process.stop()
    with closing(sqlite3.connect(process.files.state)) as connection:
        assert connection.execute("SELECT count(*) FROM contributions").fetchone() == (0,)
