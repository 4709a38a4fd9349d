"""Say sorry: for what failed, and what will be done about it."""

from typing import Final

from pipeline.core.care.plain import plain

ACTION: Final = plain("apology", "topic", "what", "department", "pattern")
