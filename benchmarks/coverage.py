"""How often the 95 % intervals hold what they promise, simulated; fills docs/intervals.md.

    python -m benchmarks.coverage --results FILE [--sets 400] [--seed 1] [--write]

Each case draws test sets from a population and scores two submissions on each, with the functions
of the scorer. The target is what the file scores on average over test sets made like these. Width
is a multiple of the oracle's: 3.92 times the standard deviation of the score over the test sets.
The last column is the width of the percentile interval of a bootstrap of clusters, likewise.
`ties` plays contests. What is in FILE is not drawn again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.ties import compare_with_first
from challenge.kinds import kind_of
from challenge.kinds.estimates import MetricEstimate, estimate
from challenge.kinds.scored_rows import Answers, Outcome, ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.kinds.statistics.vector import Vector, interval, joined, spread
from challenge.scoring.statistics.comparison import paired_difference

PAGE = Path(__file__).parents[1] / "docs" / "intervals.md"
START, END = "<!-- coverage: made by benchmarks/coverage.py -->", "<!-- end of coverage -->"
LOW, HIGH = 0.93, 0.97
N_BOOTSTRAP, BOOTSTRAPPED = 100, 6
"""Draws of a bootstrap, and the test sets of a case for which it is made: for its mean width."""

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Case:
    """A population: `rows` are `single`, or in clusters of `equal`, `gamma` or `pareto` sizes.

    Matching: `single` pairs, or `blocks` that share an effect (20 of them, as brands or sellers).
    `k` is the number of classes (2 for matching), `tail` whether class sizes fall as 1 / rank.
    """

    kind: str
    k: int
    n: int
    rows: str
    right: float
    tail: bool = False

    @property
    def n_clusters(self) -> int:
        """Number of clusters; blocks of pairs are few."""
        if self.rows == "single":
            return self.n
        return 20 if self.rows == "blocks" else self.n // 8

    def text(self) -> tuple[str, ...]:
        """Return the case as cells of the table."""
        classes = f"{self.k}{', long tail' if self.tail else ''}"
        rows = "independent" if self.rows == "single" else f"{self.n_clusters} {self.rows}"
        return self.kind, classes, f"{self.n:,}", rows, f"{self.right:.2f}"


def cases() -> Iterator[Case]:
    """Yield the populations of the table."""
    for k in (2, 5, 30, 72):
        for n in (300, 1_200, 4_000):
            for rows in ("single", "equal", "gamma", "pareto"):
                yield Case("classification", k, n, rows, 0.8)
            if k > 2:
                yield Case("classification", k, n, "single", 0.6, tail=True)
                yield Case("classification", k, n, "gamma", 0.6, tail=True)
    for right in (0.5, 0.95, 0.98):
        yield Case("classification", 5, 1_200, "single", right)
        yield Case("classification", 5, 1_200, "gamma", right)
    for n in (300, 1_200, 4_000):
        for rows in ("single", "gamma", "blocks"):
            yield Case("matching", 2, n, rows, 0.85)


METRICS = {
    "classification": ("macro_f1", "accuracy", "log_loss"),
    "matching": ("f1", "average_precision", "log_loss"),
}


def draw(case: Case, rng: np.random.Generator) -> tuple[Codes, Codes, list[Answers]]:
    """Return labels, clusters and the answers of two submissions."""
    sizes = np.ones(case.n_clusters)
    if case.rows == "gamma":
        sizes = rng.gamma(2.0, size=case.n_clusters)
    elif case.rows == "pareto":
        sizes = rng.pareto(2.0, size=case.n_clusters) + 1.0
    cluster = np.arange(case.n) % case.n_clusters
    if case.rows in ("gamma", "pareto"):
        cluster = rng.choice(case.n_clusters, case.n, p=sizes / sizes.sum())
    shares = 1.0 / np.arange(1, case.k + 1) if case.tail else np.ones(case.k)
    if case.kind == "matching":
        shares = np.array([0.7, 0.3])
    shares /= shares.sum()
    labels = rng.choice(case.k, case.n, p=shares)
    pull = np.zeros(case.n)
    if case.rows != "single":
        main = rng.choice(case.k, case.n_clusters, p=shares)[cluster]
        labels = np.where(rng.random(case.n) < 0.5, main, labels)
        pull = rng.normal(0, 0.7, case.n_clusters)[cluster]
    answers, hard = [], rng.normal(size=case.n)
    for better in (0.0, 0.15):
        level = np.log(case.right / (1.0 - case.right)) + better
        certain = 1.0 / (1.0 + np.exp(-(level + pull + hard + rng.normal(size=case.n))))
        if case.kind == "matching":
            scores = np.where(labels == 1, certain, 1.0 - certain)
            answers.append(Answers((scores >= 0.5).astype(np.int32), scores=scores))
            continue
        wrong = (labels + rng.integers(1, case.k, case.n)) % case.k
        codes = np.where(certain > 0.5, labels, wrong).astype(np.int32)
        answers.append(Answers(codes, _probabilities(labels, wrong, certain, case.k)))
    return labels.astype(np.int32), cluster.astype(np.int32), answers


def _probabilities(labels: NDArray[Any], wrong: NDArray[Any], certain: Floats, k: int) -> Any:
    def blocks() -> Iterator[tuple[slice, Floats]]:
        n = len(labels)
        p = np.full((n, k), 0.0) + ((1.0 - certain) * 0.1 / k)[:, None]
        p[np.arange(n), wrong] += (1.0 - certain) * 0.9
        p[np.arange(n), labels] += certain
        yield slice(0, n), p / p.sum(axis=1, keepdims=True)

    return blocks


def rows_of(case: Case, labels: Codes, cluster: Codes) -> ScoredRows:
    """Return the rows of a test set."""
    grouping = group_rows(cluster, cluster, b"coverage")
    names = tuple(map(str, range(case.k)))
    return ScoredRows(np.arange(case.n), case.n, labels, names, grouping)


def play(case: Case, n_sets: int, seed: int) -> dict[str, list[list[float]]]:
    """Return value, ends and bootstrap width of each figure on each test set, NaN where none."""
    rng = np.random.default_rng([seed, *map(ord, repr(case))])
    kind = kind_of(case.kind)
    primary = METRICS[case.kind][0]
    found: dict[str, list[list[float]]] = {name: [] for name in (*METRICS[case.kind], "difference")}
    for drawn in range(n_sets):
        labels, cluster, answers = draw(case, rng)
        rows = rows_of(case, labels, cluster)
        a, b = (
            {
                name: estimate(kind.metric(name), outcome)
                for name in (METRICS[case.kind] if first else (primary,))
            }
            for first, outcome in ((True, kind.outcome(rows, answers[0])),
                                   (False, kind.outcome(rows, answers[1])))
        )  # fmt: skip
        width = _bootstrap(a[primary], rng) if drawn < BOOTSTRAPPED else np.nan
        for name in METRICS[case.kind]:
            ends = a[name].interval
            low, high = (np.nan, np.nan) if isinstance(ends, str) else ends
            found[name].append([a[name].value or 0.0, low, high, width])
        gap = paired_difference(a[primary], b[primary])
        low, high = (np.nan if end is None else end for end in (gap.low, gap.high))
        found["difference"].append([gap.value or 0.0, low, high, np.nan])
    return found


def _bootstrap(found: MetricEstimate, rng: np.random.Generator) -> float:
    """Return the width of the percentile interval when whole clusters are drawn anew."""
    outcome = found.outcome
    grouping = outcome.rows.grouping
    order = np.argsort(grouping.group, kind="stable")
    starts = np.searchsorted(grouping.group[order], np.arange(grouping.n_groups + 1))
    values = []
    for _ in range(N_BOOTSTRAP):
        chosen = rng.integers(0, grouping.n_groups, grouping.n_groups)
        rows = np.concatenate([order[starts[one] : starts[one + 1]] for one in chosen])
        values.append(found.metric.value(_drawn(outcome, rows)))
    ends = np.quantile([one for one in values if isinstance(one, float)], (0.025, 0.975))
    return float(ends[1] - ends[0])


def _drawn(outcome: Outcome, rows: NDArray[np.intp]) -> Outcome:
    """Return the outcome on rows that may occur several times."""
    part, answers = outcome.rows, outcome.answers
    assert answers.codes is not None
    every = np.arange(len(rows))
    drawn = ScoredRows(every, len(rows), part.labels[rows], part.classes, part.grouping)
    scores = None if answers.scores is None else answers.scores[rows]
    return type(outcome)(drawn, Answers(answers.codes[rows], scores=scores))


def track(n_sets: int, seed: int) -> dict[str, list[list[float]]]:
    """Return value and ends of the mean macro F1 of four tasks."""
    rng = np.random.default_rng([seed, 4])
    kind = kind_of("classification")
    tasks = [Case("classification", k, n, rows, 0.7)
             for k, n, rows in ((72, 1_200, "gamma"), (46, 1_200, "single"),
                                (30, 300, "gamma"), (5, 1_200, "pareto"))]  # fmt: skip
    found = []
    for _ in range(n_sets):
        parts = []
        for case in tasks:
            labels, cluster, answers = draw(case, rng)
            outcome = kind.outcome(rows_of(case, labels, cluster), answers[0])
            parts.append(estimate(kind.metric("macro_f1"), outcome))
        value = float(np.mean([one.value for one in parts]))
        vector = joined([one.vector for one in parts]) * 0.25
        ends = interval(value, spread(vector), "share", (0.0, 1.0)) or (np.nan, np.nan)
        found.append([value, *ends, np.nan])
    return {"macro_f1": found}


def ties(n_teams: int, n_contests: int, seed: int) -> dict[str, float]:
    """Play contests of equal teams, and of one that is better; return how the group did."""
    rng = np.random.default_rng([seed, n_teams])
    n, excluded, plain_excluded, power, plain = 1_200, 0.0, 0.0, 0, 0
    for _ in range(n_contests):
        hard = rng.normal(size=n)
        noise = rng.normal(size=(n_teams, n))
        for better in (0.0, 0.04):
            limits = np.full(n_teams, 0.8)
            limits[0] += better
            cut = np.array([NormalDist().inv_cdf(limit) for limit in limits])
            right = np.sqrt(0.6) * hard + np.sqrt(0.4) * noise < cut[:, None]
            share = right.mean(axis=1)
            order = np.argsort(-share, kind="stable")
            moved = (right - share[:, None]) / (n - 1)
            found = compare_with_first(share[order], Vector(moved[order], np.zeros((n_teams, 0))))
            tied = np.empty(n_teams, np.bool_)
            tied[order] = found.tied_first
            shut = _plain(right.astype(float), rng)
            if better:
                power += int((~tied[1:]).sum())
                plain += int(shut[1:].sum())
            else:
                # All are equal, so each may count as the true best.
                excluded += float(np.mean(~tied))
                plain_excluded += float(np.mean(shut))
    rest = n_contests * max(n_teams - 1, 1)
    return {
        "teams": n_teams,
        "contests": n_contests,
        "excluded": excluded / n_contests,
        "plain_excluded": plain_excluded / n_contests,
        "power": power / rest,
        "plain_power": plain / rest,
    }


def _plain(right: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which teams a multinomial bootstrap of rows shuts out, with the same promise."""
    n_teams, n = right.shape
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=400) / n
    drawn, share = right @ weights.T, right.mean(axis=1)
    leader = int(share.argmax())
    shut = np.zeros(n_teams, np.bool_)
    for i in range(n_teams):
        gap = (drawn - drawn[i]) - (share - share[i])[:, None]
        error = gap.std(axis=1)
        error[error == 0.0] = np.inf
        largest = np.quantile(np.abs(gap / error[:, None]).max(axis=0), 0.95)
        shut[i] = share[leader] - share[i] > largest * error[leader]
    return shut


