"""The stores in memory keep the contract of those they stand for."""

import pytest

from tests.contract.access_contract import START, AccessStoreContract, AuditContract
from tests.unit.access_fakes import MemoryAccessStore, MemoryAudit


class TestMemoryAccessStore(AccessStoreContract):
    @pytest.fixture
    def store(self) -> MemoryAccessStore:
        return MemoryAccessStore()


class TestMemoryAudit(AuditContract):
    @pytest.fixture
    def audit(self) -> MemoryAudit:
        return MemoryAudit(START)
