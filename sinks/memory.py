"""A sink that keeps everything in memory: the reference of the contract suite, and for tests."""

from collections.abc import Sequence
from threading import Lock

import msgspec

from schemas.care import CareAction, CareDecision
from schemas.dead_letter import DeadLetter
from schemas.perception import Contribution, Score
from sinks.decode import TOPICS, Contract, Erased, Refused, decode
from sinks.port import SinkFenced, SinkRecord, Written, due


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
        self.decisions: dict[str, CareDecision] = {}
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
            case Erased():
                self.scores.pop(contract.customer, None)
            case Contribution():
                self.contributions.append(contract)
            case CareAction():
                self.actions.setdefault(contract.id, contract)
            case CareDecision():
                self.decisions.setdefault(contract.id, contract)
            case DeadLetter():
                self.dead_letters.append(contract)


def _reject(topic: str, partition: int, record: SinkRecord, why: Refused) -> Reject:
    return Reject(topic, partition, record.offset, why.reason, record.key, record.value)
