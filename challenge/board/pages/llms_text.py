"""A map of the site for programs that read: `llms.txt`, after the proposal of llmstxt.org."""

from __future__ import annotations

import re
from collections.abc import Iterator

from challenge.board.markup import clip, folder_name
from challenge.board.pages.site_context import File, SiteContext

__all__ = ["llms_files"]

_MARKS = re.compile(r"[\[\]()<>*_`#\\]")
_TEXT = 400


def llms_files(context: SiteContext) -> Iterator[File]:
    """Yield the map: what the challenge is, its standings and its tasks, as relative links."""
    settings = context.settings
    lines = [f"# {_plain(settings.title)}", ""]
    if settings.description:
        lines += [f"> {_plain(settings.description)}", ""]
    lines += [
        f"{context.state_text()} Scores have 95 % intervals. Teams that the test set cannot "
        "distinguish from the leader are tied with it.",
        "",
        "## Standings",
        "",
        "- [All tracks](leaderboard.json): JSON; [the same as CSV](leaderboard.csv)",
    ]
    for track in settings.track:
        address = f"track/{folder_name(track.id)}/standings.json"
        metric = context.track_boards[track.id].metric.title
        lines.append(f"- [{_plain(track.title)}]({address}): mean {metric} of its tasks")
    lines += ["", "## Tasks", ""]
    for task in context.tasks():
        folder = f"task/{folder_name(task)}"
        size = context.kind(task).size_text(context.card(task).task)
        lines.append(
            f"- [{_plain(context.title(task))}]({folder}/task.json): {size}, metric "
            f"{context.metric(task).title}; [standings]({folder}/board.json)"
        )
    lines += ["", "## Rules", "", "- [How entries are scored, ranked and compared](about.html)"]
    yield "llms.txt", "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return the text on one line, without characters that Markdown reads."""
    return _MARKS.sub(" ", clip(text, _TEXT)).strip()
