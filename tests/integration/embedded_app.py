"""A whole embedded pipeline as a program of its own, for tests that kill it: FILE PORT."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.runner import EmbeddedLimits, EmbeddedRunner
from pipeline.adapters.embedded.unit_of_work import WriteOutputs
from pipeline.adapters.http.app import make_app
from pipeline.adapters.http.server import serve
from pipeline.adapters.messages import shipped_catalogues
from pipeline.bootstrap.access import open_access
from pipeline.config import AccessSettings
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from pipeline.stages.perceive import PerceiveStage
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.read import ReadModel
from sinks.sql.rows import write_outputs
from tests.integration.observers import CountingObserver

POLICY = Path(__file__).parents[2] / "deploy" / "policies" / "default.yaml"
HOST = "127.0.0.1"


def now_ms() -> int:
    return int(time.time() * 1000)


def tick_value(partition: int, clock_ms: int) -> bytes:
    event = {
        "specversion": "1.0",
        "id": f"clock-{partition}-{clock_ms}",
        "source": "/clock",
        "type": "touchpoint.clock.ticked.v1",
        "time": datetime.fromtimestamp(clock_ms / 1000, UTC),
        "data": {},
    }
    return msgspec.json.encode(event)


def default_policy() -> Policy:
    return load_policy(POLICY.read_text(), name=POLICY.name).policy


def make_runner(
    file: Path,
    *,
    observer: CountingObserver | None = None,
    prepare: Callable[[Engine], object] = upgrade,
    write: WriteOutputs = write_outputs,
    limits: EmbeddedLimits = EmbeddedLimits(),  # noqa: B008 - frozen
) -> EmbeddedRunner:
    return EmbeddedRunner(
        Files(file),
        stage=PerceiveStage(default_policy(), version="test"),
        prepare=prepare,
        write_outputs=write,
        observer=observer or CountingObserver(),
        tick_value=tick_value,
        now_ms=now_ms,
        limits=limits,
    )


def main() -> None:
    file, port = Path(sys.argv[1]), int(sys.argv[2])
    runner, policy = make_runner(file), default_policy()
    runner.start()
    engine = make_engine(f"sqlite:///{file}")
    app = make_app(
        ingest=runner,
        read=ReadModel(engine),
        readiness=runner,
        policy=lambda: policy,
        catalogues=shipped_catalogues(),
        access=open_access(engine, AccessSettings(), host=HOST, tell=print),
        now_ms=now_ms,
        registry=CollectorRegistry(),
        version="test",
    )
    try:
        serve(app, HOST, port)
    finally:
        runner.stop()


if __name__ == "__main__":
    main()
