"""What a card tells about the columns of train, counted table by table."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest

from challenge.prepare.build import card_statistics as statistics
from challenge.prepare.build.card_statistics import TrainStatistics
from challenge.task import Column


def _n_distinct(modality: str, *tables: Sequence[str | None]) -> object:
    column = Column("colour", modality)
    gathered = TrainStatistics([column], samples=False)
    for values in tables:
        gathered.update(pa.table({"colour": pa.array(values, pa.string())}))
    return gathered.columns()[0]["n_distinct"]


def test_values_that_recur_in_another_table_count_once() -> None:
    assert _n_distinct("categorical", ["red", None, "blue"], ["blue", "green", None]) == 3


def test_nothing_but_missing_values_is_no_value() -> None:
    assert _n_distinct("categorical", [None, None]) == 0


def test_many_recurring_values_are_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_MOST_DISTINCT", 3)
    assert _n_distinct("categorical", *[["red", "blue", "green"]] * 5) == 3


def test_more_values_than_the_limit_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_MOST_DISTINCT", 3)
    assert _n_distinct("categorical", ["a", "b", "c", "d"]) is None
    assert _n_distinct("categorical", *[[character] for character in "abcdefghij"]) is None


def test_texts_are_not_counted_beyond_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_MOST_DISTINCT", 3)
    assert _n_distinct("text", ["a", "a"], ["a", "a"]) is None
