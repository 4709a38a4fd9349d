"""Call early: tell a customer who waits what was done, what comes next and by when."""

from typing import Final

from pipeline.core.care.plain import plain

ACTION: Final = plain(
    "proactive_notice",
    "case",
    "kind",
    "topic",
    "done",
    "next",
    "within",
    "due",
    "opened",
)
