"""Labels that are numbers: how they are read, refused, split, and audited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import TaskError
from challenge.prepare import build_task
from challenge.prepare.audit import audit_task
from challenge.prepare.audit.prediction import auc_of_categories, auc_of_numbers
from challenge.prepare.build.label_numbers import number_labels, number_ranges
from challenge.scoring import read_predictions, score_predictions
from challenge.task import Task
from challenge.task.raw_values import Faults
from challenge.task.tables import read_parquet
from tests.prepare.test_audit import sentence
from tests.toy import build_toy, declare_toy, toy_numbers


def built(folder: Path, raw: pa.Table, **more: Any) -> Task:
    return build_task(
        declare_toy(folder, "regression", raw=raw, **more), cache=folder / "cache"
    ).task


def with_labels(labels: object, n: int = 60) -> pa.Table:
    rows = toy_numbers(n, images=False)
    return rows.set_column(rows.column_names.index("label"), "label", pa.array(labels))


def refused(folder: Path, labels: object) -> dict[str, Any]:
    with pytest.raises(TaskError) as caught:
        built(folder, with_labels(labels))
    return {fault.code: fault for fault in caught.value.faults}


@pytest.mark.parametrize(
    "labels",
    [
        [0.1 + 0.2, 1e-300, -0.0, 12345678.875],
        pa.array([1.5, 2.25], pa.float32()),
        [1, -7, 2**53],
        ["0.30000000000000004", "7", "-1e5"],
        ["$ 1,299.00", "12.5", "3,000"],
        pa.array(["5", "6", "5"]).dictionary_encode(),
    ],
)
def test_numbers_are_read_to_the_last_bit(labels: Any) -> None:
    array = pa.array(labels)
    faults = Faults("here")
    keys = pa.array([f"key {n}" for n in range(len(array))])
    found = number_labels(array, keys, faults)
    faults.stop()
    people = {"$ 1,299.00": 1299.0, "3,000": 3000.0}
    expected = [people.get(text) or float(text) for text in array.to_pylist()]
    assert found.tolist() == expected
    assert not np.signbit(found[found == 0.0]).any()


def test_every_bad_label_is_named_at_once(tmp_path: Path) -> None:
    labels = [f"{n}.5" for n in range(60)]
    for row, text in {3: "cheap", 4: "12 kg", 7: "inf", 9: "n/a", 11: "-1e999", 20: ""}.items():
        labels[row] = text
    faults = refused(tmp_path / "toy", labels)
    assert set(faults) == {"label-number", "label-infinite", "label-missing"}
    assert faults["label-number"].n == 2
    assert faults["label-number"].first == ("row 3: 'cheap'", "row 4: '12 kg'")
    assert faults["label-infinite"].first == ("row 7: 'inf'", "row 11: '-1e999'")
    assert faults["label-missing"].first == ("row 9: 'n/a'", "row 20: ''")
    for fault in faults.values():
        assert fault.where.endswith("column label")
        assert fault.expected == "a finite number in every row that has a label"
        assert fault.fix


@pytest.mark.parametrize("large", [2**53 + 1, -(2**53) - 1, str(2**53 + 1), str(10**20 + 1)])
def test_whole_numbers_that_a_double_changes_are_named(large: int | str, tmp_path: Path) -> None:
    labels = [type(large)(n) for n in range(59)]
    faults = refused(tmp_path / "toy", [*labels, large])
    assert faults["label-inexact"].n == 1
    assert faults["label-inexact"].first == (f"row 59: {large!r}",)


def test_numbers_that_are_not_finite_are_named(tmp_path: Path) -> None:
    labels = np.arange(60.0)
    labels[[2, 5]] = np.nan, np.inf
    faults = refused(tmp_path / "toy", labels)
    assert faults["label-missing"].first == ("row 2: nan",)
    assert faults["label-infinite"].first == ("row 5: inf",)


def test_labels_that_can_be_no_numbers_are_refused_by_their_type(tmp_path: Path) -> None:
    faults = refused(tmp_path / "toy", [n % 2 == 0 for n in range(60)])
    assert faults["label-number"].found == "values of type bool"


def test_one_number_everywhere_is_refused(tmp_path: Path) -> None:
    fault = refused(tmp_path / "toy", np.full(60, 2.5))["one-number"]
    assert fault.found == "2.5 in all of 60 rows"


def test_rows_without_a_label_are_dropped_and_counted(tmp_path: Path) -> None:
    labels = [None if n < 5 else float(n) for n in range(60)]
    task = built(tmp_path / "toy", with_labels(labels))
    assert task.n_train + task.n_test == 55
    assert "5 rows without a label were dropped." in task.document["notes"]


def test_ranges_hold_equally_many_rows_and_equal_numbers_share_one() -> None:
    random = np.random.default_rng(0)
    heavy = np.exp(random.normal(0, 3, 1000))
    assert np.bincount(number_ranges(heavy)).tolist() == [100] * 10
    order = np.argsort(heavy)
    assert (np.diff(number_ranges(heavy)[order]) >= 0).all()
    tied = np.where(random.random(500) < 0.7, 0.0, heavy[:500])
    ranges = number_ranges(tied)
    assert len(set(ranges[tied == 0.0].tolist())) == 1
    assert number_ranges(np.arange(39.0)).tolist() == [0] * 39
    assert number_ranges(np.arange(40.0)).max() == 1


@pytest.mark.parametrize("groups", [0, 60])
def test_splits_are_even_over_the_range_of_the_label(groups: int, tmp_path: Path) -> None:
    split = 'by = "group"\ngroup = "group"\nseed = 1' if groups else ""
    task = build_toy(tmp_path, "regression", 600, groups=groups, images=False, split=split)
    train = read_parquet(task.public / "train.parquet")["label"].to_numpy()
    solution = pq.read_table(task.private / "solution.parquet").to_pandas()
    parts = [train, solution["label"]]
    # Groups are of all ranges here, and a public subset has too few of them to be even.
    parts += [] if groups else [solution.query("subset == 'public'")["label"]]
    cuts = np.quantile(np.concatenate([train, solution["label"]]), [0.25, 0.5, 0.75])
    for part in parts:
        shares = [(part <= cut).mean() for cut in cuts]
        assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.08 if groups else 0.02)


def test_the_sample_submission_scores_what_the_mean_of_train_scores(tmp_path: Path) -> None:
    task = build_toy(tmp_path, "regression", 300, images=False)
    sample = task.public / "sample_submission.csv"
    score = score_predictions(task, read_predictions(task, sample), "all")
    assert score.metrics["skill"].value == 0.0
    croissant = json.loads((task.public / "croissant.json").read_text())
    train = next(one for one in croissant["recordSet"] if one["name"] == "train")
    field = next(one for one in train["field"] if one["name"] == "train/label")
    assert field["dataType"] == "sc:Float"


def audited(folder: Path, rows: dict[str, list[Any]], edge: int = 420) -> dict[str, Any]:
    """Return the findings of an audit of these rows, of which the first ones are train."""
    public, private = folder / "public", folder / "private"
    public.mkdir()
    private.mkdir()
    table = pa.table(rows)
    train, test = table.slice(0, edge), table.slice(edge)
    pq.write_table(train, public / "train.parquet")
    pq.write_table(test.drop_columns(["label"]), public / "test.parquet")
    solution = test.select(["id", "label"]).append_column(
        "subset", pa.array(["private"] * test.num_rows)
    )
    pq.write_table(solution, private / "solution.parquet")
    modalities = {"text": "text", "size": "numeric", "colour": "categorical"}
    document = {
        "id": "planted",
        "kind": "regression",
        "columns": [{"name": name, "modality": one} for name, one in modalities.items()],
        "classes": [],
        "sources": [{"name": "made", "licence": "CC0-1.0"}],
        "split": {"by": "row"},
    }
    report = audit_task(public, private, document=document)
    return {finding.name: finding for finding in report.findings}


def clean(seed: int, n: int = 600) -> dict[str, list[Any]]:
    random = np.random.default_rng(seed)
    label = np.exp(random.normal(0, 1, n))
    return {
        "id": [f"r{number:08x}" for number in random.integers(0, 2**32, n)],
        "text": [sentence(random) for _ in range(n)],
        "size": (np.log(label) + random.normal(0, 1, n)).tolist(),
        "colour": [f"c{code}" for code in (label + random.integers(0, 4, n)).astype(int) % 9],
        "label": label.tolist(),
    }


@pytest.mark.parametrize("seed", range(20))
def test_clean_numbers_raise_no_finding(seed: int, tmp_path: Path) -> None:
    assert audited(tmp_path, clean(seed)) == {}


@pytest.mark.parametrize(
    "again",
    [
        lambda label: 1.19 * label,
        lambda label: -np.log(label),
        lambda label: label * (1 + 0.01 * np.random.default_rng(0).normal(size=len(label))),
        lambda label: (np.log(label) - 0.2) ** 2 * np.sign(np.log(label) - 0.2) + 1e9,
        lambda label: np.where(label > 1, -label, label),
    ],
)
def test_a_function_of_the_label_is_found(again: Any, tmp_path: Path) -> None:
    rows = clean(1)
    rows["size"] = again(np.array(rows["label"])).tolist()
    assert audited(tmp_path, rows)["telling-column-size"].severity == "high"


def test_categories_that_name_the_range_are_found(tmp_path: Path) -> None:
    rows = clean(2)
    cuts = np.quantile(rows["label"], np.linspace(0, 1, 26)[1:-1])
    rows["colour"] = [f"tier {code}" for code in np.searchsorted(cuts, rows["label"])]
    assert audited(tmp_path, rows)["telling-column-colour"].severity == "high"


def test_ids_and_an_order_that_follow_the_label_are_found(tmp_path: Path) -> None:
    rows = clean(3)
    random = np.random.default_rng(0)
    noisy = np.log(rows["label"]) + random.normal(0, 1, 600)
    rows["id"] = [f"r{rank:05}" for rank in np.argsort(np.argsort(noisy))]
    order = [*np.argsort(noisy[:420]), *range(420, 600)]
    rows = {name: [values[row] for row in order] for name, values in rows.items()}
    found = audited(tmp_path, rows)
    assert {"telling-id-train", "telling-id-test", "telling-order-train"} <= set(found)
    assert "telling-order-test" not in found


def test_a_text_that_says_the_number_is_found(tmp_path: Path) -> None:
    rows = clean(4)
    rows["label"] = [round(100 * label, 1) for label in rows["label"]]
    rows["text"] = [f"only {label:g} coins" for label in rows["label"]]
    finding = audited(tmp_path, rows)["label-in-text"]
    assert finding.severity == "high" and "their own number in text" in finding.message


def test_equal_rows_with_different_numbers_contradict(tmp_path: Path) -> None:
    rows = clean(5)
    for row in range(40):
        for name in ("text", "size", "colour"):
            rows[name][row] = rows[name][row + 100]
        # Within one range of the label, too.
        rows["label"][row] = rows["label"][row + 100] * (1.0 if row < 10 else 1.001)
    found = audited(tmp_path, rows)
    assert found["contradictory-labels"].count == 30


def test_the_auc_of_ranges_is_the_mean_over_their_bounds() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    codes = random.integers(0, 6, 400)
    values = codes + random.normal(0, 2, 400)
    auc = auc_of_numbers(values, codes, 6, ordered=True)
    assert auc is not None
    whole = np.mean([roc_auc_score(codes >= code, values) for code in range(1, 6)])
    assert auc[0] == pytest.approx(whole, abs=1e-12)
    by_chance = auc_of_categories(random.integers(0, 5, 400), codes, 6, ordered=True)
    assert by_chance is not None and abs(by_chance[0] - 0.5) < by_chance[1]
