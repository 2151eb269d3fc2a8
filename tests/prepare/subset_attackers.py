"""Guesses of the subset of each test row, from `public/` and the code of the builder.

The attackers are stronger than real ones: they know the label of every test row.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from challenge.prepare.splits.clusters import (
    choose_share,
    components,
    single_rows,
    summarise_clusters,
)
from challenge.task import Task

__all__ = ["ATTACKS", "gains", "numbers"]

Guess = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Attacker:
    """Who has `public/`, a perfect model (`label`) and a column of test that names the groups."""

    public: Path
    label: Ints
    group: str = ""

    @cached_property
    def n_public(self) -> int:
        """The exact number of public rows where a file states it, else the stated share."""
        task = json.loads((self.public / "task.json").read_text())
        stated = [number for name, number in numbers(task) if name == "n_public"]
        return int(stated[0]) if stated else round(task["split"]["public"] * len(self.label))

    @property
    def share(self) -> float:
        """The share of public rows."""
        return self.n_public / len(self.label)

    @cached_property
    def ids(self) -> list[str]:
        """The ids of the test rows."""
        return [str(one) for one in self._column("id")]

    @cached_property
    def shared(self) -> Ints:
        """The rows that share records, or a group, directly or through others."""
        if not self.group:
            left, right = self.records
            return components(int(max(left.max(), right.max())) + 1, np.stack([left, right], 1))[
                left
            ]
        return np.unique(np.array(self._column(self.group), dtype=str), return_inverse=True)[1]

    @cached_property
    def records(self) -> tuple[Ints, Ints]:
        """The left and right record of each pair."""
        sides = [self._column(f"{side}_id") for side in ("left", "right")]
        if sides[0] == []:
            rows = np.arange(2 * len(self.label))
            return rows[::2], rows[1::2]
        codes = np.unique(np.array(sides).ravel(), return_inverse=True)[1]
        return codes[: len(self.label)], codes[len(self.label) :]

    @cached_property
    def entity(self) -> Ints:
        """The entity of the left record, by the matches; the group where there are no records."""
        if self.group:
            return self.shared
        left, right = self.records
        links = np.stack([left, right], 1)[self.label == 1]
        return components(int(max(left.max(), right.max())) + 1, links)[left]

    def _column(self, name: str) -> list[Any]:
        table = pq.read_table(self.public / "test.parquet")
        return table[name].to_pylist() if name in table.column_names else []


def numbers(value: object, name: str = "") -> list[tuple[str, float]]:
    """Return every number of a JSON document with its key."""
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in numbers(inner, str(key))]
    if isinstance(value, list):
        return [found for inner in value for found in numbers(inner, name)]
    return [(name, value)] if isinstance(value, (int, float)) else []


def _by_rule(attacker: Attacker, cluster: Ints, label: Ints) -> Guess:
    """Place whole clusters as the rule for the test side does: the largest first."""
    own = np.unique(cluster, return_inverse=True)[1]
    words = np.zeros(len(own), np.uint64)
    return choose_share(summarise_clusters(own, label, words), attacker.share)[own]


def _that_add_up(attacker: Attacker, cluster: Ints) -> Guess:
    """Take clusters, the largest first, whose sizes add up to the number of public rows."""
    own, sizes = np.unique(cluster, return_inverse=True, return_counts=True)[1:]
    reach: list[set[int]] = [{0}]
    order = np.argsort(-sizes, kind="stable")
    for index in order:
        reach.append(reach[-1] | {at + int(sizes[index]) for at in reach[-1]})
    left = min(reach[-1], key=lambda at: abs(at - attacker.n_public))
    public = np.zeros(len(sizes), bool)
    for step in range(len(order), 0, -1):
        if left not in reach[step - 1]:
            public[order[step - 1]] = True
            left -= int(sizes[order[step - 1]])
    return public[own]


def _largest(attacker: Attacker, *, public: bool) -> Guess:
    guess: Guess = (attacker.shared == np.bincount(attacker.shared).argmax()) == public
    return guess


def _first(attacker: Attacker, order: Ints) -> Guess:
    public = np.zeros(len(order), bool)
    public[order[: attacker.n_public]] = True
    return public


def _rounded_classes(attacker: Attacker) -> Guess:
    """Name the subset that has more of a class when its share is rounded to whole rows."""
    size = np.bincount(attacker.label)
    more: Guess = np.round(attacker.share * size) > 0.5 * size
    return more[attacker.label]


def _single_rows(attacker: Attacker) -> Guess:
    words = np.array([int(one[1:], 16) for one in attacker.ids], np.uint64)
    return choose_share(single_rows(attacker.label.astype(np.int64), words), attacker.share)


ATTACKS: dict[str, Callable[[Attacker], Guess]] = {
    "largest components first": lambda a: _by_rule(a, a.shared, np.zeros(len(a.label), np.int64)),
    "largest components first, by label": lambda a: _by_rule(a, a.shared, a.label),
    "largest entities first, by label": lambda a: _by_rule(a, a.entity, a.label),
    "components that add up": lambda a: _that_add_up(a, a.shared),
    "entities that add up": lambda a: _that_add_up(a, a.entity),
    "only the largest is public": lambda a: _largest(a, public=True),
    "only the largest is private": lambda a: _largest(a, public=False),
    "first rows": lambda a: _first(a, np.arange(len(a.label))),
    "last rows": lambda a: _first(a, np.arange(len(a.label))[::-1]),
    "even ids": lambda a: np.array([int(one[-1], 16) % 2 == 0 for one in a.ids]),
    "ids as draws": _single_rows,
    "rare classes first": lambda a: _first(
        a, np.argsort(np.bincount(a.label)[a.label], kind="stable")
    ),
    "frequent classes first": lambda a: _first(
        a, np.argsort(-np.bincount(a.label)[a.label], kind="stable")
    ),
    "classes rounded": _rounded_classes,
}
"""Every attack by name."""


def gains(task: Task, group: str = "") -> dict[str, float]:
    """Return per attack how much more often it is right than naming the larger subset.

    `group` is a column of the test rows that names their groups; none in matching.
    """
    solution = pq.read_table(task.private / "solution.parquet")
    names = np.array(solution["label"].to_pylist(), dtype=str)
    attacker = Attacker(task.public, np.unique(names, return_inverse=True)[1], group)
    truth = np.array(solution["subset"].to_pylist()) == "public"
    chance = max(truth.mean(), 1 - truth.mean())
    return {
        name: float((attack(attacker) == truth).mean() - chance) for name, attack in ATTACKS.items()
    }
