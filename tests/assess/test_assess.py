"""An assessment is right about tables whose worth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from challenge.assess.assessment import Assessment, Estimate
from challenge.assess.assessment_page import assessment_page
from challenge.assess.label_issues import find_label_issues
from challenge.assess.measure import _some_rows
from challenge.assess.more_rows import twice_the_rows
from challenge.assess.raw_table import assess_table
from challenge.assess.separation import separation_of
from challenge.kinds.statistics.vector import Vector, spread
from tests.cli.shell import shell
from tests.toy import build_toy

WORDS = ["red", "blue", "green", "loud", "quiet", "fast", "slow", "big", "small", "old", "new"]


def table(n: int, signal: float, seed: int = 0) -> pd.DataFrame:
    """Three classes; a word of the class is in the text of a share of the rows."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 3, n)
    texts = [
        " ".join(random.choice(WORDS, 5)) + f" {'abc'[code] * 4}" * bool(random.random() < signal)
        for code in label
    ]
    return pd.DataFrame(
        {
            "text": texts,
            "size": (label * signal + random.normal(0, 1, n)).round(3),
            "category": [["x", "y", "z"][code] for code in label],
        }
    )


def vector_of_means(values: np.ndarray) -> Vector:
    return Vector((values - values.mean()) / (len(values) - 1))


@pytest.mark.parametrize("n", [150, 600])
def test_the_separated_difference_is_found_in_80_percent_of_simulated_tests(n: int) -> None:
    # Two methods: rows that only one has right. The difference that one test set promises to
    # separate is planted in many others of its size.
    random = np.random.default_rng(n)
    share = 0.3

    def paired(difference: float) -> np.ndarray:
        ends = (share / 2 + difference / 2, share / 2 - difference / 2, 1 - share)
        return random.choice([1.0, -1.0, 0.0], n, p=ends)

    promised = np.mean(
        [found.difference for _ in range(200) if (found := separation_of(
            vector_of_means(paired(0.0)), n)) is not None]
    )  # fmt: skip
    n_found = 0
    for _ in range(1_000):
        values = paired(float(promised))
        n_found += values.mean() > spread(vector_of_means(values)).reach
    assert 0.72 < n_found / 1_000 < 0.88


def test_the_clusters_for_a_point_are_right_within_10_percent() -> None:
    random = np.random.default_rng(5)
    rows = random.choice([1.0, -1.0, 0.0], 2_000, p=[0.15, 0.15, 0.7])
    small = separation_of(vector_of_means(rows[:500]), 500)
    large = separation_of(vector_of_means(np.tile(rows, 12)), 24_000)
    assert small is not None and large is not None
    assert large.difference == pytest.approx(small.at(24_000), rel=0.1)
    exact = (1.96 + 0.8416) ** 2 * rows.var() / 0.01**2
    assert large.for_a_point == pytest.approx(exact, rel=0.1)


def test_no_difference_promises_nothing() -> None:
    assert separation_of(Vector(np.zeros(20)), 20) is None


def test_confident_learning_finds_planted_wrong_labels() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 900)
    given = truth.copy()
    wrong = random.choice(900, 90, replace=False)
    given[wrong] = (truth[wrong] + 1) % 3
    probabilities = np.full((900, 3), 0.1)
    probabilities[np.arange(900), truth] = 0.8
    found = find_label_issues(given, probabilities)
    assert set(found.rows.tolist()) == set(wrong.tolist())
    assert found.share == pytest.approx(0.1, abs=0.02)
    assert (found.suggested == truth[found.rows]).all()


def test_right_labels_are_not_suspected() -> None:
    labels = np.arange(300) % 3
    probabilities = np.full((300, 3), 0.2)
    probabilities[np.arange(300), labels] = 0.6
    found = find_label_issues(labels, probabilities)
    assert len(found.rows) == 0 and found.share == 0.0


def test_twice_the_rows_follows_a_power_law_and_stops_where_the_curve_did() -> None:
    quiet = [Vector(np.random.default_rng(i).normal(0, 1e-6, 50)) for i in range(3)]
    assert twice_the_rows([0.4, 0.6, 0.7], quiet, (0, 1))[0] == pytest.approx(0.75)
    flat = twice_the_rows([0.6, 0.7, 0.7], quiet, (0, 1))
    assert flat[0] == pytest.approx(0.7) and flat[2] < 0.71
    noisy = [one * 1e4 for one in quiet]
    value, low, high = twice_the_rows([0.4, 0.6, 0.7], noisy, (0, 1))
    assert low < value - 0.02 < value + 0.02 < high


