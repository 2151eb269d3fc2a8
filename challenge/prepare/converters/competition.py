"""Folders in the form of competition sites: train, test, sample_submission and the solution.

The solution (`solution`, or `raw.options.solution`) has the id, the label, and often `Usage`.
`Usage` is Public or Private, the subset of a test row; `Ignored` rows are dropped. With one
column per class, the label is the class whose column is 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, TaskError, counted, plain_form
from challenge.prepare.build.table_checks import id_fix, missing_column
from challenge.prepare.converters.table import feature_arrays, label_array, split_arrays
from challenge.prepare.raw import RawTable
from challenge.prepare.readers.column_readings import present, read_columns
from challenge.prepare.readers.image_files import open_images
from challenge.prepare.readers.raw_file import RawFile
from challenge.prepare.readers.table_files import find_table, open_table
from challenge.task.cells import cell_texts
from challenge.task.definition import TaskDefinition
from challenge.task.modalities import modality_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["convert"]

_SUBSETS = {"public": "public", "private": "private"}


def convert(raw: Path, definition: TaskDefinition) -> RawTable:
    """Return train and test with their labels; the official split is in `split`."""
    files = {name: _find(raw, name, definition) for name in ("train", "test", "solution")}
    train, test, solution = files["train"], files["test"], files["solution"]
    key = _key(definition, train, test, solution)
    answers = _answers(solution, key, definition)
    label = _label(definition, train, answers.label)
    images = open_images(raw, definition.raw.images.path)
    columns = definition.feature_columns()
    sources = {
        column.name: str(definition.raw.options.get(f"from_{column.name}", column.name))
        for column in columns
    }
    if definition.raw.images.path:
        # Without a column of their own, images are found by the row's key.
        by_key = [c.name for c in columns if modality_of(c.modality).is_image]
        for name in by_key:
            if sources[name] not in train.names:
                del sources[name]
    read = definition.split_columns
    both = (*sources.values(), *read.values())
    asked = [*((train, name) for name in (*both, label)), *((test, name) for name in both)]
    faults = [_missing(table, name) for table, name in asked if name not in table.names]
    if faults:
        raise TaskError(faults)
    answered = {"label": answers.label} if answers.label else {}
    readings = read_columns(
        [
            (train, {**sources, **read, "label": label}),
            (test, {**sources, **read}),
            (solution, answered),
        ],
        definition,
        {key, *solution.names},
    )

    def batches() -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for side, table in (("train", train), ("test", test)):
            for batch in table.batches():
                keys = cell_texts(batch.column(key))
                n = batch.num_rows
                if side == "train":
                    labels = label_array(present(batch.column(label), definition.raw), readings)
                    subsets = pa.nulls(n, pa.string())
                else:
                    answer = pa.array(answers.labels_of(keys.to_pylist()), pa.string())
                    labels = label_array(present(answer, definition.raw), readings)
                    subsets = pa.array(answers.subsets_of(keys.to_pylist()), pa.string())
                arrays: dict[str, Any] = {
                    "key": pa.array([f"{side} {one}" for one in keys.to_pylist()]),
                    "label": labels,
                    "split": pa.array([side] * n),
                }
                if answers.has_subsets:
                    arrays["subset"] = subsets
                asked_for = {name: batch.column(column) for name, column in read.items()}
                arrays |= split_arrays(table.path.name, asked_for, definition, readings)
                taken = {name: batch.column(source) for name, source in sources.items()}
                arrays |= feature_arrays(taken, definition, readings, images, keys)
                yield pa.RecordBatch.from_pydict(arrays)

    return RawTable(batches=batches, folder=raw, report=readings.report)


def _find(raw: Path, name: str, definition: TaskDefinition) -> RawFile:
    path = find_table(raw, str(definition.raw.options.get(name, name)))
    if path is None:
        fix = (
            'without hidden labels, build the task from train alone: format = "table", '
            'file = "train.csv"'
            if name == "solution"
            else f"{'correct' if name in definition.raw.options else 'name it with'} "
            f"`{name} = …` (without suffix) under [raw.options]"
        )
        raise TaskError(
            Fault(str(raw), f"no table {name}", "train, test and solution", fix,
                  "raw-file-missing")
        )  # fmt: skip
    return open_table(path, definition.raw)


def _missing(table: RawFile, name: str) -> Fault:
    expected = "every column that task.toml names"
    return missing_column(table.path.name, name, table.names, expected, "correct task.toml")


def _key(definition: TaskDefinition, *tables: RawFile) -> str:
    """Return the id column: `key`, else the first column of the solution that all have."""
    *_, solution = tables
    wanted = [definition.raw.key] if definition.raw.key else list(solution.names)
    for name in wanted:
        if all(name in table.names for table in tables):
            return str(name)
    expected = "an id column of one name in train, test and solution"
    for name in wanted:
        others = [
            (table, [one for one in table.names if plain_form(one) == plain_form(name)])
            for table in tables
            if name not in table.names
        ]
        if all(len(alike) == 1 for _, alike in others):
            raise TaskError(
                Fault(table.path.name, f"no column {name!r}, but {alike[0]!r}", expected,
                      f"rename {alike[0]!r} to {name!r} in {table.path.name}", "column-missing")
                for table, alike in others
            )  # fmt: skip
    if definition.raw.key:
        lacking = [table for table in tables if definition.raw.key not in table.names]
        raise TaskError(_missing(table, definition.raw.key) for table in lacking)
    raise TaskError(
        Fault(", ".join(table.path.name for table in tables), "no column in common", expected,
              "give the id column one name in all of them", "column-missing")
    )  # fmt: skip


class _Answers:
    """Label and subset of each test row, by id; `label` is the name of its label column."""

    def __init__(
        self,
        name: str,
        label: str | None,
        labels: dict[str, str | None],
        subsets: dict[str, str] | None,
    ) -> None:
        self._name, self.label = name, label
        self._labels, self._subsets = labels, subsets

    @property
    def has_subsets(self) -> bool:
        return self._subsets is not None

    def labels_of(self, keys: list[str | None]) -> list[str | None]:
        missing = [str(key) for key in keys if key not in self._labels]
        if missing:
            fix = id_fix(missing, self._labels, "add them, or remove these rows")
            raise TaskError(
                Fault(self._name, "test rows without an answer",
                      "a label for each id of the test table", fix,
                      "answer-missing", n=len(missing), first=tuple(missing[:5]))
            )  # fmt: skip
        return [self._labels[str(key)] for key in keys]

    def subsets_of(self, keys: list[str | None]) -> list[str | None]:
        return [(self._subsets or {}).get(str(key)) for key in keys]


def _answers(solution: RawFile, key: str, definition: TaskDefinition) -> _Answers:
    import pyarrow as pa

    table = pa.Table.from_batches(list(solution.batches()))
    texts = {name: cell_texts(table[name].combine_chunks()).to_pylist() for name in solution.names}
    usage = next((name for name in solution.names if name.casefold() == "usage"), None)
    rest = [name for name in solution.names if name not in (key, usage)]
    label = definition.raw.label if definition.raw.label in rest else None
    if label is None and len(rest) == 1:
        label = rest[0]
    if label is not None:
        labels: list[str | None] = texts[label]
    else:
        labels = [_one_of(rest, [texts[name][row] for name in rest]) for row in range(len(table))]
    subsets = None
    if usage is not None:
        usages = [str(value).strip().casefold() for value in texts[usage]]
        if wrong := [value for value in usages if value not in (*_SUBSETS, "ignored")]:
            raise TaskError(
                Fault(f"{solution.path.name}, column {usage}", repr(wrong[0]),
                      "Public, Private or Ignored in every row", "correct these rows",
                      "subset-word", n=len(wrong), first=tuple(wrong[:5]))
            )  # fmt: skip
        labels = [
            text if value in _SUBSETS else None for text, value in zip(labels, usages, strict=True)
        ]
        subsets = {
            str(one): _SUBSETS[value]
            for one, value in zip(texts[key], usages, strict=True)
            if value in _SUBSETS
        }
    keys = [str(one) for one in texts[key]]
    if twice := sorted(one for one, count in Counter(keys).items() if count > 1):
        raise TaskError(
            Fault(solution.path.name, counted(len(twice), "repeated id"),
                  "one answer for each id", "keep the right one", "key-twice",
                  n=len(twice), first=tuple(twice[:5]))
        )  # fmt: skip
    return _Answers(solution.path.name, label, dict(zip(keys, labels, strict=True)), subsets)


def _one_of(names: list[str], values: list[str | None]) -> str | None:
    """Return the name of the one column whose value is 1; None when not exactly one is."""
    ones = [name for name, value in zip(names, values, strict=True) if value in ("1", "1.0")]
    return ones[0] if len(ones) == 1 else None


def _label(definition: TaskDefinition, train: RawFile, answered: str | None) -> str:
    return definition.raw.label or (answered if answered in train.names else None) or "label"
