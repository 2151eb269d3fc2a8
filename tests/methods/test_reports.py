"""The tables that the scripts on the reference entry print, and the rows they hold out."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import ablation, classic_sets, seeds, upgrades
from challenge.task.frames import read_train
from tests.toy import build_toy

PAIR = "COL name VAL {} COL price VAL \tCOL name VAL {} COL price VAL 3 \t{}\n"


def test_valid_pairs_are_found_again_as_often_as_they_stand(tmp_path: Path) -> None:
    source = tmp_path / "Toy"
    source.mkdir()
    train = [PAIR.format(f"oak {n}", f"elm {n}", n % 2) for n in range(20)]
    valid = [PAIR.format("oak 1", "elm 1", 1), PAIR.format("fir", "yew", 0)]
    for name, lines in (("train", train), ("valid", valid), ("test", train[:6])):
        (source / f"{name}.txt").write_text("".join(lines))
    task = classic_sets._build(source, tmp_path / "toy")
    table = read_train(task)
    assert len(table) == 22
    chosen = classic_sets.valid_rows(task, table, source / "valid.txt")
    # "oak 1" stands in train and in valid: one of the exports is taken, not both.
    assert sorted(table.loc[chosen, "left_name"]) == ["fir", "oak 1"]


def test_a_column_that_leaks_is_left_out_of_the_copy(tmp_path: Path) -> None:
    (tmp_path / "Fodors-Zagats").mkdir()
    line = "COL name VAL oak COL class VAL 3 \tCOL name VAL elm COL class VAL 4 \t0\n"
    for name in ("train", "valid", "test"):
        (tmp_path / "Fodors-Zagats" / f"{name}.txt").write_text(line * 2)
    name = "Fodors-Zagats without class"
    copy = classic_sets._source(tmp_path, name, tmp_path / "copies")
    expected = "COL name VAL oak \tCOL name VAL elm \t0\n"
    assert (copy / "valid.txt").read_text() == expected * 2


def test_the_table_of_the_classic_sets_has_ours_beside_theirs() -> None:
    cell = {"set": "Beer", "method": "autogluon", "f1": 0.9, "low": 0.75, "high": 1.0,
            "n_test": 91, "n_matches": 14, "resolution": 0.0394}  # fmt: skip
    head, _, row = classic_sets.table([cell]).splitlines()
    assert head.split(" | ")[3] == "autogluon"
    assert row == "| Beer | 91 / 14 | 3.94 | 90.0 (75.0–100.0) | – | – | 94.37 | – |"


def test_a_part_is_left_out_only_where_there_is_one(tmp_path: Path) -> None:
    words = build_toy(tmp_path, n=60, images=False)
    assert ablation.parts_of(words) == ("text embedding",)


def test_the_ablation_tells_what_leaving_out_costs() -> None:
    full = {"task": "t", "entry": "(full)", "test": 0.8, "out_of_fold": 0.7, "difference": None}
    less = {"task": "t", "entry": "without images", "test": 0.7, "out_of_fold": 0.65,
            "difference": -0.1, "low": -0.15, "high": -0.05}  # fmt: skip
    plain = {**less, "entry": "plain", "out_of_fold": None, "low": None, "high": None}
    lines = ablation.table([full, less, plain]).splitlines()
    assert lines[2] == "| t | (full) | 80.0 | – | 70.0 | – |"
    assert lines[3] == "| t | without images | 70.0 | -10.0 (-15.0 to -5.0) | 65.0 | -5.0 |"
    assert lines[4] == "| t | plain | 70.0 | -10.0 (– to –) | – | – |"


def test_the_table_of_seeds_has_their_mean_and_spread() -> None:
    cell = {"task": "t", "method": "linear", "metric": "f1"}
    cells = [{**cell, "seed": seed, "value": value} for seed, value in ((1, 0.7), (2, 0.72))]
    assert seeds.table(cells).splitlines()[2] == "| t | linear | 70.00 | 72.00 | 71.00 | 2.00 |"


@pytest.mark.slow
@pytest.mark.baseline
@pytest.mark.parametrize("kind", ["classification", "matching"])
def test_ensembles_of_the_same_models_are_compared_on_train(kind: str, tmp_path: Path) -> None:
    from benchmarks import ensemble

    task = build_toy(tmp_path, kind, n=100, images=False)
    options = Namespace(preset="fast", threads=1)
    cells = ensemble._cells(task, options)
    assert cells[0]["ensemble"] == "the entry's blend" and cells[0]["difference"] is None
    ensembles = [cell["ensemble"] for cell in cells]
    models = ["AutoGluon's own models", "custom regression"]
    if kind == "classification":
        models += ["custom network", "custom kernel regression"]
    assert ensembles[-len(models) :] == [f"the blend without {name}" for name in models]
    assert len(cells) - len(models) == (9 if kind == "classification" else 7)
    assert all(cell["value"] > 0.5 and cell["log_loss"]["value"] < 1 for cell in cells)
    untempered = next(cell for cell in cells if cell["ensemble"].endswith("without temperature"))
    assert untempered["difference"] == 0, "a temperature keeps every order"
    assert len(ensemble.table(cells).splitlines()) == 2 + len(cells)


@pytest.mark.slow
@pytest.mark.baseline
@pytest.mark.parametrize("kind", ["classification", "matching"])
def test_more_models_are_added_alone_and_together(kind: str, tmp_path: Path) -> None:
    from benchmarks import more_models

    task = build_toy(tmp_path, kind, n=100, images=False)
    options = Namespace(preset="fast", threads=1, models=["LR", "RF"])
    cells = more_models._cells(task, options)
    assert [cell["model"] for cell in cells] == ["LR", "RF", "LR + RF"]
    assert len({cell["before"] for cell in cells}) == 1, "each is compared with the same blend"
    assert all(0.5 < cell["before"] + cell["difference"] <= 1 for cell in cells)
    assert all(cell["alone"] > 0.3 for cell in cells)
    assert len(more_models.table(cells).splitlines()) == 2 + len(cells)


def test_the_table_of_upgrades_ends_with_the_means_of_each() -> None:
    upgrade = {"task": "toy", "old": "fast-0", "new": "default", "relative_new": 0.4}
    upgrade |= {"score_old": 0.5, "score_new": 0.6, "score_pc": 0.6, "relative_pc": 0.2}
    cells = [
        {**upgrade, "seed": 1, "nfr_new": 0.04, "nfr_pc": 0.02, "weight": 0.5},
        {**upgrade, "seed": 2, "nfr_new": 0.02, "nfr_pc": 0.02, "weight": 0.0},
    ]
    *_, first, second, mean = upgrades.table(cells).splitlines()
    assert first.endswith("| 4.00 | 2.00 | 40.00 | 20.00 | 50% | 0.50 |")
    assert second.endswith("| 0% | 0.00 |")
    # Flips of the means: 1 - 2.00 / 3.00.
    assert mean.startswith("| toy | fast-0 | default | mean | 50.00 | 60.00 | 60.00 | 3.00 | 2.00 ")
    assert mean.endswith("| 33% | 0.25 |")
