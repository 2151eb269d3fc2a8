"""Write docs/commands.md from the commands' own help: `python docs/commands.py`."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_suffix(".md")
_HEAD = """\
# Commands

Made by `python docs/commands.py` from the commands' own help; a test holds it complete.

`-C DIR` before the command names the challenge directory (default: the nearest parent with a
`challenge.toml`), and `--server URL` a server (default: that of `challenge login` in this folder).
Commands that read have `--json`. Results go to stdout, notes and progress to stderr.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | faults found |
| 2 | wrong use |
| 3 | the environment lacks something |
| 130 | interrupted |
"""


def _names(app: Any) -> list[str]:
    """Return the names of the commands of an application."""
    commands = app.registered_commands
    return [(one.name or one.callback.__name__).replace("_", "-") for one in commands]


def render() -> str:
    """Return the page as Markdown."""
    # Help is laid out for the width of the terminal, which must not show in a page.
    os.environ["COLUMNS"] = "100"
    from typer.testing import CliRunner

    from challenge.cli.app import app, load_commands

    load_commands()
    parts = [_HEAD]
    names = [*_names(app)]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        names += [f"{group.name} {name}" for name in _names(group.typer_instance)]
    for name in names:
        shown = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="challenge")
        parts.append(f"## {name}\n\n```text\n{inspect.cleandoc(shown.output)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
