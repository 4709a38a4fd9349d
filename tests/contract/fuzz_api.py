"""Asks the whole application whatever its OpenAPI document allows, for as long as told.

python -m tests.contract.fuzz_api --minutes 10

Exit code 1, with the question that can be asked again, at the first answer that is not as the
document says.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.contract.api_world import Probe, application, operations_of

_EXAMPLES: Final = 50
"""Of each operation in a round."""


def fuzz(seconds: float) -> int:
    """Rounds over all operations until ``seconds`` are over; how many rounds were finished."""
    end = time.monotonic() + seconds
    rounds = 0
    with tempfile.TemporaryDirectory() as folder, application(Path(folder)) as tried:
        probe = Probe(tried)
        while True:
            for method, path in operations_of(tried.app.openapi()):
                if time.monotonic() >= end:
                    return rounds
                probe.check(method, path, _EXAMPLES)
            rounds += 1
            print(f"round {rounds}: {probe.asked} questions", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes: float = parser.parse_args().minutes
    try:
        rounds = fuzz(minutes * 60)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is the result
        notes = "\n".join(getattr(failure, "__notes__", ()))
        print(f"{failure!r}\n{failure}\n{notes}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"{rounds} whole rounds, every answer as the document says")


if __name__ == "__main__":
    main()
