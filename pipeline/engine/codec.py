"""Turns states into bytes and back, with the version of their layout in the first byte."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import msgspec

from pipeline.engine.errors import StateTooNew, StateTooOld, StateUnreadable
from pipeline.engine.ports import Checkpoint, Position

T = TypeVar("T", bound=msgspec.Struct)

Fields = list[object]
"""A state taken apart: the values of an ``array_like`` Struct in the order of its fields."""

Upgrade = Callable[[Fields], Fields]
"""From the fields of one version to those of the next."""


class StateCodec(Generic[T]):
    """Bytes of one type of state: a version byte, then the MessagePack of its fields.

    ``type`` must be an ``array_like`` Struct: field names in every state would double its size.
    ``version`` (1-255) grows with every change of the fields. ``upgrades[v]`` makes the fields of
    version ``v + 1`` out of those of ``v``; the keys run without a hole up to ``version - 1``, so
    any state from the oldest key on can be read.
    """

    def __init__(
        self, type: type[T], version: int, upgrades: Mapping[int, Upgrade] | None = None
    ) -> None:
        upgrades = dict(upgrades or {})
        if not type.__struct_config__.array_like:
            raise ValueError(f"{type.__name__}: a state must be an array_like Struct")
        if not 1 <= version <= 255:
            raise ValueError(f"{type.__name__}: version {version} does not fit into 1-255")
        if sorted(upgrades) != list(range(version - len(upgrades), version)):
            raise ValueError(
                f"{type.__name__}: upgrades from {sorted(upgrades)} do not lead to {version}"
            )
        self._type = type
        self._version = version
        self._upgrades = upgrades
        self._prefix = bytes([version])
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(type).decode

    def encode(self, state: T) -> bytes:
        return self._prefix + self._encode(state)

    def decode(self, data: bytes) -> T:
        """The state in ``data``, upgraded if it is older.

        Raises ``StateTooNew``, ``StateTooOld`` or ``StateUnreadable``.
        """
        if not data:
            raise StateUnreadable(f"{self._type.__name__}: a state of no bytes")
        if data[0] != self._version:
            return self._decode_other(data)
        try:
            return self._decode(data[1:])
        except msgspec.DecodeError as error:
            raise self._unreadable(data, error) from error

    def _decode_other(self, data: bytes) -> T:
        name, version = self._type.__name__, data[0]
        if version > self._version:
            raise StateTooNew(
                f"{name}: the state has version {version}, this release knows up to "
                f"{self._version}; run the release that wrote it, or a newer one"
            )
        if version not in self._upgrades:
            raise StateTooOld(
                f"{name}: the state has version {version}, this release can upgrade from "
                f"{min(self._upgrades, default=self._version)} on; upgrade by a release between"
            )
        try:
            fields = msgspec.msgpack.decode(data[1:], type=Fields)
            for step in range(version, self._version):
                fields = self._upgrades[step](fields)
            return msgspec.convert(fields, self._type)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise self._unreadable(data, error) from error

    def _unreadable(self, data: bytes, error: Exception) -> StateUnreadable:
        return StateUnreadable(
            f"{self._type.__name__}: {len(data)} bytes of version {data[0]} are damaged: {error}"
        )


POSITION_CODEC: StateCodec[Position] = StateCodec(Position, version=1)
"""Bytes of the position record: every unit of work writes them, ``restore`` reads them."""

CHECKPOINT_CODEC: StateCodec[Checkpoint] = StateCodec(Checkpoint, version=1)
"""Bytes of the checkpoint inside a store that keeps bytes only."""
