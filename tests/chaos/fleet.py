"""Workers and a sink as processes that a test kills, freezes, replaces and stops."""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from pipeline.adapters.kafka.settings import KafkaSettings
from tests.services.process import ServiceProcess, wait_until

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 20.0
COMMAND = Path(sys.executable).with_name("touchpoint")

_LANE = re.compile(r"partition (\d+): (\w+)(?! failed)\b")


class Program(ServiceProcess):
    """A command run as a process that tells its exit code."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(
            command,
            log=log,
            environment={"PYTHONPATH": str(ROOT), **environment},
        )
        self.log = log

    def end(self) -> int | None:
        """SIGTERM, and wait; returns the exit code, negative if a signal ended it."""
        self.stop(seconds=STOP_SECONDS)
        return None if self._process is None else self._process.returncode

    def lines(self) -> list[str]:
        """What it wrote so far."""
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []


class Worker(Program):
    """One start of a worker, with a log of its own."""

    def __init__(
        self, settings: KafkaSettings, *, log: Path, data_dir: Path | None, port: int = 0
    ) -> None:
        """``port`` is where its health and metrics are served; 0 is nowhere."""
        self.data_dir = data_dir
        values = {
            "BOOTSTRAP": settings.bootstrap,
            "PREFIX": settings.prefix,
            "PARTITIONS": str(settings.partitions),
            "REPLICATION": str(settings.replication),
            "MAX_MESSAGE_BYTES": str(settings.max_message_bytes),
            "SESSION_TIMEOUT_SECONDS": str(settings.session_timeout_seconds),
            "HEARTBEAT_SECONDS": str(settings.heartbeat_seconds),
            "TICK_SECONDS": str(settings.tick_seconds),
        }
        if data_dir is not None:
            values["DATA_DIR"] = str(data_dir)
        environment = {f"TOUCHPOINT_KAFKA_{name}": value for name, value in values.items()}
        command: list[str | Path] = [COMMAND, "worker", "--port", str(port)]
        super().__init__(command, log=log, environment=environment)

    def running_lanes(self) -> int:
        """How many lanes ran when their state last changed."""
        states: dict[str, str] = {}
        for line in self.lines():
            told = _LANE.search(line)
            if told is not None:
                states[told[1]] = told[2]
        return sum(state == "running" for state in states.values())

    def wait_running(self, lanes: int) -> None:
        """Wait until at least so many lanes run."""
        self.wait_ready(
            lambda: self.running_lanes() >= lanes,
            seconds=START_SECONDS,
            what=f"{self.log.name}: {lanes} running lanes",
        )


class Fleet:
    """The workers of a test, oldest first; each start is a process and a log of its own."""

    def __init__(self, settings: KafkaSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._starts = 0
        self.workers: list[Worker] = []

    def add(self, data_dir: Path | None = None, *, port: int = 0) -> Worker:
        """Start one more worker; by default on a data folder that is new."""
        self._starts += 1
        data_dir = data_dir or self._folder / f"data-{self._starts}"
        log = self._folder / f"worker-{self._starts}.log"
        worker = Worker(self._settings, log=log, data_dir=data_dir, port=port)
        self.workers.append(worker)
        worker.start()
        return worker

    def replace(self, worker: Worker, *, wipe: bool) -> Worker:
        """kill -9, and a new start on the same data, or on none if they are to be lost."""
        worker.kill()
        self.workers.remove(worker)
        if wipe and worker.data_dir is not None:
            shutil.rmtree(worker.data_dir, ignore_errors=True)
        return self.add(worker.data_dir)

    def wait_running(self, lanes: int) -> None:
        """Wait until so many lanes run in all workers together."""
        wait_until(
            lambda: sum(worker.running_lanes() for worker in self.workers) >= lanes,
            seconds=START_SECONDS,
            what=f"{lanes} running lanes",
        )

    def end(self, worker: Worker) -> int | None:
        """SIGTERM; returns the exit code."""
        self.workers.remove(worker)
        return worker.end()

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()

    def logs(self) -> str:
        """The tails of the logs of all starts, for a failure's message."""
        return "\n".join(
            "\n".join([f"--- {path.name}", *path.read_text(errors="replace").splitlines()[-30:]])
            for path in sorted(self._folder.glob("*.log"), key=os.path.getmtime)
        )


@contextmanager
def fleet_of(settings: KafkaSettings, folder: Path) -> Iterator[Fleet]:
    """A fleet without workers yet; whatever runs at the end is killed.

    A failure within is told with the workers' logs.
    """
    fleet = Fleet(settings, folder)
    try:
        yield fleet
    except BaseException:
        print(fleet.logs())
        raise
    finally:
        fleet.close()
