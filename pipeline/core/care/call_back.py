"""Call the customer back: a person who knows what it is about, and by when it has to be."""

from typing import Final

from pipeline.core.care.plain import plain

ACTION: Final = plain("call_back", "topic", "what", "when", "department", "pattern")
