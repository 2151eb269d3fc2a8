"""What pages are made of: the snapshot, its boards, and the texts that several pages share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from challenge.board.markup import (
    folder_name,
    half_widths,
    number_text,
    of_unit_scale,
    score_decimals,
)
from challenge.board.pages.page_frame import Frame
from challenge.board.pages.public_data import PublicData
from challenge.board.rules.boards import Board, TaskBoard, TrackBoard
from challenge.board.rules.progress import Progress
from challenge.errors import counted
from challenge.kinds import Kind, Metric, kind_of
from challenge.ledger.store.records import Card
from challenge.ledger.store.snapshot import Snapshot
from challenge.task import Subset
from challenge.task.export import KeptExport
from challenge.task.modalities import MODALITIES
from challenge.task.settings import Settings

__all__ = ["File", "MarkedPage", "SiteContext"]

File = tuple[str, "str | bytes"]
"""A path under the site's root with `/`, and its content."""


@dataclass(frozen=True)
class MarkedPage:
    """A file that is drawn only when `mark`, a text of all that it shows, has changed."""

    path: str
    mark: str
    draw: Callable[[], str | bytes]


_COARSE = 0.04
"""A step of the Ladder of at least this size hides differences that people look for."""


@dataclass(frozen=True)
class SiteContext:
    """All that a page may show."""

    snapshot: Snapshot
    task_boards: Mapping[str, TaskBoard]
    track_boards: Mapping[str, TrackBoard]
    progress: Mapping[str, Progress]
    """Score over time per track."""
    task_progress: Mapping[str, Progress]
    """Score over time per task."""
    frame: Frame
    data: Mapping[str, PublicData] = field(default_factory=dict)
    """What there is to download of each task."""
    notice: str | None = None
    """A line for the home page on the attack before the contest opens."""
    _decimals: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def settings(self) -> Settings:
        """The settings at the snapshot's moment."""
        return self.snapshot.settings

    def card(self, task_id: str) -> Card:
        """Return a task's stored card."""
        return self.snapshot.cards[task_id]

    def kind(self, task_id: str) -> Kind:
        """Return a task's kind."""
        return kind_of(self.card(task_id).task["kind"])

    def metric(self, task_id: str) -> Metric:
        """Return a task's primary metric."""
        return self.card(task_id).metric

    def title(self, task_id: str) -> str:
        """Return a task's title, its id when it has no card yet."""
        card = self.snapshot.cards.get(task_id)
        return str(card.task["title"]) if card else task_id

    def decimals(self, task_id: str) -> int:
        """Return the decimals of scores of a task, from the intervals of its board."""
        if task_id not in self._decimals:
            self._decimals[task_id] = board_decimals(self.task_boards[task_id])
        return self._decimals[task_id]

    def resolution_text(self, task_id: str, resolution: float | None) -> str:
        """Return what one row is worth on the scale of the metric; empty where it is unknown."""
        if not resolution:
            return ""
        metric = self.metric(task_id)
        own = score_decimals(metric, [resolution])
        decimals = max(self.decimals(task_id), 4) if of_unit_scale(metric) else own
        return number_text(resolution, decimals)

    def rows_text(self, task_id: str, subset: Subset, n: int, n_clusters: int | None) -> str:
        """Return on which rows a score is: exact for the whole test set, a share for a subset."""
        if subset != "all":
            share = self.card(task_id).task.get("split", {}).get("public")
            if not isinstance(share, (int, float)):
                return ""
            part = share if subset == "public" else 1 - share
            return f"about {100 * part:.0f} % of the test rows"
        text = counted(n, "row")
        if n_clusters and n_clusters != n:
            text += f" in {counted(n_clusters, 'independent cluster')}"
        return text

    def archives(self) -> Iterator[tuple[str, KeptExport]]:
        """Yield the tasks whose zip the site holds, and the zip."""
        for task, data in self.data.items():
            if self.settings.downloads:
                yield task, data.archive

    def archive_path(self, task_id: str) -> str:
        """Return where the zip of a task is in the site."""
        folder = folder_name(task_id)
        return f"task/{folder}/{folder}.zip"

    def modalities(self, task_id: str) -> list[str]:
        """Return the modalities of a task's columns, in a fixed order, each once."""
        columns: list[dict[str, Any]] = self.card(task_id).task["columns"]
        present = sorted({column["modality"] for column in columns})
        known = [name for name in MODALITIES if name in present]
        return list(dict.fromkeys([*known, *present]))

    @cached_property
    def counting(self) -> frozenset[int]:
        """The submissions whose scores the task boards show."""
        return frozenset(
            row.submission
            for board in self.task_boards.values()
            for row in board.rows
            if row.value is not None
        )

    def tasks(self) -> list[str]:
        """Return the tasks that have a page: in the order of the tracks, others after them."""
        tracks = [task for track in self.settings.track for task in track.tasks]
        return [
            t for t in dict.fromkeys([*tracks, *self.snapshot.cards]) if t in self.snapshot.cards
        ]

    def progress_text(self, score: str = "mean score") -> str:
        """Return what the plot of `score` over time shows: always the public subset."""
        if self.settings.is_contest():
            score = score.replace("score", "public score")
        if self.settings.is_contest() and self.snapshot.closed_at is not None:
            when = "until the close; the standings are of the private subset"
        else:
            when = "over time"
        return f"{score.capitalize()} {when}"

    def steps_text(self, tasks: Sequence[str]) -> str:
        """Return the steps of public scores while a contest runs; empty otherwise."""
        steps = self.snapshot.steps if self.snapshot.subset == "public" else {}
        known = [task for task in tasks if steps.get(task)]
        if not known:
            return ""
        each = ", ".join(
            self.step_text(task) + (f" ({self.title(task)})" if len(tasks) > 1 else "")
            for task in known
        )
        text = f"Public scores move in steps of {each}, to protect the hidden labels"
        if any(of_unit_scale(self.metric(task)) and steps[task] >= _COARSE for task in known):
            text += "; where a step is large, teams of different strength share a rank"
        return text + "."

    def step_text(self, task_id: str) -> str:
        """Return the step of a task's public scores."""
        step = self.snapshot.steps[task_id]
        return number_text(step, score_decimals(self.metric(task_id), [step]))

    def state_text(self) -> str:
        """Return in one short sentence whether the challenge is running or closed."""
        if not self.settings.is_contest():
            return "Open benchmark: every score counts at once."
        if self.snapshot.closed_at:
            return "Closed: these are the final standings."
        return "Running: scores are of the public subset of the hidden rows."


def board_decimals(board: Board[Any]) -> int:
    """Return the decimals of the scores of a board, from the intervals of its upper part."""
    rows = board.rows[:50]
    widths = half_widths((row.low, row.high) for row in rows)
    return score_decimals(board.metric, [row.value for row in rows], widths)
