"""Rows kept per task: found again by content, made again when damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from challenge.features.store import cached_rows, forget_features
from challenge.task import Task
from tests.toy import build_toy


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return build_toy(tmp_path, n=60, images=False)


class Counting:
    """Lengths of words, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def rows(self, task: Task, words: list[str]) -> list[float]:
        def compute(positions: list[int]) -> np.ndarray:
            self.asked.append([words[position] for position in positions])
            lengths = [len(words[position]) for position in positions]
            return np.array(lengths, np.float32).reshape(-1, 1)

        found = cached_rows(task, "length-1", words, compute)
        return [float(value) for value in found[:, 0]]


def test_each_distinct_key_is_computed_once_and_rows_keep_their_order(task: Task) -> None:
    counting = Counting()
    assert counting.rows(task, ["oak", "maple", "oak"]) == [3, 5, 3]
    assert counting.rows(task, ["maple", "ash", "linden", "oak"]) == [5, 3, 6, 3]
    assert counting.asked == [["oak", "maple"], ["ash", "linden"]]


def test_a_damaged_cache_is_made_again(task: Task) -> None:
    counting = Counting()
    counting.rows(task, ["oak"])
    (file,) = (task.cache / "features").glob("length-1-*.npz")
    for damage in (b"", b"no archive", file.read_bytes()[:-40], _flipped(file.read_bytes())):
        file.write_bytes(damage)
        assert counting.rows(task, ["oak"]) == [3]
    assert counting.asked == [["oak"]] * 5


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 3
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_other_data_has_a_cache_of_its_own_and_the_old_one_goes(task: Task) -> None:
    counting = Counting()
    counting.rows(task, ["oak"])
    counting.rows(replace(task, data_digest="f" * 64), ["oak"])
    assert len(counting.asked) == 2
    assert len(list((task.cache / "features").glob("length-*.npz"))) == 1


def test_no_key_gives_no_row(task: Task) -> None:
    assert Counting().rows(task, []) == []


def test_a_folder_that_cannot_be_written_costs_time_only(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr("challenge.features.store.atomic_file", refuse)
    assert Counting().rows(task, ["oak"]) == [3]


def test_forgetting_tells_how_many_files_went(task: Task) -> None:
    Counting().rows(task, ["oak"])
    assert forget_features(task) == 1
    assert forget_features(task) == 0
