"""Makes the text that a customer reads from a template of the policy and an action's fields."""

import logging
from collections.abc import Mapping

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.adapters.dispatch.port import Render, RenderError

log = logging.getLogger(__name__)

Templates = Mapping[str, Mapping[str, str]]
"""Text by template and language (BCP 47)."""


def make_render(templates: Templates, language: str) -> Render:
    """A ``Render`` of these templates; ``language`` is taken where the customer's is not there.

    Looks for the customer's language, then its base (``pt`` for ``pt-BR``), then ``language`` and
    its base, then the first there is. Raises ``ValueError`` for a template that is none.
    """
    compiled = {
        name: {tag.lower(): _compiled(name, tag, text) for tag, text in texts.items()}
        for name, texts in templates.items()
    }
    missing: set[str] = set()

    def render(name: str, wanted: str | None, fields: Mapping[str, str]) -> str | None:
        texts = compiled.get(name)
        if not texts:
            if name not in missing:
                missing.add(name)
                log.warning("the policy has no template %r: it goes out without a text", name)
            return None
        template = _choose(texts, wanted, language)
        try:
            return template.render(fields)
        except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
            # Without the error's own words: they may quote a field.
            raise RenderError(f"template {name!r}: {type(error).__name__}") from error

    return render


def text_environment() -> ImmutableSandboxedEnvironment:
    """Templates for plain text; they can call nothing and change nothing."""
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=False,
    )


def _compiled(name: str, language: str, text: str) -> Template:
    try:
        return text_environment().from_string(text)
    except TemplateError as error:
        raise ValueError(f"template {name!r} in {language!r}: {error}") from error


def _choose(texts: Mapping[str, Template], wanted: str | None, language: str) -> Template:
    for tag in (wanted, language):
        for candidate in () if tag is None else (tag.lower(), tag.lower().partition("-")[0]):
            if candidate in texts:
                return texts[candidate]
    return next(iter(texts.values()))
