"""Ask staff for the next step of a case: what it is, whose it is, and when it is due."""

from typing import Final

from pipeline.core.care.plain import plain

ACTION: Final = plain(
    "complaint_step",
    "case",
    "kind",
    "topic",
    "line",
    "owner",
    "level",
    "step",
    "within",
    "due",
    "reopened",
)
