"""Kafka's jars for the tests' brokers: named by the environment, cached, or fetched by Maven."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.services.process import ServiceMissingError

KAFKA_VERSION = "4.2.0"
LIBS_VARIABLE = "TOUCHPOINT_TEST_KAFKA_LIBS"
_FETCH_SECONDS = 600.0
_HERE = Path(__file__).parent


def missing_kafka() -> str | None:
    """What this machine lacks to run a broker, or ``None`` if nothing (jars can be fetched)."""
    if shutil.which("java") is None:
        return "no java on the PATH (Java 17 or newer)"
    if not _has_jars(_libs_folder()) and shutil.which("mvn") is None:
        return f"no mvn on the PATH to fetch Kafka with, and {LIBS_VARIABLE} names no jars"
    return None


def kafka_libs() -> Path:
    """The folder of Kafka's jars; fetched by Maven once per machine and kept in the cache.

    ``ServiceMissingError`` if they are neither there nor to be had.
    """
    lacking = missing_kafka()
    if lacking is not None:
        raise ServiceMissingError(lacking)
    folder = _libs_folder()
    if not _has_jars(folder):
        if LIBS_VARIABLE in os.environ:
            raise ServiceMissingError(f"{LIBS_VARIABLE}={folder} holds no jars of {KAFKA_VERSION}")
        _fetch(folder)
    return folder


def _libs_folder() -> Path:
    named = os.environ.get(LIBS_VARIABLE)
    if named:
        return Path(named)
    return Path.home() / ".cache" / "touchpoint-pipeline" / f"kafka-{KAFKA_VERSION}"


def _has_jars(folder: Path) -> bool:
    return (folder / f"kafka_2.13-{KAFKA_VERSION}.jar").is_file()


def _fetch(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Into a folder beside it, then renamed: a fetch cut short must not look like a whole one.
    partial = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    try:
        _run_maven(partial)
        if not _has_jars(folder):  # another run may have been quicker
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _run_maven(target: Path) -> None:
    command = [
        *("mvn", "--batch-mode", "--quiet", "--strict-checksums"),
        *("-f", str(_HERE / "pom.xml")),
        *("dependency:copy-dependencies", f"-DoutputDirectory={target}", "-DincludeScope=runtime"),
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise ServiceMissingError(f"Maven took over {_FETCH_SECONDS:g} s to fetch Kafka") from exc
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise ServiceMissingError(f"Maven could not fetch Kafka {KAFKA_VERSION}: {last}")
