"""The browser of the browser tests: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM_VARIABLE = "TOUCHPOINT_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")

WIDE = (1366, 768)
PHONE = (360, 740)
PAGES = {
    "overview": "/console/",
    "customer": "/console/customers/customer-7",
    "customer-by-event": "/console/customers/customer-7?by=event",
    "quiet": "/console/customers/quiet",
    "operator": "/console/operator",
    "silent": "/console/silent?touchpoint=call&dimension=connect_speed",
    "care": "/console/care",
    "campaigns": "/console/campaigns",
    "health": "/console/health",
    "error": "/console/customers/nobody",
}


def missing_chromium() -> str | None:
    """Why no browser test can run, or ``None``."""
    if _executable() is None:
        return f"none of {', '.join(_NAMES)} is installed, or {CHROMIUM_VARIABLE} names no program"
    return None


def _executable() -> str | None:
    named = os.environ.get(CHROMIUM_VARIABLE)
    wanted = (named,) if named else _NAMES
    return next((found for name in wanted if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser."""
    with sync_playwright() as playwright:
        # In a container root has no sandbox; the pages are our own.
        browser = playwright.chromium.launch(
            executable_path=_executable(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


def open_page(
    browser: Browser,
    url: str,
    *,
    size: tuple[int, int] = WIDE,
    dark: bool = False,
    language: str = "en",
    scripts: bool = True,
) -> Page:
    """A page in a context of its own, after its charts were drawn."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale=language,
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url, wait_until="load")
    if scripts:
        wait_for_charts(page)
    return page


def wait_for_charts(page: Page) -> None:
    """Until every chart of the page has been drawn."""
    # Not wait_for_function: it needs eval, which the pages' policy forbids.
    for place in page.locator("[data-figure]").all():
        place.locator(".main-svg").first.wait_for(state="attached")
