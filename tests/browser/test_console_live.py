"""A page that is looked at follows what happens, and takes nothing out of its reader's hands."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import open_page
from tests.browser.serving import served
from tests.browser.stream import Stream
from tests.unit.console_fakes import Town, make_town, town_app
from tests.unit.console_rows import KNOWN

CUSTOMER = f"/console/customers/{KNOWN}"


class Live(NamedTuple):
    address: str
    town: Town
    stream: Stream


@pytest.fixture
def live() -> Iterator[Live]:
    town, stream = make_town(), Stream()
    app = town_app(town)
    stream.add_to(app)
    with served(app) as address:
        yield Live(address, town, stream)
        stream.close()


def _status(page: Page, text: str) -> None:
    expect(page.locator("#live")).to_have_text(text, timeout=15_000)


def test_change_is_shown_without_losing_place_or_focus(browser: Browser, live: Live) -> None:
    page = open_page(browser, live.address + CUSTOMER)
    _status(page, "Live")
    page.locator("#d-why > summary").click()
    page.locator("#d-why > summary").focus()
    live.town.read.cases_rows.clear()
    live.stream.tell("case", customer=KNOWN)
    expect(page.get_by_text("No case is open.")).to_be_visible(timeout=15_000)
    _status(page, "Updated")
    assert page.locator("#d-why").evaluate("(element) => element.open")
    assert page.evaluate("document.activeElement.parentElement.id") == "d-why"
    expect(page.locator("#c-why .main-svg").first).to_be_attached()
    page.context.close()


def test_change_of_another_customer_asks_for_nothing(browser: Browser, live: Live) -> None:
    page = open_page(browser, live.address + CUSTOMER)
    _status(page, "Live")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    live.stream.tell("score", customer="customer-1")
    live.stream.tell("case", customer=KNOWN)  # comes after it, and is answered
    _status(page, "Updated")
    assert len(asked) == 1
    page.context.close()


def test_nobody_who_writes_is_disturbed(browser: Browser, live: Live) -> None:
    page = open_page(browser, live.address + "/console/care")
    _status(page, "Live")
    page.locator(".orders summary").first.click()
    reason = page.get_by_label("Reason").first
    reason.fill("the customer has")
    live.town.read.cases_rows.clear()
    live.stream.tell("case", customer=KNOWN)
    page.wait_for_timeout(2_500)  # longer than the page waits before it asks
    assert reason.input_value() == "the customer has"
    page.get_by_role("link", name="Overview").focus()
    expect(page.get_by_text("No case is open.")).to_be_visible(timeout=15_000)
    page.context.close()


def test_refresh_that_fails_is_said_and_leaves_the_page(browser: Browser, live: Live) -> None:
    page = open_page(browser, live.address + "/console/care")
    _status(page, "Live")
    page.route("**/console/care", lambda route: route.abort())
    live.stream.tell("case", customer=KNOWN)
    _status(
        page,
        "Could not update: what is shown may be old. Reload the page to try again.",
    )
    expect(page.get_by_role("region", name="Open cases by their next clock")).to_be_visible()
    page.context.close()
