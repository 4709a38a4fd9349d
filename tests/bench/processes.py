"""Starts contenders in processes of their own, each by the interpreter of its environment."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.contender import ROOT, Place
from tests.services.process import ServiceProcess

NAMES: Final = ("ours", "faust", "quix")
_MODULES: Final = {"ours": "ours", "faust": "faust_app", "quix": "quix_app"}
QUIX_ENVIRONMENT: Final = Path.home() / ".cache/touchpoint-pipeline/bench-quix"
# Quix holds pydantic below our version, so it cannot live in our environment.
QUIX_NEEDS: Final = ("quixstreams>=3.28", "msgspec>=0.20", "ruamel.yaml>=0.18")
STOP_SECONDS: Final = 15.0
INSTALL_SECONDS: Final = 600.0


class UnavailableError(Exception):
    """A contender cannot be run here; the text says why."""


def quix_python(given: Path | None) -> Path:
    """An interpreter that can import Quix Streams and the core; made once if none is given.

    Raises ``UnavailableError``.
    """
    python = given or QUIX_ENVIRONMENT / "bin/python"
    try:
        if given is None and not python.exists():
            _call([sys.executable, "-m", "venv", QUIX_ENVIRONMENT])
            _call([python, "-m", "pip", "install", "--quiet", *QUIX_NEEDS])
        _call([python, "-c", "import tests.bench.quix_app"])
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise UnavailableError(f"{python}: {said.strip().splitlines()[-1]}") from error
    return python


def _call(command: Sequence[str | Path]) -> None:
    subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )


@contextmanager
def contender(
    name: str, place: Place, *, python: Path, environment: dict[str, str] | None = None
) -> Iterator[ServiceProcess]:
    """The contender ``name`` at work; ended on leaving, its output in ``<data_dir>.log``."""
    process = ServiceProcess(
        [python, "-m", f"tests.bench.{_MODULES[name]}", *place.arguments()],
        log=place.data_dir.with_suffix(".log"),
        environment={"PYTHONPATH": str(ROOT)} | (environment or {}),
    )
    process.start()
    try:
        yield process
    finally:
        process.stop(seconds=STOP_SECONDS)
