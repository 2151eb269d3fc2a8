"""How often the 95 % intervals hold the true value, simulated; fills docs/intervals.md.

    python -m benchmarks.coverage [--replications 1000] [--sizes 200 2000 20000] [--write]

Each case draws test sets from a population, scores one imperfect submission on each with the
functions of the scorer, and counts the intervals that hold what the submission scores on the
population (a draw of a million rows). `difference` is the primary metric of two submissions.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.compare import paired_difference
from challenge.scoring.intervals import MIN_CLUSTERS
from challenge.scoring.kinds import kind_module
from challenge.scoring.kinds.part import Part
from challenge.scoring.predictions import Form, Predictions, Probabilities
from challenge.scoring.score import value_with_interval
from challenge.scoring.weights import group_rows

PAGE = Path(__file__).parents[1] / "docs" / "intervals.md"
START, END = "<!-- coverage: made by benchmarks/coverage.py -->", "<!-- end of coverage -->"
POPULATION = 1_000_000
METRICS = {
    "classification": ("accuracy", "macro_f1", "log_loss"),
    "matching": ("f1", "average_precision", "roc_auc"),
}
PRIMARY = {"classification": "macro_f1", "matching": "f1"}
CLASS_SHARES = {"balanced": (0.25, 0.25, 0.25, 0.25), "skewed": (0.70, 0.20, 0.07, 0.03)}
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
    shared: bool = False

    def words(self) -> tuple[str, str, str, str]:
        """Return kind, rows, classes and dependence as text."""
        rows = f"{self.clusters:,} clusters" if self.clusters else "independent"
        if self.shared:
            rows = f"{self.clusters:,} entities, shared"
        return self.kind, f"{self.n:,}", self.shape, rows


def cases(sizes: list[int]) -> Iterator[Case]:
    kinds: tuple[Kind, ...] = ("classification", "matching")
    for kind in kinds:
        for n in sizes:
            for clusters in (0, 30, 100, 1_000):
                if clusters > n:
                    continue
                for shape in ("balanced", "skewed"):
                    yield Case(kind, n, clusters, shape)
                    if kind == "matching" and clusters:
                        yield Case(kind, n, clusters, shape, True)


def draw(case: Case, rng: np.random.Generator, n: int, clusters: int) -> Drawn:
    """Return labels, two submissions, and the clusters of both sides of n rows."""
    return (_draw_rows if case.kind == "classification" else _draw_pairs)(case, rng, n, clusters)


def _clusters(rng: np.random.Generator, n: int, clusters: int) -> NDArray[np.int64]:
    """Return unequal clusters, every one with at least a row; independent rows when 0."""
    if not clusters:
        return np.arange(n)
    sizes = rng.gamma(2.0, size=clusters)
    more = rng.choice(clusters, n - clusters, p=sizes / sizes.sum())
    return np.concatenate((np.arange(clusters), more))


def _draw_rows(case: Case, rng: np.random.Generator, n: int, clusters: int) -> Drawn:
    cluster = _clusters(rng, n, clusters)
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
    left = right = _clusters(rng, n, clusters)
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
        case.kind,
        "",
        numbers,
        probabilities,
        scores,
        "",
        form,
    )


def _part(case: Case, labels: NDArray[Any], left: NDArray[Any], right: NDArray[Any]) -> Part:
    n = len(labels)
    names = tuple("0123" if case.kind == "classification" else "01")
    grouping = group_rows(left.astype(np.int32), right.astype(np.int32), b"coverage")
    return Part(np.arange(n), n, labels.astype(np.int32), names, grouping)


def true_values(case: Case) -> dict[str, float]:
    """Return what the first submission scores on the population, and the primary difference."""
    rng = np.random.default_rng(1)
    clusters = case.clusters * POPULATION // case.n
    labels, submissions, _, _ = draw(case, rng, POPULATION, clusters)
    block = np.arange(POPULATION) // 2_000
    part, module = _part(case, labels, block, block), kind_module(case.kind)
    a, b = (module.measure(part, submission) for submission in submissions)
    values = {name: a[name].value or 0.0 for name in METRICS[case.kind]}
    primary = PRIMARY[case.kind]
    return values | {"difference": values[primary] - (b[primary].value or 0.0)}


def coverage(case: Case, replications: int) -> dict[str, float]:
    """Return the share of intervals that hold the true value, per metric."""
    rng = np.random.default_rng([case.n, case.clusters, case.shape == "skewed", case.shared])
    module, true, primary = kind_module(case.kind), true_values(case), PRIMARY[case.kind]
    held, made = dict.fromkeys(true, 0), 0
    for _ in range(replications):
        labels, submissions, left, right = draw(case, rng, case.n, case.clusters)
        part = _part(case, labels, left, right)
        if part.grouping.n_clusters < MIN_CLUSTERS:
            continue  # by chance a cluster without a row: the scorer gives no interval
        made += 1
        a, b = (module.measure(part, submission) for submission in submissions)
        for name in METRICS[case.kind]:
            value, _ = value_with_interval(part.grouping, a[name])
            held[name] += _holds(value.low, true[name], value.high)
        difference = paired_difference(part, a[primary], b[primary])
        held["difference"] += _holds(difference.low, true["difference"], difference.high)
    return {name: count / made for name, count in held.items()}


def _holds(low: float | None, value: float, high: float | None) -> bool:
    return low is not None and high is not None and low <= value <= high


def table(results: dict[Case, dict[str, float]], replications: int) -> str:
    """Return the results as Markdown, one table per kind, cases outside 93 to 97 % in bold."""
    slack = 2.0 * math.sqrt(0.95 * 0.05 / replications)
    lines = [
        f"{replications:,} simulated test sets a case: ± {100 * slack:.1f} points by chance.",
        "",
    ]
    inside = total = 0
    for kind in METRICS:
        names = (*METRICS[kind], f"difference in {PRIMARY[kind]}")
        lines += [f"| {kind}: rows | classes | dependence | " + " | ".join(names) + " |"]
        lines += ["|---" * (3 + len(names)) + "|"]
        for case, found in results.items():
            if case.kind != kind:
                continue
            cells = []
            for share in found.values():
                fits = 0.93 <= round(share, 3) <= 0.97
                inside, total = inside + fits, total + 1
                cells.append(f"{100 * share:.1f}" if fits else f"**{100 * share:.1f}**")
            lines.append("| " + " | ".join((*case.words()[1:], *cells)) + " |")
        lines.append("")
    lines.append(f"{inside} of {total} figures lie within 93 to 97 %.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=1_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 2_000, 20_000])
    parser.add_argument("--write", action="store_true", help="put the table into docs/intervals.md")
    options = parser.parse_args()
    results: dict[Case, dict[str, float]] = {}
    for case in cases(options.sizes):
        started = time.perf_counter()
        results[case] = coverage(case, options.replications)
        shown = " ".join(f"{name} {100 * share:.1f}" for name, share in results[case].items())
        print(*case.words(), shown, f"({time.perf_counter() - started:.0f} s)", flush=True)
    text = table(results, options.replications)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
