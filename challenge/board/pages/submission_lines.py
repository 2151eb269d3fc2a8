"""A team's submissions as its pages show them: which count, and the state of each in a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from challenge.board.pages.site_context import SiteContext
from challenge.ledger.store.records import Entry, StoredScore, Submission

__all__ = ["Line", "PublicScores", "team_lines"]

PublicScores = Mapping[int, tuple[float | None, float | None, float | None]]
"""After the close: submission id to public value, low and high."""


@dataclass(frozen=True)
class Line:
    """One submission; `public` is its public figure beside the final one, after the close."""

    submission: Submission
    score: StoredScore | None
    state: str
    counts: bool
    public: tuple[float | None, float | None, float | None] | None


def team_lines(context: SiteContext, entries: Sequence[Entry], public: PublicScores) -> list[Line]:
    """Return a team's submissions, oldest first."""
    counting = _counting(entries)
    return [_line(context, entry, counting, public) for entry in entries]


def _counting(entries: Sequence[Entry]) -> frozenset[int]:
    """Return the submissions that a board shows: the best of each task, the earlier at a tie."""
    best: dict[str, tuple[float, int]] = {}
    for submission, score in entries:
        if submission.withdrawn or score is None or score.value is None:
            continue
        key = (-round(score.value, 12), submission.id)
        best[submission.task] = min(best.get(submission.task, key), key)
    return frozenset(submission for _, submission in best.values())


def _line(
    context: SiteContext, entry: Entry, counting: frozenset[int], public: PublicScores
) -> Line:
    submission, score = entry
    if submission.withdrawn:
        state = "withdrawn"
    elif submission.id in counting:
        state = "on the board"
    elif score is not None:
        state = "scored"
    elif context.settings.is_contest() and context.snapshot.closed_at is None:
        state = "no public score"
    elif context.settings.is_contest():
        state = "not a final"
    else:
        state = "not scored"
    return Line(submission, score, state, submission.id in counting, public.get(submission.id))