def line(text: tuple[str, ...], found: dict[str, list[list[float]]]) -> tuple[str, list[float]]:
    """Return a line of the table, and the coverages in it."""
    cells, covered = [], []
    for rows in found.values():
        value, low, high, bootstrap = np.array(rows).T
        has = np.isfinite(low)
        if not has.any():
            cells += ["none", ""]
            continue
        target = value.mean()
        share = float(((low <= target) & (target <= high))[has].mean())
        oracle = 3.92 * value.std()
        covered.append(share)
        width = f"{(high - low)[has].mean() / oracle:.2f}"
        if np.isfinite(bootstrap).any() and not cells:
            width += f" ({np.nanmean(bootstrap) / oracle:.2f})"
        if not has.all():
            width += f", none {100 * (1 - has.mean()):.0f} %"
        bold = "" if LOW <= round(share, 3) <= HIGH else "**"
        cells += [f"{bold}{100 * share:.1f}{bold}", width]
    return "| " + " | ".join((*text, *cells)) + " |", covered


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines, covered = [], []
    for kind, names in METRICS.items():
        head = [part for name in (*names, "difference") for part in (f"{name}, %", "width")]
        lines += ["| kind | classes | rows | dependence | accuracy | " + " | ".join(head) + " |"]
        lines += ["|---" * (5 + len(head)) + "|"]
        for case in cases():
            if case.kind == kind and repr(case) in results:
                text, shares = line(case.text(), results[repr(case)])
                lines.append(text)
                covered += shares
        lines.append("")
    text, shares = line(("track of four tasks",), results["track"])
    lines += ["| | mean macro_f1, % | width |", "|---|---|---|", text, ""]
    covered += shares
    inside = sum(LOW <= round(one, 3) <= HIGH for one in covered)
    lines.append(
        f"{len(results['track']['macro_f1'])} test sets a case. {inside} of {len(covered)} cells "
        "are within 93 to 97 %; the lowest is "
        f"{100 * min(covered):.1f} %. In brackets: the bootstrap's width."
    )
    lines += [
        "",
        "| teams | contests | true best excluded, % | by a bootstrap, % | power, % | "
        "of a bootstrap, % |",
        "|---" * 6 + "|",
    ]
    for one in results["ties"]:
        cells = [f"{100 * one[name]:.1f}" for name in
                  ("excluded", "plain_excluded", "power", "plain_power")]  # fmt: skip
        lines.append(f"| {one['teams']} | {one['contests']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Draw what is missing in the results, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into docs/intervals.md")
    options = parser.parse_args()
    results = json.loads(options.results.read_text()) if options.results.is_file() else {}
    start = time.process_time()
    if "track" not in results:
        results["track"] = track(options.sets, options.seed)
    if "ties" not in results:
        contests = {
            2: options.sets,
            10: options.sets,
            50: options.sets // 4,
            300: options.sets // 40,
        }
        results["ties"] = [ties(teams, n, options.seed) for teams, n in contests.items()]
    for case in cases():
        if repr(case) in results:
            continue
        results[repr(case)] = play(case, options.sets, options.seed)
        options.results.write_text(json.dumps(results))
        print(line(case.text(), results[repr(case)])[0], flush=True)
    options.results.write_text(json.dumps(results))
    text = table(results)
    print(text)
    print(f"{time.process_time() - start:.0f} CPU seconds")
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(START)
        _, after = rest.split(END)
        PAGE.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
