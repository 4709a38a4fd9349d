"""Texts: the customer's language or the nearest there is, and no template that can do harm."""

import logging

import pytest

from pipeline.adapters.dispatch.port import RenderError
from pipeline.adapters.dispatch.render import make_render

TEMPLATES = {
    "alert": {
        "zh": "您的账户支出{{ amount }}元",
        "en": "{{ amount }} was spent",
        "pt-BR": "gasto: {{ amount }}",
    },
    "thanks": {"de": "Danke, {{ name }} & Co."},
}
FIELDS = {"amount": "12.00", "name": "O'Hara"}


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("zh", "您的账户支出12.00元"),
        ("zh-Hant-TW", "您的账户支出12.00元"),
        ("EN-us", "12.00 was spent"),
        ("pt-br", "gasto: 12.00"),
        ("pt", "12.00 was spent"),
        ("fr", "12.00 was spent"),
        (None, "12.00 was spent"),
    ],
)
def test_the_nearest_language_is_taken(wanted: str | None, text: str) -> None:
    assert make_render(TEMPLATES, "en-GB")("alert", wanted, FIELDS) == text


def test_any_language_is_better_than_none_and_nothing_is_escaped() -> None:
    assert make_render(TEMPLATES, "en")("thanks", "fr", FIELDS) == "Danke, O'Hara & Co."


def test_a_missing_template_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    render = make_render(TEMPLATES, "en")
    with caplog.at_level(logging.WARNING):
        assert [render("gift", None, FIELDS) for _ in range(3)] == [None] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "the policy has no template 'gift': it goes out without a text"
    ]


def test_a_missing_field_is_an_error_that_quotes_no_field() -> None:
    with pytest.raises(RenderError) as caught:
        make_render(TEMPLATES, "en")("alert", "en", {"name": "secret"})
    assert str(caught.value) == "template 'alert': UndefinedError"


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ amount.__init__.__globals__ }}",
        "{% for x in range(10 ** 9) %}x{% endfor %}",
        "{{ 1 / 0 }}",
    ],
)
def test_a_template_can_do_no_harm(text: str) -> None:
    with pytest.raises(RenderError):
        make_render({"alert": {"en": text}}, "en")("alert", "en", FIELDS)


def test_a_template_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="template 'alert' in 'en'"):
        make_render({"alert": {"en": "{{ amount"}}, "en")
