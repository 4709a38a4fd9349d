"""The console speaks each language whole: every text of its pages, and every name it can show."""

from collections.abc import Iterator
from io import BytesIO
from string import Formatter
from typing import NamedTuple, get_args

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from pipeline.adapters.console.speech import Speech, speech
from pipeline.adapters.console.waterfall import BY
from pipeline.adapters.messages import shipped_catalogues
from pipeline.core.policy.check import FATIGUE
from pipeline.core.policy.outlooks import Reading
from schemas.care import DecisionOutcome
from schemas.dead_letter import Reason
from schemas.insights import Axis
from schemas.perception import Band
from tests.unit.core import default_policy
from tests.unit.events import ROOT

CONSOLE = ROOT / "pipeline" / "adapters" / "console"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


class Key(NamedTuple):
    context: str | None
    text: str


def _texts() -> Iterator[Key]:
    """Every text of code and templates; patterns of dates have a context of their own."""
    for file in sorted(CONSOLE.rglob("*")):
        method = {".py": "python", ".html": "jinja2.ext:babel_extract"}.get(file.suffix)
        if method is None:
            continue
        content = file.read_bytes()
        for _, text, _, _ in extract(method, BytesIO(content), KEYWORDS):
            yield Key(None, text if isinstance(text, str) else text[0])
        for _, text, _, _ in extract(method, BytesIO(content), {"pattern": None}):
            yield Key("pattern", str(text))


def _catalogue() -> Catalog:
    with (CONSOLE / "messages" / "zh.po").open("rb") as file:
        return read_po(file, locale="zh", abort_invalid=True)


def _forms(message: Message) -> tuple[str, ...]:
    if isinstance(message.string, str):
        return (message.string,)
    return tuple(message.string or ())


def _key(message: Message) -> Key:
    return Key(message.context, message.id if isinstance(message.id, str) else message.id[0])


def _fields(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


def _chinese() -> Speech:
    return speech(shipped_catalogues(), "zh", None, "en")


def test_every_text_is_translated_and_nothing_else() -> None:
    wanted = set(_texts())
    assert len(wanted) > 300, "too few found: does the search still work?"
    translated = {_key(m) for m in _catalogue() if m.id and all(_forms(m))}
    assert wanted - translated == set(), "translate these"
    plain = {key for key in translated if key.context in (None, "pattern")}
    assert plain - wanted == set(), "nobody asks for these any more"


def test_no_translation_is_left_in_doubt() -> None:
    assert [m.id for m in _catalogue() if m.id and m.fuzzy] == []
    # Babel takes "95 % interval" for a placeholder of the old kind; ours are checked below.
    checked = [(m, errors) for m, errors in _catalogue().check() if "%" not in str(m.id)]
    assert [error for _, errors in checked for error in errors] == []


def test_placeholders_agree() -> None:
    for message in _catalogue():
        if message.id and message.context != "pattern":
            for form in _forms(message):
                assert _fields(form) == _fields(_key(message).text), form


def _names() -> Iterator[tuple[str, str]]:
    file = default_policy().file
    by_kind: dict[str, set[str]] = {
        "action": {"transaction_alert", *file.care.actions},
        "axis": {*get_args(Axis), *BY},
        "band": set(get_args(Band)),
        "campaign": set(file.campaigns),
        "dead letter": {reason.value for reason in Reason},
        "dimension": {*file.dimensions, FATIGUE},
        "outcome": set(get_args(DecisionOutcome)),
        "outlook": set(file.outlooks),
        "reading": {name for each in get_args(Reading) for name in (get_args(each) or (each,))},
        "tier": set(file.tiers),
        "touchpoint": set(file.touchpoints),
    }
    if file.cases is not None and file.cases.complaint is not None:
        by_kind["step"] = {step.name for step in file.cases.complaint.steps}
    for kind, names in by_kind.items():
        yield from ((kind, name) for name in sorted(names))


@pytest.mark.parametrize(("kind", "name"), list(_names()))
def test_every_name_that_can_be_shown_is_in_chinese(kind: str, name: str) -> None:
    assert not _chinese().name(kind, name).isascii()


def test_name_that_no_catalogue_knows_is_shown_as_the_policy_writes_it() -> None:
    assert _chinese().name("tier", "six_stars") == "six stars"
    assert _chinese().title("tier", "six_stars") == "Six stars"
    assert _chinese().name("tier", None) == "–"


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (119.4, "119 s", "119 秒"),
        (120, "2 min", "2 分钟"),
        (3_600, "1 h", "1 小时"),
        (7_920, "2 h 12 min", "2 小时 12 分钟"),
        (93_600, "1 d 2 h", "1 天 2 小时"),
        (86_400 + 59, "1 d", "1 天"),
        (-7_920, "2 h 12 min", "2 小时 12 分钟"),
    ],
)
def test_spans_are_told_in_their_two_largest_units(
    seconds: float, english: str, chinese: str
) -> None:
    for language, told in (("en", english), ("zh", chinese)):
        say = speech(shipped_catalogues(), language, None, "en")
        assert say.span(seconds).replace("\u00a0", " ") == told


def test_figure_that_rounds_to_nothing_has_no_sign() -> None:
    say = speech(shipped_catalogues(), "en", None, "en")
    assert say.number(-0.04, signed=True) == "0.0"
    assert say.number(-0.06, signed=True) == "−0.1"
    assert say.number(0.06, signed=True) == "+0.1"
    assert say.number(None) == "–"
    assert say.number(0.0) == "0.0"
