"""What pages are made of: the snapshot, its boards, and the words that several pages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from challenge.board.markup import decimals_for, number_text
from challenge.board.pages.page_frame import Frame
from challenge.board.plots import Line
from challenge.board.rules.board_rows import Board, TaskBoard, TrackBoard
from challenge.ledger.store.records import Card
from challenge.ledger.store.snapshot import Snapshot
from challenge.task.settings import Settings

__all__ = ["MODALITY_WORDS", "BoardPage", "File", "SiteContext"]

File = tuple[str, "str | bytes"]
"""A path under the site's root with `/`, and what stands in it."""


@dataclass(frozen=True)
class BoardPage:
    """One page of a long board: drawn only when `mark` is not that of the page that is there."""

    path: str
    mark: str
    draw: Callable[[], str]


_COARSE = 0.04
"""From here on a step of the Ladder hides differences that people look for."""
MODALITY_WORDS = ("text", "numeric", "categorical", "image")


@dataclass(frozen=True)
class SiteContext:
    """All that a page may show."""

    snapshot: Snapshot
    task_boards: Mapping[str, TaskBoard]
    track_boards: Mapping[str, TrackBoard]
    progress: Mapping[str, tuple[Line, ...]]
    """Score over time per track, oldest first, the overall best last."""
    frame: Frame
    _decimals: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def settings(self) -> Settings:
        """The rules as they stood at the snapshot's moment."""
        return self.snapshot.settings

    def card(self, task_id: str) -> Card:
        """Return a task's stored card."""
        return self.snapshot.cards[task_id]

    def title(self, task_id: str) -> str:
        """Return a task's title, its id when it has no card yet."""
        card = self.snapshot.cards.get(task_id)
        return str(card.task["title"]) if card else task_id

    def decimals(self, task_id: str) -> int:
        """Return the decimals of scores of a task, from the intervals of its board."""
        if task_id not in self._decimals:
            board = self.task_boards.get(task_id)
            self._decimals[task_id] = board_decimals(board) if board else 3
        return self._decimals[task_id]

    def modalities(self, task_id: str) -> list[str]:
        """Return the modalities of a task's columns, in a fixed order, each once."""
        columns: list[dict[str, Any]] = self.card(task_id).task["columns"]
        present = {column["modality"] for column in columns}
        return [modality for modality in MODALITY_WORDS if modality in present]

    def tasks(self) -> list[str]:
        """Return the tasks that have a page: in the order of the tracks, others after them."""
        tracks = [task for track in self.settings.track for task in track.tasks]
        return [
            t for t in dict.fromkeys([*tracks, *self.snapshot.cards]) if t in self.snapshot.cards
        ]

    def progress_words(self) -> str:
        """Return what the plot of scores over time shows: always the public subset."""
        if not self.settings.is_contest():
            return "Mean score over time"
        if self.snapshot.closed_at is None:
            return "Mean public score over time"
        return "Mean public score until the close; the standings are of the private subset"

    def step_words(self, tasks: Sequence[str]) -> str:
        """Return the steps of public scores while a contest runs; empty otherwise."""
        steps = self.snapshot.steps if self.snapshot.subset == "public" else {}
        known = [task for task in tasks if steps.get(task)]
        if not known:
            return ""
        each = ", ".join(
            number_text(steps[task]) + (f" ({self.title(task)})" if len(tasks) > 1 else "")
            for task in known
        )
        words = f"Public scores move in steps of {each}, so that nobody can learn the hidden rows"
        if max(steps[task] for task in known) >= _COARSE:
            words += "; where a step is that large, teams of different strength share a rank"
        return words + "."

    def state_words(self) -> str:
        """Return where the challenge stands, in one short sentence."""
        if not self.settings.is_contest():
            return "Open benchmark: every score counts at once."
        if self.snapshot.closed_at:
            return "Closed: these are the final standings."
        return "Running: scores are of the public subset of the hidden rows."


def board_decimals(board: Board[Any]) -> int:
    """Return the decimals that respect the intervals of the upper part of a board."""
    return decimals_for(
        (row.high - row.low) / 2 if row.low is not None and row.high is not None else None
        for row in board.rows[:50]
    )
