"""The same content gives the same arrays, whatever the file looks like; no input crashes."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenge.errors import ChallengeError
from challenge.scoring import Predictions, read_predictions, write_predictions
from challenge.scoring.reading import check
from challenge.scoring.reading.alignment import NotClean
from challenge.scoring.reading.intake import take_in
from challenge.task import Task
from tests.scoring.made import make_task

SETTINGS = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors]
)
WORDS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
# A build refuses classes with control characters: an unquoted \\r ends a line.
PLAIN = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)
NAMES = PLAIN.filter(lambda name: name not in ("id", "label", "score", "fold", "subset", ""))


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@st.composite
def contents(draw: st.DrawFn) -> tuple[str, list[str], list[str], dict[str, list[Any]]]:
    """Draw a kind, ids, classes and the columns of a clean submission."""
    ids = draw(st.lists(WORDS.filter(bool), min_size=1, max_size=8, unique=True))
    n = len(ids)
    if draw(st.booleans()):
        columns: dict[str, list[Any]] = {}
        form = draw(st.sampled_from(["label", "score", "both"]))
        if form != "score":
            columns["label"] = draw(st.lists(st.sampled_from(["0", "1"]), min_size=n, max_size=n))
        if form != "label":
            columns["score"] = draw(st.lists(st.floats(0, 1), min_size=n, max_size=n))
        return "matching", ids, ["0", "1"], columns
    classes = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    if draw(st.booleans()):
        labels = st.lists(st.sampled_from(classes), min_size=n, max_size=n)
        return "classification", ids, classes, {"label": draw(labels)}
    seed = draw(st.integers(0, 2**32 - 1))
    rows = np.random.default_rng(seed).dirichlet([0.3] * len(classes), n)
    by_class = {name: rows[:, j].tolist() for j, name in enumerate(classes)}
    return "classification", ids, classes, by_class


def files(
    root: Path, ids: list[str], columns: dict[str, list[Any]], order: list[int]
) -> Iterator[Path]:
    """Yield one content as files of every format, rows in the given order."""
    shuffled = {"id": [ids[row] for row in order]}
    shuffled |= {name: [values[row] for row in order] for name, values in columns.items()}
    styles: tuple[tuple[Literal[0, 1], str], ...] = ((0, "\n"), (1, "\r\n"))
    for style, end in styles:  # quotes where needed, quotes everywhere
        text = io.StringIO()
        writer = csv.writer(text, quoting=style, lineterminator=end)
        writer.writerow(shuffled)
        writer.writerows(zip(*shuffled.values(), strict=True))
        data = text.getvalue().encode()
        for suffix, packed in (
            (".csv", data),
            (".csv.gz", gzip.compress(data)),
            (".csv.zst", bytes(pa.Codec("zstd").compress(data))),
        ):
            path = root / f"p{style}{suffix}"
            path.write_bytes(packed)
            yield path
    table = pa.table(shuffled)
    yield save(root / "plain.parquet", table)
    yield save(root / "groups.parquet", table, row_group_size=2, use_dictionary=False)
    texts = [name for name in table.column_names if pa.types.is_string(table[name].type)]
    for name in texts:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].dictionary_encode())
    yield save(root / "dictionary.parquet", table)


def save(path: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, path, **options)
    return path


def assert_same(one: Predictions, other: Predictions) -> None:
    assert one.form == other.form
    np.testing.assert_array_equal(one.codes, other.codes)
    if one.scores is not None:
        assert other.scores is not None
        np.testing.assert_array_equal(one.scores, other.scores)
    if one.probabilities is not None:
        assert other.probabilities is not None
        mine, theirs = one.probabilities.as_array(), other.probabilities.as_array()
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
@given(contents(), st.randoms(use_true_random=False))
@SETTINGS
def test_order_and_format_do_not_matter(content: Any, random: Any) -> None:
    kind, ids, classes, columns = content
    order = list(range(len(ids)))
    with folder() as root:
        task = make_task(root / "task", kind=kind, classes=classes, ids=ids)
        first: Predictions | None = None
        canonical = set()
        for path in files(root, ids, columns, order):
            random.shuffle(order)
            predictions = read_predictions(task, path)
            first = first or predictions
            assert_same(first, predictions)
            canonical.add(write_predictions(predictions, task, root / "stored.parquet"))
        for path in files(root, ids, columns, order):
            assert_same(first or predictions, read_predictions(task, path))
        assert len(canonical) == 1
        assert_same(predictions, read_predictions(task, root / "stored.parquet"))


@given(st.integers(0, 2**32 - 1), st.permutations(range(7)))
@SETTINGS
def test_single_precision_differs_by_rounding_only(seed: int, order: list[int]) -> None:
    rows = np.random.default_rng(seed).dirichlet([0.5] * 3, 7)
    with folder() as root:
        task = make_task(root / "task", n=7)
        ids = [f"r{i * 7 + 1:016x}" for i in range(7)]
        read = []
        for dtype in (np.float64, np.float32):
            columns = {name: rows[order, j].astype(dtype) for j, name in enumerate(task.classes)}
            table = pa.table({"id": [ids[row] for row in order], **columns})
            probabilities = read_predictions(task, save(root / "p.parquet", table)).probabilities
            assert probabilities is not None
            assert probabilities.dtype == dtype
            read.append(probabilities.as_array())
        np.testing.assert_allclose(read[0], read[1], rtol=1e-6, atol=1e-7)


MARKS = b'",\n\r;\t \xff\0'
TEXTS = ("\r\n", "a1", "a2", "cat", "dog", "0.5", "1", "nan", '""', "id,label\n", "id,score\n")
PIECES = st.sampled_from([*(bytes([mark]) for mark in MARKS), *map(str.encode, TEXTS)])


def read_both_ways(task: Task, path: Path) -> None:
    """Check a file; where the fast reader says clean, the strict one must say the same."""
    try:
        strict: Predictions | None = check._accept(
            task, check._read_strictly(task, take_in(path), "test"), "", "test"
        )
    except ChallengeError as error:
        strict = None
        assert all(fault.code and fault.fix and fault.expected for fault in error.faults)
    try:
        fast = check._accept(task, check._read_fast(task, take_in(path), "test"), "", "test")
    except (NotClean, ChallengeError):
        return
    assert strict is not None
    assert_same(strict, fast)


@given(st.lists(PIECES, max_size=40), st.sampled_from(["classification", "matching"]))
@settings(deadline=None, max_examples=300)
def test_no_text_raises_anything_but_a_report(pieces: list[bytes], kind: str) -> None:
    with folder() as root:
        task = make_task(root / "task", kind=kind, ids=["a1", "a2"])
        path = root / "p.csv"
        path.write_bytes(b"".join(pieces))
        read_both_ways(task, path)


@given(contents(), st.lists(st.tuples(st.floats(0, 1), PIECES, st.integers(0, 8)), max_size=3))
@SETTINGS
def test_a_clean_text_with_faults_put_in_is_read_alike_both_ways(
    content: Any, edits: list[tuple[float, bytes, int]]
) -> None:
    kind, ids, classes, columns = content
    with folder() as root:
        task = make_task(root / "task", kind=kind, classes=classes, ids=ids)
        for path in files(root, ids, columns, list(range(len(ids)))):
            if path.suffix != ".csv":
                continue
            data = path.read_bytes()
            for share, piece, n_removed in edits:
                at = int(share * len(data))
                data = data[:at] + piece + data[at + n_removed :]
            path.write_bytes(data)
            read_both_ways(task, path)
