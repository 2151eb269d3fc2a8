"""Prepared ids: found by hash and then by bytes, cached, and never trusted when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import SubmissionError
from challenge.scoring import read_predictions
from challenge.scoring.reading import byte_words as words
from challenge.scoring.reading import prepared_ids as prepared
from challenge.scoring.reading.byte_words import WordIndex, Words, fields_of_bytes, read_words
from tests.scoring.made import ids_of, make_task


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=50, unique=True), st.binary())
@settings(deadline=None)
def test_an_index_finds_its_strings_and_no_others(values: list[bytes], other: bytes) -> None:
    index = WordIndex.build(fields_of_bytes(values))
    assert index is not None
    found = index.find(read_words(fields_of_bytes(values), index.n_words))
    assert found.tolist() == list(range(len(values)))
    if other not in values and len(other) <= index.longest:
        assert index.find(read_words(fields_of_bytes([other]), index.n_words)).tolist() == [-1]


def collide(self: Words) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.zeros(len(self), np.uint64)


@pytest.mark.parametrize("n", [20, 500])
def test_ids_whose_hashes_collide_do_not_misalign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    # Few collide and are told apart by their bytes; many are left to the strict reader.
    monkeypatch.setattr(words.Words, "hashes", collide)
    task = make_task(tmp_path / "task", n=n)
    truth = np.arange(n) % 3
    lines = [f"{one},{task.classes[code]}\n" for one, code in zip(ids_of(task), truth, strict=True)]
    path = tmp_path / "p.csv"
    path.write_text("id,label\n" + "".join(reversed(lines)))
    assert (read_predictions(task, path).codes == truth).all()
    path.write_text("id,label\n" + "".join(lines[1:]) + f"{'x' * 17},cat\n")
    with pytest.raises(SubmissionError):
        read_predictions(task, path)


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return the folder of a task and a clean, shuffled file; ids are cached from one row on."""
    monkeypatch.setattr(prepared, "_FEW", 0)
    task = make_task(tmp_path / "task", n=3000)
    path = tmp_path / "p.csv"
    path.write_text("id,label\n" + "".join(f"{one},cat\n" for one in reversed(ids_of(task))))
    read_predictions(task, path)
    assert (task.cache / "ids-test.bin").is_file()
    return task.folder, path


def test_a_damaged_cache_is_made_again(cached: tuple[Path, Path]) -> None:
    folder, path = cached
    task = make_task(folder, n=3000)
    read_predictions(task, path)
    cache = folder / "cache" / "ids-test.bin"
    good = cache.read_bytes()
    rng = np.random.default_rng(1)
    places = [*rng.integers(0, 100, 4).tolist(), *rng.integers(4096, len(good), 8).tolist()]
    for place in places:
        cache.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert read_predictions(task, path).n == 3000
        assert cache.read_bytes() == good
    table = folder / "cache" / "ids-test.table.bin"
    kept = table.read_bytes()
    for place in rng.integers(0, len(kept), 6).tolist():
        table.write_bytes(kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :])
        assert read_predictions(task, path).n == 3000
        assert table.read_bytes() == kept
    for size in (0, 10, 4096, len(good) - 1):
        cache.write_bytes(good[:size])
        assert read_predictions(task, path).n == 3000
        assert cache.read_bytes() == good


def test_a_stale_cache_is_made_again(cached: tuple[Path, Path]) -> None:
    folder, path = cached
    task = make_task(folder, n=2999)
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, path)
    assert [fault.code for fault in caught.value.faults] == ["id-unknown"]


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "_FEW", 0)
    task = make_task(tmp_path / "task", n=30)
    (tmp_path / "task" / "cache").write_text("a file where a folder should be")
    path = tmp_path / "p.csv"
    path.write_text("id,label\n" + "".join(f"{one},cat\n" for one in ids_of(task)))
    assert read_predictions(task, path).n == 30
