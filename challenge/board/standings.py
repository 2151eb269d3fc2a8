"""The public names of the rules: boards, their rows, and who stands where."""

from __future__ import annotations

from challenge.board.entries import N_COMPARED, ReplicateSource
from challenge.board.rows import Cell, TaskBoard, TaskRow, TrackBoard, TrackRow
from challenge.board.task_board import task_board
from challenge.board.track_board import track_board

__all__ = [
    "N_COMPARED",
    "Cell",
    "ReplicateSource",
    "TaskBoard",
    "TaskRow",
    "TrackBoard",
    "TrackRow",
    "task_board",
    "track_board",
]
