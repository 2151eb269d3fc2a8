"""Draw the imports in docs/architecture.md from the source: `python -m docs.architecture`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.imports import imports_between_rooms

PAGE = Path(__file__).with_suffix(".md")
START = "<!-- drawn by docs/architecture.py -->\n"
END = "<!-- end of drawing -->"


def direct(imports: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return the arrows that do not follow from two others: the diagram stays readable."""

    def beyond(room: str) -> set[str]:
        return {far for near in imports[room] for far in imports[near] | beyond(near)}

    return [(room, to) for room in imports for to in sorted(imports[room] - beyond(room))]


def draw(imports: Mapping[str, set[str]]) -> str:
    """Return the diagram in Mermaid and the table of all imports."""
    arrows = "\n".join(f"    {room} --> {to}" for room, to in direct(imports))
    rows = "\n".join(
        f"| `{room}` | {', '.join(f'`{to}`' for to in imports if to in imports[room]) or 'none'} |"
        for room in imports
    )
    return f"```mermaid\ngraph TD\n{arrows}\n```\n\n| room | imports |\n|---|---|\n{rows}\n"


def rendered(page: str) -> str:
    """Return the page with the drawing of the source as it is now."""
    before, rest = page.split(START)
    return before + START + "\n" + draw(imports_between_rooms()) + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
