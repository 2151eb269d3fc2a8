"""A team's submissions as its pages show them: which count, and the state of each."""

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

    @property
    def scored(self) -> bool:
        """Whether it has a score that boards count among the entries of the team."""
        score = self.score
        return score is not None and score.value is not None and not self.submission.withdrawn


def team_lines(context: SiteContext, entries: Sequence[Entry], public: PublicScores) -> list[Line]:
    """Return a team's submissions, oldest first."""
    return [_line(context, entry, public) for entry in entries]


def _line(context: SiteContext, entry: Entry, public: PublicScores) -> Line:
    submission, score = entry
    counts = submission.id in context.counting
    if submission.withdrawn:
        state = "withdrawn"
    elif counts:
        state = "on the board"
    elif score is not None:
        state = "scored"
    elif context.settings.is_contest() and context.snapshot.closed_at is None:
        state = "no public score"
    elif context.settings.is_contest():
        state = "not a final"
    else:
        state = "not scored"
    return Line(submission, score, state, counts, public.get(submission.id))
