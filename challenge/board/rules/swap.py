"""What if a team used the other team's method on its tasks? The matrix, read pair by pair.

Each team's best row is compared with the best row of another team, on the tasks that both ran. On
each task the difference is judged as on a board of these two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.ties import compare_with_first
from challenge.kinds.statistics.vector import Vector

__all__ = ["Swap", "swaps_of"]

_MOST_TEAMS = 50


@dataclass(frozen=True)
class Swap:
    """What the other team's method does on the tasks of one team, compared with its own.

    `better`, `worse` and `alike` are tasks: significantly better, significantly worse, not
    distinguished. `change` is the mean improvement over all three. None of them: no task was run
    by both.
    """

    team_name: str
    method: str
    other_team_name: str
    other_method: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    alike: tuple[str, ...]
    change: float | None

    @property
    def n_shared(self) -> int:
        """Tasks that both methods ran."""
        return len(self.better) + len(self.worse) + len(self.alike)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "team": self.team_name,
            "method": self.method,
            "other_team": self.other_team_name,
            "other_method": self.other_method,
            "better": list(self.better),
            "worse": list(self.worse),
            "alike": list(self.alike),
            "change": self.change,
        }


def swaps_of(
    rows: Sequence[tuple[int, str, str]],
    merits: NDArray[np.float64],
    vectors: Sequence[Vector],
    tasks: Sequence[str],
    steps: Sequence[float],
) -> tuple[Swap, ...]:
    """Return for the first 50 teams what the best method of another team would change.

    `rows` are (team id, team name, method), best first; `merits` (rows, tasks) with NaN where there
    is none; `vectors` per task, stacked rows; `steps` of the Ladder per task, 0 for none.
    """
    firsts: dict[int, int] = {}
    for index, (team, _, _) in enumerate(rows):
        firsts.setdefault(team, index)
    found = []
    for team, own in islice(firsts.items(), _MOST_TEAMS):
        other = next((index for index, row in enumerate(rows) if row[0] != team), None)
        if other is None:
            continue
        shared = np.flatnonzero(np.isfinite(merits[own]) & np.isfinite(merits[other]))
        judged: dict[int, list[str]] = {-1: [], 0: [], 1: []}
        for t in shared.tolist():
            both = [own, other]
            judged[_verdict(merits[both, t], vectors[t].rows(both), steps[t])].append(tasks[t])
        change = float((merits[other] - merits[own])[shared].mean()) if len(shared) else None
        found.append(
            Swap(
                team_name=rows[own][1],
                method=rows[own][2],
                other_team_name=rows[other][1],
                other_method=rows[other][2],
                better=tuple(judged[1]),
                worse=tuple(judged[-1]),
                alike=tuple(judged[0]),
                change=change,
            )
        )
    return tuple(found)


def _verdict(merits: NDArray[np.float64], vectors: Vector, step: float) -> int:
    """Return 1 when the second is significantly better than the first, -1 when worse, else 0.

    Without vectors the two are not distinguished.
    """
    order = np.argsort(-merits, kind="stable")
    if compare_with_first(merits[order], vectors.rows(order), step).tied_first[1]:
        return 0
    return 1 if order[0] == 1 else -1
