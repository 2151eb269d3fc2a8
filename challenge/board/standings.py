"""The public names of the rules: boards, their rows, and who stands where."""

from __future__ import annotations

from challenge.board.rows import Cell, Half, TaskBoard, TaskRow, TrackBoard, TrackRow

__all__ = ["Cell", "Half", "TaskBoard", "TaskRow", "TrackBoard", "TrackRow"]
