"""A made-up challenge, rich enough to look at: five tasks, two tracks, teams, weeks of entries.

Everything is drawn from one seed; no ledger stands behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.statistics.grouping import Grouping, group_rows
from challenge.kinds.statistics.vector import Vector
from challenge.ledger.store.clock import micros
from challenge.ledger.store.records import Card, Entry, PrimaryScores, StoredScore, Submission, Team
from challenge.ledger.store.rows import RowSource
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.submissions.failed_runs import FailedRuns
from challenge.task import Subset
from challenge.task.settings import Settings
from tests.board.showcase_cards import made_up_cards

START = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
N_ROWS = 700
_HARD = np.random.default_rng(7).random(N_ROWS)
State = Literal["benchmark", "running", "closed"]
_SUBSETS: Mapping[State, Subset] = {"benchmark": "all", "running": "public", "closed": "private"}
_BOTH: tuple[Subset, ...] = ("all", "public", "private")

NAMES = (
    "Northern Lights",
    "Tabula Rasa",
    "Ridge & Lasso",
    "Gradient Descenders",
    "The Overfitters",
    "Kernel Panic",
    "Random Foresters",
    "Null Hypothesis",
    "Zürich Tables",
    "Bootstrap Bill",
    "Équipe Zéro",
    "Left Join",
)
_METHODS = (
    "LightGBM on TF-IDF and HOG, 5-fold bag",
    "MiniLM embeddings + CatBoost",
    "Logistic regression, char n-grams",
    "ExtraTrees on image colours",
    "Late fusion of three models",
    "AutoML, four hours",
)
_OF_BASELINES = {
    "AutoGluon": "AutoGluon 62% (GBM + XT); custom: regression 24%, network 14%",
    "Majority": "the largest class",
}


@dataclass(frozen=True)
class ShowcaseSource(RowSource):
    """Rows that a snapshot reads lazily, all in memory."""

    entered: tuple[Submission, ...]
    scores: Mapping[tuple[int, Subset], StoredScore]
    drawn: Mapping[int, Vector]
    changed: Mapping[int, str] = field(default_factory=dict)

    def submission(self, submission_id: int) -> Submission:
        return self.entered[submission_id - 1]

    def submissions(self, *, team: int | None, task: str | None) -> Iterator[Submission]:
        for one in self.entered:
            if team in (None, one.team) and task in (None, one.task):
                yield one

    def score(self, submission_id: int, subset: Subset) -> StoredScore | None:
        return self.scores.get((submission_id, subset))

    def entries(
        self, subset: Subset, *, team: int | None, within: tuple[int, int] | None = None
    ) -> Iterator[Entry]:
        for one in sorted(self.entered, key=lambda one: (one.team, one.id)):
            if team in (None, one.team):
                yield one, self.score(one.id, subset)

    @property
    def by_agents(self) -> frozenset[int]:
        return frozenset(one.id for one in self.entered if one.by_agent)

    def methods(self, submission_ids: Sequence[int]) -> Mapping[int, str]:
        return {i: self.entered[i - 1].method for i in submission_ids}

    def details(self, submission_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        return {i: self.entered[i - 1].details for i in submission_ids}

    def failed_runs(self) -> FailedRuns:
        return {}

    def team_marks(self) -> Mapping[int, str]:
        marks: dict[int, str] = {}
        for one in self.entered:
            marks[one.team] = f"{one.id}-{one.withdrawn}-{self.changed.get(one.team, '')}"
        return marks

    def vectors(self, submission_ids: Sequence[int], subset: Subset) -> list[Vector | None]:
        return [self.drawn.get(i) for i in submission_ids]

    def right_rows(
        self, submission_ids: Sequence[int], subset: Subset
    ) -> Iterator[tuple[int, bytes]]:
        for key in submission_ids:
            score = self.scores.get((key, subset))
            if score is not None and score.value is not None:
                own = np.random.default_rng(key).random(N_ROWS)
                right = 0.7 * _HARD + 0.3 * own < score.value
                yield key, np.packbits(right).tobytes()

    def grouping(self, task: str, subset: Subset) -> Grouping | None:
        rows = np.arange(N_ROWS, dtype=np.int32)
        return group_rows(rows, rows, b"showcase")


def showcase(
    state: State = "benchmark",
    *,
    n_teams: int = 12,
    n_each: int = 6,
    names: Sequence[str] = (),
    texts: Sequence[str] = (),
    n_vectors: int | None = None,
    seed: int = 5,
) -> Snapshot:
    """Return the snapshot of a made-up challenge.

    `names` replace the first team names, `texts` stand as method and note of the first entries;
    each team hands in `n_each` files for each task that it enters.
    """
    rng = np.random.default_rng(seed)
    cards = {card.id: card for card in made_up_cards(rng)}
    subset = _SUBSETS[state]
    settings = _settings(state, cards)
    labels = [*names, *NAMES[len(names) :]]
    labels += [f"Team {n + 1}" for n in range(len(labels), n_teams)]
    teams = {
        n + 1: Team(
            n + 1, label, f"team-{n + 1}", members=("A. Person", "B. Person") if n % 3 else ()
        )
        for n, label in enumerate(labels[:n_teams])
    }
    for name in ("AutoGluon", "Majority"):
        teams[len(teams) + 1] = Team(len(teams) + 1, name, name.lower(), baseline=True)
    baseline_scores = {
        task: 0.0 if cards[task].task["kind"] == "matching" else 0.06 for task in cards
    }
    shared = {task: rng.normal(0, 0.017 / 1000**0.5, 1000) for task in cards}
    entered: list[Submission] = []
    scores: dict[tuple[int, Subset], StoredScore] = {}
    drawn: dict[int, Vector] = {}
    planned = []
    for team in teams.values():
        skill = 0.02 * rng.normal()
        for place, task in enumerate(cards):
            if not team.baseline and team.id > 3 and rng.random() < 0.12:
                continue
            for attempt in range(1 if team.baseline else n_each):
                hours = float(
                    rng.random() * 36 if team.baseline else rng.random() * 480 + 24 * place
                )
                top = (0.52, 0.7, 0.83, 0.78, 0.93)[place]
                gain = 0.1 * (1 - np.exp(-hours / 160))
                value = top - 0.09 + gain + skill + 0.012 * rng.normal()
                if team.name == "Majority":
                    value = baseline_scores[task]
                elif team.name == "AutoGluon":
                    value = top - 0.015
                planned.append((hours, team, task, attempt, float(min(value, 0.985))))
    planned.sort(key=lambda plan: (plan[0], plan[1].id, plan[2], plan[3]))
    for hours, team, task, attempt, value in planned:
        submission = len(entered) + 1
        words = texts[len(entered)] if len(entered) < len(texts) else None
        entered.append(
            Submission(
                id=submission,
                team=team.id,
                task=task,
                method=words
                or (
                    f"{team.name.lower()}: reference"
                    if team.baseline
                    else _METHODS[(team.id + attempt) % len(_METHODS)]
                ),
                note=words or _OF_BASELINES.get(team.name, _NOTES.get(attempt, "")),
                at=START + timedelta(hours=round(hours, 3)),
                sha256=f"{submission:064x}",
                file_sha256=f"{submission:064x}",
                form="probabilities"
                if cards[task].task["kind"] == "classification"
                else "labels+scores",
                details={
                    "seconds": round(30 + 400 * rng.random(), 1),
                    "seed": attempt,
                    "features": ["TF-IDF 1-2 grams", "HOG 8×8"],
                    "versions": {"lightgbm": "4.7.0", "scikit-learn": "1.9.1"},
                },
                baseline=team.baseline,
                withdrawn=submission % 97 == 0,
                isolation="bwrap" if team.baseline else "none",
            )
        )
        if n_vectors is None or submission <= n_vectors:
            own = rng.normal(0, 0.009 / 1000**0.5, 1000)
            drawn[submission] = Vector(shared[task] + own)
        shifts = (0.0, 0.008 * rng.normal(), 0.0)
        for which, shift in zip(_BOTH, shifts, strict=True):
            scores[submission, which] = _score(cards[task], submission, which, value + shift, 0.035)
    return Snapshot(
        at=entered[-1].at if entered else None,
        settings=settings,
        cards=cards,
        teams=teams,
        subset=subset,
        primary=_columns(entered, scores, subset, tuple(cards)),
        public=None if subset == "all" else _columns(entered, scores, "public", tuple(cards)),
        baseline_scores=baseline_scores,
        public_baseline_scores=baseline_scores,
        source=ShowcaseSource(tuple(entered), scores, drawn),
        closed_at=START + timedelta(days=28) if state == "closed" else None,
        steps=dict.fromkeys(cards, 0.0 if state == "benchmark" else 0.01),
    )


_NOTES = {0: "By an agent. A first try", 2: "second seed, same features"}


def with_one_more(snapshot: Snapshot, team: int, task: str, value: float) -> Snapshot:
    """Return the snapshot after one more submission of a team."""
    source = snapshot.source
    assert isinstance(source, ShowcaseSource)
    last = source.entered[-1]
    new = replace(
        last,
        id=last.id + 1,
        team=team,
        task=task,
        baseline=False,
        withdrawn=False,
        method="one more",
        at=last.at + timedelta(hours=1),
    )
    entered = (*source.entered, new)
    subset = snapshot.subset
    scores = {
        **source.scores,
        (new.id, subset): _score(snapshot.cards[task], new.id, subset, value, 0.035),
    }
    drawn = {**source.drawn, new.id: next(iter(source.drawn.values()))}
    return replace(
        snapshot,
        at=new.at,
        primary=_columns(entered, scores, subset, tuple(snapshot.cards)),
        source=ShowcaseSource(entered, scores, drawn),
    )


def _score(card: Card, submission: int, subset: Subset, value: float, width: float) -> StoredScore:
    metric = str(card.task["metric"])
    metrics: dict[str, Mapping[str, Any]] = {
        metric: {
            "value": value,
            "low": value - width,
            "high": min(value + width * 0.9, 0.999),
            "reason": None,
        }
    }
    for place, name in enumerate(
        ("accuracy", "log_loss")
        if metric == "macro_f1"
        else ("precision", "recall", "average_precision")
    ):
        metrics[name] = {
            "value": value + 0.03 * (place - 0.5),
            "low": value - 0.03,
            "high": value + 0.04,
            "reason": None,
        }
    metrics["roc_auc"] = {"value": None, "low": None, "high": None, "reason": "one class only"}
    return StoredScore(
        submission,
        subset,
        metric,
        value,
        value - width,
        min(value + width * 0.9, 0.999),
        metrics,
        int(card.task["n_test"]),
        int(card.task["n_test"]) - 120,
        card.data_digest,
        card.solution_digest,
        1,
        "w" * 16,
        1 / int(card.task["n_test"]),
    )


def _columns(
    entered: Sequence[Submission],
    scores: Mapping[tuple[int, Subset], StoredScore],
    subset: Subset,
    tasks: tuple[str, ...],
) -> PrimaryScores:
    shown = [
        (one, scores[one.id, subset])
        for one in entered
        if not one.withdrawn and (one.id, subset) in scores
    ]
    nan = float("nan")

    def column(values: Sequence[float | None]) -> NDArray[np.float64]:
        return np.array([nan if value is None else value for value in values], dtype=np.float64)

    return PrimaryScores(
        subset,
        tasks,
        np.array([one.id for one, _ in shown], dtype=np.int64),
        np.array([one.team for one, _ in shown], dtype=np.int64),
        np.array([tasks.index(one.task) for one, _ in shown], dtype=np.int32),
        column([score.value for _, score in shown]),
        column([score.low for _, score in shown]),
        column([score.high for _, score in shown]),
        np.array([micros(one.at) for one, _ in shown], dtype=np.int64),
    )


def _settings(state: State, cards: Mapping[str, Card]) -> Settings:
    def track(name: str, title: str, kind: str, metric: str) -> dict[str, Any]:
        own = [card.id for card in cards.values() if card.task["kind"] == kind]
        prize = "" if state == "benchmark" else "10 000 € for the best mean"
        return {
            "id": name,
            "title": title,
            "kind": kind,
            "metric": metric,
            "tasks": own,
            "prize": prize,
            "prize_tie": "split" if prize else None,
        }

    return Settings.model_validate(
        {
            "format": 1,
            "title": "Grand Challenge on Multimodal Tables",
            "description": "Which method is best on tables that mix text, numbers, categories "
            "and images? Five tasks, two tracks, one scorer for all.",
            "reveal": "all" if state == "benchmark" else "contest",
            "opens": None if state == "benchmark" else START,
            "closes": None if state == "benchmark" else START + timedelta(days=28),
            "track": [
                track("classification", "k-way classification", "classification", "macro_f1"),
                track("matching", "Matching of record pairs", "matching", "f1"),
            ],
        }
    )
