"""The public names of the rules: boards and their rows, matrix, progress, shake-up."""

from __future__ import annotations

from challenge.board.rules.board_rows import Cell, TaskRow, TrackRow
from challenge.board.rules.boards import TaskBoard, TrackBoard
from challenge.board.rules.entries import N_COMPARED, ReplicateSource
from challenge.board.rules.method_matrix import Matrix, MatrixRow, method_matrix
from challenge.board.rules.progress import Progress, Series, progress_series, track_progress
from challenge.board.rules.shake_up import Move, ShakeUp, shake_up
from challenge.board.rules.task_board import task_board
from challenge.board.rules.track_board import track_board

__all__ = [
    "N_COMPARED",
    "Cell",
    "Matrix",
    "MatrixRow",
    "Move",
    "Progress",
    "ReplicateSource",
    "Series",
    "ShakeUp",
    "TaskBoard",
    "TaskRow",
    "TrackBoard",
    "TrackRow",
    "method_matrix",
    "progress_series",
    "shake_up",
    "task_board",
    "track_board",
    "track_progress",
]
