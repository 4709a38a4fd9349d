"""Time zones by name, from the data of the package ``tzdata`` and not from the machine's.

So a replay keeps the same quiet hours and calendars on every machine.
"""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of an IANA name such as ``Asia/Shanghai``; ``None`` if no zone has it."""
    return _zone(name) if name in _names() else None


@cache
def _names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())


@cache  # of known names alone, which are some 600: what customers say may be anything
def _zone(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
