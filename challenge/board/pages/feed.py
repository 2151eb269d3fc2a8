"""The Atom feed (RFC 4287): who took the lead of a track, and when the contest opened and ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from challenge.board.markup import clip, folder_name, number_text
from challenge.board.pages.page_frame import render
from challenge.board.pages.site_context import File, SiteContext, board_decimals
from challenge.board.pages.standings_table import ties_text
from challenge.ledger.store.clock import iso

__all__ = ["feed_files"]

_MOST = 50
"""Entries of the feed, newest first."""

_Entry = tuple[datetime, str, str, str]
"""When, the path of the page, a name of the event there, and its text."""


def feed_files(context: SiteContext) -> Iterator[File]:
    """Yield the feed; none while the site has no address, which a feed must name."""
    url = context.settings.url
    if url is None:
        return
    entries = sorted(_entries(context), key=lambda one: (one[0], one[1]), reverse=True)[:_MOST]
    feed = render(
        "feed.xml",
        url=url,
        title=clip(context.settings.title, 120),
        at=iso(entries[0][0]) if entries else "1970-01-01T00:00:00Z",
        entries=[
            (iso(at), context.frame.address(page), f"{context.frame.address(page)}#{name}", text)
            for at, page, name, text in entries
        ],
    )
    yield "feed.xml", feed + "\n"


def _entries(context: SiteContext) -> Iterator[_Entry]:
    settings, snapshot = context.settings, context.snapshot
    now = snapshot.closed_at or snapshot.at
    if settings.opens and now and settings.opens <= now:
        yield settings.opens, "index.html", "opened", "The contest is open."
    public = " in public" if settings.is_contest() else ""
    for track in settings.track:
        board = context.track_boards[track.id]
        page, decimals = f"track/{folder_name(track.id)}/index.html", board_decimals(board)
        events: Counter[str] = Counter()
        for leader in context.progress[track.id].leaders:
            score = number_text(leader.value, decimals)
            name = _name(leader.team_name, baseline=leader.baseline)
            does = "draws level with the leader of" if leader.level else "leads"
            text = f"{name} {does} {clip(track.title)}{public} with {score}"
            event = f"{'level' if leader.level else 'leader'}-{leader.at:%Y%m%dT%H%M%SZ}"
            events[event] += 1
            again = f"-{events[event]}" if events[event] > 1 else ""
            yield leader.at, page, f"{event}{again}", text
        first = [row for row in board.rows if row.rank == 1]
        if snapshot.closed_at and first:
            score = number_text(first[0].value, decimals)
            names = " and ".join(_name(row.team_name, baseline=row.baseline) for row in first[:3])
            more = f" and {len(first) - 3} more" if len(first) > 3 else ""
            text = f"Final standings of {clip(track.title)}: {names}{more} with {score}"
            yield snapshot.closed_at, page, "closed", f"{text}. {ties_text(board)}"


def _name(name: str, *, baseline: bool) -> str:
    return f"{clip(name)} (baseline)" if baseline else clip(name)
