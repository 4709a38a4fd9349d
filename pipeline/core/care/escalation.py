"""Ask the next level up to see to a case whose clock ran out."""

from typing import Final

from pipeline.core.care.plain import plain

ACTION: Final = plain(
    "escalation",
    "case",
    "kind",
    "topic",
    "line",
    "owner",
    "level",
    "step",
    "within",
    "due",
    "breaches",
    "reopened",
)
