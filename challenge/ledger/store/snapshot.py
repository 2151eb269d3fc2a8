"""The ledger at one moment: everything that boards and pages are built from.

A snapshot depends only on rows up to its moment, so any past board can be rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from challenge.ledger.store.records import Card, Entry, PrimaryScores, StoredScore, Submission, Team
from challenge.ledger.store.rows import RowSource

if TYPE_CHECKING:
    from challenge.kinds.statistics.grouping import Grouping
    from challenge.kinds.statistics.vector import Vector
    from challenge.ledger.submissions.failed_runs import FailedRuns
    from challenge.task import Subset
    from challenge.task.settings import Settings

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """The content of the ledger at one moment.

    `at` is the newest event up to that moment, None in an empty ledger. `subset` decides the board:
    `all` in a benchmark, `public` while a contest runs, `private` after the close. `primary` holds
    the scores of that subset (after the close: of the finals only, at most two a team and task),
    `public` those of the public subset in a contest, running or closed. `baseline_scores` is the
    score of the trivial baseline per task on `subset`. `unscored` names tasks whose public subset
    is too small to be shown; they stay out of every team's public mean. `steps` is the step of the
    Ladder per task, 0 where figures are exact.
    """

    at: datetime | None
    settings: Settings
    cards: Mapping[str, Card]
    teams: Mapping[int, Team]
    subset: Subset
    primary: PrimaryScores
    baseline_scores: Mapping[str, float]
    source: RowSource = field(repr=False, compare=False)
    closed_at: datetime | None = None
    public: PrimaryScores | None = None
    public_baseline_scores: Mapping[str, float] = field(default_factory=dict)
    finals: Mapping[tuple[int, str], tuple[int, ...]] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    unscored: frozenset[str] = frozenset()

    def primary_of(self, subset: Subset) -> PrimaryScores:
        """Return the scores of a subset; KeyError when they may not be shown at this moment."""
        if subset == self.subset:
            return self.primary
        if subset == "public" and self.public is not None:
            return self.public
        raise KeyError(subset)

    def submission(self, submission_id: int) -> Submission:
        """Return one submission; raise WrongUse when there is none of this id."""
        return self.source.submission(submission_id)

    def submissions(
        self, *, team: int | None = None, task: str | None = None
    ) -> Iterator[Submission]:
        """Return submissions, withdrawn and unreleased ones too, ascending by id, streamed."""
        return self.source.submissions(team=team, task=task)

    def methods(self, submission_ids: Sequence[int]) -> Mapping[int, str]:
        """Return the method of each submission."""
        return self.source.methods(submission_ids)

    def by_agents(self) -> frozenset[int]:
        """Return the submissions that an agent made, as their notes say."""
        return self.source.by_agents

    def details(self, submission_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """Return what the method of each submission reported: cost, versions, features, seed."""
        return self.source.details(submission_ids)

    def failed_runs(self) -> FailedRuns:
        """Return the runs that ended without a file to score."""
        return self.source.failed_runs()

    def score(self, submission_id: int, subset: Subset | None = None) -> StoredScore | None:
        """Return what may be shown of a score on `subset` (default: the deciding subset)."""
        return self.source.score(submission_id, subset or self.subset)

    def entries(self) -> Iterator[tuple[int, list[Entry]]]:
        """Return each team that has submissions, ascending by id, with all of them in id order.

        Withdrawn submissions are included. One query, streamed: memory holds one team at a time.
        """
        current: int | None = None
        entries: list[Entry] = []
        for entry in self.source.entries(self.subset, team=None):
            team = entry[0].team
            if team != current:
                if current is not None:
                    yield current, entries
                current, entries = team, []
            entries.append(entry)
        if current is not None:
            yield current, entries

    def entries_of(self, team: int) -> list[Entry]:
        """Return the submissions of one team with their scores, in id order."""
        return list(self.source.entries(self.subset, team=team))

    def team_marks(self) -> Mapping[int, str]:
        """Return a text per team that changes with anything its pages show."""
        return self.source.team_marks()

    def vectors(
        self, submission_ids: Sequence[int], subset: Subset | None = None
    ) -> list[Vector | None]:
        """Return what each cluster contributes to the primary metric; None where there is none.

        Vectors are for arithmetic on the organiser's machine and must never be written to a page.
        """
        return self.source.vectors(submission_ids, subset or self.subset)

    def right_rows(self, submission_ids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Yield submissions with the rows that each has right, packed, as secret as the vectors.

        Only where rows may be compared: of the deciding subset, in a benchmark or after the close.
        Submissions without stored rows are left out.
        """
        if self.subset != "public":
            yield from self.source.right_rows(submission_ids, self.subset)

    def grouping(self, task: str) -> Grouping | None:
        """Return the clusters of those rows, as secret; None where none are stored."""
        return None if self.subset == "public" else self.source.grouping(task, self.subset)
