"""Rules that stop a search, against hindsight: record full searches once, replay the rules.

    python -m benchmarks.stopping record FILE DATASETS [--pairs linear@icon-tag …] [--seeds 0 1 2]
    python -m benchmarks.stopping replay FILE [--json]

`record` searches without a stop and appends each trial to FILE, a JSON line with its fold scores
and CPU seconds; called again it goes on. DATASETS is a folder of built tasks.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self
from unittest.mock import patch

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from challenge.features.pair_features import PairFeatures
from challenge.methods import resolve_method
from challenge.methods.builtin import linear
from challenge.methods.protocol import silent
from challenge.methods.returned import write_table
from challenge.methods.run.cell import predict_out_of_fold
from challenge.methods.search import (
    PATIENCE,
    Measured,
    Trial,
    fold_error,
    read_space,
    regret_bound,
    search,
)
from challenge.methods.search.regret import fit_process, posterior
from challenge.methods.search.search_loop import space_candidates, space_point
from challenge.methods.search.trial import best_of, trial_from_json
from challenge.methods.space import Space, Value, dimension_from_json
from challenge.scoring import read_predictions
from challenge.scoring.fold_scores import score_folds
from challenge.task import Task, read_task

WORDS = f"{Path(__file__).parent}/word_pipeline.py:words"
METHODS = {"linear": "linear", "words": WORDS}
PAIRS = (
    "linear@fodors-zagats",
    "linear@emoji-match",
    "linear@icon-variants",
    "words@icon-tag",
    "words@emoji-subgroup",
    "words@crossfire-objects",
)

LEAST = 10
"""Rules are asked from here on: the first ten trials are drawn at random."""
PRICE = 0.0005
"""What a trial of mean cost must gain: 20 of them are worth a point."""


class FeaturesOnce:
    """Features of the pairs of train, made once a task; no option of `linear` changes them.

    `seconds` is what they cost, which is added to every trial that uses them.
    """

    made: ClassVar[dict[str, Any]] = {}
    seconds: ClassVar[dict[str, float]] = {}

    def __init__(self, task: Task, **options: Any) -> None:
        self._task, self._options = task, options
        self.used: list[str] = []

    def fit(self, train: pd.DataFrame) -> Self:
        """Make the features unless they are there."""
        if self._task.id not in self.made:
            began = time.process_time()
            self.made[self._task.id] = (
                PairFeatures(self._task, **self._options).fit(train).transform(train)
            )
            self.seconds[self._task.id] = time.process_time() - began
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return them."""
        del table
        made: pd.DataFrame = self.made[self._task.id]
        return made


def record(file: Path, datasets: Path, pair: str, seed: int, n_trials: int) -> None:
    """Search the options of a pair with one thread; append what is not in the file yet."""
    method, _, name = pair.partition("@")
    source, task = resolve_method(METHODS[method]), read_task(datasets / name / "public")
    declared = read_space(source, task)
    space = {option: dimension.as_json() for option, dimension in declared.space.items()}
    merit = task.kind.metrics[task.metric].merit
    cpu_s = 0.0
    predictions = file.with_suffix(f".{name}.parquet")

    def measure(options: Mapping[str, Value]) -> Measured:
        nonlocal cpu_s
        extra = FeaturesOnce.seconds.get(task.id, 0.0)
        began = time.process_time()
        chosen = {"seed": seed, "threads": 1, **options}
        write_table(predict_out_of_fold(source, task, chosen, silent), task, predictions)
        cpu_s = time.process_time() - began + (extra if method == "linear" else 0.0)
        found = read_predictions(task, predictions, rows="train")
        predictions.unlink()
        return Measured(tuple(map(merit, score_folds(task, found))))

    def keep(trial: Trial) -> None:
        line = {"pair": pair, "seed": seed, "metric": task.metric, "space": space}
        line["trial"] = replace(trial, seconds=round(cpu_s, 3)).as_json()
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line, sort_keys=True) + "\n")
        print(pair, seed, trial.number, f"{cpu_s:.2f} s", file=sys.stderr, flush=True)

    kept = [
        trial_from_json(line["trial"])
        for line in read_lines(file)
        if (line["pair"], line["seed"]) == (pair, seed)
    ]
    search(
        declared.space,
        measure,
        first=declared.defaults or None,
        n_trials=n_trials,
        stop="none",
        seed=seed,
        kept=kept,
        keep=keep,
    )


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the recorded trials."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True)
class Stopped:
    """What a rule did on a recorded search, against all of its trials.

    `regret` is what the best of all scores more than the best until the stop. `adjusted` adds the
    price of the trials: PRICE for each that costs as much as the mean one.
    """

    trials: int
    saved_share: float
    regret: float
    adjusted: float


