"""AutoGluon's own TabularPredictor reads the Parquet of a task unaided."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toy import build_toy


@pytest.mark.baseline
@pytest.mark.slow
def test_tabular_predictor_fits_on_the_path_of_the_parquet_file(tmp_path: Path) -> None:
    from autogluon.tabular import TabularPredictor

    task = build_toy(tmp_path, kind="classification", n=200)
    predictor = TabularPredictor("label", path=str(tmp_path / "model"), verbosity=0)
    predictor.fit(
        str(task.public / "train.parquet"),
        hyperparameters={"GBM": {"num_boost_round": 10}},
        num_cpus=2,
    )
    predicted = predictor.predict(str(task.public / "test.parquet"))
    assert len(predicted) == task.n_test
    assert set(predicted) <= set(task.classes)
