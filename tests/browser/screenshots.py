"""Pictures of every page: ``python -m tests.browser.screenshots FOLDER``."""

import sys
from pathlib import Path

from tests.browser.chromium import PAGES, PHONE, WIDE, chromium, open_page
from tests.browser.serving import served
from tests.unit.console_fakes import town_app

LOOKS = {
    "light": {"size": WIDE},
    "dark": {"size": WIDE, "dark": True},
    "zh": {"size": WIDE, "language": "zh"},
    "phone": {"size": PHONE},
}


def main(folder: Path, wanted: list[str]) -> None:
    """Every page, or those ``wanted``, in every look."""
    folder.mkdir(parents=True, exist_ok=True)
    with served(town_app()) as address, chromium() as browser:
        for name, path in PAGES.items():
            for look, how in LOOKS.items():
                if wanted and f"{name}-{look}" not in wanted and name not in wanted:
                    continue
                page = open_page(browser, address + path, **how)  # type: ignore[arg-type]
                page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)
                page.context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
