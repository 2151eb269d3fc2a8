"""Attacks with `public/` alone: those that should succeed do, and honest tasks hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from challenge.scoring.attacks import Attack, attacks_on_task
from challenge.task import read_task
from tests.scoring.scored import make_scored_task

N = 1000


def attacked(
    folder: Path,
    labels: Sequence[str],
    subsets: Sequence[str],
    *,
    kind: str = "classification",
    test: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Attack]:
    train = {"left_id": ["t"], "right_id": ["u"], "label": ["1"]} if test else None
    task = make_scored_task(
        folder / "t", labels, kind=kind, subsets=subsets, test=test, train=train
    )
    path = task.public / "task.json"
    share = list(subsets).count("public") / len(subsets)
    document = {**json.loads(path.read_text()), "split": {"public": share}}
    path.write_text(json.dumps(document))
    return {one.name: one for one in attacks_on_task(read_task(task.public))}


def drawn(seed: int, names: tuple[str, str], share: float) -> list[str]:
    generator = np.random.default_rng(seed)
    return [names[int(value < share)] for value in generator.random(N)]


def test_a_task_drawn_by_chance_holds(tmp_path: Path) -> None:
    labels, subsets = drawn(0, ("a", "b"), 0.5), drawn(1, ("private", "public"), 0.3)
    found = attacked(tmp_path, labels, subsets)
    assert len(found) == 2
    assert all(one.held for one in found.values()), found


def test_rows_in_the_order_of_their_labels_fall(tmp_path: Path) -> None:
    found = attacked(tmp_path, sorted(drawn(0, ("a", "b"), 0.5)), ["private"] * N)
    assert not found["label by order of ids"].held
    assert found["label by order of ids"].gain > 0.4


def test_a_weak_relation_of_order_and_subset_falls_on_a_large_task(tmp_path: Path) -> None:
    n = 10_000
    shares = 0.5 + 0.05 * np.linspace(-1, 1, n)
    chosen = np.random.default_rng(0).random(n) < shares
    subsets = ["public" if one else "private" for one in chosen]
    attack = attacked(tmp_path, ["a", "b"] * (n // 2), subsets)["subset by order of ids"]
    assert not attack.held and attack.gain < 0.05
    assert "4 standard errors" in attack.how


def test_order_raises_no_false_alarm_on_small_tasks(tmp_path: Path) -> None:
    fell = []
    for seed in range(100):
        generator = np.random.default_rng(seed)
        labels = np.where(generator.random(300) < generator.choice([0.02, 0.5]), "a", "b")
        subsets = np.where(generator.random(300) < 0.3, "public", "private")
        found = attacked(tmp_path / str(seed), labels.tolist(), subsets.tolist())
        fell += [one for one in found.values() if not one.held]
    assert fell == []


def test_rows_in_the_order_of_their_subsets_fall(tmp_path: Path) -> None:
    labels, subsets = drawn(0, ("a", "b"), 0.5), sorted(drawn(1, ("private", "public"), 0.3))
    assert not attacked(tmp_path, labels, subsets)["subset by order of ids"].held


def test_large_groups_of_shared_records_show_their_subset(tmp_path: Path) -> None:
    """One group holds more pairs than are public, so the published count decides all the rest."""
    group = np.repeat(np.arange(31), [700, *[10] * 30])
    subsets = ["public" if one else "private" for one in group]
    test = {
        "left_id": [f"g{one}" for one in group],
        "right_id": [f"r{row}" for row in range(N)],
    }
    labels = drawn(0, ("0", "1"), 0.5)
    found = attacked(tmp_path, labels, subsets, kind="matching", test=test)
    attack = found["subset by shared records"]
    assert not attack.held and attack.gain > 0.25
    assert "largest has 700" in attack.how


def test_pairs_of_few_shared_records_hold(tmp_path: Path) -> None:
    test = {"left_id": [f"l{row}" for row in range(N)], "right_id": [f"r{row}" for row in range(N)]}
    subsets = drawn(1, ("private", "public"), 0.3)
    labels = drawn(0, ("0", "1"), 0.5)
    found = attacked(tmp_path, labels, subsets, kind="matching", test=test)
    assert found["subset by shared records"].held
