"""The public names of the rules: boards, their rows, and who stands where."""

from __future__ import annotations

from challenge.board.rows import Cell, TaskBoard, TaskRow, TrackBoard, TrackRow

__all__ = ["Cell", "TaskBoard", "TaskRow", "TrackBoard", "TrackRow"]
