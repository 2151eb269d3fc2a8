"""Points in time as numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from challenge.features.moments import MomentBlock, moment_seconds
from challenge.features.pair_features import PairFeatures
from challenge.task import Column
from challenge.task.frames import read_train
from tests.toy import build_toy


def column(*texts: str | None) -> pd.Series:
    moments = np.array([text or "NaT" for text in texts], dtype="datetime64[us]")
    return pd.Series(moments).dt.tz_localize("UTC")


def test_seconds_since_1970_from_year_1_to_9999() -> None:
    found = moment_seconds(
        column("1970-01-02", "1969-12-31T23:59:59.5", "0001-01-01", "9999-12-31", None)
    )
    assert found[:4].tolist() == [86400.0, -0.5, -62135596800.0, 253402214400.0]
    assert np.isnan(found[4])


def test_a_block_has_the_parts_that_vary() -> None:
    # Eight Mondays of one hour: missing, time, and the sine and cosine of month and day.
    mondays = pd.date_range("2024-01-01T06:00", periods=8, freq="7D", tz="UTC").to_series()
    rows = MomentBlock(mondays).transform(mondays)
    assert rows.shape == (8, 6)
    assert np.isclose(rows[:, 1].mean(), 0) and np.isclose(rows[:, 1].std(), 1)
    hours = pd.date_range("2024-01-01", periods=24, freq="h", tz="UTC").to_series()
    block = MomentBlock(hours)
    rows = block.transform(hours)
    assert rows.shape == (24, 4)
    assert np.allclose(rows[6, 2:], [1, 0]) and np.allclose(rows[12, 2:], [0, -1])
    later = block.transform(column("2025-06-30T06:00:00", None))
    assert later[0, 1] == 5.0, "far beyond train is no further than five deviations"
    assert later[1].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_a_block_without_a_value_says_only_that_it_is_missing() -> None:
    rows = MomentBlock(column(None, None)).transform(column(None, "2024-01-01"))
    assert rows.tolist() == [[1.0], [0.0]]


def test_pairs_have_the_gap_of_their_times(tmp_path: Path) -> None:
    task = build_toy(tmp_path, "matching", n=40, images=False)
    names = ("left_seen", "right_seen")
    task = replace(task, columns=tuple(Column(name, "datetime") for name in names))
    train = read_train(task)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    apart = pd.to_timedelta(np.arange(len(train)), unit="s")
    train = train.assign(left_seen=start, right_seen=start + apart)
    compared = PairFeatures(task, weights=False).fit(train).transform(train)
    assert compared["seen: gap"].tolist() == list(range(len(train)))
    assert compared["seen: same"].tolist() == [1.0] + [0.0] * (len(train) - 1)
