"""Admission of a log: propensities, rewards, support, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from challenge.errors import TaskError
from challenge.prepare import build_task
from tests.toy import declare_toy, toy_log


def built(folder: Path, raw: pa.Table) -> list[str]:
    task = build_task(declare_toy(folder / "toy", "bandit", raw=raw), cache=folder / "cache").task
    notes: list[str] = task.document["notes"]
    return notes


def changed(raw: pa.Table, name: str, values: object) -> pa.Table:
    return raw.set_column(raw.column_names.index(name), name, pa.array(values))


def codes_of(folder: Path, raw: pa.Table) -> list[str | None]:
    with pytest.raises(TaskError) as caught:
        built(folder, raw)
    for fault in caught.value.faults:
        assert fault.where and fault.found and fault.expected and fault.fix
    return [fault.code for fault in caught.value.faults]


def test_a_skewed_log_is_admitted_and_said_not_to_be_uniform(tmp_path: Path) -> None:
    notes = built(tmp_path, toy_log(600, uniform=False))
    assert "The log of test is not uniform" in " ".join(notes)


def test_numbers_that_are_no_propensities_or_rewards_are_refused_together(tmp_path: Path) -> None:
    raw = toy_log(300)
    propensity = np.where(np.arange(300) < 2, [0.0] * 300, 1 / 3)
    reward = [None if row == 5 else 1.5 if row < 3 else 0.0 for row in range(300)]
    raw = changed(changed(raw, "propensity", propensity), "reward", reward)
    with pytest.raises(TaskError) as caught:
        built(tmp_path, raw)
    found = {(fault.code, fault.n, fault.first[0]) for fault in caught.value.faults}
    assert found == {("log-propensity", 2, "row 0"), ("log-reward", 4, "row 0")}


@pytest.mark.parametrize("factor", [0.8, 1.1])
def test_propensities_that_do_not_sum_to_one_are_refused(tmp_path: Path, factor: float) -> None:
    for uniform in (True, False):
        raw = toy_log(3_000, uniform=uniform)
        scaled = raw["propensity"].to_numpy() * factor
        found = codes_of(tmp_path / f"{uniform}", changed(raw, "propensity", scaled))
        assert "log-sum" in found


def test_propensities_of_other_arms_are_refused(tmp_path: Path) -> None:
    raw = toy_log(3_000, uniform=False)
    propensity = raw["propensity"].to_numpy()
    swapped = propensity.min() + propensity.max() - propensity
    assert "log-frequency" in codes_of(tmp_path, changed(raw, "propensity", swapped))


def test_an_arm_that_is_missing_from_a_side_is_refused(tmp_path: Path) -> None:
    raw = toy_log(600)
    labels = raw["label"].to_pylist()
    labels[0] = "arm 7"
    raw = changed(changed(raw, "label", labels), "propensity", np.full(600, 0.25))
    assert "log-support" in codes_of(tmp_path, raw)


def test_a_feature_cannot_have_the_name_of_a_log_column(tmp_path: Path) -> None:
    folder = declare_toy(tmp_path / "toy", "bandit", raw=toy_log(300))
    text = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text(text.replace("[columns.size]", "[columns.reward]"))
    with pytest.raises(TaskError, match="no feature named reward"):
        build_task(folder, cache=tmp_path / "cache")
