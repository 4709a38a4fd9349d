"""Every page in a real browser: usable by all, whole in every width, theme and language."""

from collections.abc import Iterator
from time import monotonic

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.chromium import PAGES, PHONE, WIDE, open_page, wait_for_charts
from tests.browser.serving import served
from tests.unit.console_fakes import town_app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(town_app()) as found:
        yield found


def _violations(page: Page) -> list[str]:
    results = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{each['impact']} {each['id']}: {node['target']} {node['failureSummary']}"
        for each in results["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One context for pages that are only looked at: what they load is loaded once."""
    made = browser.new_context(reduced_motion="reduce")
    yield made
    made.close()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_serious_barrier_in_light_or_dark(
    context: BrowserContext, address: str, name: str, language: str
) -> None:
    page = context.new_page()
    path = PAGES[name]
    page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={language}")
    wait_for_charts(page)
    for each in page.locator("details").all():
        each.evaluate("(element) => { element.open = true; }")
    assert page.locator("html").get_attribute("lang") == language
    page.emulate_media(color_scheme="light")
    assert _violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert _violations(page) == []
    page.close()


def test_logging_in_has_no_serious_barrier(context: BrowserContext) -> None:
    with served(town_app(local=False)) as address:
        page = context.new_page()
        page.goto(f"{address}/console/care")
        for wrong in (False, True):
            if wrong:
                page.locator("input[type=password]").fill("tp_no-such-key")
                page.locator("button[type=submit]").click()
                expect(page.get_by_role("alert")).to_contain_text("opens nothing")
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert _violations(page) == []
        page.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_never_scrolls_sideways_and_breaks_no_rule(
    context: BrowserContext, address: str, name: str
) -> None:
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    for width, height in (WIDE, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address + PAGES[name], wait_until="load")
        wait_for_charts(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    # A page that answers 404 and the stream that is not there are told by the browser itself.
    assert [each for each in told if not each.startswith("Failed to load resource")] == []
    page.close()


def test_wide_tables_scroll_in_a_region_that_keys_can_reach(browser: Browser, address: str) -> None:
    page = open_page(browser, address + PAGES["care"], size=PHONE)
    region = page.get_by_role("region", name="Open cases by their next clock")
    assert region.evaluate("(element) => element.scrollWidth > element.clientWidth")
    region.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    _wait(region, "(element) => element.scrollLeft > 0")
    page.context.close()


def _wait(place: Locator, condition: str) -> None:
    """Until ``condition`` holds of an element, or fail after ten seconds."""
    deadline = monotonic() + 10
    while not place.evaluate(condition):
        assert monotonic() < deadline, condition
        place.page.wait_for_timeout(50)


def test_keyboard_finds_the_content_first(browser: Browser, address: str) -> None:
    page = open_page(browser, address + PAGES["overview"])
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to content")
    assert link.evaluate("(element) => element === document.activeElement")
    assert link.bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")
    page.context.close()


def test_theme_is_chosen_without_a_script_and_stays(browser: Browser, address: str) -> None:
    page = open_page(browser, address + PAGES["care"], scripts=False)
    light = page.locator("body").evaluate("(e) => getComputedStyle(e).backgroundColor")
    page.get_by_role("navigation", name="Theme").get_by_text("Dark").click()
    dark = page.locator("body").evaluate("(e) => getComputedStyle(e).backgroundColor")
    assert dark != light
    page.get_by_role("link", name="Campaigns").click()
    assert page.locator("body").evaluate("(e) => getComputedStyle(e).backgroundColor") == dark
    page.get_by_role("navigation", name="Language").get_by_text("中文").click()
    assert page.locator("h1").inner_text() == "活动"
    page.get_by_role("link", name="总览").click()
    assert page.locator("h1").inner_text() == "总览"
    page.context.close()


def test_without_scripts_everything_but_the_drawings_is_there(
    browser: Browser, address: str
) -> None:
    page = open_page(browser, address + "/console/", scripts=False)
    page.get_by_label("Customer id").last.fill("customer-7")
    page.get_by_role("button", name="Open").click()
    assert page.locator("h1").inner_text() == "Customer customer-7"
    assert page.locator(".chart").first.is_hidden()
    page.locator("#d-why > summary").click()
    assert page.get_by_role("row", name="Baseline 75.0").is_visible()
    page.context.close()


def test_charts_show_the_colours_of_the_theme(browser: Browser, address: str) -> None:
    strokes = []
    for dark in (False, True):
        page = open_page(browser, address + PAGES["customer"], dark=dark)
        line = page.locator("#c-score .scatterlayer .lines path").first
        strokes.append(line.evaluate("(element) => getComputedStyle(element).stroke"))
        page.context.close()
    assert strokes[0] != strokes[1]


def test_print_has_no_controls_and_dark_ink(browser: Browser, address: str) -> None:
    page = open_page(browser, address + PAGES["customer"], dark=True)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".pages").is_hidden()
    assert page.locator(".find").is_hidden()
    assert page.locator("body").evaluate("(e) => getComputedStyle(e).color") == "rgb(23, 33, 45)"
    line = page.locator("#c-score .scatterlayer .lines path").first
    _wait(line, "(e) => getComputedStyle(e).stroke === 'rgb(42, 108, 189)'")
    page.context.close()
