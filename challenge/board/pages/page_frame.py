"""The frame around every page: head, policy, navigation, footer; and the templates' environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from challenge import __version__
from challenge.board.markup import (
    bytes_text,
    clip,
    count_text,
    interval_text,
    number_text,
    plain,
    time_html,
    user_html,
)
from challenge.task.settings import Settings

__all__ = ["Frame", "folder_name", "render", "root_of", "trusted"]

_HOLES = ("@@TITLE@@", "@@WORDS@@", "@@CONTENT@@")
_WINDOWS = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("challenge.board", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        bytes=bytes_text,
        clip=clip,
        count=count_text,
        number=number_text,
        user=lambda text, cap=80: trusted(user_html(text, cap)),
        when=lambda at: trusted(time_html(at)),
        day=lambda at: trusted(time_html(at, day=True)),
    )
    environment.globals.update(interval=interval_text)
    return environment


def render(template: str, **values: Any) -> Markup:
    """Return a template of this package filled in; text is escaped, Markup is not."""
    return trusted(_environment().get_template(template).render(**values))


def trusted(html: str) -> Markup:
    """Return HTML that this package made out of escaped parts, so that templates keep it."""
    return Markup(html)  # noqa: S704


def root_of(path: str) -> str:
    """Return the way from a page up to the site's root: `""`, `"../"`, ….

    >>> root_of("task/icon-tag/index.html")
    '../../'
    """
    return "../" * path.count("/")


def folder_name(identifier: str) -> str:
    """Return a task's or track's folder: its id, unless Windows keeps that name for a device.

    >>> folder_name("icon-tag"), folder_name("con")
    ('icon-tag', 'con_')
    """
    return identifier + "_" if identifier in _WINDOWS else identifier


@dataclass(frozen=True)
class Frame:
    """What all pages of one build share; frames are drawn once a depth and place.

    Nothing here changes with a submission, or every page would be written again.
    """

    settings: Settings
    _drawn: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict, repr=False)

    def page(self, path: str, title: str, words: str, content: str, *, place: str = "") -> str:
        """Return a whole page.

        `title` and `words` (the description that link previews show) are plain text; `content` is
        HTML; `place` is the entry of the navigation that is current.
        """
        root = root_of(path)
        if (root, place) not in self._drawn:
            self._drawn[root, place] = self._draw(root, place)
        pieces = self._drawn[root, place]
        values = {
            _HOLES[0]: escape(clip(title, 120)),
            _HOLES[1]: escape(clip(words, 200)),
            _HOLES[2]: content,
        }
        return "".join(values.get(piece, piece) for piece in pieces)

    def _draw(self, root: str, place: str) -> tuple[str, ...]:
        drawn = render(
            "frame.html",
            root=root,
            place=place,
            site=plain(self.settings.title),
            version=__version__,
            tracks=[
                (folder_name(track.id), track.id, track.title) for track in self.settings.track
            ],
            title=_HOLES[0],
            words=_HOLES[1],
            content=_HOLES[2],
        )
        # The text between the holes is fixed, so a value that contains a hole's name stays text.
        pieces, rest = [], str(drawn)
        while any(hole in rest for hole in _HOLES):
            start, hole = min((rest.index(hole), hole) for hole in _HOLES if hole in rest)
            pieces += [rest[:start], hole]
            rest = rest[start + len(hole) :]
        return (*pieces, rest)
