"""Pages are written here: templates, what they may call, and the headers that keep them safe."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from pipeline.adapters.console.assets import PLOTLY, Asset, style_ids
from pipeline.adapters.console.operator import step_of
from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View, customer_path, event_anchor, event_path

LANG: Final = "lang"
THEME: Final = "theme"
LANGUAGES: Final = {"en": "English", "zh": "中文"}
MESSAGE: Final = "message"
"""What came of a form, in the address of the page that follows."""

_MESSAGE_CHARACTERS: Final = 300
THEMES: Final = ("auto", "light", "dark")
_CHOICES: Final = {LANG: tuple(LANGUAGES), THEME: THEMES}
_YEAR_SECONDS: Final = 365 * 24 * 3600
_SOON: Final = timedelta(hours=4)
PART_HEADER: Final = "console-part"
"""A request with it is answered with the page's ``<main>`` alone."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Cache-Control": "no-store",  # pages name customers
    # Their addresses do, too. Forms come back to the page they were on, which needs it.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """Writes views as HTML."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._assets = assets
        self._environment = Environment(
            loader=PackageLoader("pipeline.adapters.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "step_of": step_of,
            "event_anchor": event_anchor,
            "INFINITE": inf,
        }
        self._environment.globals["style_ids"] = style_ids(assets[PLOTLY])

    def answer(self, request: Request, ask: Ask, view: View) -> Response:
        """A view as a response: the whole page, or its main part for a refresh."""
        part = PART_HEADER in request.headers
        template = self._environment.get_template(view.template)
        html = template.render(self._names(request, ask), view=view, part=part, **view.shows)
        headers = HEADERS | {
            "Content-Language": ask.say.language,
            "Vary": f"Accept-Language, Cookie, {PART_HEADER}",
        }
        answer = Response(html, view.status, headers=headers, media_type="text/html")
        _remember(request, answer, ask.base)
        return answer

    def _names(self, request: Request, ask: Ask) -> dict[str, Any]:
        """What every template may use; ``_`` and ``ngettext`` are looked for by the extraction."""
        say, base = ask.say, ask.base
        return {
            "_": say.gettext,
            "ngettext": say.ngettext,
            "say": say,
            "now": ask.now,
            "who": ask.who,
            "base": base,
            "root": base.removesuffix("/console"),
            "theme": chosen(request, THEME) or THEMES[0],
            "themes": THEMES,
            "languages": LANGUAGES,
            "asset": self._asset(base),
            "plotly": PLOTLY,
            "here": request.url.path,
            "message": request.query_params.get(MESSAGE, "")[:_MESSAGE_CHARACTERS],
            "with_query": _with_query(request),
            "customer_path": lambda customer: customer_path(base, customer),
            "event_path": lambda customer, event: event_path(base, customer, event),
            "quote": lambda text: quote(text, safe=""),
            "is_late": lambda due: due is not None and due < ask.now,
            "is_soon": lambda due: due is not None and ask.now <= due < ask.now + _SOON,
            "iso": _iso,
            "from_ms": lambda ms: datetime.fromtimestamp(ms / 1000, UTC),
        }

    def _asset(self, base: str) -> Callable[[str], str]:
        return lambda name: f"{base}/static/{name}?v={self._assets[name].version}"


def chosen(request: Request, what: str) -> str | None:
    """The language or theme that was chosen, by this request's query or by an earlier one."""
    wanted = request.query_params.get(what), request.cookies.get(_cookie(what))
    return next((each for each in wanted if each in _CHOICES[what]), None)


def _remember(request: Request, answer: Response, base: str) -> None:
    """Keep what the query chooses in a cookie, so that no script is needed to choose."""
    for what, known in _CHOICES.items():
        value = request.query_params.get(what)
        if value in known:
            answer.set_cookie(
                _cookie(what),
                value,
                max_age=_YEAR_SECONDS,
                path=base,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )


def _cookie(what: str) -> str:
    return f"console-{what}"


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _with_query(request: Request) -> Callable[..., str]:
    """The address of this page with some parameters changed; ``None`` takes one away."""

    def changed(**parameters: object) -> str:
        query = {**request.query_params, LANG: None, THEME: None, MESSAGE: None, **parameters}
        kept = {name: str(value) for name, value in query.items() if value is not None}
        path = quote(request.url.path) if "%" not in request.url.path else request.url.path
        return f"{path}?{urlencode(kept)}" if kept else path

    return changed
