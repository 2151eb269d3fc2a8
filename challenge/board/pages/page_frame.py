"""The templates' environment, and what all pages of a site share."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from challenge.board.markup import (
    bytes_text,
    clip,
    count_text,
    folder_name,
    interval_text,
    number_text,
    plain,
    rows_text,
    time_html,
    user_html,
)
from challenge.errors import counted
from challenge.task.settings import Settings
from challenge.version import __version__

__all__ = ["CARD", "Frame", "environment", "render", "render_alone", "root_of", "trusted"]


CARD = "card.png"
"""The image of the first track, which link previews show where a page has none of its own."""


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the environment of the templates of this package, with its filters."""
    made = Environment(
        loader=PackageLoader("challenge.board", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Looking whether a template has changed took a thirtieth of the time of a build.
        auto_reload=False,
    )
    made.filters.update(
        bytes=bytes_text,
        clip=clip,
        count=count_text,
        counted=counted,
        number=number_text,
        user=lambda text, cap=80: trusted(user_html(text, cap)),
        when=lambda at: trusted(time_html(at)),
        day=lambda at: trusted(time_html(at, day=True)),
    )
    made.globals.update(interval=interval_text, rows=rows_text)
    return made


def render(template: str, **values: Any) -> str:
    """Return a template of this package filled in; text is escaped, Markup is not."""
    return environment().get_template(template).render(**values)


def render_alone(template: str, title: str, **values: Any) -> str:
    """Return a page that needs no other file: it holds the site's style, and a policy for it."""
    style = (resources.files("challenge.board") / "assets" / "site.css").read_text("utf-8")
    return render(
        template,
        page_title=clip(title, 120),
        style=trusted(style),
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        **values,
    )


def trusted(html: str) -> Markup:
    """Return HTML that this package made out of escaped parts, so that templates keep it."""
    return Markup(html)  # noqa: S704


def root_of(path: str) -> str:
    """Return the relative path from a page to the site's root: `""`, `"../"`, ….

    >>> root_of("task/icon-tag/index.html")
    '../../'
    """
    return "../" * path.count("/")


@dataclass(frozen=True)
class Frame:
    """What all pages of one build share.

    Nothing here changes with a submission, or every page would be written again. `banner` is a
    sentence above each page, such as that the board is a past one.
    """

    settings: Settings
    banner: str = ""
    _tops: dict[tuple[str, str], Markup] = field(default_factory=dict, repr=False)

    def address(self, path: str) -> str:
        """Return the whole address of a file of the site; empty while the site has none."""
        if self.settings.url is None:
            return ""
        return f"{self.settings.url}/{quote(path.removesuffix('index.html'))}"

    def page(
        self,
        template: str,
        path: str,
        *,
        title: str,
        summary: str,
        section: str = "",
        card: str = CARD,
        **values: Any,
    ) -> str:
        """Return a whole page.

        `summary` is the description that link previews show; `section` is the current entry of the
        navigation. `card` is the path of the image that link previews show.
        """
        root, site = root_of(path), plain(self.settings.title)
        if (root, section) not in self._tops:
            # The same on all pages of a folder depth, so it is drawn once.
            tracks = [(folder_name(one.id), one.id, one.title) for one in self.settings.track]
            top = render(
                "top.html", root=root, section=section, site=site, tracks=tracks, banner=self.banner
            )
            self._tops[root, section] = trusted(top)
        return render(
            template,
            root=root,
            site=site,
            version=__version__,
            top=self._tops[root, section],
            page_title=clip(title, 120),
            summary=clip(summary, 200),
            address=self.address(path),
            card=self.address(card),
            **values,
        )
