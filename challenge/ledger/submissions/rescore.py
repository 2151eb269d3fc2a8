"""Scoring every submission again after a task or the scorer changed; nothing is overwritten.

The new scores form a new scoring version. They are stored with the new card in one transaction, so
a board never mixes two versions. The Ladder is replayed from the first submission on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa

from challenge.errors import Fault, LedgerError, SubmissionError, counted
from challenge.kinds import Metric
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock, schema
from challenge.ledger.store.rows import read_teams
from challenge.ledger.store.versions import (
    ScoringVersion,
    add_scoring_version,
    closed_at,
    current_scoring_versions,
    lacks_right_rows,
    lacks_scores,
    record_baseline_score,
    record_card,
)
from challenge.ledger.submissions.best import best_positions, ranks_of
from challenge.ledger.submissions.ladder import Release, climb
from challenge.ledger.submissions.score_rows import (
    Scored,
    insert_score,
    ladder_step,
    ladder_steps,
    score_file,
)
from challenge.ledger.submissions.submit import scored_subset
from challenge.task import Subset, Task

__all__ = ["RescoreReport", "RescoreRow", "rescore"]


@dataclass(frozen=True)
class RescoreRow:
    """A team's score and rank on a task before and after; None where it has no score.

    While a contest runs the values are those that the Ladder released.
    """

    team: str
    old_submission: int | None
    new_submission: int | None
    old_value: float | None
    new_value: float | None
    old_rank: int | None
    new_rank: int | None

    def as_json(self) -> dict[str, object]:
        """Return the row as plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class RescoreReport:
    """What a rescore of one task changed, or would change.

    `unchanged`: task and scorer are those of the stored scores. `unscorable` maps a submission to
    the reason why it cannot be scored: its rows are not those of the task.
    """

    task: str
    unchanged: bool
    stored: bool
    n_submissions: int
    rows: tuple[RescoreRow, ...] = ()
    unscorable: dict[int, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {
            "task": self.task,
            "unchanged": self.unchanged,
            "stored": self.stored,
            "n_submissions": self.n_submissions,
            "rows": [row.as_json() for row in self.rows],
            "unscorable": {str(key): reason for key, reason in self.unscorable.items()},
        }


@dataclass(frozen=True)
class _Entry:
    """The data of a submission that a rescore needs."""

    id: int
    team: int
    sha256: str
    withdrawn: bool
    final: bool


def rescore(
    ledger: Ledger,
    task_ids: Sequence[str] = (),
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[RescoreReport]:
    """Score all submissions of the tasks again where needed (default: all with submissions).

    Raises LedgerError with every predictions file that is missing, TaskError when challenge.toml
    breaks a rule of the contest; then nothing is stored.
    """
    with ledger.store.reading() as connection:
        # Subset and step follow from settings that must not change while a contest runs.
        ledger.check_settings_in(connection, clock.now())
        known = current_scoring_versions(connection)
    wanted = task_ids or [name for name in ledger.challenge.built_ids() if name in known]
    return [
        _rescore_task(ledger, ledger.challenge.task(name), dry_run, progress) for name in wanted
    ]


def _rescore_task(
    ledger: Ledger, task: Task, dry_run: bool, progress: Callable[[str], None] | None
) -> RescoreReport:
    from challenge.scoring.score import SCORER_VERSION, baseline_score

    with ledger.store.reading() as connection:
        old = current_scoring_versions(connection).get(task.id)
        entries = _entries(connection, task.id)
        closed = closed_at(connection) is not None
        deciding = _deciding(ledger, closed)
        metric = task.kind.metric(task.metric)
        stored = {} if old is None else _stored_values(connection, old, deciding)
        before = _best(entries, stored, metric)
        groupings = set() if old is None else _groupings(connection, old)
        subset = scored_subset(ledger.settings, task)
        lacks = old is not None and (
            (subset is not None and lacks_scores(connection, old, subset))
            or (task.kind.has_right_answers and lacks_right_rows(connection, old))
        )
    missing = ledger.files.missing([entry.sha256 for entry in entries])
    if missing:
        raise LedgerError(missing)
    subsets = _subsets(ledger, task, closed)
    same = old is not None and old.is_of(task, SCORER_VERSION)
    if same and not lacks and not _grouping_changed(task, entries, ledger, subsets, groupings):
        return RescoreReport(task.id, True, False, len(entries))
    scores, unscorable = _score_all(ledger, task, entries, subsets, progress)
    baseline_scores = {subset: baseline_score(task, subset).value for subset in subsets}
    steps, releases = _replayed(ledger, task, entries, scores, baseline_scores.get("public"))
    values = {
        key: scored.score.primary.value for (key, of), scored in scores.items() if of == deciding
    }
    if deciding == "public":
        values = {key: one.value if one.released else None for key, one in releases.items()}
    after = _best(entries, values, metric)
    if not dry_run:
        with ledger.store.writing() as connection:
            ledger.store.lock_still(connection)
            if _entries(connection, task.id) != entries or old != current_scoring_versions(
                connection
            ).get(task.id):
                raise LedgerError(
                    Fault(
                        f"task {task.id}",
                        "a submission arrived during the rescore",
                        "no new submission during a rescore",
                        "run the command again; nothing was stored",
                        code="rescore-again",
                    )
                )
            at = clock.now()
            scoring_version = add_scoring_version(connection, task, SCORER_VERSION, at)
            record_card(connection, task, at)
            for subset in subsets:
                value = baseline_scores[subset]
                record_baseline_score(connection, scoring_version, subset, value, at)
            for (key, subset), scored in scores.items():
                ladder = (steps[key], releases[key]) if subset == "public" else (0.0, None)
                step, release = ladder
                insert_score(
                    connection, key, scoring_version, scored, at, step=step, release=release
                )
    rows = _side_by_side(before, after, _names(ledger), metric)
    return RescoreReport(task.id, False, not dry_run, len(entries), rows, unscorable)


def _entries(connection: sa.Connection, task_id: str) -> list[_Entry]:
    rows, gone, finals = schema.submissions, schema.withdrawals, schema.finals
    query = (
        sa.select(rows.c.id, rows.c.team, rows.c.sha256, gone.c.id, finals.c.id)
        .select_from(
            rows.outerjoin(gone, gone.c.submission == rows.c.id).outerjoin(
                finals, finals.c.submission == rows.c.id
            )
        )
        .where(rows.c.task == task_id)
        .order_by(rows.c.id)
    )
    return [
        _Entry(key, team, sha256, withdrawn is not None, final is not None)
        for key, team, sha256, withdrawn, final in connection.execute(query)
    ]


def _subsets(ledger: Ledger, task: Task, closed: bool) -> tuple[Subset, ...]:
    subset = scored_subset(ledger.settings, task)
    first: tuple[Subset, ...] = () if subset is None else (subset,)
    return (*first, "private") if closed and ledger.settings.is_contest() else first


def _groupings(connection: sa.Connection, scoring_version: ScoringVersion) -> set[tuple[str, str]]:
    scores = schema.scores
    query = (
        sa.select(scores.c.subset, scores.c.grouping_hash)
        .where(scores.c.scoring_version == scoring_version.id)
        .distinct()
    )
    return {(row.subset, row.grouping_hash) for row in connection.execute(query)}


def _grouping_changed(
    task: Task,
    entries: list[_Entry],
    ledger: Ledger,
    subsets: tuple[Subset, ...],
    groupings: set[tuple[str, str]],
) -> bool:
    """Whether the clusters of the task's rows differ from those of the stored scores."""
    from challenge.scoring import read_predictions
    from challenge.scoring.score import score_predictions

    if not entries or not groupings:
        return False
    try:
        predictions = read_predictions(task, ledger.files.open_path(entries[0].sha256))
    except SubmissionError:
        return False
    fresh = {
        (subset, score_predictions(task, predictions, subset).grouping_hash) for subset in subsets
    }
    return any(
        pair not in groupings for pair in fresh if pair[0] in {subset for subset, _ in groupings}
    )


def _score_all(
    ledger: Ledger,
    task: Task,
    entries: list[_Entry],
    subsets: tuple[Subset, ...],
    progress: Callable[[str], None] | None,
) -> tuple[dict[tuple[int, Subset], Scored], dict[int, str]]:
    from challenge.scoring import read_predictions

    scores: dict[tuple[int, Subset], Scored] = {}
    unscorable: dict[int, str] = {}
    for done, entry in enumerate(entries, 1):
        try:
            predictions = read_predictions(task, ledger.files.open_path(entry.sha256))
        except SubmissionError as error:
            unscorable[entry.id] = "; ".join(fault.found for fault in error.faults)
            continue
        for subset in subsets:
            if subset != "private" or entry.final:
                scores[entry.id, subset] = score_file(task, predictions, subset)
        if progress:
            progress(f"{task.id}: scored {done} of {counted(len(entries), 'submission')}")
    return scores, unscorable


def _replayed(
    ledger: Ledger,
    task: Task,
    entries: list[_Entry],
    scores: dict[tuple[int, Subset], Scored],
    baseline_score: float | None,
) -> tuple[dict[int, float], dict[int, Release]]:
    """Return the step and the release of the Ladder, by submission, from the first one on."""
    metric = task.kind.metric(task.metric)
    used: dict[int, float] = {}
    releases: dict[int, Release] = {}
    references: dict[int, float | None] = {}
    n_before: dict[int, int] = {}
    for entry in entries:
        scored = scores.get((entry.id, "public"))
        if scored is not None:
            step = ladder_step(ledger.settings, task, scored.score, baseline_score)
            value = scored.score.primary.value
            n_before[entry.team] = n_before.get(entry.team, -1) + 1
            steps = ladder_steps(ledger.settings, task, scored.score, n_before[entry.team])
            release = climb(metric, references.get(entry.team), value, step, steps)
            used[entry.id], releases[entry.id] = step, release
            references[entry.team] = release.value
    return used, releases


def _stored_values(
    connection: sa.Connection, scoring_version: ScoringVersion, subset: Subset
) -> dict[int, float | None]:
    scores = schema.scores
    column = scores.c.public_value if subset == "public" else scores.c.value
    query = sa.select(scores.c.submission, column).where(
        scores.c.scoring_version == scoring_version.id, scores.c.subset == subset
    )
    return {row[0]: row[1] for row in connection.execute(query)}


_Best = dict[int, tuple[int, float]]
"""The best submission and its value, by team."""


def _best(entries: list[_Entry], values: Mapping[int, float | None], metric: Metric) -> _Best:
    found = [
        (entry.team, entry.id, value)
        for entry in entries
        if not entry.withdrawn and (value := values.get(entry.id)) is not None
    ]
    team, key = (np.array([row[i] for row in found], dtype=np.int64) for i in (0, 1))
    merit = np.array([metric.merit(value) for _, _, value in found])
    best = [found[position] for position in best_positions(merit, key, team)]
    return {team_id: (submission, float(value)) for team_id, submission, value in best}


def _deciding(ledger: Ledger, closed: bool) -> Subset:
    if not ledger.settings.is_contest():
        return "all"
    return "private" if closed else "public"


def _side_by_side(
    before: _Best, after: _Best, names: dict[int, str], metric: Metric
) -> tuple[RescoreRow, ...]:
    old, new = (
        ranks_of({team: metric.merit(value) for team, (_, value) in best.items()})
        for best in (before, after)
    )
    rows = [
        RescoreRow(
            team=names[team],
            old_submission=before[team][0] if team in before else None,
            new_submission=after[team][0] if team in after else None,
            old_value=before[team][1] if team in before else None,
            new_value=after[team][1] if team in after else None,
            old_rank=old.get(team),
            new_rank=new.get(team),
        )
        for team in sorted(before.keys() | after.keys())
    ]
    return tuple(
        sorted(rows, key=lambda row: (row.new_rank or len(rows) + 1, row.old_rank or 0, row.team))
    )


def _names(ledger: Ledger) -> dict[int, str]:
    with ledger.store.reading() as connection:
        return {key: team.name for key, team in read_teams(connection, ledger.settings).items()}
