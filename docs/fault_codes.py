"""Write docs/fault-codes.md from the faults that the source makes: `python -m docs.fault_codes`."""

from __future__ import annotations

import ast
from pathlib import Path

__all__ = ["PAGE", "codes", "render"]

PAGE = Path(__file__).with_name("fault-codes.md")
PACKAGE = Path(__file__).parents[1] / "challenge"
_HEAD = """\
# Codes of faults

Made by `python -m docs.fault_codes` from the source; a test holds it complete. `…` is a part that depends on the case.

Every refusal has where it is, what was found, what was expected and a fix, and a code that does not change. With `--json` it is `code` of the entry in `faults`.
The faults of a predictions file have [a page of their own](faults.md), and what a server adds is in [deploying](deploying.md#what-an-answer-means).
Where a cell is empty, the message has the text.
"""  # noqa: E501
_ROOMS = {
    "api": "From Python",
    "assess": "Assessing data",
    "attack": "Attack",
    "board": "Boards and the site",
    "cli": "Commands",
    "client": "A participant's side of a server",
    "errors.py": "The machine",
    "features": "Features",
    "kinds": "Kinds and metrics",
    "ledger": "Ledger and rules of a contest",
    "methods": "Methods",
    "prepare": "From raw data to a task",
    "scoring": "Scoring",
    "server": "The server",
    "task": "Tasks and settings",
}


def codes() -> dict[str, dict[str, tuple[str, str]]]:
    """Return expected and fix of each code, by room; of a code made twice the first that has both.

    A code is the constant after `code=` in a call.
    """
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = found.setdefault(path.relative_to(PACKAGE).parts[0], {})
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                code = keyword.value
                if keyword.arg != "code" or not isinstance(code, ast.Constant):
                    continue
                assert isinstance(node, ast.Call)
                texts = [_text(argument) for argument in node.args[2:4]]
                expected, fix = [*texts, "", ""][:2]
                if not all(room.get(str(code.value), ("", ""))):
                    room[str(code.value)] = (expected, fix)
    return {room: of_room for room, of_room in found.items() if of_room}


def _text(node: ast.expr) -> str:
    """Return a text of the source, with … for what is filled in; empty where it is no text."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(part) if isinstance(part, ast.Constant) else "…" for part in node.values
        )
    if isinstance(node, ast.IfExp):
        return _text(node.body) or _text(node.orelse)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "meant":
        return f"did you mean …? Else {_text(node.args[2])}"
    return ""


def render() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD]
    for room, of_room in codes().items():
        rows = [
            f"| `{code}` | {_cell(expected)} | {_cell(fix)} |"
            for code, (expected, fix) in sorted(of_room.items())
        ]
        head = f"## {_ROOMS[room]}\n\n| code | expected | fix |\n|---|---|---|\n"
        parts.append(head + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("……", "…").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
