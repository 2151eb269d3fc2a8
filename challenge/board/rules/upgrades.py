"""Flips: rows that an earlier submission has right and a later one wrong, as far as may be shown.

Each submission is held against the team's best before it, the best of all before it, and the
reference entry: the best baseline. The first two never change, so that a new leader draws no page
of another team again. Of a subset no counts are shown, and rates in whole percents only.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.board_rows import TaskRow
from challenge.board.rules.entries import Entries, entries_of
from challenge.kinds import kind_of
from challenge.kinds.scored_rows import ScoredRows
from challenge.kinds.statistics.distributions import binomial_p
from challenge.ledger.store.snapshot import Snapshot
from challenge.scoring.statistics.upgrade import Rate, negative_flip_rates, relative_nfr
from challenge.task.coarse import coarse

__all__ = ["Flips", "Upgrades", "front_of", "reference_of", "with_flips"]

OWN, CHAMPION = "the team’s best before it", "the best of all before it"
REFERENCE = "the reference entry"
_N_INTERVALS = 50
"""Rows of a board, from the top, whose flips have an interval."""

_TOGETHER = 100
"""Pairs whose rates are computed at once."""

Bools = NDArray[np.bool_]
_Pair = tuple[int, int, Sequence[str]]
"""A submission, the one that it is held against, and what that one is."""


@dataclass(frozen=True)
class Flips:
    """A submission in place of `against`, which is of `team` and has some `roles`.

    `negative` rows only the earlier one has right, `positive` only the new one: counts, None of a
    subset, whose rates are whole percents. `p` is McNemar's exact test.
    """

    against: int
    team: str
    roles: tuple[str, ...]
    negative: int | None
    positive: int | None
    positive_rate: float
    rate: Rate
    relative: float | None
    p: float

    def as_json(self) -> dict[str, Any]:
        """Return the flips as plain values."""
        return {
            "against": self.against,
            "team": self.team,
            "roles": list(self.roles),
            "negative": self.negative,
            "positive": self.positive,
            "positive_flip_rate": self.positive_rate,
            "negative_flip_rate": {
                key: getattr(self.rate, key) for key in ("value", "low", "high", "reason")
            },
            "relative_nfr": self.relative,
            "p": self.p,
        }


class Upgrades:
    """Whom each submission of a snapshot is held against, and the flips."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._tasks: dict[str, _Against] = {}
        self._kept: dict[int, bytes] = {}
        self._rows: dict[str, ScoredRows | None] = {}
        if snapshot.subset == "public":
            return
        for task in snapshot.cards:
            if _has_right_answers(snapshot, task):
                self._tasks[task] = _against(snapshot, entries_of(snapshot, task))

    def marks(self) -> Mapping[int, str]:
        """Return a text per team that changes with those its submissions are held against."""
        parts: dict[int, list[str]] = {}
        names = {key: zlib.crc32(one.name.encode()) for key, one in self._snapshot.teams.items()}
        for task, found in self._tasks.items():
            for team, digest in found.digests(names):
                parts.setdefault(team, []).append(f"{task} {digest}")
        return {team: "; ".join(each) for team, each in parts.items()}

    def of(self, submissions: Mapping[int, str]) -> dict[int, list[Flips]]:
        """Return the flips of submissions, given with their tasks; none where rows are unknown."""
        wanted = {
            key: self._tasks[task].roles(key)
            for key, task in submissions.items()
            if task in self._tasks
        }
        right = self._right(wanted)
        found: dict[int, list[Flips]] = {key: [] for key in wanted}
        for task in self._tasks:
            pairs = [
                (key, other, roles)
                for key, every in wanted.items()
                if submissions[key] == task and key in right
                for other, roles in every.items()
                if other in right
            ]
            for start in range(0, len(pairs), _TOGETHER):
                for key, flips in self._flips(task, pairs[start : start + _TOGETHER], right):
                    found[key].append(flips)
        return found

    def _right(self, wanted: Mapping[int, Mapping[int, object]]) -> dict[int, bytes]:
        """Return the right rows of submissions and of those that they are held against."""
        asked = {one for key, roles in wanted.items() if roles for one in (key, *roles)}
        right = {key: self._kept[key] for key in asked & self._kept.keys()}
        right.update(self._snapshot.right_rows(sorted(asked - right.keys())))
        shared = {one for found in self._tasks.values() for one in found.shared}
        self._kept.update({key: right[key] for key in shared & right.keys()})
        return right

    def _flips(
        self, task: str, pairs: Sequence[_Pair], right: Mapping[int, bytes]
    ) -> Iterable[tuple[int, Flips]]:
        """Yield the later submission of each pair and its flips."""
        if task not in self._rows:
            self._rows[task] = _rows_of(self._snapshot, task)
        rows = self._rows[task]
        if rows is None:
            return
        old = _packed(right[against] for _, against, _ in pairs)
        new = _packed(right[key] for key, _, _ in pairs)
        rates = negative_flip_rates(rows, _unpacked(old & ~new, rows.n))
        for (key, against, roles), rate in zip(pairs, rates, strict=True):
            before, now = int.from_bytes(right[against], "big"), int.from_bytes(right[key], "big")
            negative, positive = (before & ~now).bit_count(), (now & ~before).bit_count()
            n_wrong = rows.n - now.bit_count()
            flips = Flips(
                against=against,
                team=self._snapshot.teams[self._tasks[task].team_of(against)].name,
                roles=tuple(roles),
                negative=negative,
                positive=positive,
                positive_rate=positive / rows.n,
                rate=rate,
                relative=relative_nfr(rows.n, before.bit_count(), n_wrong, negative),
                p=binomial_p(negative, positive),
            )
            yield key, flips if self._snapshot.subset == "all" else _of_subset(flips)


