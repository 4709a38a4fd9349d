"""Keys, sessions and the audit log, the same on each database."""

from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine

from sinks.sql.access import SqlAccessStore
from sinks.sql.audit import SqlAudit
from tests.contract.access_contract import START, AccessStoreContract, AuditContract, held


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
