"""Says which random policies a run had, so that a failure can be run again with the same ones."""

import os

import pytest

from tests.property.policies import SEED_VARIABLE, pool_seed


def pytest_configure(config: pytest.Config) -> None:
    """``--hypothesis-seed`` is the seed of the policies too."""
    given = config.getoption("--hypothesis-seed", default=None)
    if given is not None and given != "random":
        os.environ.setdefault(SEED_VARIABLE, str(given))


def pytest_report_header() -> str:
    """Shown where this folder is named on the command line."""
    return f"random policies: {SEED_VARIABLE}={pool_seed()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shown in every run that came past here."""
    terminalreporter.write_line(f"random policies: {SEED_VARIABLE}={pool_seed()}")
