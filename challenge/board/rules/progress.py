"""Score over time: what each team's best was at any moment, and the best of all, as steps.

In a contest, running or closed, the scores are those of the public subset: final scores have one
moment only, the close. In a benchmark they are of all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.entries import Entries, baseline_score_of, entries_of
from challenge.board.rules.ranking import page_order
from challenge.board.rules.track_board import counted_tasks
from challenge.ledger.store.clock import from_micros, iso
from challenge.ledger.store.snapshot import Snapshot
from challenge.task import Subset

__all__ = ["Leader", "Progress", "Series", "progress_series", "track_progress"]


@dataclass(frozen=True)
class Series:
    """A step function: from each time on the value holds, until the next point.

    `team` is None for the best of all teams. Values never get worse.
    """

    team: int | None
    team_name: str
    baseline: bool
    points: tuple[tuple[datetime, float], ...]

    def as_json(self) -> dict[str, object]:
        """Return the series as plain values."""
        points = [[iso(at), value] for at, value in self.points]
        return {"team": self.team_name, "baseline": self.baseline, "points": points}


@dataclass(frozen=True)
class Leader:
    """A team that took the lead, or drew level with it, when, and with which score."""

    at: datetime
    team_name: str
    value: float
    baseline: bool = False
    level: bool = False


@dataclass(frozen=True)
class Progress:
    """Score over time of a task or a track: the best of all, and the teams, best last score first.

    Baselines are among the teams and count for the best of all.
    """

    about: str
    subset: Subset
    overall: Series
    teams: tuple[Series, ...]
    leaders: tuple[Leader, ...] = ()
    """Each change of the lead, oldest first; who reaches the score of the leader is `level`."""

    def as_json(self) -> dict[str, object]:
        """Return all series as plain values."""
        return {
            "format": 1,
            "about": self.about,
            "subset": self.subset,
            "overall": self.overall.as_json(),
            "teams": [series.as_json() for series in self.teams],
        }


def progress_series(snapshot: Snapshot, task_id: str, n_teams: int = 8) -> Progress:
    """Return the scores over time of a task, with the `n_teams` best teams."""
    return _progress(snapshot, task_id, (task_id,), n_teams)


def track_progress(snapshot: Snapshot, track_id: str, n_teams: int = 8) -> Progress:
    """Return the means over time of a track; tasks not entered yet count as the baseline score."""
    tasks = counted_tasks(snapshot, track_id, _subset(snapshot))
    return _progress(snapshot, track_id, tasks, n_teams)


def _subset(snapshot: Snapshot) -> Subset:
    return "all" if snapshot.subset == "all" else "public"


def _progress(snapshot: Snapshot, about: str, tasks: Sequence[str], n_teams: int) -> Progress:
    subset = _subset(snapshot)
    entries = [entries_of(snapshot, task, subset) for task in tasks]
    sign = entries[0].metric.merit(1.0) if entries else 1.0
    baseline_scores = [baseline_score_of(snapshot, task, subset) for task in tasks]
    points: dict[int, list[tuple[int, float]]] = {}
    overall: list[tuple[int, float]] = []
    leads: list[tuple[int, int, float, bool]] = []
    first: set[int] = set()
    for at, team, mean in _improvements(entries, baseline_scores):
        _step(points.setdefault(team, []), at, mean)
        ahead = round(sign * (mean - overall[-1][1]), 12) if overall else 1.0
        if ahead > 0:
            _step(overall, at, mean)
            if first != {team}:
                leads.append((at, team, mean, False))
            first = {team}
        elif ahead == 0 and team not in first:
            leads.append((at, team, mean, True))
            first.add(team)
    teams = list(points)
    last_at, last = zip(*(points[team][-1] for team in teams), strict=True) if teams else ((), ())
    order = page_order(sign * np.array(last), np.array(last_at), np.array(teams, dtype=np.int64))
    series = []
    for team in (teams[index] for index in order[:n_teams]):
        known = snapshot.teams[team]
        series.append(Series(team, known.name, known.baseline, _dated(points[team])))
    best = Series(None, "", False, _dated(overall))
    leaders = (
        Leader(
            from_micros(at), snapshot.teams[team].name, value, snapshot.teams[team].baseline, level
        )
        for at, team, value, level in leads
    )
    return Progress(about, subset, best, tuple(series), tuple(leaders))


def _improvements(
    entries: Sequence[Entries], baseline_scores: list[float]
) -> Iterator[tuple[int, int, float]]:
    """Yield (time, team, mean over the tasks) whenever a team's mean gets a new value."""
    records: list[tuple[int, int, int, int, float]] = []
    for t, own in enumerate(entries):
        scored = _records(own)
        records += zip(
            own.at[scored].tolist(),
            own.submission[scored].tolist(),
            own.team[scored].tolist(),
            [t] * len(scored),
            own.value[scored].tolist(),
            strict=True,
        )
    best: dict[int, list[float]] = {}
    for at, _, team, t, value in sorted(records):
        mine = best.setdefault(team, baseline_scores.copy())
        mine[t] = value
        yield at, team, sum(mine) / len(mine)


def _records(own: Entries) -> NDArray[np.int64]:
    """Return the indices of the entries that were their team's best when they came."""
    scored = np.flatnonzero(np.isfinite(own.value))
    order = scored[np.lexsort((own.submission[scored], own.at[scored], own.team[scored]))]
    team, level = own.team[order], np.unique(own.merit[order], return_inverse=True)[1]
    # The levels of a team are above those of all teams before it: one running maximum serves all.
    block = np.cumsum(np.diff(team, prepend=team[:1]) != 0) * (len(order) + 1)
    highest = np.maximum.accumulate(block + level)
    return order[np.diff(highest, prepend=-1) > 0]


def _step(points: list[tuple[int, float]], at: int, value: float) -> None:
    if points and points[-1][0] == at:
        points[-1] = (at, value)
    else:
        points.append((at, value))


def _dated(points: Sequence[tuple[int, float]]) -> tuple[tuple[datetime, float], ...]:
    return tuple((from_micros(at), value) for at, value in points)
