"""Every pattern there is. A new one is a file beside this one and a line here."""

from collections.abc import Mapping
from typing import Final

from pipeline.core.notice import (
    check_in,
    double_failure,
    escalation,
    hovering,
    late_against_promise,
    missing_alert,
    passing_the_buck,
    repeat_contact,
    silence_after_complaint,
)
from pipeline.core.notice.pattern import Pattern

_ALL: Final = (
    check_in.PATTERN,
    double_failure.PATTERN,
    escalation.PATTERN,
    hovering.PATTERN,
    late_against_promise.PATTERN,
    missing_alert.PATTERN,
    passing_the_buck.PATTERN,
    repeat_contact.PATTERN,
    silence_after_complaint.PATTERN,
)

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