class Replay:
    """A recorded search: what the rules ask after its first n trials."""

    def __init__(self, space: Space, trials: Sequence[Trial]) -> None:
        self.trials = trials
        self._n_options = len(space)
        self._points = np.array([space_point(space, trial.options) for trial in trials])
        self._candidates = space_candidates(space)
        self._values = [trial.value for trial in trials]
        self._bounds: dict[int, float] = {}

    def bound(self, n: int) -> float:
        """Return the bound of the gain."""
        if n not in self._bounds:
            self._bounds[n] = regret_bound(
                self._points[:n], self._values[:n], self._n_options, self._candidates
            )
        return self._bounds[n]

    def paired(self, n: int) -> float:
        """Return the paired error."""
        return paired_error([trial.fold_scores for trial in self.trials[:n]])

    def promise(self, n: int) -> float:
        """Return the largest expected improvement per price."""
        seconds = [trial.seconds for trial in self.trials[:n]]
        return promise(self._points[:n], self._values[:n], seconds, self._candidates)

    def own(self, n: int) -> float:
        """Return the error of the best of the first n trials."""
        return fold_error(best_of(self.trials[:n]).fold_scores)

    def stopped(self, rule: Callable[[Replay, int], bool], least: int) -> Stopped:
        """Return what a rule that may stop from trial `least` on did."""
        every = len(self.trials)
        n = next((n for n in range(least, every + 1) if rule(self, n)), every)
        all_s = math.fsum(trial.seconds for trial in self.trials)
        used_s = math.fsum(trial.seconds for trial in self.trials[:n])
        regret = best_of(self.trials).value - best_of(self.trials[:n]).value
        return Stopped(n, 1 - used_s / all_s, regret, regret + PRICE * every * used_s / all_s)


def promise(
    points: NDArray[Any], values: Sequence[float], seconds: Sequence[float], places: NDArray[Any]
) -> float:
    """Return the largest expected improvement per price of a trial, over the space.

    The rule of Xie et al. 2025 (arXiv 2507.12453) stops at 1 or less. The expected improvement is
    that of the bound's process over the best value; the cost of a trial is exp of the mean of a
    second process on the logarithm of the seconds, in units of the mean trial so far.
    """
    scores = np.asarray(values, np.float64)
    better = np.argsort(-scores, kind="stable")[: math.ceil(len(scores) / 2)]
    spread = float(scores[better].std())
    if spread == 0.0:
        return 0.0
    process = fit_process(points, (scores - scores[better].mean()) / spread, better)
    mean, deviation = posterior(process, np.vstack([points, places]))
    deviation = np.maximum(deviation, 1e-9)
    gain = mean - (scores.max() - scores[better].mean()) / spread
    z = gain / deviation
    improvement = spread * (gain * norm.cdf(z) + deviation * norm.pdf(z))
    logs = np.log(np.maximum(seconds, 1e-3))
    wide = max(float(logs.std()), 1e-9)
    costs = fit_process(points, (logs - logs.mean()) / wide, np.arange(len(logs)))
    cost = np.exp(logs.mean() + wide * posterior(costs, np.vstack([points, places]))[0])
    return float((improvement / (PRICE * cost / np.mean(seconds))).max())


def paired_error(scores: Sequence[Sequence[float]]) -> float:
    """Return the error of a difference to the best trial, over the better half of the trials.

    Folds are common to all trials, so what makes a fold easy cancels. The root of the mean square
    over the other trials of the better half of `fold_error` of the differences in each fold.
    """
    rows = np.array(scores)
    order = np.argsort(-rows.mean(axis=1), kind="stable")[: math.ceil(len(rows) / 2)]
    squares = [fold_error((rows[order[0]] - rows[other]).tolist()) ** 2 for other in order[1:]]
    return math.sqrt(sum(squares) / len(squares))


def regret_rule(replay: Replay, n: int) -> bool:
    """Return whether the bound is below the error of the best trial."""
    return replay.bound(n) < replay.own(n) or replay.bound(n) == 0.0


