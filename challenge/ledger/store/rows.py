"""Reading rows of the ledger at one moment into records that may be shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from challenge.errors import Fault, WrongUse
from challenge.ledger.store import schema
from challenge.ledger.store.clock import from_micros
from challenge.ledger.store.database import Store
from challenge.ledger.store.records import AGENT_NOTE, Entry, StoredScore, Submission, Team
from challenge.ledger.store.versions import ScoringVersion
from challenge.ledger.submissions.failed_runs import FailedRuns, failed_runs_until
from challenge.ledger.submissions.ladder import outward, public_metrics
from challenge.ledger.submissions.names import fold
from challenge.ledger.submissions.score_rows import confusion_matrix_of
from challenge.task.coarse import coarse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from challenge.kinds.statistics.grouping import Grouping
    from challenge.kinds.statistics.vector import Vector
    from challenge.task import Subset
    from challenge.task.settings import Settings

__all__ = [
    "RowSource",
    "plain_rows",
    "read_teams",
    "score_of",
    "score_rows",
    "submission_of",
    "submission_row",
    "unknown_submission",
]

_CHUNK = 500
_MANY = 4 * _CHUNK

_SUBMISSION = (
    schema.submissions.c.id,
    schema.submissions.c.team,
    schema.submissions.c.task,
    schema.submissions.c.method,
    schema.submissions.c.note,
    schema.submissions.c.at,
    schema.submissions.c.sha256,
    schema.submissions.c.file_sha256,
    schema.submissions.c.form,
    schema.submissions.c.details,
    schema.submissions.c.baseline,
    schema.submissions.c.isolation,
)
_SCORE = (
    schema.scores.c.submission,
    schema.scores.c.scoring_version,
    schema.scores.c.subset,
    schema.scores.c.metric,
    schema.scores.c.value,
    schema.scores.c.low,
    schema.scores.c.high,
    schema.scores.c.public_value,
    schema.scores.c.released,
    schema.scores.c.step,
    schema.scores.c.n,
    schema.scores.c.n_clusters,
    schema.scores.c.grouping_hash,
    schema.scores.c.resolution,
    schema.scores.c.metrics,
    schema.scores.c.diagnostics,
)


class RowSource:
    """The rows of a ledger up to `until`, of the scoring versions that were current then."""

    def __init__(
        self, store: Store, until: int, scoring_versions: Mapping[str, ScoringVersion]
    ) -> None:
        self._store = store
        self._until = until
        self._scoring_versions = {
            scoring_version.id: scoring_version for scoring_version in scoring_versions.values()
        }
        self._withdrawn: frozenset[int] | None = None

    def submission(self, submission_id: int) -> Submission:
        """Return one submission; raise WrongUse when there is none of this id."""
        require_storable(submission_id)
        rows = schema.submissions
        with self._store.reading() as connection:
            row = connection.execute(
                sa.select(*_SUBMISSION).where(rows.c.id == submission_id, rows.c.at <= self._until)
            ).first()
            withdrawn = self._withdrawn_ids(connection)
        if row is None:
            raise unknown_submission(submission_id)
        return submission_of(row, withdrawn)

    def submissions(self, *, team: int | None, task: str | None) -> Iterator[Submission]:
        """Return submissions ascending by id, streamed."""
        rows = schema.submissions
        query = sa.select(*_SUBMISSION).where(rows.c.at <= self._until).order_by(rows.c.id)
        if team is not None:
            query = query.where(rows.c.team == team)
        if task is not None:
            query = query.where(rows.c.task == task)
        with self._store.reading() as connection:
            withdrawn = self._withdrawn_ids(connection)
            for row in connection.execution_options(yield_per=_CHUNK).execute(query):
                yield submission_of(row, withdrawn)

    def score(self, submission_id: int, subset: Subset) -> StoredScore | None:
        """Return what may be shown of a score, None when nothing may."""
        query = score_rows(submission_id, subset, self._scoring_versions)
        with self._store.reading() as connection:
            row = connection.execute(query.where(schema.scores.c.at <= self._until)).first()
        return None if row is None else self._score_of(row)

    def entries(
        self, subset: Subset, *, team: int | None, within: tuple[int, int] | None = None
    ) -> Iterator[Entry]:
        """Return submissions with their scores, ascending by team, then id, streamed.

        `within` are the first and the last id of those that are wanted.
        """
        rows, scores, counts = schema.submissions, schema.scores, schema.confusion_counts
        together = sa.and_(
            scores.c.submission == rows.c.id,
            scores.c.subset == subset,
            scores.c.scoring_version.in_(self._scoring_versions),
            scores.c.at <= self._until,
        )
        query = (
            sa.select(*_SUBMISSION, *_SCORE, counts.c.counts)
            .select_from(
                rows.outerjoin(scores, together).outerjoin(counts, counts.c.score == scores.c.id)
            )
            .where(rows.c.at <= self._until)
            .order_by(rows.c.team, rows.c.id)
        )
        if team is not None:
            query = query.where(rows.c.team == team)
        if within is not None:
            query = query.where(rows.c.id.between(*within))
        n = len(_SUBMISSION)
        with self._store.reading() as connection:
            withdrawn = self._withdrawn_ids(connection)
            for row in connection.execution_options(yield_per=_CHUNK).execute(query):
                score = None if row[n] is None else self._score_of(row[n:-1], row[-1])
                yield submission_of(row[:n], withdrawn), score

    def methods(self, submission_ids: Sequence[int]) -> Mapping[int, str]:
        """Return the method of each submission."""
        rows = schema.submissions
        if len(submission_ids) > _MANY:
            known = self._all_methods
            return {key: known[key] for key in submission_ids if key in known}
        found: dict[int, str] = {}
        with self._store.reading() as connection:
            for chunk in _chunks(submission_ids):
                query = sa.select(rows.c.id, rows.c.method).where(rows.c.id.in_(chunk))
                found.update((row.id, row.method) for row in connection.execute(query))
        return found

    @cached_property
    def by_agents(self) -> frozenset[int]:
        """The submissions that an agent made, as their notes say."""
        rows = schema.submissions
        query = sa.select(rows.c.id).where(
            rows.c.note.startswith(AGENT_NOTE), rows.c.at <= self._until
        )
        with self._store.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def details(self, submission_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """Return the details of each submission."""
        rows = schema.submissions
        found: dict[int, Mapping[str, Any]] = {}
        with self._store.reading() as connection:
            for chunk in _chunks(submission_ids):
                query = sa.select(rows.c.id, rows.c.details).where(rows.c.id.in_(chunk))
                found.update((key, json.loads(text)) for key, text in connection.execute(query))
        return found

    def failed_runs(self) -> FailedRuns:
        """Return the runs that ended without a file to score."""
        with self._store.reading() as connection:
            return failed_runs_until(connection, self._until)

    def team_marks(self) -> Mapping[int, str]:
        """Return a text per team that changes with anything its pages show."""
        rows, scores, names = schema.submissions, schema.scores, schema.team_names
        until = self._until
        by_submission = (
            sa.select(rows.c.team, sa.func.max(rows.c.id))
            .where(rows.c.at <= until)
            .group_by(rows.c.team)
        )
        by_score = (
            sa.select(rows.c.team, sa.func.max(scores.c.id))
            .select_from(scores.join(rows, rows.c.id == scores.c.submission))
            .where(scores.c.at <= until)
            .group_by(rows.c.team)
        )
        by_name = (
            sa.select(names.c.team, sa.func.max(names.c.id))
            .where(names.c.at <= until)
            .group_by(names.c.team)
        )
        events = [by_submission, by_score, by_name]
        for table in (schema.withdrawals, schema.selections, schema.finals):
            query = sa.select(rows.c.team, sa.func.max(table.c.id)).select_from(
                table.join(rows, rows.c.id == table.c.submission)
            )
            if "at" in table.c:
                query = query.where(table.c.at <= until)
            else:
                query = query.join(
                    schema.closes, schema.closes.c.id == schema.finals.c.close
                ).where(schema.closes.c.at <= until)
            events.append(query.group_by(rows.c.team))
        marks: dict[int, list[str]] = {}
        with self._store.reading() as connection:
            for position, query in enumerate(events):
                for team, newest in plain_rows(connection, query):
                    marks.setdefault(team, ["0"] * len(events))[position] = str(newest)
        # A rescore can also drop a score without leaving a row.
        newest = str(max(self._scoring_versions, default=0))
        return {team: "-".join([*parts, newest]) for team, parts in sorted(marks.items())}

    def vectors(self, submission_ids: Sequence[int], subset: Subset) -> list[Vector | None]:
        """Return the vector of each submission, None where there is none or none may be used."""
        from challenge.kinds.statistics.vector import Vector

        vectors, scores = schema.vectors, schema.scores
        found: dict[int, Vector] = {}
        positions = dict.fromkeys(int(one) for one in submission_ids)
        with self._store.reading() as connection:
            for chunk in _chunks(list(positions)):
                query = (
                    sa.select(scores.c.submission, vectors.c.vector)
                    .select_from(scores.join(vectors, vectors.c.score == scores.c.id))
                    .where(
                        scores.c.submission.in_(chunk),
                        scores.c.subset == subset,
                        scores.c.scoring_version.in_(self._scoring_versions),
                        scores.c.at <= self._until,
                        sa.or_(scores.c.released, scores.c.subset != "public"),
                    )
                )
                for submission_id, vector in connection.execute(query):
                    found[submission_id] = Vector.from_bytes(vector)
        return [found.get(int(one)) for one in submission_ids]

    def right_rows(
        self, submission_ids: Sequence[int], subset: Subset
    ) -> Iterator[tuple[int, bytes]]:
        """Yield submissions with the rows of a subset that each has right, as packed bits."""
        right, scores = schema.right_rows, schema.scores
        with self._store.reading() as connection:
            for chunk in _chunks(submission_ids):
                query = (
                    sa.select(scores.c.submission, right.c.packed)
                    .select_from(scores.join(right, right.c.score == scores.c.id))
                    .where(
                        scores.c.submission.in_(chunk),
                        scores.c.subset == subset,
                        scores.c.scoring_version.in_(self._scoring_versions),
                        scores.c.at <= self._until,
                    )
                )
                yield from plain_rows(connection, query)

    def grouping(self, task: str, subset: Subset) -> Grouping | None:
        """Return the clusters of the rows of a subset, None where they were not stored."""
        from challenge.kinds.statistics.grouping import Grouping

        rows = schema.groupings
        versions = [key for key, one in self._scoring_versions.items() if one.task == task]
        query = (
            sa.select(rows.c.content)
            .where(rows.c.scoring_version.in_(versions), rows.c.subset == subset)
            .order_by(rows.c.id)
        )
        with self._store.reading() as connection:
            content = connection.execute(query.limit(1)).scalar()
        return None if content is None else Grouping.from_bytes(content)

    @cached_property
    def _all_methods(self) -> Mapping[int, str]:
        # One scan of the table is ten times as fast as hundreds of queries with long lists of ids.
        rows = schema.submissions
        query = sa.select(rows.c.id, rows.c.method).where(rows.c.at <= self._until)
        with self._store.reading() as connection:
            return dict(plain_rows(connection, query))

    def _withdrawn_ids(self, connection: sa.Connection) -> frozenset[int]:
        if self._withdrawn is None:
            rows = schema.withdrawals
            query = sa.select(rows.c.submission).where(rows.c.at <= self._until)
            self._withdrawn = frozenset(connection.execute(query).scalars())
        return self._withdrawn

    def _score_of(self, row: Any, packed: bytes | None = None) -> StoredScore | None:
        return score_of(row, self._scoring_versions[row[1]], confusion_matrix_of(packed))


def plain_rows(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """Return rows as the driver's tuples, since building Row objects doubles the time."""
    cursor = connection.execute(query).cursor
    return [] if cursor is None else list(cursor.fetchall())


