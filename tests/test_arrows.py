"""The house keeps its shape: who imports whom, who prints, what the start loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "challenge"

ARROWS = {
    "kinds": set(),
    "task": {"kinds"},
    "features": {"task"},
    "prepare": {"features", "kinds", "task"},
    "methods": {"features", "kinds", "task"},
    "scoring": {"kinds", "task"},
    "ledger": {"kinds", "scoring", "task"},
    "board": {"kinds", "ledger", "scoring", "task"},
    "cli": {"kinds", "task", "features", "prepare", "methods", "scoring", "ledger", "board"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def wrong_arrows(room: str, names: list[str]) -> list[str]:
    allowed = ARROWS.get(room, set()) | {room, "errors", "__version__"}
    inside = [name.split(".") for name in names if name.split(".")[0] == "challenge"]
    return [".".join(parts) for parts in inside if len(parts) > 1 and parts[1] not in allowed]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_arrows_of_the_house(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    assert room in ARROWS or room == "errors", f"no such room: {room}"
    names = imported_modules(ast.parse(path.read_text(encoding="utf-8")))
    assert wrong_arrows(room, names) == []


def test_a_wrong_arrow_is_seen() -> None:
    tree = ast.parse("def f():\n    from challenge.ledger import open_ledger")
    assert wrong_arrows("scoring", imported_modules(tree)) == ["challenge.ledger.open_ledger"]


def test_only_the_autogluon_methods_import_autogluon() -> None:
    importers = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        for name in imported_modules(ast.parse(path.read_text(encoding="utf-8")))
        if name.split(".")[0] == "autogluon"
    }
    assert importers <= {"methods/builtin/autogluon.py", "methods/builtin/autogluon_multimodal.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_cli_prints_or_exits(path: Path) -> None:
    if room_of(path) == "cli":
        return
    calls = [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    assert not {"print", "exit", "quit", "sys.exit", "os._exit", "typer.echo"} & set(calls)


def test_the_start_of_the_command_line_loads_no_heavy_library() -> None:
    code = (
        "import sys; from challenge.cli.app import load_commands; load_commands(); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"pandas", "sklearn", "pyarrow", "scipy", "numpy", "sqlalchemy", "pydantic", "PIL"}
    assert not heavy & set(loaded)