def paired_rule(replay: Replay, n: int) -> bool:
    """Return whether the bound is below the paired error."""
    return replay.bound(n) < replay.paired(n) or replay.bound(n) == 0.0


def stagnation_rule(replay: Replay, n: int) -> bool:
    """Return whether the last ten trials have no better one."""
    values = [trial.value for trial in replay.trials[:n]]
    return n > PATIENCE and max(values[-PATIENCE:]) <= max(values[:-PATIENCE])


def promise_rule(replay: Replay, n: int) -> bool:
    """Return whether no trial is expected to gain more than its price."""
    return replay.promise(n) <= 1.0


def at_once(replay: Replay, n: int) -> bool:
    """Stop at the least number of trials."""
    return True


RULES: Mapping[str, tuple[Callable[[Replay, int], bool], int]] = {
    "10 trials": (at_once, 10),
    "20 trials": (at_once, 20),
    "regret, from 20": (regret_rule, 20),
    "regret, from 10": (regret_rule, 10),
    "paired, from 20": (paired_rule, 20),
    "paired, from 10": (paired_rule, 10),
    "stagnation, from 20": (stagnation_rule, 20),
    "stagnation, from 11": (stagnation_rule, 11),
    "cost-aware, from 10": (promise_rule, 10),
    "all trials": (at_once, 1000),
}


def replay_all(lines: Sequence[Mapping[str, Any]], n_trials: int) -> list[dict[str, Any]]:
    """Return what each rule did on each whole search, as plain values."""
    searches: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for line in lines:
        searches.setdefault((line["pair"], line["seed"]), []).append(line)
    found = []
    for (pair, seed), trials in searches.items():
        if len(trials) < n_trials:
            continue
        space = {name: dimension_from_json(one) for name, one in trials[0]["space"].items()}
        replay = Replay(space, [trial_from_json(t["trial"]) for t in trials[:n_trials]])
        for name, (rule, least) in RULES.items():
            stopped = asdict(replay.stopped(rule, least))
            found.append({"pair": pair, "seed": seed, "rule": name, **stopped})
    return found


def table(found: Sequence[Mapping[str, Any]], first: str, second: str) -> str:
    """Return a Markdown table of means over the seeds: rules down, pairs across, then all."""
    pairs = list(dict.fromkeys(cell["pair"] for cell in found))
    rows = [["rule", *pairs, "mean"]]
    rows.append(["---"] * len(rows[0]))
    for rule in RULES:
        means = []
        for pair in pairs:
            cells = [cell for cell in found if (cell["pair"], cell["rule"]) == (pair, rule)]
            means.append([sum(c[key] for c in cells) / len(cells) for key in (first, second)])
        means.append([sum(column) / len(means) for column in zip(*means, strict=True)])
        rows.append([rule, *(_shown(first, *mean) for mean in means)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _shown(first: str, one: float, two: float) -> str:
    return f"{one:.0f} ({two:.0%})" if first == "trials" else f"{100 * one:.2f} ({100 * two:.2f})"


def main() -> None:
    """Record, or replay and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording, replaying = commands.add_parser("record"), commands.add_parser("replay")
    for command in (recording, replaying):
        command.add_argument("file", type=Path)
        command.add_argument("--trials", type=int, default=30, help="of each search")
    recording.add_argument("datasets", type=Path)
    recording.add_argument("--pairs", nargs="+", default=PAIRS)
    recording.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    replaying.add_argument("--json", action="store_true", help="each search, as JSON lines")
    given = parser.parse_args()
    if given.command == "record":
        with patch.object(linear, "PairFeatures", FeaturesOnce):
            for seed in given.seeds:
                for pair in given.pairs:
                    record(given.file, given.datasets, pair, seed, given.trials)
        return
    found = replay_all(read_lines(given.file), given.trials)
    if given.json:
        print("\n".join(json.dumps(cell) for cell in found))
        return
    searches = {(cell["pair"], cell["seed"]) for cell in found}
    print(f"{len(searches)} searches of {given.trials} trials\n")
    print("trials (share of the seconds saved)\n\n" + table(found, "trials", "saved_share"))
    print("\nregret (cost-adjusted regret), points\n\n" + table(found, "regret", "adjusted"))


if __name__ == "__main__":
    main()