def test_a_share_of_the_rows_keeps_the_labels_and_smaller_shares_are_inside() -> None:
    rows = table(400, 0.5).rename(columns={"category": "label"}).assign(id=range(400))
    half, quarter = _some_rows(rows, 0.5), _some_rows(rows, 0.25)
    assert abs(len(half) - 200) <= 3 and abs(len(quarter) - 100) <= 3
    assert set(quarter["id"]) < set(half["id"])
    numbers = rows.assign(label=np.random.default_rng(0).normal(size=400))
    assert len(_some_rows(numbers, 0.25)) == 100


def test_a_test_set_of_unknown_power_is_not_called_small() -> None:
    signal = Estimate(0.2, 0.1, 0.3)
    large = Assessment(
        name="t", title="T", kind="classification", metric="accuracy", n_test=1000, gain=signal
    )
    assert large.decision == "go after" and "1,000" not in large.verdict
    assert "the test has 40 independent rows" in replace(large, n_test=40).verdict
    perfect = replace(large, at_the_end=True)
    assert perfect.verdict.startswith("Go after finding harder rows")
    assert "measure" not in perfect.verdict


@pytest.mark.slow
def test_a_good_table_goes_and_bad_tables_do_not(tmp_path: Path) -> None:
    leak = table(600, 0.3)
    leak["code"] = leak["category"].map({"x": 11.0, "y": 22.0, "z": 33.0}) + leak["size"] / 1e3
    cases = {
        "good": (table(900, 0.8), "go", "linear beats the baseline"),
        "noise": (table(600, 0.0), "no", "no signal"),
        "sixty": (table(60, 0.8), "go after", "collecting more rows"),
        "leak": (leak, "go after", "leak"),
    }
    for name, (rows, decision, reason) in cases.items():
        path = tmp_path / f"{name}.csv"
        rows.to_csv(path, index=False)
        found = assess_table(path, label="category")
        assert found.decision == decision, (name, found.verdict)
        assert reason in found.verdict
        page = assessment_page(found)
        assert found.verdict.split(":")[0] in page and "<script" not in page
        if name == "good":
            assert found.gain.above_zero and found.modalities[0].loss.above_zero
            assert [point.share for point in found.curve] == [0.25, 0.5, 1.0]
            assert found.separation is not None and math.isfinite(found.separation.difference)
            assert found.costs[0].seconds and found.costs[0].peak_mb


def test_a_table_that_cannot_be_built_is_a_no_with_its_faults(tmp_path: Path) -> None:
    rows = table(30, 1.0).assign(category=[f"class {n}" for n in range(30)])
    rows.to_csv(tmp_path / "t.csv", index=False)
    done = shell(
        tmp_path, "assess", str(tmp_path / "t.csv"), "--label", "category",
        "--kind", "classification", "--to", str(tmp_path / "page.html"), "--json",
    )  # fmt: skip
    assert done.code == 1
    assert done.json()["decision"] == "no" and done.json()["faults"]
    assert "fix: " in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (tmp_path / "page.json").is_file()


@pytest.mark.slow
def test_records_and_their_pairs_are_assessed(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    names = [" ".join(random.choice(WORDS, 6)) for _ in range(120)]
    lines = [f"s{n:03},{name} {n // 2}" for n, name in enumerate(names)]
    (tmp_path / "shops.csv").write_text("\n".join(["ref,name", *lines]) + "\n")
    others = [(n, n + 1 if n % 2 == 0 else (n + 6) % 120) for n in range(120)]
    judged = [f"s{a:03},s{b:03},{int(a // 2 == b // 2)}" for a, b in others]
    (tmp_path / "judged.csv").write_text("\n".join(["one,other,match", *judged]) + "\n")
    done = shell(
        tmp_path, "assess", str(tmp_path / "shops.csv"), "--kind", "matching",
        "--pairs", str(tmp_path / "judged.csv"), "--json",
    )  # fmt: skip
    found = done.json()
    assert found["kind"] == "matching of pairs" and found["faults"] == [], found["faults"]
    assert found["name"] == "shops.csv" and 0 < found["n_test"] < found["n_train"] <= 120
    assert {name for name, _, _ in found["columns"]} == {"left_name", "right_name"}
    assert done.code == int(found["decision"] != "go")


@pytest.mark.slow
def test_a_built_task_is_assessed_by_its_id(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text('format = 1\ntitle = "T"\n')
    task = build_toy(tmp_path, n=160, images=False, name="parcels")
    by_id = shell(tmp_path, "assess", "parcels", "--to", str(tmp_path / "page.html"), "--json")
    organiser = by_id.json()
    assert organiser["name"] == "parcels"
    assert (organiser["n_train"], organiser["n_test"]) == (task.n_train, task.n_test)
    assert organiser["verdict"].split(":")[0] in (tmp_path / "page.html").read_text()
