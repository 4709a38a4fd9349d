"""The language of a page: its texts, the names of a policy in words, times, numbers and spans."""

from datetime import UTC, datetime, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import Final

from babel import Locale
from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from pipeline.adapters.http.language import speaker
from pipeline.adapters.messages import Catalogues, Messages

NOTHING: Final = "–"
"""Shown where there is no figure: absent is not zero."""

_NON_BREAKING: Final = "\u00a0"


class Speech:
    """One language: the console's own texts over the catalogue that everything else speaks."""

    def __init__(self, messages: Messages, own: NullTranslations) -> None:
        self.messages = messages
        self.language = messages.language
        self._own = own
        self._locale = Locale.parse(messages.language, sep="-")

    def gettext(self, message: str, /, **fields: object) -> str:
        """The text for ``message`` with its ``fields`` filled in."""
        return self._own.gettext(message).format(**fields)

    def ngettext(self, one: str, many: str, number: int, /) -> str:
        """The text that goes with ``number``, which fills the field ``count``."""
        text = self._own.ngettext(one, many, number)
        return text.format(count=self.number(number, places=0))

    def name(self, kind: str, name: str | None) -> str:
        """A name of a policy or of the program in words; as it is written where none are known."""
        if name is None or name == "":
            return NOTHING
        found = self._own.pgettext(kind, name)
        if found == name and kind == "touchpoint":
            found = self.messages.npgettext(kind, name, name, 1)
        if found == name:
            found = self.messages.pgettext(kind, name)
        return name.replace("_", " ") if found == name else found

    def title(self, kind: str, name: str | None) -> str:
        """The same as ``name``, to begin a line with."""
        words = self.name(kind, name)
        return words[:1].upper() + words[1:]

    def trigger(self, trigger: str) -> str:
        """What made an action a proposal: ``notice.NAME`` and the like, in words."""
        kind, _, rest = trigger.partition(".")
        told = self.title("trigger", kind)
        if not rest:
            return told
        names = {"notice": "touchpoint", "outlook": "outlook", "case": "case change"}
        return self.gettext("{kind}: {name}", kind=told, name=self.name(names.get(kind, ""), rest))

    def number(self, value: float | None, *, places: int = 1, signed: bool = False) -> str:
        """A number with ``places`` decimals."""
        if value is None:
            return NOTHING
        if signed and round(value, places) == 0:
            return self.messages.decimal(0.0, places=places)
        return self.messages.decimal(value, places=places, signed=signed).replace("-", "−")

    def percent(self, share: float | None, *, places: int = 0, signed: bool = False) -> str:
        """A share of 1 in percent."""
        if share is None:
            return NOTHING
        return self.number(100 * share, places=places, signed=signed) + "%"

    def gap(self, share: float | None) -> str:
        """A difference of two shares in percentage points, which the heading names."""
        return self.number(None if share is None else 100 * share, signed=True)

    def moment(self, time: datetime | None) -> str:
        """A time to the minute, in UTC."""
        if time is None:
            return NOTHING
        return format_datetime(
            time.astimezone(UTC), self.pattern("d MMM y, HH:mm"), locale=self._locale
        )

    def day(self, time: datetime) -> str:
        """A day without its year."""
        return format_datetime(time.astimezone(UTC), self.pattern("d MMM"), locale=self._locale)

    def span(self, seconds: float | None) -> str:
        """A length of time in its two largest units; seconds below two minutes."""
        if seconds is None:
            return NOTHING
        whole = round(abs(seconds))
        if whole < 120:
            return self.gettext("{count} s", count=whole).replace(" ", _NON_BREAKING)
        minutes, _ = divmod(whole, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        units = (
            (days, self.gettext("{count} d", count=days)),
            (hours, self.gettext("{count} h", count=hours)),
            (minutes, self.gettext("{count} min", count=minutes)),
        )
        first = next(at for at, (count, _) in enumerate(units) if count)
        told = [text for count, text in units[first : first + 2] if count]
        return " ".join(told).replace(" ", _NON_BREAKING)

    def ago(self, time: datetime, now: datetime) -> str:
        """How long ago ``time`` was, or how long from now."""
        if time > now:
            return self.gettext("in {span}", span=self.span((time - now).total_seconds()))
        if now - time < timedelta(minutes=1):
            return self.gettext("just now")
        return self.gettext("{span} ago", span=self.span((now - time).total_seconds()))

    def pattern(self, pattern: str) -> str:
        """A pattern of a date as this language has it."""
        return self._own.pgettext("pattern", pattern)


def speech(
    catalogues: Catalogues, lang: str | None, accept_language: str | None, policy_language: str
) -> Speech:
    """The language that was asked for, as the rest of the interface chooses it."""
    messages = speaker(catalogues, lang, accept_language, policy_language)
    return Speech(messages, _own(messages.language))


@cache
def _own(language: str) -> NullTranslations:
    """The console's catalogue of a language; without one its texts are as in the code."""
    file = files("pipeline.adapters.console") / "messages" / f"{language}.po"
    if not file.is_file():
        return NullTranslations()
    catalogue = read_po(BytesIO(file.read_bytes()), locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
