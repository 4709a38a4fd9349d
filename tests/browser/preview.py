"""Serves the console on made-up data, to be looked at: ``python -m tests.browser.preview``."""

import sys
import threading

from tests.browser.serving import served
from tests.unit.console_fakes import town_app


def main() -> None:
    """Serve until interrupted; with the argument ``bare`` without history and insights."""
    with served(town_app(bare="bare" in sys.argv[1:])) as address:
        print(f"{address}/console/")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
