"""Known leaks in a small copy of a task, which its audit must find.

The copy lies in a temporary folder and holds at most 1,000 rows of train and 500 of test.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from challenge.errors import ChallengeError
from challenge.prepare.audit import AuditReport, audit_task
from challenge.scoring.attacks import Attack
from challenge.task import Task
from challenge.task.modalities import modality_of

__all__ = ["leak_attacks"]

_ROWS = {"train": 1000, "test": 500}
_FEWEST = 50
"""With fewer rows on a side an audit finds nothing significant."""
_SHARE = 0.2
_LONG = 60
_PLANTED = "planted"


@dataclass
class _Copy:
    """A copy of a task: both tables, the solution, and the leaks planted so far.

    `planted` maps what was planted to the finding that must name it, and to how many rows it has.
    """

    task: Task
    train: pa.Table
    test: pa.Table
    solution: pa.Table
    columns: list[dict[str, Any]]
    planted: dict[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task) -> _Copy:
        """Read the first rows of a task; they are in random order."""
        train = pq.read_table(task.public / "train.parquet").slice(0, _ROWS["train"])
        test = pq.read_table(task.public / "test.parquet").slice(0, _ROWS["test"])
        solution = pq.read_table(task.private / "solution.parquet").slice(0, _ROWS["test"])
        keep = pa.array(np.array(solution["subset"].to_pylist()) != "void")
        columns = [column.as_json() for column in task.columns]
        return cls(task, train, test.filter(keep), solution.filter(keep), columns)

    def labels(self, side: str) -> NDArray[Any]:
        """Return the labels of a side, as text or as numbers."""
        table = self.train if side == "train" else self.solution
        values = table["label"].to_pylist()
        if self.task.kind.label == "number":
            return np.array(values, dtype=np.float64)
        return np.array([str(value) for value in values])

    def set_column(self, side: str, name: str, values: pa.Array) -> None:
        """Replace or add a column of a side."""
        table = self.train if side == "train" else self.test
        at = table.schema.get_field_index(name)
        table = table.append_column(name, values) if at < 0 else table.set_column(at, name, values)
        setattr(self, side, table)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write what the audit reads; return the content of task.json."""
        (folder / "private").mkdir()
        (folder / "public").mkdir(exist_ok=True)
        pq.write_table(self.train, folder / "public" / "train.parquet")
        pq.write_table(self.test, folder / "public" / "test.parquet")
        pq.write_table(self.solution, folder / "private" / "solution.parquet")
        return {**self.task.document, "columns": self.columns}


def leak_attacks(task: Task) -> list[Attack]:
    """Plant leaks into a copy of the task, and return whether its audit found them all.

    None where test has other things than train: no leak of train names them.
    """
    if task.kind.has_things:
        return []
    how = "leaks planted into a copy that its audit must grade medium or high"
    fix = "report it: the audit of this version does not see a leak of this kind"
    try:
        copy = _Copy.of(task)
        if min(copy.train.num_rows, copy.test.num_rows) < _FEWEST:
            return []
        with tempfile.TemporaryDirectory(prefix="challenge-attack-") as name:
            folder = Path(name)
            _plant(copy, folder)
            document = copy.write(folder)
            report = audit_task(folder / "public", folder / "private", document=document)
    except ChallengeError as error:
        return [Attack(task.id, "planted leaks", 0.0, 0.0, str(error), fix, "leaks", 0, True)]
    missed = [name for name, (code, n) in copy.planted.items() if not _is_found(report, code, n)]
    how += f"; missed: {', '.join(missed)}" if missed else f": {', '.join(copy.planted)}"
    n = len(copy.planted)
    return [Attack(task.id, "planted leaks", len(missed), 0.0, how, fix, "leaks", n, counted=True)]


def _is_found(report: AuditReport, code: str, n: int) -> bool:
    finding = report.named(code)
    return finding is not None and finding.severity != "low" and finding.count >= n


def _plant(copy: _Copy, folder: Path) -> None:
    _plant_order(copy)
    if copy.task.kind.paired:
        _plant_agreement(copy)
        if copy.task.record_ids:
            _plant_links(copy)
    else:
        _plant_column(copy)
    _plant_images(copy, folder)
    _plant_copies(copy)


def _plant_order(copy: _Copy) -> None:
    """Sort both sides by their labels, under ids in ascending order."""
    for side in ("train", "test"):
        order = pa.array(np.argsort(copy.labels(side), kind="stable"))
        table = copy.train if side == "train" else copy.test
        ids = pa.array(sorted(table["id"].to_pylist()), pa.string())
        setattr(copy, side, table.take(order))
        copy.set_column(side, "id", ids)
        if side == "test":
            copy.solution = copy.solution.take(order).set_column(0, "id", ids)
    copy.planted["label in the order of ids"] = ("telling-id-train", 1)
    copy.planted["label in the order of rows"] = ("telling-order-train", 1)