def submission_of(row: Any, withdrawn: frozenset[int] | set[int]) -> Submission:
    """Return the record of a row of `_SUBMISSION` columns."""
    key, team, task, method, note, at, sha256, file_sha256, form, details, baseline, isolation = row
    return Submission(
        id=key,
        team=team,
        task=task,
        method=method,
        note=note,
        at=from_micros(at),
        sha256=sha256,
        file_sha256=file_sha256,
        form=form,
        details=json.loads(details),
        baseline=bool(baseline),
        withdrawn=key in withdrawn,
        isolation=isolation,
    )


def require_storable(submission_id: int) -> None:
    """Raise WrongUse for a number outside the range of ids."""
    if not 0 < submission_id < 1 << 63:
        raise unknown_submission(submission_id)


def submission_row(
    connection: sa.Connection, submission_id: int
) -> tuple[Submission, tuple[str, ...]]:
    """Return a submission and the notes made when it was read; raise WrongUse when unknown."""
    require_storable(submission_id)
    rows, gone = schema.submissions, schema.withdrawals
    row = connection.execute(
        sa.select(*_SUBMISSION, rows.c.notes).where(rows.c.id == submission_id)
    ).first()
    if row is None:
        raise unknown_submission(submission_id)
    withdrawn = connection.execute(
        sa.select(gone.c.submission).where(gone.c.submission == submission_id)
    ).scalars()
    return submission_of(row[:-1], frozenset(withdrawn)), tuple(json.loads(row[-1]))


