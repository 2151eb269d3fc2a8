"""Who has `public/` alone cannot guess the subset of a row more than 5 points above chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.prepare import build_task
from challenge.prepare.splits.clusters import (
    LARGEST_DRAWN,
    divide_large,
    draw_share,
    summarise_clusters,
)
from challenge.scoring.attacks import MOST_GAIN
from challenge.task import Task
from tests.prepare.subset_attackers import ATTACKS, gains, numbers
from tests.toy import declare_toy, toy_records, toy_rows

SEEDS = range(3)


def many_classes(n: int, seed: int) -> pa.Table:
    """Rows of many classes, of which most have few rows."""
    return toy_rows(n, classes=n // 6, images=False, seed=seed)


def grouped(n: int, seed: int) -> pa.Table:
    """Rows in groups of 1 to 40 rows; the group is visible in the column `count`."""
    sizes = np.minimum(np.random.default_rng(seed).zipf(1.6, n), 40)
    group = np.repeat(np.arange(n), sizes)[:n]
    table = toy_rows(n, images=False, seed=seed)
    table = table.append_column("group", pa.array([f"group {one}" for one in group]))
    return table.set_column(table.column_names.index("count"), "count", pa.array(group))


def listed(n: int, seed: int) -> pa.Table:
    """Listed pairs of records: some records are in many pairs, most are in a few."""
    random = np.random.default_rng(seed)
    entity = np.arange(n) // 2
    often = np.minimum(random.zipf(1.5, 2 * n), n) - 1
    left = np.concatenate([np.arange(0, n - 1, 2), often])
    right = np.concatenate([np.arange(1, n, 2), random.integers(0, n, 2 * n)])
    pairs = np.unique(np.stack([left, right], 1)[left != right], axis=0)
    content = toy_rows(n, images=False, seed=seed).select(["words", "size", "count", "colour"])
    sides = {
        f"{side}_{name}": content[name].take(pa.array(pairs[:, at]))
        for at, side in enumerate(("left", "right"))
        for name in content.column_names
    }
    a, b = pairs.T
    return pa.table(
        {
            "key": [f"pair {one}" for one in range(len(pairs))],
            "label": (entity[a] == entity[b]).astype(int),
            "left_key": [str(one) for one in a],
            "right_key": [str(one) for one in b],
            **sides,
        }
    )


def records(n: int, seed: int) -> pa.Table:
    """Records of which the build makes the pairs, so that whole subsets hang together."""
    return toy_records(n, images=False, seed=seed)


SHAPES: dict[str, tuple[Callable[[int, int], pa.Table], str, str, str]] = {
    "rows": (many_classes, "classification", "", ""),
    "groups": (grouped, "classification", 'by = "group"\ngroup = "group"', "count"),
    "pairs": (listed, "matching", 'by = "entity"', ""),
    "records": (records, "matching", 'by = "entity"\ntruth = "complete"', ""),
}


def built(folder: Path, shape: str, n: int, seed: int, public: float) -> tuple[Task, str]:
    make, kind, split, group = SHAPES[shape]
    declare_toy(
        folder / "toy",
        kind,
        raw=make(n, seed),
        split=f"{split}\nseed = {seed}\npublic = {public}",
        records=shape == "records",
    )
    return build_task(folder / "toy", cache=folder).task, group


@pytest.mark.parametrize("public", [0.3, 0.5])
@pytest.mark.parametrize("n", [400, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_attack_with_public_alone_guesses_subsets(
    tmp_path: Path, shape: str, n: int, public: float
) -> None:
    """One small test set has 100 rows, so chance alone gains 5 points; the mean of 3 does not."""
    found: dict[str, list[float]] = {name: [] for name in ATTACKS}
    for seed in SEEDS:
        task, group = built(tmp_path / str(seed), shape, n, seed, public)
        for name, gain in gains(task, group).items():
            found[name].append(gain)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    assert {name: gain for name, gain in means.items() if gain > MOST_GAIN} == {}
    if n > 1000:
        assert max(max(values) for values in found.values()) <= MOST_GAIN


def test_a_cluster_is_drawn_with_the_share_whatever_its_size_and_label() -> None:
    """The odds of every cluster are the share itself, so nothing public changes them."""
    label = np.repeat(np.arange(4), [1, 2, 5, 40])
    size = np.array([9, 4, 4, 7, 7, 3, 1, 1, *[1] * 37, 2, 2, 2])
    cluster = np.repeat(np.arange(len(size)), size)
    random = np.random.default_rng(0)
    n_draws, share = 4000, 0.3
    times = np.zeros(len(size))
    counts = []
    for _ in range(n_draws):
        word = random.integers(0, 2**64, len(cluster), dtype=np.uint64)
        chosen = draw_share(summarise_clusters(cluster, label[cluster], word), share)
        times += chosen
        counts.append(int(chosen[(label == 3) & (size == 1)].sum()))
    error = np.sqrt(share * (1 - share) / n_draws)
    assert np.abs(times / n_draws - share).max() < 4 * error
    n_alike = int(((label == 3) & (size == 1)).sum())
    assert set(counts) == {int(share * n_alike), int(share * n_alike) + 1}


def test_a_large_cluster_is_divided_into_its_rows() -> None:
    n = 1000
    most = int(LARGEST_DRAWN * n)
    cluster = np.concatenate([np.repeat([0, 1], [most + 1, most]), np.arange(2, n - 2 * most + 1)])
    found = np.bincount(np.unique(divide_large(cluster), return_inverse=True)[1])
    assert sorted(found.tolist()) == [*[1] * (n - most), most]


def test_an_official_subset_is_published_as_a_rounded_share(tmp_path: Path) -> None:
    n = 120
    table = toy_rows(n, images=False)
    table = table.append_column("split", pa.array(["train", "test"] * (n // 2)))
    words = ["public" if row % 8 == 1 else "private" for row in range(n)]
    folder = declare_toy(
        tmp_path / "toy",
        raw=table.append_column("subset", pa.array(words)),
        split='by = "official"\nseed = 1',
    )
    document = build_task(folder, cache=tmp_path).task.document
    assert document["split"]["public"] == 0.2  # 15 of 60 are 0.25


def test_built_files_state_no_exact_count_of_a_subset(tmp_path: Path) -> None:
    task, _ = built(tmp_path, "records", 400, 1, 0.3)
    solution = pq.read_table(task.private / "solution.parquet").to_pandas()
    counts = set()
    for name in ("public", "private"):
        part = solution[solution["subset"] == name]
        counts |= {len(part), int(part["label"].sum()), part["cluster"].nunique()}
    assert min(counts) > 10
    texts = [task.public / f"{name}.json" for name in ("task", "card", "croissant")]
    for path in texts:
        found = {number for _, number in numbers(json.loads(path.read_text()))}
        assert not counts & found, path
