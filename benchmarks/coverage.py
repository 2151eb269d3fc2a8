"""How often the 95 % intervals hold the true value, simulated; fills docs/intervals.md.

    python -m benchmarks.coverage --results FILE [--sizes 200 2000 20000]
        [--replications 500 250 100] [--seeds 1 2 3 4] [--write]

Each case draws test sets from a population, scores one imperfect submission on each with the
functions of the scorer, and counts the intervals that hold what the submission scores on the
population: on rows whose clusters are all new, as in a test set of infinitely many. `difference`
is the primary metric of two submissions. Every seed adds its test sets to those of the others; what
is in FILE is not drawn again.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.kinds import kind_of
from challenge.kinds.estimates import MetricEstimate, estimates
from challenge.kinds.forms import Form
from challenge.kinds.scored_rows import ScoredRows
from challenge.kinds.statistics.distributions import clopper_pearson
from challenge.kinds.statistics.grouping import group_rows
from challenge.scoring.predictions import Predictions, Probabilities
from challenge.scoring.score import value_with_interval
from challenge.scoring.statistics.comparison import paired_difference
from challenge.scoring.statistics.intervals import too_few_clusters

PAGE = Path(__file__).parents[1] / "docs" / "intervals.md"
START, END = "<!-- coverage: made by benchmarks/coverage.py -->", "<!-- end of coverage -->"
POPULATION = 2
"""Millions of rows that the true values are taken from: their error is below a tenth of any."""
NONE = 100
"""After so many test sets without an interval a case is said to have none."""
METRICS = {
    "classification": ("accuracy", "macro_f1", "log_loss"),
    "matching": ("f1", "average_precision", "roc_auc"),
}
PRIMARY = {"classification": "macro_f1", "matching": "f1"}
CLASS_SHARES = {"balanced": (0.25, 0.25, 0.25, 0.25), "skewed": (0.70, 0.20, 0.07, 0.03)}
CLUSTERS = ((30, True), (30, False), (50, False), (100, False), (1_000, False))
"""Numbers of clusters, and whether these are of equal size."""
MATCH_SHARE = {"balanced": 0.5, "skewed": 0.1}

Kind = Literal["classification", "matching"]
Drawn = tuple[NDArray[Any], list[Predictions], NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A line of the table; no clusters: independent rows; `shared`: pairs of two entities."""

    kind: Kind
    n: int
    clusters: int
    shape: Literal["balanced", "skewed"]
    equal: bool = False
    shared: bool = False

    def words(self) -> tuple[str, str, str, str]:
        """Return kind, rows, classes and dependence as text."""
        rows = "independent"
        if self.clusters:
            thing = "entities, shared" if self.shared else "clusters"
            rows = f"{self.clusters:,} {'equal' if self.equal else 'unequal'} {thing}"
        return self.kind, f"{self.n:,}", self.shape, rows


@dataclass(frozen=True)
class Found:
    """How many test sets were drawn, had an interval, and held the true value in it."""

    drawn: int
    made: int
    held: dict[str, int]


def cases(sizes: list[int]) -> Iterator[Case]:
    kinds: tuple[Kind, ...] = ("classification", "matching")
    for n in sizes:
        for kind in kinds:
            for clusters, equal in ((0, True), *CLUSTERS):
                if clusters > n:
                    continue
                for shape in ("balanced", "skewed"):
                    case = Case(kind, n, clusters, shape, equal)
                    yield case
                    if kind == "matching" and clusters and not (equal or clusters == 50):
                        yield replace(case, shared=True)


def draw(case: Case, rng: np.random.Generator, n: int, clusters: int) -> Drawn:
    """Return labels, two submissions, and the clusters of both sides of n rows."""
    return (_draw_rows if case.kind == "classification" else _draw_pairs)(case, rng, n, clusters)


def _clusters(rng: np.random.Generator, case: Case, n: int, clusters: int) -> NDArray[np.int64]:
    """Return clusters, unequal ones with at least a row each; independent rows when 0."""
    if not clusters or case.equal:
        return np.arange(n) % (clusters or n)
    sizes = rng.gamma(2.0, size=clusters)
    more = rng.choice(clusters, n - clusters, p=sizes / sizes.sum())
    return np.concatenate((np.arange(clusters), more))


def _draw_rows(case: Case, rng: np.random.Generator, n: int, clusters: int) -> Drawn:
    cluster = _clusters(rng, case, n, clusters)
    shares = CLASS_SHARES[case.shape]
    labels = rng.choice(4, n, p=shares)
    if clusters:  # half of the rows have the main class of their cluster
        main = rng.choice(4, clusters, p=shares)[cluster]
        labels = np.where(rng.random(n) < 0.5, main, labels)
    pull = rng.normal(0, 0.7, clusters)[cluster] if clusters else 0.0
    known = np.array([1.8, 1.0, 0.7, 0.5])[labels] + pull
    wrong = rng.choice(4, n, p=shares)
    wrong = np.where(wrong == labels, (labels + 1) % 4, wrong)
    common, rows = rng.normal(0, 1.0, n), np.arange(n)
    submissions = []
    for better in (0.0, 0.2):
        p = 1.0 / (1.0 + np.exp(-(known + better + common + rng.normal(0, 0.7, n))))
        each = np.full((n, 4), 0.0) + ((1 - p) * 0.05)[:, None]
        each[rows, wrong] = (1 - p) * 0.9
        each[rows, labels] = p
        codes = np.where(p > 0.5, labels, wrong)
        submissions.append(_predictions(case, codes, Probabilities.of(each), None))
    return labels, submissions, cluster, cluster


