"""The commands ``touchpoint policy``: look at a policy file before it is used.

Exit codes: 0 good, or the same; 1 different; 2 a file cannot be used.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline.core.policy.load import LoadedPolicy, PolicyError

policy = typer.Typer(
    help="The policy file: check it, compare two, its schema.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@policy.command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(help="Policy file; the one shipped by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a policy can be used, what is odd in it, and how large a state may become.

    Exit code 2 with every problem as FILE:LINE: PATH: what; known: ...; do: ...
    """
    from pipeline.core.policy.bound import worst_state_bytes

    ((loaded, name),) = _load([file], as_json)
    ref, found = loaded.policy.ref, loaded.policy.file
    parts = worst_state_bytes(found)
    total = sum(parts.values())  # of whole numbers: in any order the same
    if as_json:
        state = {"most_bytes": total, "allowed_bytes": found.limits.state_bytes, "parts": parts}
        told = {"warnings": loaded.warnings, "state": state}
        _print_json({"ok": True, "file": name} | _ref(loaded) | told)
        return
    sizes = ", ".join(f"{part} {size}" for part, size in parts.items())
    typer.echo(f"ok: {ref.name} {ref.version} {ref.digest}")
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}")
    typer.echo(f"state: at most {total} of {found.limits.state_bytes} bytes: {sizes}")


@policy.command("schema")
def schema() -> None:
    """Print the JSON Schema (2020-12) of a policy file.

    For an editor with yaml-language-server: write it to policy.schema.json beside the policy, and
    make this the policy's first line: # yaml-language-server: $schema=policy.schema.json
    """
    from pipeline.tools.policy_schema import policy_schema

    typer.echo(json.dumps(policy_schema(), indent=1, ensure_ascii=False))


@policy.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(metavar="A", help="Policy file before.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="Policy file after.")],
    as_json: AsJson = False,
) -> None:
    """Say in words how B differs from A, one line a difference. Exit code 1 if it does."""
    from pipeline.tools.policy_diff import policy_differences

    (before, _), (after, _) = _load([old, new], as_json)
    found = policy_differences(before.policy.file, after.policy.file)
    same = before.policy.ref.digest == after.policy.ref.digest
    if as_json:
        keys = ("path", "kind", "old", "new", "text")
        told = [dict(zip(keys, (".".join(d.path), *d[1:]), strict=True)) for d in found]
        _print_json({"same": same, "a": _ref(before), "b": _ref(after), "differences": told})
    elif same:
        typer.echo("same meaning")
    else:
        typer.echo("\n".join(map(str, found)))
    raise typer.Exit(0 if same else 1)


def _load(files: list[Path | None], as_json: bool) -> "list[tuple[LoadedPolicy, str]]":
    """The policies in files, with the files' names; ends the command if one cannot be used."""
    from pipeline.config import ConfigError, policy_text
    from pipeline.core.policy.load import PolicyError, load_policy

    loaded: list[tuple[LoadedPolicy, str]] = []
    problems: list[dict[str, Any]] = []
    for file in files:
        try:
            text, name = policy_text(file)
            loaded.append((load_policy(text, name=name), name))
        except ConfigError as error:
            problems.append({"file": str(file), "what": str(error)})
            typer.echo(str(error), err=True)
        except PolicyError as error:
            problems += _problems(name, error)
            typer.echo(str(error), err=True)
    if problems:
        if as_json:
            _print_json({"ok": False, "problems": problems})
        raise typer.Exit(2)
    return loaded


def _problems(name: str, error: "PolicyError") -> list[dict[str, Any]]:
    return [
        {"file": name, "path": ".".join(f.path), "line": f.line}
        | {"what": f.what, "known": f.known, "do": f.do}
        for f in error.faults
    ]


def _ref(loaded: "LoadedPolicy") -> dict[str, str]:
    ref = loaded.policy.ref
    return {"name": ref.name, "version": ref.version, "digest": ref.digest}


def _print_json(content: dict[str, Any]) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False))
