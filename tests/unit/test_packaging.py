"""What is shipped is all of the code, and nothing stands beside it unnoticed."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("pipeline", "schemas", "sinks")


@pytest.fixture(scope="module")
def setuptools_table() -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = project["tool"]["setuptools"]
    return table


def _folders_with_code(top: Path) -> set[Path]:
    return {path.parent for path in top.rglob("*.py")}


def _home(package: str, moved: dict[str, str]) -> Path:
    return ROOT / moved.get(package, package.replace(".", "/"))


@pytest.mark.parametrize("top", SHIPPED)
def test_every_folder_with_code_is_shipped(top: str, setuptools_table: dict[str, Any]) -> None:
    found = {".".join(path.relative_to(ROOT).parts) for path in _folders_with_code(ROOT / top)}
    assert found - set(setuptools_table["packages"]) == set(), "name them in pyproject's packages"


def test_every_shipped_package_exists(setuptools_table: dict[str, Any]) -> None:
    moved = setuptools_table.get("package-dir", {})
    homes = {package: _home(package, moved) for package in setuptools_table["packages"]}
    assert [package for package, home in homes.items() if not home.is_dir()] == []


def test_every_pattern_of_package_data_finds_a_file(setuptools_table: dict[str, Any]) -> None:
    moved = setuptools_table.get("package-dir", {})
    empty = [
        f"{package}: {pattern}"
        for package, patterns in setuptools_table["package-data"].items()
        for pattern in patterns
        if not any(_home(package, moved).glob(pattern))
    ]
    assert empty == []


def test_every_file_of_the_console_is_shipped(setuptools_table: dict[str, Any]) -> None:
    home = _home("pipeline.adapters.console", {})
    patterns = setuptools_table["package-data"]["pipeline.adapters.console"]
    shipped = {file for pattern in patterns for file in home.glob(pattern)}
    there = {file for file in home.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    assert {file for file in there if file.suffix != ".py"} == shipped
    assert {file.suffix for file in shipped} == {".css", ".html", ".js", ".po", ".svg"}


def test_every_folder_with_code_is_a_package() -> None:
    folders = {folder for top in SHIPPED for folder in _folders_with_code(ROOT / top)}
    assert [str(path) for path in sorted(folders) if not (path / "__init__.py").is_file()] == []


def test_top_level_holds_no_other_code() -> None:
    folders = [
        path
        for path in ROOT.iterdir()
        if path.is_dir()
        and not path.name.startswith(".")
        and path.name not in {"build", "dist"}
        and not (path / "pyvenv.cfg").exists()
    ]
    with_code = {path.name for path in folders if _folders_with_code(path)}
    # deploy: the files that make channels, messages and policies packages
    assert with_code == {*SHIPPED, "tests", "deploy"}
    assert sorted((ROOT / "deploy").rglob("*.py")) == [
        ROOT / "deploy/channels/__init__.py",
        ROOT / "deploy/messages/__init__.py",
        ROOT / "deploy/policies/__init__.py",
    ]
    assert [path.name for path in ROOT.glob("*.py")] == []
