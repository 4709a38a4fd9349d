"""Fixtures for all tests: real services where there are any, and what was skipped for want of one.

A test that asks for a service is marked for it (``browser``, ``kafka``, ``postgres``, ``data``) and
is skipped with the reason where the machine lacks it. With ``TOUCHPOINT_REQUIRE_SERVICES=1`` it
fails instead, so that a green run there has tested everything.
"""

import logging
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from pipeline.adapters.telemetry.logs import UtcFormatter
from tests.browser.chromium import chromium, missing_chromium
from tests.services.kafka import Broker, Cluster
from tests.services.kafka_jars import missing_kafka
from tests.services.postgres import (
    LocalPostgres,
    Postgres,
    RemotePostgres,
    missing_postgres,
    open_postgres,
)
from tests.services.process import ServiceMissingError

DATA_VARIABLE = "TOUCHPOINT_DATA"
REQUIRE_VARIABLE = "TOUCHPOINT_REQUIRE_SERVICES"
_SERVICE_OF_FIXTURE = {
    "browser": "browser",
    "broker": "kafka",
    "cluster": "kafka",
    "postgres": "postgres",
    "postgres_url": "postgres",
    "data_dir": "data",
}
_SERVICE_FOLDERS = ("integration", "chaos")
_LACKS = "service missing: "


def missing_data() -> str | None:
    """What is wrong with ``TOUCHPOINT_DATA``, or ``None`` if it names a folder."""
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        return f"{DATA_VARIABLE} names no folder of data sets"
    return None if Path(named).is_dir() else f"{DATA_VARIABLE}={named} is no folder"


_MISSING = {
    "browser": missing_chromium,
    "kafka": missing_kafka,
    "postgres": missing_postgres,
    "data": missing_data,
}


def _do_without(service: str, reason: str) -> None:
    """End the test: skipped, or failed where every service is required."""
    text = f"{_LACKS}{service}: {reason}"
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{text} ({REQUIRE_VARIABLE}=1)", pytrace=False)
    pytest.skip(text)


def pytest_configure(config: pytest.Config) -> None:
    """Choose how hard hypothesis looks: ``HYPOTHESIS_PROFILE``, else by whether this is CI."""
    # Not derandomised: every run looks elsewhere. A failure prints the blob that repeats it.
    settings.register_profile("ci", max_examples=100, deadline=None, print_blob=True)
    settings.register_profile("default", max_examples=50, deadline=None, print_blob=True)
    settings.load_profile(
        os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default")
    )


@pytest.hookimpl(tryfirst=True)  # before -m chooses, so that it sees these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test for the services its fixtures stand for.

    Where pytest-xdist divides the tests (``-n 2 --dist loadgroup``), those that start services or
    processes run one after another, beside all others.
    """
    for item in items:
        names = getattr(item, "fixturenames", ())
        services = {_SERVICE_OF_FIXTURE[name] for name in names if name in _SERVICE_OF_FIXTURE}
        for service in services:
            item.add_marker(service)
        if services - {"data"} or item.path.parent.name in _SERVICE_FOLDERS:
            item.add_marker(pytest.mark.xdist_group("services"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a marked test whose service this machine lacks."""
    for service, missing in _MISSING.items():
        if item.get_closest_marker(service) is not None:
            reason = missing()
            if reason is not None:
                _do_without(service, reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what was not tested for want of a service, by reason."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple):
            found = re.search(f"{_LACKS}(.*)", report.longrepr[2])
            if found is not None:
                reasons[found[1]] += 1
    if reasons:
        terminalreporter.section("not tested for want of a service")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count} tests: {reason}")


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Commands configure the log for their process: not for the tests that come after them."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in [*root.handlers]:
        if isinstance(handler.formatter, UtcFormatter):
            root.removeHandler(handler)


@pytest.fixture(scope="session")
def _single() -> Iterator[Cluster]:
    try:
        cluster = Cluster(1)
    except ServiceMissingError as exc:
        _do_without("kafka", str(exc))
        raise
    with cluster:
        yield cluster


@pytest.fixture
def broker(_single: Cluster) -> Broker:
    """A running single-node Kafka, shared by the session: use ``topic_prefix`` for names.

    A test may stop, kill or freeze it; the next one finds it running again.
    """
    _single.heal()
    return _single.brokers[0]


@pytest.fixture(scope="module")
def _three() -> Iterator[Cluster]:
    # Per module: three brokers are too much memory to keep beside what follows.
    try:
        cluster = Cluster(3)
    except ServiceMissingError as exc:
        _do_without("kafka", str(exc))
        raise
    with cluster:
        yield cluster


@pytest.fixture
def cluster(_three: Cluster) -> Cluster:
    """Three running Kafka nodes, shared by the tests of a module, whole at each test's start."""
    _three.heal()
    return _three


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """A prefix for topics, groups and transactional ids that no other test has; ends in a dot."""
    readable = re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name)[:40].strip("-")
    return f"{readable}-{uuid.uuid4().hex[:8]}."


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[Postgres]:
    try:
        server: RemotePostgres | LocalPostgres = open_postgres()
    except ServiceMissingError as exc:
        _do_without("postgres", str(exc))
        raise
    if isinstance(server, RemotePostgres):
        yield server
        return
    with server:
        yield server


@pytest.fixture
def postgres(_postgres_server: Postgres) -> LocalPostgres:
    """The session's PostgreSQL process, for tests that stop, kill or restart it.

    Skipped where the server is not ours (``TOUCHPOINT_TEST_POSTGRES_URL``).
    """
    if _postgres_server.local is None:
        pytest.skip("a PostgreSQL that somebody else runs is not ours to stop")
    _postgres_server.local.start()
    return _postgres_server.local


@pytest.fixture
def postgres_url(_postgres_server: Postgres) -> Iterator[str]:
    """The libpq URL (``postgresql://``) of a fresh, empty database, dropped after the test.

    SQLAlchemy wants ``postgresql+psycopg://`` in front instead.
    """
    if _postgres_server.local is not None:
        _postgres_server.local.start()
    url = _postgres_server.create_database()
    yield url
    if _postgres_server.local is not None:
        _postgres_server.local.start()  # a test may have left it down
    _postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium, shared by a module; a test opens contexts of its own."""
    # Not per session: while it runs, its event loop is that of the main thread.
    with chromium() as running:
        yield running


@pytest.fixture
def data_dir() -> Path:
    """The folder of public data sets (``TOUCHPOINT_DATA``)."""
    return Path(os.environ[DATA_VARIABLE])
