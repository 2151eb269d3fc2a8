"""Public rank against final rank: what the hidden subset changed, once a contest is closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.task_board import task_board
from challenge.board.rules.track_board import track_board
from challenge.ledger.store.snapshot import Snapshot

__all__ = ["Move", "ShakeUp", "rank_correlation", "shake_up"]


@dataclass(frozen=True)
class Move:
    """The ranks of one team on the public and the final board; `change` > 0 is upwards."""

    team: int
    team_name: str
    public_rank: int
    final_rank: int
    change: int
    public_value: float
    final_value: float
    gap: float
    """By how much the public score was better than the final one."""


@dataclass(frozen=True)
class ShakeUp:
    """All moves of a task or a track, in the order of the final board.

    `correlation` is Spearman's between the ranks, None for fewer than three teams or when all
    ranks of one board are equal.
    """

    about: str
    moves: tuple[Move, ...]
    correlation: float | None

    def as_json(self) -> dict[str, object]:
        """Return the moves as plain values."""
        return {
            "format": 1,
            "about": self.about,
            "correlation": self.correlation,
            "moves": [
                {
                    "team": move.team_name,
                    "public_rank": move.public_rank,
                    "final_rank": move.final_rank,
                    "change": move.change,
                    "public_value": move.public_value,
                    "final_value": move.final_value,
                    "gap": move.gap,
                }
                for move in self.moves
            ],
        }


def shake_up(snapshot: Snapshot, about: str) -> ShakeUp | None:
    """Compare the public with the final board of a track or task; None before the close.

    `about` is a track's id, else a task's. Teams that have a rank on both boards only.
    """
    if snapshot.subset != "private" or snapshot.public is None:
        return None
    ranked = track_board if about in {track.id for track in snapshot.settings.track} else task_board
    before = {
        row.team: (row.rank, row.value)
        for row in ranked(snapshot, about, None, subset="public").rows
    }
    board = ranked(snapshot, about, None)
    moves = []
    for row in board.rows:
        public_rank, public_value = before.get(row.team, (None, None))
        if row.rank is None or row.value is None or public_rank is None or public_value is None:
            continue
        moves.append(
            Move(
                row.team,
                row.team_name,
                public_rank,
                row.rank,
                public_rank - row.rank,
                public_value,
                row.value,
                round(board.metric.merit(public_value - row.value), 12),
            )
        )
    publics = np.array([move.public_rank for move in moves], dtype=np.float64)
    finals = np.array([move.final_rank for move in moves], dtype=np.float64)
    return ShakeUp(about, tuple(moves), rank_correlation(publics, finals))


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Spearman's rank correlation, equal values at their mean rank; None where it is undefined.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    0.5
    """
    if len(a) < 3:
        return None
    x, y = _mean_ranks(a), _mean_ranks(b)
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else None


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    ascending = np.sort(values)
    below = np.searchsorted(ascending, values, side="left")
    upto = np.searchsorted(ascending, values, side="right")
    ranks: NDArray[np.float64] = (below + upto + 1) / 2
    return ranks