def _of_subset(flips: Flips) -> Flips:
    """Return what may be shown of a subset: no counts, and whole percents."""
    return replace(
        flips,
        negative=None,
        positive=None,
        positive_rate=round(flips.positive_rate, 2),
        rate=_percent(flips.rate),
        relative=None if flips.relative is None else round(flips.relative, 2),
        p=coarse(flips.p),
    )


@dataclass(frozen=True)
class _Against:
    """For the entries of one task, by id: the team's best before and the best of all before, or 0.

    `reference` is the best baseline, 0 where there is none.
    """

    submission: NDArray[np.int64]
    team: NDArray[np.int64]
    own: NDArray[np.int64]
    champion: NDArray[np.int64]
    reference: int
    shared: frozenset[int]
    """Those that many teams are held against."""

    def roles(self, submission: int) -> dict[int, list[str]]:
        """Return those that a submission is held against, each with its roles."""
        at = int(np.searchsorted(self.submission, submission))
        roles: dict[int, list[str]] = {}
        if at == len(self.submission) or self.submission[at] != submission:
            return roles
        for other, name in (
            (int(self.own[at]), OWN),
            (int(self.champion[at]), CHAMPION),
            (self.reference, REFERENCE),
        ):
            if other and other != submission:
                roles.setdefault(other, []).append(name)
        return roles

    def team_of(self, submission: int) -> int:
        """Return the team of an entry."""
        return int(self.team[np.searchsorted(self.submission, submission)])

    def digests(self, names: Mapping[int, int]) -> Iterable[tuple[int, int]]:
        """Yield each team with a number that changes when those of its submissions do.

        `names` are numbers that stand for the names of teams.
        """
        if not len(self.submission):
            return
        order = np.lexsort((self.submission, self.team))
        at = np.searchsorted(self.submission, self.champion)
        labels = np.array([names[team] for team in self.team.tolist()], np.int64)[at]
        table = np.stack([self.submission, self.own, self.champion, labels], axis=1)[order]
        first = f"{self.reference} {self.reference and names[self.team_of(self.reference)]}"
        teams, starts = np.unique(self.team[order], return_index=True)
        ends = [*starts[1:].tolist(), len(order)]
        for team, start, end in zip(teams.tolist(), starts.tolist(), ends, strict=True):
            yield team, zlib.crc32(table[start:end].tobytes(), zlib.crc32(first.encode()))


