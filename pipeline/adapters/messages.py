"""The message catalogues: texts, dates and numbers of each language that the program speaks."""

from collections.abc import Mapping, Sequence
from datetime import date
from gettext import GNUTranslations
from importlib.resources import files
from io import BytesIO
from typing import Final

from babel import Locale, negotiate_locale
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

SOURCE_LANGUAGE: Final = "en"
"""The language of the texts in the code, spoken where no wanted one is known."""

_SUFFIX: Final = ".po"


class Messages(GNUTranslations):
    """One language: a catalogue, and how dates and numbers are written. A ``Translator``."""

    def __init__(self, language: str, po: str) -> None:
        """Take in the text of a ``.po`` file. Raises Babel's ``PoFileError`` if it is none."""
        catalogue = read_po(BytesIO(po.encode()), locale=language, abort_invalid=True)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        super().__init__(compiled)
        self.language = language
        self._locale = Locale.parse(language, sep="-")

    def day(self, day: date, /) -> str:
        """A day with its year."""
        return format_date(day, self.pgettext("pattern", "d MMMM y"), locale=self._locale)

    def decimal(self, value: float, /, *, places: int, signed: bool = False) -> str:
        """A number with ``places`` decimals, with a plus sign if ``signed``."""
        number = "#,##0" + ("." + "0" * places if places else "")
        pattern = f"+{number};-{number}" if signed else number
        return format_decimal(value, pattern, locale=self._locale)

    def percent(self, share: float, /) -> str:
        """A share in whole percent."""
        return format_percent(share, locale=self._locale)

    def listed(self, items: Sequence[str], /) -> str:
        """Several things in a row, as a sentence names them."""
        return format_list(items, locale=self._locale)


class Catalogues:
    """Every language that the program speaks, by its tag (``en``, ``zh``)."""

    def __init__(self, by_language: Mapping[str, Messages]) -> None:
        self._by_language = by_language

    @property
    def languages(self) -> tuple[str, ...]:
        """The tags, in order."""
        return tuple(sorted(self._by_language))

    def speaks(self, language: str) -> bool:
        """Whether there is a catalogue for this tag, or for its language without the region."""
        return self._match([language]) is not None

    def choose(self, wanted: Sequence[str]) -> Messages:
        """The first of the ``wanted`` tags that is spoken, else the language of the source."""
        return self._by_language[self._match(wanted) or SOURCE_LANGUAGE]

    def _match(self, wanted: Sequence[str]) -> str | None:
        found = negotiate_locale(wanted, self.languages, sep="-")
        return None if found is None else found.lower()


def shipped_catalogues() -> Catalogues:
    """The catalogues that come with the program; reads and compiles their files."""
    found = {
        file.name.removesuffix(_SUFFIX): file.read_text(encoding="utf-8")
        for file in files("pipeline.messages").iterdir()
        if file.name.endswith(_SUFFIX)
    }
    return Catalogues({language: Messages(language, po) for language, po in found.items()})
