"""A task whose labels are numbers, by commands alone: from a CSV to a page."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from tests.cli.shell import refused, shell


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a challenge with the task `rents`, added from a CSV as it was proposed."""
    root = tmp_path_factory.mktemp("numbers") / "c"
    root.mkdir()
    (root / "challenge.toml").write_text('format = 1\ntitle = "Rents"\nreveal = "all"\n')
    (root / "datasets").mkdir()
    chance = random.Random(1)
    lines = ["flat,area,town,rent"]
    for _ in range(400):
        area, town = chance.randint(20, 150), chance.choice(["Bern", "Chur"])
        text = " ".join(chance.choice(["oak", "bay", "attic", "stove", "lift"]) for _ in range(5))
        rent = 300 + 9 * area + 200 * (town == "Bern") + chance.gauss(0, 60)
        lines.append(f"{text},{area},{town},{rent:.2f}")
    (root / "rents.csv").write_text("\n".join(lines) + "\n")
    done = shell(root, "add", "rents", "--from", str(root / "rents.csv"), "--label", "rent")
    assert done.code == 0, done.err
    assert "kind: regression" in done.out
    done = shell(root, "convert", "rents")
    assert done.code == 0, done.err
    return root


def test_show_and_tasks_name_no_classes(root: Path) -> None:
    shown = shell(root, "show", "rents").out
    assert "\nlabel     a number; quantiles of train: " in shown and "classes" not in shown
    (row,) = [line for line in shell(root, "tasks").out.splitlines() if "rents" in line]
    assert row.split()[:4] == ["rents", "regression", "280", "120"]


@pytest.mark.parametrize("metric", ["skill", "spearman"])
def test_out_of_fold_predictions_print_no_figure_that_is_not_there(
    metric: str, root: Path, tmp_path: Path
) -> None:
    if metric != "skill":
        toml = root / "datasets" / "rents" / "task.toml"
        twin = root / "datasets" / f"rents-{metric}" / "task.toml"
        twin.parent.mkdir()
        text = toml.read_text().replace('id = "rents"', f'id = "rents-{metric}"')
        twin.write_text(text.replace('"skill"', f'"{metric}"'))
        assert shell(root, "convert", twin.parent.name).code == 0
    task = "rents" if metric == "skill" else f"rents-{metric}"
    with (root / "datasets" / task / "public" / "train.csv").open() as file:
        rows = [f"{row['id']},{300 + 9 * int(row['area'])}" for row in csv.DictReader(file)]
    path = tmp_path / "oof.csv"
    path.write_text("\n".join(["id,label", *rows]) + "\n")
    done = shell(root, "score", task, str(path), "--on", "train")
    assert done.code == 0, done.err
    assert f"{metric} *" in done.out and "nan" not in done.out
    last = done.out.splitlines()[-1]
    assert last.startswith("* primary; ") and last.endswith("280 rows")
    answer = shell(root, "score", task, str(path), "--on", "train", "--json").json()
    assert ("one row is worth" in last) == (answer["resolution"] is not None)
    assert (answer["resolution"] is None) == (metric == "spearman")


@pytest.mark.slow
def test_the_sample_submission_and_a_method_are_scored_and_shown(root: Path) -> None:
    sample = root / "datasets" / "rents" / "public" / "sample_submission.csv"
    done = shell(root, "submit", "rents", str(sample), "--team", "Ada", "--method", "mean")
    assert done.code == 0, done.err
    done = shell(root, "run", "linear", "--task", "rents", "--submit", "--threads", "1")
    assert done.code == 0, done.err
    assert shell(root, "leaderboard").code == 0
    page = (root / "leaderboard" / "task" / "rents" / "index.html").read_text()
    assert "Quantiles of the label" in page and page.index("Linear") < page.index(">Ada<")


def test_bad_predictions_are_refused_all_at_once(root: Path, tmp_path: Path) -> None:
    sample = root / "datasets" / "rents" / "public" / "sample_submission.csv"
    head, *rows = sample.read_text().splitlines()
    for place, text in enumerate(["cheap", "inf", ""]):
        rows[place] = f"{rows[place].split(',')[0]},{text}"
    path = tmp_path / "bad.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    refused(shell(root, "check", "rents", str(path)), 1, "'cheap'", "infinite", "empty")
