"""What the core asks of a language; the catalogues are read elsewhere."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol


class Translator(Protocol):
    """One language: texts as ``gettext`` has them, with contexts, and figures as it writes them."""

    def gettext(self, message: str, /) -> str:
        """The text for ``message``."""

    def ngettext(self, one: str, many: str, number: int, /) -> str:
        """The text in the form that goes with ``number``."""

    def pgettext(self, context: str, message: str, /) -> str:
        """The text for ``message`` in ``context``."""

    def npgettext(self, context: str, one: str, many: str, number: int, /) -> str:
        """The text in ``context``, in the form that goes with ``number``."""

    def day(self, day: date, /) -> str:
        """A day with its year."""

    def decimal(self, value: float, /, *, places: int, signed: bool = False) -> str:
        """A number with ``places`` decimals, with a plus sign if ``signed``."""

    def percent(self, share: float, /) -> str:
        """A share in whole percent."""

    def listed(self, items: Sequence[str], /) -> str:
        """Several things in a row, as a sentence names them."""
