"""States keep their layout's version with them, and old ones are upgraded when they are read."""

import msgspec
import pytest

from pipeline.engine.codec import CHECKPOINT_CODEC, POSITION_CODEC, Fields, StateCodec
from pipeline.engine.errors import StateTooNew, StateTooOld, StateUnreadable
from pipeline.engine.ports import Checkpoint, Position


class Mood(msgspec.Struct, frozen=True, array_like=True):
    score: float
    digests: bytes
    calls: int = 0


def _add_digests(fields: Fields) -> Fields:
    return [*fields, b""]


def _count_in_tens(fields: Fields) -> Fields:
    assert isinstance(fields[0], float)
    return [fields[0] / 10, *fields[1:]]


CODEC = StateCodec(Mood, version=3, upgrades={1: _add_digests, 2: _count_in_tens})


def test_a_state_comes_back_as_it_was() -> None:
    mood = Mood(0.1, b"\x00\xff", 3)
    data = CODEC.encode(mood)
    assert data[0] == 3
    assert CODEC.decode(data) == mood


def test_an_old_state_is_upgraded_step_by_step() -> None:
    assert CODEC.decode(b"\x01" + msgspec.msgpack.encode([50.0])) == Mood(5.0, b"")
    assert CODEC.decode(b"\x02" + msgspec.msgpack.encode([50.0, b"x", 7])) == Mood(5.0, b"x", 7)


def test_a_newer_state_is_refused_with_what_to_do() -> None:
    with pytest.raises(StateTooNew, match="version 4, this release knows up to 3; run the"):
        CODEC.decode(b"\x04" + msgspec.msgpack.encode([1.0, b"", 0, "new"]))


def test_a_state_older_than_any_upgrade_is_refused() -> None:
    codec = StateCodec(Mood, version=3, upgrades={2: _count_in_tens})
    with pytest.raises(StateTooOld, match="can upgrade from 2 on"):
        codec.decode(b"\x01" + msgspec.msgpack.encode([1.0]))


@pytest.mark.parametrize("data", [b"", b"\x03", b"\x03\xc1", b"\x02\xc1", b"\x03\x91\xa1a"])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(StateUnreadable):
        CODEC.decode(data)


def test_upgrades_must_lead_to_the_version() -> None:
    with pytest.raises(ValueError, match="do not lead to 4"):
        StateCodec(Mood, version=4, upgrades={2: _count_in_tens})
    with pytest.raises(ValueError, match="1-255"):
        StateCodec(Mood, version=256)

    class Named(msgspec.Struct):
        score: float

    with pytest.raises(ValueError, match="array_like"):
        StateCodec(Named, version=1)


def test_what_the_engine_itself_keeps_does_not_change_its_bytes() -> None:
    assert POSITION_CODEC.encode(Position(7, 9)) == b"\x01\x93\x07\x09\xc0"
    assert POSITION_CODEC.encode(Position(7, 9, (8, b"k"))) == b"\x01\x93\x07\x09\x92\x08\xc4\x01k"
    assert POSITION_CODEC.decode(b"\x01\x92\x07\x09") == Position(7, 9)  # before there were timers
    checkpoint = Checkpoint(Position(7, 9), 11, "id")
    assert CHECKPOINT_CODEC.encode(checkpoint) == b"\x01\x93\x93\x07\x09\xc0\x0b\xa2id"
