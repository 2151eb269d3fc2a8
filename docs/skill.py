"""Write the commands into docs/skills/challenge/SKILL.md: `python -m docs.skill`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "skills" / "challenge" / "SKILL.md"
START = "<!-- made by docs/skill.py -->\n"
END = "<!-- end of commands -->"


def render() -> str:
    """Return the commands by their panels, each with the first sentence of its help."""
    import typer

    from challenge.cli.app import app, load_commands
    from challenge.cli.mcp_commands import PANELS

    load_commands()
    group: Any = typer.main.get_command(app)
    panels: dict[str, list[str]] = {panel: [] for panel in PANELS}
    people = []
    for name, command in group.commands.items():
        if command.rich_help_panel in panels:
            text = (command.help or "").split("\n\n")[0]
            line = f"- `challenge {name}`: {' '.join(text.split())}"
            panels[command.rich_help_panel].append(line)
        else:
            people.append(f"`{name}`")
    parts = [f"### {panel}\n\n" + "\n".join(lines) + "\n" for panel, lines in panels.items()]
    return "\n".join([*parts, f"Ask a person first: {', '.join(people)}.\n"])


def rendered(page: str) -> str:
    """Return the page with the commands as they are now."""
    before, rest = page.split(START)
    return before + START + "\n" + render() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
