"""Keys, sessions and the audit log, the same on each database."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine

from sinks.sql.access import SqlAccessStore
from sinks.sql.audit import SqlAudit
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from tests.contract.access_contract import START, AccessStoreContract, AuditContract, held


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of each kind with the schema of this release."""
    url = f"sqlite:///{tmp_path / 'sink.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = make_engine(url)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine) -> SqlAccessStore:
    return SqlAccessStore(engine)


@pytest.fixture
def audit(engine: Engine) -> SqlAudit:
    return SqlAudit(engine, now=lambda: START)


class TestSqlAccessStore(AccessStoreContract):
    def test_of_servers_that_start_together_one_makes_the_first_key(self, engine: Engine) -> None:
        start, made, secrets = Barrier(3), list[bool](), set[bytes]()

        def run(number: int) -> None:
            store = SqlAccessStore(engine)
            start.wait()
            made.append(store.add_first_key(held(f"k{number}")))
            secrets.add(store.secret("pseudonyms"))

        threads = [Thread(target=run, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(made) == [False, False, True]
        assert len(secrets) == 1


class TestSqlAudit(AuditContract):
    pass
