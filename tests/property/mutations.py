"""Shows that each property can fail: breaks one formula at a time and runs the test that must see.

``python -m tests.property.mutations [WORD...]`` runs those whose description has one of the words,
or all, and prints a table. Ends with 1 if a wrong formula survived, or is out of date.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from time import monotonic
from types import CodeType, ModuleType
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.property.mutants import MUTANTS, Mutant

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parents[1]
_RUN: Final = "--mutant"
_SEED: Final = "20260101"
_PROFILE: Final = "mutations"


class _Mutating(SourceFileLoader):
    """Loads one module with a text of it replaced; never by way of cached bytecode."""

    mutant: Mutant

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text(encoding="utf-8")
        changed = source.replace(self.mutant.old, self.mutant.new)
        return compile(changed, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds the module to change before the usual finders do."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        loader = _Mutating(fullname, str(_source(fullname)))
        loader.mutant = self._mutant
        return importlib.util.spec_from_file_location(fullname, self._mutant.module, loader=loader)


def _source(module: str) -> Path:
    return _ROOT / f"{module.replace('.', '/')}.py"


def _placed(mutant: Mutant) -> Mutant | None:
    """The mutant in the module that has its text by now; ``None`` if none or several have."""
    if mutant.old in _source(mutant.module).read_text(encoding="utf-8"):
        return mutant
    files = [path for part in ("pipeline", "schemas") for path in (_ROOT / part).rglob("*.py")]
    found = [path for path in files if mutant.old in path.read_text(encoding="utf-8")]
    if len(found) != 1:
        return None
    parts = found[0].relative_to(_ROOT).with_suffix("").parts
    return mutant._replace(module=".".join(parts))


def _run_one(mutant: Mutant) -> int:
    """Run the mutant's property in this process; what pytest ends with."""
    assert mutant.module not in sys.modules, f"{mutant.module} was imported too early"
    sys.meta_path.insert(0, _Finder(mutant))
    settings.register_profile(
        _PROFILE,
        max_examples=300,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # whether it fails is asked, not how simply
        suppress_health_check=list(HealthCheck),
    )
    file, _, test = mutant.test.partition("::")
    chosen = ["-k", test] if test else []
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={_SEED}"]
    # hypothesis is imported above, before pytest could look into it
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([str(_HERE / file), *chosen, *options]))


def _verdict(mutant: Mutant, number: int) -> str:
    if _placed(mutant) is None:
        return "out of date"
    command = [sys.executable, "-m", "tests.property.mutations", _RUN, str(number)]
    ended = subprocess.run(
        command,
        env=os.environ | {"HYPOTHESIS_PROFILE": _PROFILE},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode == 1 and " failed" in ended.stdout:
        return "killed"
    return "survived" if ended.returncode == 0 else f"broke down\n{ended.stdout[-2_000:]}"


def main(words: Sequence[str]) -> int:
    """Run the mutants that ``words`` choose and print what became of them."""
    if words and words[0] == _RUN:
        placed = _placed(MUTANTS[int(words[1])])
        return _run_one(placed) if placed else 1
    alive = 0
    for number, mutant in enumerate(MUTANTS):
        if words and not any(word in f"{mutant.what} {mutant.test}" for word in words):
            continue
        started_s = monotonic()
        verdict = _verdict(mutant, number)
        alive += verdict != "killed"
        test = mutant.test.partition("::")[2] or mutant.test
        took_s = monotonic() - started_s
        print(f"{mutant.property:>4}  {mutant.what:<48}  {test:<58}  {verdict} {took_s:.0f} s")
    print(f"{alive} not killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
