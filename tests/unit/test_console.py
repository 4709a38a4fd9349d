"""The console's pages: what they show, what they refuse, and that nothing in them is unsafe."""

import asyncio
import re
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from pipeline.adapters.http.who import Who, implied
from tests.unit.console_fakes import OPERATOR, Town, make_town, town_app
from tests.unit.console_rows import DECISIONS, KNOWN, ODD

CONSOLE = Path(__file__).parents[2] / "pipeline" / "adapters" / "console"
READER = Who(name="rita", id="key:2", scopes=implied(("identify",)), how="key")
PAGES = (
    "/console/",
    f"/console/customers/{KNOWN}",
    f"/console/customers/{KNOWN}?by=event&days=7",
    "/console/customers/quiet",
    "/console/operator",
    "/console/operator?axis=staff&days=1",
    "/console/operator?axis=department&value=call_centre",
    "/console/silent?touchpoint=call&dimension=connect_speed",
    "/console/care",
    "/console/campaigns",
    "/console/health",
    "/console/customers/nobody",
    "/console/nothing/here",
)


class Outline(HTMLParser):
    """What of a page a machine can judge."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@cache
def usual_app() -> Any:
    return town_app()


def get(path: str, app: Any = None, **headers: str) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=app if app is not None else usual_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.get(path, headers=named)

    return asyncio.run(run())


@pytest.mark.parametrize("path", PAGES)
def test_page_can_be_found_ones_way_in(path: str) -> None:
    outline = Outline(get(path).text)
    assert len(outline.of("h1")) == 1
    assert len(outline.of("main")) == 1
    assert outline.of("a")[0]["href"] == "#main"
    assert outline.of("html")[0]["lang"] == "en"
    assert len(outline.of("caption")) == len(outline.of("table"))
    assert all(cell.get("scope") in ("col", "row") for cell in outline.of("th"))
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {a["aria-labelledby"] for _, a in outline.tags if "aria-labelledby" in a}
    assert labels <= set(ids)


@pytest.mark.parametrize("path", PAGES)
def test_page_needs_nothing_inline_and_nothing_from_elsewhere(path: str) -> None:
    answer = get(path)
    outline = Outline(answer.text)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert outline.of("style") == []
    assert all("src" in s or s.get("type") == "application/json" for s in outline.of("script"))
    for _, attributes in outline.tags:
        assert not any(name == "style" or name.startswith("on") for name in attributes)
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "/").startswith(("/", "#"))


@pytest.mark.parametrize("path", PAGES)
def test_part_for_a_refresh_is_the_main_part_of_the_page(path: str) -> None:
    whole, part = get(path).text, get(path, console_part="main").text
    assert part.strip().startswith("<main")
    assert part.strip().endswith("</main>")
    assert part.strip() in whole


def test_customers_page_shows_score_reasons_and_what_is_done() -> None:
    text = get(f"/console/customers/{KNOWN}").text
    for told in (
        "63.7",
        "Tolerated",
        "Main › Cards › Fees › Agent",
        "Overdue by 2",
        "one call in 72 hours: the last was 2 days ago",
        "The score is 63.7: 11.3 points below the 75.0",
        "Repeat contact",
        "Demanding",
    ):
        assert told in text, told


@pytest.mark.parametrize("by", ["dimension", "touchpoint", "department", "layer", "event"])
def test_contributions_as_shown_add_up_to_the_score_as_shown(by: str) -> None:
    html = get(f"/console/customers/{KNOWN}?by={by}").text
    table = html[html.index('id="t-why"') :]
    table = table[: table.index("</table>")]
    cells = re.findall(r'<td class="r[^"]*">(?:<span[^>]*>)?([^<]+)<', table)
    *steps, score = [float(cell.replace("−", "-")) for cell in cells]
    assert sum(steps) == pytest.approx(score, abs=1e-9)
    assert score == 63.7


def test_figures_lead_to_the_events_behind_them() -> None:
    html = get(f"/console/customers/{KNOWN}?by=event").text
    ids = {attributes.get("id") for _, attributes in Outline(html).tags}
    start = f"/console/customers/{KNOWN}?event="
    links = [a["href"] or "" for a in Outline(html).of("a")]
    events = [link.partition("#")[2] for link in links if link.startswith(start)]
    assert "event-call-118" in events
    assert {event for event in events if event not in ids} <= {"event-gift-3"}


def test_an_event_of_long_ago_is_found_behind_its_link() -> None:
    town = make_town()
    latest = town.history.rows[0]
    town.history.rows = [
        msgspec.structs.replace(latest, event=f"e-{n}", time=latest.time - timedelta(hours=n))
        for n in range(130)
    ]
    app = town_app(town)

    def shown(query: str) -> list[str]:
        return re.findall(
            r'id="event-(e-\d+)"', get(f"/console/customers/{KNOWN}{query}", app).text
        )

    latest_page = [f"e-{n}" for n in range(50)]
    assert shown("") == shown("?event=e-49") == shown("?event=unknown") == latest_page
    assert shown("?event=e-110") == [f"e-{n}" for n in range(110, 130)]


def test_odd_ids_are_shown_as_they_are_and_found_again() -> None:
    link = next(
        a["href"] for a in Outline(get("/console/").text).of("a") if "%3Cb%3E" in (a["href"] or "")
    )
    assert link == f"/console/customers/{quote(ODD, safe='')}"
    answer = get(link)
    assert answer.status_code == 200
    assert "a/b 50%?&lt;b&gt;客户" in answer.text
    assert "<b>客户" not in answer.text


def test_search_leads_to_the_customer_or_says_that_there_is_none() -> None:
    found = get("/console/?customer=" + quote(f" {ODD} "))
    assert found.status_code == 303
    assert found.headers["location"] == f"/console/customers/{quote(ODD, safe='')}"
    missing = get("/console/?customer=%3Cscript%3Ealert(1)%3C/script%3E")
    assert missing.status_code == 404
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in missing.text
    assert "<script>alert" not in missing.text


def test_chart_cannot_break_out_of_its_script() -> None:
    town = make_town()
    row = town.history.rows[0]
    bad = "</script><script>alert(1)</script>"
    town.history.rows[0] = type(row)(
        **{name: getattr(row, name) for name in row.__struct_fields__} | {"touchpoint": bad}
    )
    html = get(f"/console/customers/{KNOWN}", town_app(town)).text
    assert "<script>alert(1)" not in html


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/console/customers/nobody", 404, "Nothing is known of this customer."),
        ("/console/nothing", 404, "There is no such page."),
        ("/console/operator?axis=weather", 422, "cannot be used: axis"),
        ("/console/silent?touchpoint=call", 422, "cannot be used: dimension"),
        ("/console/operator?days=0", 422, "cannot be used: days"),
        ("/console/health?before=x", 422, "cannot be used: before"),
    ],
)
def test_what_cannot_be_shown_is_said_on_a_page(path: str, status: int, told: str) -> None:
    answer = get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert told in answer.text


@pytest.mark.parametrize("path", ["/console/", "/console/care", f"/console/customers/{KNOWN}"])
def test_database_that_does_not_answer_is_told_without_its_words(path: str) -> None:
    town = make_town()
    town.read.failing = OperationalError("SELECT secret", {}, Exception("secret"))
    answer = get(path, town_app(town))
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    assert "secret" not in answer.text


def test_what_a_process_does_not_have_is_told() -> None:
    bare = town_app(bare=True)
    for path in ("/console/", f"/console/customers/{KNOWN}", "/console/operator"):
        answer = get(path, bare)
        assert answer.status_code == 200
        assert "This process has no source for it." in answer.text
    assert get("/console/campaigns", bare).text.count("has no source for it.") == 2


def test_nothing_at_all_is_told_on_every_page() -> None:
    town = make_town()
    town.read.cases_rows, town.read.decision_rows, town.read.action_rows = [], [], []
    town.queue.waits = []
    town.read.letters, town.history.rows, town.insights.empty = [], [], True
    app = town_app(town)
    expected = {
        "/console/": ("No clock is running", "No score has fallen."),
        "/console/care": ("No case is open.", "Nothing is held.", "Nothing was withheld."),
        "/console/operator": ("Nothing was felt in this time.", "Nobody complained"),
        "/console/campaigns": ("nothing can be compared",),
        "/console/health": ("There are no dead letters",),
        f"/console/customers/{KNOWN}": ("No touch in this time.", "Nothing is planned."),
    }
    for path, texts in expected.items():
        html = get(path, app).text
        assert [text for text in texts if text not in html] == []


def test_case_queue_goes_by_the_next_clock_and_says_what_is_overdue() -> None:
    html = get("/console/care").text
    cases = re.findall(r'class="id">(c-\d+)<', html)
    assert cases == ["c-198", "c-203", "c-205", "c-206", "c-207"]
    assert html.count("Overdue by") == 2


def test_what_waits_for_a_person_stands_once_the_longest_wait_first() -> None:
    html = get("/console/care").text
    assert re.findall(r'id="orders-(a-[16])"', html) == ["a-6", "a-1"]
    assert "held by clara" in html
    assert "she is travelling until Monday" in html


def test_the_first_page_counts_what_the_care_queue_shows() -> None:
    pages = [get(path).text for path in ("/console/", "/console/care")]
    for label in ("Cases overdue", "Wait for a decision", "Actions under way", "Actions held"):
        counted = [
            re.findall(rf'<dt>{label}</dt>\s*<dd><span class="figure">([^<]+)<', html)
            for html in pages
        ]
        assert counted[0] == counted[1]
        assert len(counted[0]) == 1


def test_programs_are_told_what_waits_for_a_person_as_the_page_is() -> None:
    found = get("/v1/actions/waiting").json()
    assert not found["more"]
    approval, held = found["items"]
    assert (approval["id"], approval["why"], approval["latest"]["id"]) == ("a-6", "approval", "a-6")
    assert approval["action"]["needs_approval"]
    assert (held["id"], held["why"], held["by"]) == ("a-1", "held", "clara")
    assert get("/v1/actions/waiting?limit=0").status_code == 422


def test_only_who_may_operate_sees_buttons() -> None:
    for path in ("/console/care", "/console/health", f"/console/customers/{KNOWN}"):
        assert 'method="post"' in get(path, town_app(who=OPERATOR)).text
        assert 'method="post"' not in get(path, town_app(who=READER)).text


def test_buttons_send_their_order_with_a_reason_and_the_token() -> None:
    html = get("/console/care").text
    held = next(decision.id for decision in DECISIONS if decision.outcome == "held")
    for order in ("hold", "release", "cancel"):
        assert f'formaction="/console/actions/{held}/{order}"' in html
    # Only what was said to need it.
    assert re.findall(r"/console/actions/([^/]+)/approve", html) == ["a-6"]
    assert '<input type="hidden" name="csrf" value="token-1">' in html
    assert 'name="reason" required' in html


def test_redrive_names_the_letter() -> None:
    html = get("/console/health").text
    assert 'action="/console/dead-letters/17/redrive"' in html


@pytest.mark.parametrize(
    ("query", "cookie", "header", "language"),
    [
        ("", "", "", "en"),
        ("", "", "zh-CN,en;q=0.5", "zh"),
        ("", "console-lang=en", "zh", "en"),
        ("?lang=zh", "console-lang=en", "en", "zh"),
        ("?lang=tlh", "console-lang=zh", "en", "zh"),
        ("", "console-lang=tlh", "zh", "zh"),
    ],
)
def test_language_is_the_one_that_was_chosen_last(
    query: str, cookie: str, header: str, language: str
) -> None:
    answer = get(f"/console/care{query}", cookie=cookie, accept_language=header)
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}"' in answer.text


def test_choice_is_kept_in_a_cookie_that_scripts_cannot_read() -> None:
    answer = get("/console/care?theme=dark&lang=zh")
    assert 'data-theme="dark"' in answer.text
    kept = answer.headers.get_list("set-cookie")
    assert [each.split(";")[0] for each in kept] == ["console-lang=zh", "console-theme=dark"]
    assert all("HttpOnly" in each and "SameSite=strict" in each for each in kept)
    assert get("/console/care?theme=blue").headers.get_list("set-cookie") == []


def test_chinese_page_has_no_english_sentence() -> None:
    for path in ("/console/care", "/console/campaigns", "/console/operator", "/console/"):
        html = get(f"{path}?lang=zh").text
        visible = re.sub(r"<script.*?</script>|<[^>]+>", " ", html, flags=re.DOTALL)
        for text in ("Open cases", "Dimension by tier", "Overdue", "Held", "newest first"):
            assert text not in visible, (path, text)


def test_files_come_from_the_installation_and_never_grow_old() -> None:
    app = town_app()
    outline = Outline(get("/console/", app).text)
    files = [each["src"] for each in outline.of("script") if "src" in each]
    files += [each["href"] for each in outline.of("link")]
    for file in files:
        answer = get(str(file), app)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        plain = get(str(file), app, accept_encoding="identity")
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content
    assert get("/console/static/secrets.txt", app).status_code == 404
    assert get("/console/static/..%2Frouter.py", app).status_code == 404


def test_console_is_no_part_of_the_interface_for_programs() -> None:
    paths = get("/openapi.json").json()["paths"]
    assert [path for path in paths if path.startswith("/console")] == []


def test_part_that_is_not_ready_is_told_first() -> None:
    town: Town = make_town()
    assert "lane 1 (restoring)" in get("/console/", town_app(town)).text
    town.readiness.why_fatal = "the log is broken"
    assert "the log is broken" in get("/console/health", town_app(town)).text


def test_the_console_is_found_without_its_last_slash() -> None:
    answer = get("/console")
    assert (answer.status_code, answer.headers["location"]) == (308, "/console/")