def _draw_pairs(case: Case, rng: np.random.Generator, n: int, clusters: int) -> Drawn:
    matches = rng.random(n) < MATCH_SHARE[case.shape]
    left = right = _clusters(rng, case, n, clusters)
    pull = np.zeros(n)
    if case.shared:
        sizes = rng.gamma(2.0, size=clusters)
        left, right = (rng.choice(clusters, n, p=sizes / sizes.sum()) for _ in range(2))
        right = np.where(matches, left, np.where(left == right, (left + 1) % clusters, right))
        of_entity = rng.normal(0, 0.5, clusters)
        pull = np.where(matches, of_entity[left], of_entity[left] + of_entity[right])
    elif clusters:
        pull = rng.normal(0, 0.5, clusters)[left]
    common = rng.normal(0, 0.8, n)
    submissions = []
    for better in (2.2, 2.4):
        signal = better * matches + pull + common + rng.normal(0, 0.6, n)
        scores = 1.0 / (1.0 + np.exp(-(2.0 * signal - 2.6)))
        submissions.append(_predictions(case, scores >= 0.5, None, scores))
    return matches, submissions, left, right


def _predictions(
    case: Case,
    codes: NDArray[Any],
    probabilities: Probabilities | None,
    scores: NDArray[np.float64] | None,
) -> Predictions:
    form: Form = "probabilities" if probabilities else "scores"
    numbers = codes.astype(np.int32)
    return Predictions(
        "simulated",
        kind_of(case.kind),
        "",
        numbers,
        probabilities,
        scores,
        "",
        form,
    )


def _part(case: Case, labels: NDArray[Any], left: NDArray[Any], right: NDArray[Any]) -> ScoredRows:
    n = len(labels)
    names = tuple("0123" if case.kind == "classification" else "01")
    grouping = group_rows(left.astype(np.int32), right.astype(np.int32), b"coverage")
    return ScoredRows(np.arange(n), n, labels.astype(np.int32), names, grouping)


def _estimates(part: ScoredRows, predictions: Predictions) -> dict[str, MetricEstimate]:
    kind = predictions.kind
    return estimates(kind.metrics.values(), kind.outcome(part, predictions.answers))


def true_values(case: Case) -> dict[str, float]:
    """Return what the first submission scores on the population, and the primary difference.

    A row of the population is one of a new cluster: its law is that of any row of a test set, and
    no two of them hang together.
    """
    rng, n = np.random.default_rng(1), 1_000_000
    primary, block = PRIMARY[case.kind], np.arange(n) // 2_000
    values = []
    for _ in range(POPULATION):
        labels, submissions, _, _ = draw(replace(case, equal=True), rng, n, n * (case.clusters > 0))
        part = _part(case, labels, block, block)
        a, b = (_estimates(part, one) for one in _scores_of_first(submissions))
        figures = [a[name].value or 0.0 for name in METRICS[case.kind]]
        values.append([*figures, (a[primary].value or 0.0) - (b[primary].value or 0.0)])
    return dict(
        zip((*METRICS[case.kind], "identity"), map(float, np.mean(values, axis=0)), strict=True)
    )


def coverage(case: Case, true: dict[str, float], replications: int, seed: int) -> Found:
    """Draw test sets and count the intervals that hold the true values."""
    flags = (case.shape == "skewed", case.equal, case.shared)
    rng = np.random.default_rng([seed, case.n, case.clusters, *flags])
    primary = PRIMARY[case.kind]
    held, made = dict.fromkeys(true, 0), 0
    for drawn in range(1, replications + 1):
        labels, submissions, left, right = draw(case, rng, case.n, case.clusters)
        part = _part(case, labels, left, right)
        if too_few_clusters(part.grouping):
            if drawn == NONE and made == 0:
                break
            continue
        made += 1
        a, b = (_estimates(part, one) for one in _scores_of_first(submissions))
        for name in METRICS[case.kind]:
            value, _ = value_with_interval(part.grouping, a[name])
            held[name] += _holds(value.low, true[name], value.high)
        difference = paired_difference(part, a[primary], b[primary])
        held["difference"] += _holds(difference.low, true["difference"], difference.high)
    return Found(drawn, made, held)


def _scores_of_first(submissions: list[Predictions]) -> list[Predictions]:
    """Leave the second one its labels: only the primary metric of it is wanted."""
    first, second = submissions
    return [first, replace(second, probabilities=None, scores=None)]


def _holds(low: float | None, value: float, high: float | None) -> bool:
    return low is not None and high is not None and low <= value <= high


