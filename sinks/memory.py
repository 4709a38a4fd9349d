"""A sink that keeps everything in memory: the reference of the contract suite, and for tests."""

from collections.abc import Sequence
from threading import Lock

import msgspec

from schemas.care import CampaignReport, CareAction, CareCase, CareDecision, CareOrder, Consent
from schemas.dead_letter import DeadLetter
from schemas.outlook import OutlookCheck
from schemas.perception import Contribution, Score
from schemas.topics import SCORES
from sinks.decode import TOPICS, Erased, Refused, decode
from sinks.port import SinkFenced, SinkRecord, Written, due
from sinks.ranges import Contract


class Reject(msgspec.Struct, frozen=True):
    """A record that was not understood, with its original bytes."""

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None


class MemorySink:
    """A ``Sink`` whose rows are attributes: read them as they are."""

    def __init__(self) -> None:
        self.scores: dict[str, Score] = {}
        self.contributions: list[Contribution] = []
        self.actions: dict[str, CareAction] = {}
        self.decisions: dict[tuple[str, str], CareDecision] = {}
        """By id and outcome."""
        self.outlook_checks: dict[str, OutlookCheck] = {}
        self.cases: dict[str, CareCase] = {}
        self.consents: dict[str, Consent] = {}
        self.orders: dict[str, CareOrder] = {}
        self.campaign_reports: dict[str, CampaignReport] = {}
        self.dead_letters: list[DeadLetter] = []
        self.rejects: list[Reject] = []
        self._positions: dict[tuple[str, int], int] = {}
        self._lock = Lock()

    @property
    def topics(self) -> Sequence[str]:
        return TOPICS

    def position(self, topic: str, partition: int) -> int | None:
        return self._positions.get((topic, partition))

    def write(
        self,
        topic: str,
        partition: int,
        records: Sequence[SinkRecord],
        *,
        position: int | None,
        next_offset: int,
    ) -> Written:
        taken = due(records, position=position, next_offset=next_offset)
        # Decoded before anything is kept: a failure here leaves neither rows nor position.
        decoded = [decode(topic, record.key, record.value) for record in taken]
        with self._lock:
            held = self._positions.get((topic, partition))
            if held != position:
                raise SinkFenced(f"{topic}/{partition}: the position is {held}, not {position}")
            for record, contract in zip(taken, decoded, strict=True):
                if isinstance(contract, Refused):
                    self.rejects.append(_reject(topic, partition, record, contract))
                else:
                    self._keep(contract)
            self._positions[topic, partition] = next_offset
        return Written(len(taken), sum(isinstance(contract, Refused) for contract in decoded))

    def _keep(self, contract: Contract | Erased) -> None:
        match contract:
            case Score():
                self.scores[contract.customer] = contract
            case Consent():
                self.consents[contract.customer] = contract
            case Erased():
                latest = self.scores if contract.topic == SCORES else self.consents
                latest.pop(contract.customer, None)
            case CareCase():
                self.cases[contract.id] = contract
            case Contribution():
                self.contributions.append(contract)
            case DeadLetter():
                self.dead_letters.append(contract)
            case _:
                self._keep_once(contract)

    def _keep_once(
        self, contract: CareAction | CareDecision | OutlookCheck | CampaignReport | CareOrder
    ) -> None:
        match contract:
            case CareAction():
                self.actions.setdefault(contract.id, contract)
            case CareDecision():
                self.decisions.setdefault((contract.id, contract.outcome), contract)
            case OutlookCheck():
                self.outlook_checks.setdefault(contract.id, contract)
            case CareOrder():
                self.orders.setdefault(contract.id, contract)
            case CampaignReport():
                self.campaign_reports.setdefault(contract.id, contract)


def _reject(topic: str, partition: int, record: SinkRecord, why: Refused) -> Reject:
    return Reject(topic, partition, record.offset, why.reason, record.key, record.value)
