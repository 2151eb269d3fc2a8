"""What somebody with `public/` alone can guess about the hidden part, measured by the solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from challenge.errors import counted
from challenge.scoring.simulation import stated_share
from challenge.scoring.solution import Solution, read_solution
from challenge.task import SUBSETS, Task

__all__ = ["MOST_GAIN", "SURE", "Attack", "attacks_on_task"]

MOST_GAIN = 0.05
"""A guess that is right this much more often than chance is a leak."""
_ORDER_FIX = "build the task again with a secret of its own: delete private/secret first"
SURE = 4.0
"""Standard errors that chance alone does not reach: less than one attack in ten thousand."""
_BY_CHANCE = (
    f"area under the ROC curve of the position of a row, less one half; allowed are {SURE:g} "
    "standard errors of random positions"
)
_PUBLIC = SUBSETS.index("public")


@dataclass(frozen=True)
class Attack:
    """One attack: its measured `gain`, the largest that is allowed, how it works, and the fix.

    Where attacks are counted, `gain` is how many of the `tried` ones succeeded. `tried` 0: it could
    not be tried, and `how` gives the reason.
    """

    target: str
    name: str
    gain: float
    allowed: float
    how: str
    fix: str
    kind: str = "guesses"
    tried: int = 1
    counted: bool = False

    @property
    def state(self) -> Literal["held", "fell", "not tried"]:
        """Whether the attack gained no more than is allowed, or more, or was not tried."""
        if not self.tried:
            return "not tried"
        return "held" if self.gain <= self.allowed else "fell"

    @property
    def held(self) -> bool:
        """Whether the attack was tried and gained no more than is allowed."""
        return self.state == "held"

    def as_json(self) -> dict[str, object]:
        """Return the result as plain values."""
        return {
            "kind": self.kind,
            "target": self.target,
            "attack": self.name,
            "tried": self.tried,
            "counted": self.counted,
            "gain": round(self.gain, 4),
            "allowed": round(self.allowed, 4),
            "state": self.state,
            "how": self.how,
            "fix": self.fix,
        }


def attacks_on_task(task: Task) -> list[Attack]:
    """Guess subsets and labels of the test rows of a built task from what is public."""
    solution = read_solution(task)
    found = [_subset_by_order(task, solution)]
    if not task.kind.has_things:
        # The numbers of things have no order.
        found.append(_label_by_order(task, solution))
    if len(solution.left):
        found.append(_subset_by_records(task, solution))
    return found


def _subset_by_records(task: Task, solution: Solution) -> Attack:
    """Guess that pairs which share records share a subset, the largest groups placed first."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(solution.subset)
    n_records = int(max(solution.left.max(), solution.right.max())) + 1
    links = coo_matrix(
        (np.ones(n, np.int8), (solution.left, solution.right)), shape=(n_records, n_records)
    )
    component = connected_components(links, directed=False)[1][solution.left]
    sizes = np.bincount(component)
    share, taken, seen = stated_share(task), 0, 0
    public = np.zeros(len(sizes), dtype=bool)
    for index in np.argsort(-sizes, kind="stable"):
        size = int(sizes[index])
        seen += size
        if taken + size / 2 <= share * seen:
            public[index] = True
            taken += size
    hidden = solution.subset == _PUBLIC
    right, public_share = float((public[component] == hidden).mean()), float(hidden.mean())
    return Attack(
        task.id,
        "subset by shared records",
        right - max(public_share, 1 - public_share),
        MOST_GAIN,
        f"{counted(int(sizes.size), 'group')} of pairs that share records, the largest has "
        f"{sizes.max():,} of {counted(n, 'pair')}; placed by the published share of public rows",
        "build the task again, so that the subset is drawn anew; treat a subset that the source "
        "states as known",
    )


def _subset_by_order(task: Task, solution: Solution) -> Attack:
    gain, noise = _separation(solution.subset == _PUBLIC)
    return Attack(
        task.id,
        "subset by order of ids",
        gain,
        noise,
        _BY_CHANCE,
        _ORDER_FIX,
    )


def _label_by_order(task: Task, solution: Solution) -> Attack:
    if task.classes:
        most_frequent = int(np.bincount(solution.labels.astype(np.int64)).argmax())
        hidden = solution.labels == most_frequent
    else:
        hidden = solution.labels > np.median(solution.labels)
    gain, noise = _separation(hidden)
    return Attack(
        task.id,
        "label by order of ids",
        gain,
        noise,
        f"{_BY_CHANCE}; for the most frequent class, or numbers above the median",
        _ORDER_FIX,
    )


def _separation(hidden: NDArray[np.bool_]) -> tuple[float, float]:
    """Return how far the positions separate the rows (0 to 0.5), and what chance may reach."""
    n, n_hidden = len(hidden), int(hidden.sum())
    if n_hidden in (0, n):
        return 0.0, 0.0
    other = n - n_hidden
    ranks = float(np.flatnonzero(hidden).sum()) - n_hidden * (n_hidden - 1) / 2
    error = np.sqrt((n + 1) / (12 * n_hidden * other))
    return abs(ranks / (n_hidden * other) - 0.5), SURE * float(error)
