"""Identical and nearly identical predictions of different teams; for the organiser only.

No label is in the answer: it has counts of rows, and which submissions they are of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from challenge.errors import counted
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import schema
from challenge.ledger.store.records import Team
from challenge.ledger.submissions.submit import scored_subset

__all__ = ["SimilarPair", "similar_pairs"]

_NEWEST = 10
"""Submissions of each team and task that are compared: its newest ones."""


@dataclass(frozen=True)
class SimilarPair:
    """Two submissions of different teams on a task, and their teams.

    `identical`, or with the same wrong answer to `n_same` of `n_wrong` rows, where the error rates
    of both explain `expected`.
    """

    task: str
    a: int
    b: int
    team_a: str
    team_b: str
    identical: bool
    n_same: int = 0
    n_wrong: int = 0
    expected: float = 0.0

    def as_json(self) -> dict[str, object]:
        """Return the pair as plain values."""
        return dict(vars(self))

    def line(self) -> str:
        """Return the pair as one sentence."""
        both = f"{self.task}: submission {self.a} ({self.team_a}) and {self.b} ({self.team_b})"
        if self.identical:
            return f"{both} are identical"
        return (
            f"{both} have the same wrong answer to {counted(self.n_same, 'row')}; the fewer wrong "
            f"ones are {self.n_wrong:,}, and their error rates explain {self.expected:,.0f}"
        )


@dataclass(frozen=True)
class _Row:
    id: int
    team: int
    sha256: str
    content: str


def similar_pairs(
    ledger: Ledger,
    *,
    tasks: Collection[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[SimilarPair]:
    """Return the pairs of different teams that are identical or share too many wrong answers.

    Compared are the newest ten submissions of each team that are not withdrawn, on the rows that
    are scored now. Baselines are compared for identical files only: honest methods are like
    them. `tasks` None: all with submissions. A task that needs a rescore, or whose
    predictions are numbers, is compared for identical files only.
    """
    found: list[SimilarPair] = []
    teams, rows = _submissions(ledger)
    names = {key: team.name for key, team in teams.items()}
    for task, entries in sorted(rows.items()):
        if tasks is not None and task not in tasks:
            continue
        if progress is not None:
            progress(task)
        found += [
            SimilarPair(task, a.id, b.id, names[a.team], names[b.team], True)
            for index, a in enumerate(entries)
            for b in entries[index + 1 :]
            if a.content == b.content and a.team != b.team
        ]
        of_teams = [entry for entry in entries if not teams[entry.team].baseline]
        found += _near(ledger, task, of_teams, names)
    return found


def _submissions(ledger: Ledger) -> tuple[dict[int, Team], dict[str, list[_Row]]]:
    from challenge.ledger.store.rows import read_teams

    table, gone = schema.submissions, schema.withdrawals
    query = (
        sa.select(table.c.task, table.c.id, table.c.team, table.c.sha256, table.c.content)
        .select_from(table.outerjoin(gone, gone.c.submission == table.c.id))
        .where(gone.c.id.is_(None))
        .order_by(table.c.id.desc())
    )
    rows: defaultdict[str, list[_Row]] = defaultdict(list)
    counts: defaultdict[tuple[str, int], int] = defaultdict(int)
    with ledger.store.reading() as connection:
        teams = read_teams(connection, ledger.settings)
        for task, *values in connection.execute(query):
            row = _Row(*values)
            counts[task, row.team] += 1
            if counts[task, row.team] <= _NEWEST:
                rows[task].insert(0, row)
    return teams, dict(rows)


def _near(
    ledger: Ledger, task_id: str, entries: list[_Row], names: dict[int, str]
) -> list[SimilarPair]:
    from challenge.errors import ChallengeError
    from challenge.scoring import read_predictions
    from challenge.scoring.score import solution_part
    from challenge.scoring.statistics.shared_errors import shared_errors

    if task_id not in ledger.challenge.built_ids():
        return []
    task = ledger.challenge.task(task_id)
    subset = scored_subset(ledger.settings, task)
    if subset is None or not task.kind.has_decisions or len({row.team for row in entries}) < 2:
        return []
    part = solution_part(task, subset)
    chosen, answers = [], []
    for row in {row.content: row for row in reversed(entries)}.values():
        try:
            predictions = read_predictions(task, ledger.files.open_path(row.sha256))
        except ChallengeError:
            # Of another build of the task, or damaged: `rescore` and `verify` say so.
            continue
        chosen.append(row)
        answers.append(part.of(predictions.codes))
    truth = part.labels.astype(np.int32)
    found = []
    for one in shared_errors(truth, answers, [row.team for row in chosen]):
        a, b = sorted((chosen[one.a], chosen[one.b]), key=lambda row: row.id)
        teams = names[a.team], names[b.team]
        found.append(
            SimilarPair(task_id, a.id, b.id, *teams, False, one.n_same, one.n_wrong, one.expected)
        )
    return found