def score_rows(
    submission_id: int, subset: Subset, scoring_versions: Iterable[int]
) -> sa.Select[Any]:
    """Return the query for a submission's score on a subset, of one of the scoring versions."""
    rows = schema.scores
    return sa.select(*_SCORE).where(
        rows.c.submission == submission_id,
        rows.c.subset == subset,
        rows.c.scoring_version.in_(list(scoring_versions)),
    )


def score_of(
    row: Any, scoring_version: ScoringVersion, confusion_counts: NDArray[np.int32] | None = None
) -> StoredScore | None:
    """Return what may be shown of a row of `_SCORE` columns; None for an unreleased score."""
    (submission, _, subset, metric, value, low, high, public_value, released, step) = row[:10]
    (n, n_clusters, grouping_hash, resolution, metrics, diagnostics) = row[10:]
    if subset == "public":
        if not released:
            return None
        value = public_value
        if low is not None:
            low, high = outward(low, high, step)
    figures: dict[str, float | None] = json.loads(diagnostics) if step == 0 else {}
    if subset != "all":
        n, n_clusters = round(coarse(n)), round(coarse(n_clusters))
        resolution = None if resolution is None else coarse(resolution)
        figures = {name: _coarse_count(name, value) for name, value in figures.items()}
    return StoredScore(
        submission=submission,
        subset=subset,
        metric=metric,
        value=value,
        low=low,
        high=high,
        metrics=public_metrics(metric, metrics, step),
        n=n,
        n_clusters=n_clusters,
        data_digest=scoring_version.data_digest,
        solution_digest=scoring_version.solution_digest,
        scorer_version=scoring_version.scorer_version,
        grouping_hash=grouping_hash,
        resolution=resolution,
        released=bool(released),
        step=step,
        diagnostics=figures,
        confusion_counts=confusion_counts,
    )


