"""Reads who imports whom from the package's own source: for the test and for the diagram."""

from __future__ import annotations

import ast
from pathlib import Path

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
    "server": {"board", "kinds", "ledger", "scoring", "task"},
    "client": {"task"},
    "attack": {"kinds", "task", "prepare", "methods", "scoring", "ledger"},
    "api": {"kinds", "task", "methods", "scoring", "ledger", "board", "client"},
    "assess": {"kinds", "task", "prepare", "methods", "scoring", "board"},
    "cli": {
        *("kinds", "task", "features", "prepare", "methods"),
        *("scoring", "ledger", "board", "attack", "server", "client", "api", "assess"),
    },
}
"""Which rooms a room may import, beside `errors`, which all may."""

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(tree: ast.AST) -> list[str]:
    """Return the full names that are imported anywhere in a file, inside functions too."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def imports_between_rooms() -> dict[str, set[str]]:
    """Return which other rooms each room imports today; `errors` is left out."""
    found: dict[str, set[str]] = {room: set() for room in ARROWS}
    for path in FILES:
        if room_of(path) not in ARROWS:
            continue
        for name in imported_modules(ast.parse(path.read_text(encoding="utf-8"))):
            parts = name.split(".")
            if parts[0] == "challenge" and len(parts) > 1 and parts[1] in ARROWS:
                found[room_of(path)].add(parts[1])
    return {room: rooms - {room} for room, rooms in found.items()}
