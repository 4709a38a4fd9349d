"""The message catalogues are whole: every text and every name, in every language, well formed."""

from collections.abc import Iterator, Mapping
from datetime import date
from io import BytesIO
from string import Formatter
from typing import NamedTuple, get_args

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import PoFileError, read_po

from pipeline.adapters.http.language import speaker
from pipeline.adapters.messages import Messages, shipped_catalogues
from pipeline.core.perceive.feel import OTHER_CHANNELS
from pipeline.core.policy.character import Sign
from pipeline.core.policy.models import Layer
from schemas.perception import Band
from schemas.touchpoints.common import Channel
from tests.unit.core import default_policy
from tests.unit.events import ROOT

LANGUAGES = ("en", "zh")
SOURCES = (
    "pipeline/core/perceive/words.py",
    "pipeline/core/insights/words.py",
    "pipeline/adapters/messages.py",
    "pipeline/adapters/http/login.py",
)
# Position of the context, of the text and of its plural among the arguments, as Babel wants them.
KEYWORDS: Mapping[str, tuple[int | tuple[int, str], ...] | None] = {
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}


class Key(NamedTuple):
    context: str | None
    text: str


def _texts() -> Iterator[Key]:
    """Every text that the code asks for. What is no literal there is a policy's name."""
    for source in SOURCES:
        content = BytesIO((ROOT / source).read_bytes())
        for _, text, _, context in extract("python", content, KEYWORDS):
            yield Key(context, text if isinstance(text, str) else text[0])


def _names() -> Iterator[Key]:
    """Every name of the default policy, and those that the program itself gives."""
    file = default_policy().file
    by_kind: dict[str, set[str]] = {
        "touchpoint": set(file.touchpoints),
        "dimension": set(file.dimensions),
        "department": {d.department for d in file.dimensions.values()} | {file.fatigue.department},
        "layer": set(get_args(Layer)),
        "band": set(get_args(Band)),
        "behaviour": {rule.name for rule in file.character.behaviours},
        "stage": {rule.name for rule in file.character.stages} | {file.character.first_stage},
        "channel": {*get_args(Channel), OTHER_CHANNELS},
        "reading": set(get_args(Sign)),
    }
    for kind, names in by_kind.items():
        yield from (Key(kind, name) for name in sorted(names))


def _catalogue(language: str) -> Catalog:
    with (ROOT / f"deploy/messages/{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def _forms(message: Message) -> tuple[str, ...]:
    if isinstance(message.string, str):
        return (message.string,)
    return tuple(message.string or ())


def _key(message: Message) -> Key:
    return Key(message.context, message.id if isinstance(message.id, str) else message.id[0])


def _fields(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_and_name_is_translated_and_nothing_else(language: str) -> None:
    wanted = {*_texts(), *_names()}
    assert len(wanted) > 100, "too few found: does the search still work?"
    translated = {_key(m) for m in _catalogue(language) if m.id and all(_forms(m))}
    assert wanted - translated == set(), "translate these"
    assert translated - wanted == set(), "nobody asks for these any more"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_left_in_doubt(language: str) -> None:
    assert [m.id for m in _catalogue(language) if m.id and m.fuzzy] == []
    assert [error for _, errors in _catalogue(language).check() for error in errors] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_agree_in_every_form(language: str) -> None:
    for message in _catalogue(language):
        if not message.id:
            continue
        for form in _forms(message):
            assert _fields(form) == _fields(_key(message).text), form


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_plural_has_as_many_forms_as_the_language(language: str) -> None:
    catalogue = _catalogue(language)
    plurals = [m for m in catalogue if m.pluralizable]
    assert {m.context for m in plurals} == {None, "touchpoint"}
    assert {len(_forms(m)) for m in plurals} == {catalogue.num_plurals}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translated_text_has_an_underscore(language: str) -> None:
    for message in _catalogue(language):
        if message.id:
            assert not any("_" in form for form in _forms(message))


def test_chinese_is_chinese() -> None:
    plain = {"pattern"}  # of a date: its letters are placeholders
    for message in _catalogue("zh"):
        without = [form for form in _forms(message) if form.isascii()]
        if message.id and message.context not in plain and _letters(_key(message).text):
            assert without == [], message.id


def _letters(text: str) -> str:
    """What is left of a text to be translated without its placeholders."""
    return "".join(literal for literal, *_ in Formatter().parse(text)).strip()


def test_catalogues_shipped_are_the_ones_there() -> None:
    assert shipped_catalogues().languages == LANGUAGES


def test_broken_catalogue_is_refused() -> None:
    with pytest.raises(PoFileError, match="on 1"):
        Messages("en", 'msgid "a"\nthis is no catalogue\n')


@pytest.mark.parametrize(
    ("language", "day", "number", "signed", "row"),
    [
        ("en", "3 May 2026", "1,234.5", "+0.5", "a, b, and c"),
        ("zh", "2026年5月3日", "1,234.5", "+0.5", "a、b和c"),
    ],
)
def test_dates_and_numbers_are_written_as_the_language_does(
    language: str, day: str, number: str, signed: str, row: str
) -> None:
    by = shipped_catalogues().choose([language])
    assert by.day(date(2026, 5, 3)) == day
    assert by.decimal(1234.5, places=1) == number
    assert by.decimal(0.5, places=1, signed=True) == signed
    assert by.decimal(-0.5, places=1, signed=True) == "-0.5"
    assert by.decimal(179.6, places=0) == "180"
    assert by.percent(0.94) == "94%"
    assert by.listed(["a", "b", "c"]) == row


@pytest.mark.parametrize(
    ("lang", "header", "policy", "spoken"),
    [
        (None, None, "zh", "zh"),
        (None, None, "zh-Hans-CN", "zh"),
        (None, None, "tlh", "en"),
        ("zh", "en", "en", "zh"),
        ("zh-CN", None, "en", "zh"),
        ("zh_CN", None, "en", "zh"),
        ("ZH", None, "en", "zh"),
        ("fr", "zh", "en", "en"),
        ("", None, "zh", "zh"),
        (None, "fr, zh-CN;q=0.8, en;q=0.9", "zh", "en"),
        (None, "fr, zh;q=0.8, en;q=0.1", "en", "zh"),
        (None, "en;q=0, *", "zh", "zh"),
        (None, "zh;q=2, zh;q=x, zh;level=1, ;;,=", "en", "en"),
        (None, "zh;Q=0.5", "en", "zh"),
        (None, "zh;q=nan", "en", "en"),
    ],
)
def test_language_is_asked_for_or_the_policys(
    lang: str | None, header: str | None, policy: str, spoken: str
) -> None:
    assert speaker(shipped_catalogues(), lang, header, policy).language == spoken