def _coarse_count(name: str, value: float | None) -> float | None:
    """Return a diagnostic figure of a subset, coarse where it is a count or follows from one."""
    counts = name.startswith("n_") or name == "smallest_gap"
    return coarse(value) if counts and value is not None else value


def read_teams(
    connection: sa.Connection,
    settings: Settings,
    until: int | None = None,
    *,
    team: int | None = None,
) -> dict[int, Team]:
    """Return all teams (or one) by id, with the name that each had and its members."""
    teams, names = schema.teams, schema.team_names
    members = {fold(entry.name): tuple(entry.members) for entry in settings.team}
    query = (
        sa.select(teams.c.id, teams.c.slug, teams.c.baseline, names.c.name, names.c.folded)
        .select_from(teams.join(names, names.c.team == teams.c.id))
        .order_by(teams.c.id, names.c.id)
    )
    if until is not None:
        query = query.where(names.c.at <= until)
    if team is not None:
        query = query.where(teams.c.id == team)
    found: dict[int, Team] = {}
    for key, slug, baseline, name, folded in plain_rows(connection, query):
        known = members.get(folded) or (found[key].members if key in found else ())
        found[key] = Team(key, name, slug, bool(baseline), known)
    return found


def unknown_submission(submission_id: int) -> WrongUse:
    """Return the error for an id that no submission has."""
    return WrongUse(
        Fault(
            "submission",
            str(submission_id),
            "the number of a stored submission",
            "see `challenge submissions`",
            code="unknown-submission",
        )
    )


def _chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield [int(value) for value in ids[start : start + _CHUNK]]