def _against(snapshot: Snapshot, entries: Entries) -> _Against:
    merits = np.where(np.isfinite(entries.merit), entries.merit, -np.inf)
    ids, teams = entries.submission.tolist(), entries.team.tolist()
    own, champion = np.zeros((2, len(ids)), np.int64)
    best: dict[int, int] = {}
    first = -1
    for at, (team, merit) in enumerate(zip(teams, merits.tolist(), strict=True)):
        before = best.get(team, -1)
        own[at], champion[at] = ids[before] if before >= 0 else 0, ids[first] if first >= 0 else 0
        if merit == -math.inf:
            continue
        if before < 0 or merit > merits[before]:
            best[team] = at
        if first < 0 or merit > merits[first]:
            first = at
    of_baselines = [at for team, at in best.items() if snapshot.teams[team].baseline]
    reference = max(of_baselines, key=lambda at: (merits[at], -at), default=-1)
    order = np.argsort(entries.submission)
    known = ids[reference] if reference >= 0 else 0
    return _Against(
        entries.submission[order],
        entries.team[order],
        own[order],
        champion[order],
        known,
        frozenset({known, *np.unique(champion).tolist()} - {0}),
    )


def reference_of(rows: Sequence[TaskRow]) -> TaskRow | None:
    """Return the row of the reference entry, the best baseline; None where there is none."""
    return next((row for row in rows if row.baseline and row.rank is not None), None)


def with_flips(snapshot: Snapshot, task_id: str, rows: Sequence[TaskRow]) -> list[TaskRow]:
    """Return the rows of a board with error and flips against the reference entry."""
    reference = reference_of(rows)
    if reference is None or not _has_right_answers(snapshot, task_id):
        return list(rows)
    old = dict(snapshot.right_rows([reference.submission])).get(reference.submission)
    part = None if old is None else _rows_of(snapshot, task_id)
    if old is None or part is None:
        return list(rows)
    old_bits = int.from_bytes(old, "big")
    places = {row.submission: at for at, row in enumerate(rows) if row.rank is not None}
    found = list(rows)
    exact = snapshot.subset == "all"
    for key, new in snapshot.right_rows(list(places)):
        at = places[key]
        bits = int.from_bytes(new, "big")
        error = 1.0 - bits.bit_count() / part.n
        rate = Rate("", "", (old_bits & ~bits).bit_count() / part.n)
        if at < _N_INTERVALS:
            both = _packed([old]) & ~_packed([new])
            [rate] = negative_flip_rates(part, _unpacked(both, part.n))
        if not exact:
            error, rate = round(error, 2), _percent(rate)
        found[at] = replace(rows[at], error=error)
        if key != reference.submission:
            found[at] = replace(
                found[at], flips=rate.value, flips_low=rate.low, flips_high=rate.high
            )
    return found


def front_of(rows: Sequence[TaskRow]) -> list[TaskRow]:
    """Return the rows that no other beats in both error and flips, fewest flips first.

    The reference entry flips nothing against itself.
    """
    front: list[TaskRow] = []
    known = [(row.flips or 0.0, row.error, row) for row in rows if row.error is not None]
    for _, error, row in sorted(known, key=lambda one: one[:2]):
        if not front or error < (front[-1].error or 0.0):
            front.append(row)
    return front


def _has_right_answers(snapshot: Snapshot, task_id: str) -> bool:
    return kind_of(str(snapshot.cards[task_id].task["kind"])).has_right_answers


def _rows_of(snapshot: Snapshot, task_id: str) -> ScoredRows | None:
    """Return the rows that count in their clusters, without labels; None where none are stored."""
    grouping = snapshot.grouping(task_id)
    if grouping is None:
        return None
    n = len(grouping.group)
    return ScoredRows(np.arange(n), n, np.zeros(n, np.int32), (), grouping)


def _packed(rows: Iterable[bytes]) -> NDArray[np.uint8]:
    return np.stack([np.frombuffer(one, np.uint8) for one in rows])


def _unpacked(packed: NDArray[np.uint8], n: int) -> Bools:
    return np.unpackbits(packed, axis=1, count=n).view(np.bool_)


def _percent(rate: Rate) -> Rate:
    """Return a rate in whole percents, its interval rounded outward."""
    if rate.value is None:
        return rate
    value = round(rate.value, 2)
    if rate.low is None or rate.high is None:
        return replace(rate, value=value)
    low, high = math.floor(100 * rate.low) / 100, math.ceil(100 * rate.high) / 100
    return replace(rate, value=value, low=low, high=high)