def _cell(held: int, made: int) -> tuple[str, bool, bool]:
    """Return a share in percent with its exact 95 % interval; whether it, or that, is in range."""
    share, (low, high) = held / made, clopper_pearson(held, made)
    fits = 0.93 <= round(share, 3) <= 0.97
    text = f"{100 * share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    return text if fits else f"**{text}**", fits, low <= 0.97 and high >= 0.93


def _chance(made: int) -> float:
    """Return how likely an estimate is to be within 93 to 97 % when the truth is 95 %."""
    near = [held for held in range(made + 1) if 0.93 <= round(held / made, 3) <= 0.97]
    ways = (math.lgamma(made + 1) - math.lgamma(h + 1) - math.lgamma(made - h + 1) for h in near)
    log, not_log = math.log(0.95), math.log(0.05)
    return sum(
        math.exp(way + held * log + (made - held) * not_log)
        for way, held in zip(ways, near, strict=True)
    )


def _together(parts: list[Found]) -> Found:
    names = parts[0].held
    held = {name: sum(part.held[name] for part in parts) for name in names}
    return Found(sum(p.drawn for p in parts), sum(p.made for p in parts), held)


def _line(words: tuple[str, ...], found: Found) -> str:
    sets = f"{found.made:,}" + (f" of {found.drawn:,}" if found.made < found.drawn else "")
    cells = ["none"] * len(found.held)
    if found.made:
        cells = [_cell(held, found.made)[0] for held in found.held.values()]
    return "| " + " | ".join((*words, sets, *cells)) + " |"


def table(results: dict[Case, Found]) -> str:
    """Return the results as Markdown, one table per kind, estimates outside 93 to 97 % in bold."""
    lines = []
    for kind in METRICS:
        names = (*METRICS[kind], f"difference in {PRIMARY[kind]}")
        head = f"| {kind}: rows | classes | dependence | test sets | "
        lines += [head + " | ".join(names) + " |", "|---" * (4 + len(names)) + "|"]
        here = {case: found for case, found in results.items() if case.kind == kind}
        lines += [_line(case.words()[1:], found) for case, found in here.items()]
        for n in sorted({case.n for case in here}):
            every = [found for case, found in here.items() if case.n == n and found.made]
            lines.append(_line((f"{n:,}", "all", "all with an interval"), _together(every)))
        lines.append("")
    cells = [
        _cell(h, found.made)
        for found in results.values()
        if found.made
        for h in found.held.values()
    ]
    inside = sum(fits for _, fits, _ in cells)
    near = sum(close and not fits for _, fits, close in cells)
    chance = sum(_chance(found.made) * len(found.held) for found in results.values() if found.made)
    rest = len(cells) - inside
    lines.append(
        f"{inside} of {len(cells)} estimates are within 93 to 97 %. With a coverage of exactly "
        f"95 %, {chance:.0f} are expected there. Of the other {rest}, {near} have an interval that "
        f"overlaps this range."
    )
    return "\n".join(lines)


Law = tuple[str, str, bool, bool]


@dataclass
class Results:
    """What is done: the true values of each population, and the counts of each case and seed."""

    path: Path
    true: dict[Law, dict[str, float]]
    found: dict[tuple[Case, int], Found]

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what is done; nothing when there is no such file."""
        results = cls(path, {}, {})
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        for line in map(json.loads, lines):
            if "true" in line:
                kind, shape, clustered, shared = line["law"]
                results.true[kind, shape, clustered, shared] = line["true"]
            else:
                results.found[Case(**line["case"]), line["seed"]] = Found(**line["found"])
        return results

    def keep(self, **line: object) -> None:
        """Append a line to the file."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def run(self, case: Case, seed: int, replications: int) -> None:
        """Draw the test sets of a case and seed, unless they are there."""
        if (case, seed) in self.found:
            return
        law = (case.kind, case.shape, case.clusters > 0, case.shared)
        if law not in self.true:
            self.true[law] = true_values(case)
            self.keep(law=law, true=self.true[law])
        found = coverage(case, self.true[law], replications, seed)
        self.found[case, seed] = found
        self.keep(case=vars(case), seed=seed, found=vars(found))

    def of_cases(self, sizes: list[int]) -> dict[Case, Found]:
        """Return the counts of each case, over all seeds."""
        totals = {}
        for case in cases(sizes):
            parts = [found for (one, _), found in self.found.items() if one == case]
            if parts:
                totals[case] = _together(parts)
        return totals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results", type=Path, required=True, help="a file that keeps what is done"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 2_000, 20_000])
    parser.add_argument("--replications", type=int, nargs="+", default=[500, 250, 100])
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3, 4])
    parser.add_argument("--write", action="store_true", help="put the table into docs/intervals.md")
    options = parser.parse_args()
    replications = dict(zip(options.sizes, options.replications, strict=True))
    results = Results.read(options.results)
    for seed in options.seeds:
        for case in cases(options.sizes):
            started = time.perf_counter()
            results.run(case, seed, replications[case.n])
            spent = time.perf_counter() - started
            print(seed, *case.words(), results.found[case, seed], f"({spent:.0f} s)", flush=True)
    text = table(results.of_cases(options.sizes))
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
