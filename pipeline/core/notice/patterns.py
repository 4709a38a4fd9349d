"""Every pattern there is. A new one is a file beside this one and a line here."""

from collections.abc import Mapping
from typing import Final

from pipeline.core.notice import missing_alert
from pipeline.core.notice.pattern import Pattern

_ALL: Final = (missing_alert.PATTERN,)

PATTERNS: Final[Mapping[str, Pattern]] = {pattern.name: pattern for pattern in _ALL}


def _by_type() -> dict[type, tuple[Pattern, ...]]:
    found: dict[type, tuple[Pattern, ...]] = {}
    for pattern in _ALL:
        for kind in pattern.types:
            found[kind] = (*found.get(kind, ()), pattern)
    return found


BY_TYPE: Final[Mapping[type, tuple[Pattern, ...]]] = _by_type()
"""The patterns that watch events of each data model."""

EVERYWHERE: Final = tuple(pattern for pattern in _ALL if not pattern.types)
"""The patterns that watch every event."""