def _plant_column(copy: _Copy) -> None:
    is_number = copy.task.kind.label == "number"
    for side in ("train", "test"):
        labels = copy.labels(side).tolist()
        values = pa.array(labels) if is_number else pa.array(labels).dictionary_encode()
        copy.set_column(side, _PLANTED, values)
    _declare(copy, _PLANTED, is_number=is_number)
    copy.planted["label in a column"] = (f"telling-column-{_PLANTED}", 1)


def _plant_agreement(copy: _Copy) -> None:
    """Make both sides of an attribute agree for matches alone."""
    for side in ("train", "test"):
        match = copy.labels(side) == copy.task.classes[1]
        values = [f"v{row % 97}" for row in range(len(match))]
        others = [
            value if one else f"{value}-other" for value, one in zip(values, match, strict=True)
        ]
        for name, column in (("left", values), ("right", others)):
            copy.set_column(side, f"{name}_{_PLANTED}", pa.array(column).dictionary_encode())
    for name in ("left", "right"):
        _declare(copy, f"{name}_{_PLANTED}", is_number=False)
    copy.planted["label in whether two values agree"] = (f"telling-agreement-{_PLANTED}", 1)


def _declare(copy: _Copy, name: str, *, is_number: bool) -> None:
    modality = "numeric" if is_number else "categorical"
    copy.columns.append({"name": name, "modality": modality, "description": "", "integer": False})


def _plant_links(copy: _Copy) -> None:
    """Give matches of test the two ends of a chain of two matches of train."""
    matches = {
        side: np.flatnonzero(copy.labels(side) == copy.task.classes[1])
        for side in ("train", "test")
    }
    n = min(len(matches["train"]) // 2, len(matches["test"]))
    if not n:
        return
    ids = {
        (side, name): table[f"{name}_id"].to_pylist()
        for side, table in (("train", copy.train), ("test", copy.test))
        for name in ("left", "right")
    }
    for link in range(n):
        first, second = matches["train"][2 * link : 2 * link + 2]
        row = matches["test"][link]
        ids["train", "left"][second] = ids["train", "left"][first]
        ids["test", "left"][row] = ids["train", "right"][first]
        ids["test", "right"][row] = ids["train", "right"][second]
    for (side, name), values in ids.items():
        copy.set_column(side, f"{name}_id", pa.array(values, pa.string()))
    copy.planted["matches that follow from matches of train"] = ("transitive-pairs", n)


def _plant_images(copy: _Copy, folder: Path) -> None:
    """Name the files of the first column of images by the label of the row."""
    images = [c.name for c in copy.task.columns if modality_of(c.modality).is_image]
    target = folder / "public" / "images"
    target.mkdir(parents=True)
    for name in images:
        for side in ("train", "test"):
            table = copy.train if side == "train" else copy.test
            paths = table[name].cast(pa.string()).to_pylist()
            labels = copy.labels(side)
            codes = np.unique(labels, return_inverse=True)[1]
            for row, path in enumerate(paths):
                if path is None:
                    continue
                prefix = f"{codes[row]:06}-" if name == images[0] else ""
                file = f"{prefix}{name}-{side}-{row}{Path(path).suffix}"
                shutil.copyfile(copy.task.image_path(path), target / file)
                paths[row] = f"images/{file}"
            copy.set_column(side, name, pa.array(paths, pa.string()))
    if images:
        copy.planted["label in the names of image files"] = (f"telling-file-name-{images[0]}", 1)


def _plant_copies(copy: _Copy) -> None:
    """Make rows of test copies of rows of train with their label: exact, and nearly so."""
    labels = {side: copy.labels(side).tolist() for side in ("train", "test")}
    texts = [c.name for c in copy.task.columns_of("text")]
    length = np.zeros(copy.train.num_rows)
    for name in texts:
        length += [len(text or "") for text in copy.train[name].to_pylist()]
    # Of each label the row with the longest text: a copy of a short text is not nearly equal.
    source = {labels["train"][row]: row for row in np.argsort(length, kind="stable").tolist()}
    rows = [row for row, label in enumerate(labels["test"]) if label in source]
    n = int(_SHARE * len(rows))
    if not n:
        return
    of_row = {row: source[labels["test"][row]] for row in rows}
    exact = rows[::2][:n]
    near = [row for row in rows[1::2] if length[of_row[row]] >= _LONG][:n]
    for column in copy.columns:
        name = column["name"]
        values, train = copy.test[name].to_pylist(), copy.train[name].to_pylist()
        for row in (*exact, *near):
            values[row] = train[of_row[row]]
        for row in near if name in texts else ():
            values[row] = f"{values[row]}." if values[row] else values[row]
        copy.set_column("test", name, pa.array(values, copy.test.schema.field(name).type))
    copy.planted["rows of train in test"] = ("identical-rows", len(exact))
    if len(near) == n:
        n_long = n + sum(length[of_row[row]] >= _LONG for row in exact)
        copy.planted["rows of train with other punctuation in test"] = (
            "near-identical-texts",
            n_long,
        )
