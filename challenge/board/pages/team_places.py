"""Where a team is on the boards, in words, for its own page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from challenge.board.markup import clip, folder_name, number_text
from challenge.board.pages.preview import N_RANKED, badge_text, place_text
from challenge.board.pages.site_context import SiteContext, board_decimals
from challenge.board.pages.standings_table import tie_text
from challenge.board.rules.board_rows import Standing, TrackRow
from challenge.board.rules.boards import Board

__all__ = ["TeamPlace", "team_places"]


@dataclass(frozen=True)
class TeamPlace:
    """A team on one board: the folder of the board, its title, "3rd of 11", and what is beside."""

    folder: str
    title: str
    place: str
    details: str
    badge: str
    """Where the badge is; empty on the board of a task."""
    badge_text: str
    prize: str
    """What the team won there, once the contest is over."""


def team_places(context: SiteContext) -> Mapping[int, tuple[TeamPlace, ...]]:
    """Return by team where it is on each board; only for the first teams of a board.

    So one submission changes the pages of its own team and of at most that many others.
    """
    found: dict[int, list[TeamPlace]] = {}

    def add(folder: str, board: Board[Any], title: str, *, track: bool) -> None:
        for row in board.rows[:N_RANKED]:
            if row.rank is not None:
                place = place_text(row.rank, board.n_scored)
                details = _details(row, board)
                badge = f"{folder}/badge/{row.slug}.svg" if track else ""
                badge_says = badge_text(row, board) if track else ""
                prize = row.prize or "" if isinstance(row, TrackRow) else ""
                found.setdefault(row.team, []).append(
                    TeamPlace(folder, title, place, details, badge, badge_says, prize)
                )

    for track in context.settings.track:
        board = context.track_boards[track.id]
        add(f"track/{folder_name(track.id)}", board, clip(track.title), track=True)
    for task in context.tasks():
        title = clip(context.title(task))
        add(f"task/{folder_name(task)}", context.task_boards[task], title, track=False)
    return {team: tuple(places) for team, places in found.items()}


def _details(row: Standing, board: Board[Any]) -> str:
    parts = []
    if row.rank_low is not None and row.rank_high is not None:
        one = row.rank_low == row.rank_high
        parts.append(f"rank {row.rank_low}" + ("" if one else f" to {row.rank_high}"))
    if tied := tie_text(row, board):
        parts.append(tied)
    if row.behind:
        parts.append(f"{number_text(row.behind, board_decimals(board))} behind")
    return ", ".join(parts)
