"""A built task: its public folder and the content of its task.json.

Nothing here opens `private/`; packages that may do so use `task.private`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from challenge.errors import Fault, TaskError, WrongUse
from challenge.kinds import Kind, kind_of
from challenge.task.columns import MOST_DIMENSIONS, Column, vector_columns

__all__ = ["TASK_FORMAT", "Subset", "Task", "read_task"]

Subset = Literal["public", "private", "all"]
SUBSETS = ("public", "private", "void")
"""Subsets of the test rows, in the order of their codes; void rows are in none."""

TASK_FORMAT = 1
_TYPES = {
    "id kind title description metric data solution card": str,
    "n_train n_test": int,
    "record_ids": bool,
    "classes columns": list,
}
"""Keys of task.json and of its digests, by the type of their values."""


@dataclass(frozen=True)
class Task:
    """One table with a hidden part.

    `classes` are sorted by code point (matching: `("0", "1")`), and label codes everywhere are
    positions in it. Ids of the test rows are in `test.parquet` in ascending byte order.
    Arrays "aligned to the task" have that order.
    """

    public: Path
    id: str
    kind: Kind
    title: str
    description: str
    metric: str
    columns: tuple[Column, ...]
    record_ids: bool
    classes: tuple[str, ...]
    n_train: int
    n_test: int
    data_digest: str
    solution_digest: str
    card_digest: str
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """The task's own folder, `datasets/<id>`."""
        return self.public.parent

    @property
    def private(self) -> Path:
        """Folder of secret, solution and weights; organisers only."""
        return self.folder / "private"

    @property
    def cache(self) -> Path:
        """Folder of derived data that can be computed again from `public/`."""
        return self.folder / "cache"

    @property
    def dimensions(self) -> int:
        """Dimensions of the vectors of a task with things, else 0."""
        found: int = self.document.get("dimensions", 0)
        return found

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """The columns of numbers of a submission: one a class, or those of a vector."""
        return self.classes or vector_columns(self.dimensions)

    def image_path(self, value: str) -> Path:
        """Return the path of an image from a value of an image column."""
        return self.public / value

    def columns_of(self, *modalities: str) -> tuple[Column, ...]:
        """Return the features of these modalities, in file order."""
        return tuple(column for column in self.columns if column.modality in modalities)


def read_task(public: Path) -> Task:
    """Read `task.json` of a public folder.

    Raises TaskError when it is missing, damaged or of another format.
    """
    path = public / "task.json"
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise TaskError(
            Fault(
                str(path),
                "no such file",
                "the public folder of a built task",
                f"run `challenge convert {public.parent.name}`, or unzip the organiser's export",
                code="task-not-built",
            )
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise TaskError(
            Fault(str(path), f"unreadable: {error}", "JSON", "build the task again", "task-damaged")
        ) from None
    if not isinstance(document, dict) or document.get("format") != TASK_FORMAT:
        raise TaskError(
            Fault(
                str(path),
                "another format",
                f"format = {TASK_FORMAT}",
                "build the task again with this version of challenge",
                code="task-format",
            )
        )
    try:
        _check_types(document)
        return Task(
            public=public,
            id=document["id"],
            kind=kind_of(document["kind"]),
            title=document["title"],
            description=document["description"],
            metric=document["metric"],
            columns=tuple(Column(**column) for column in document["columns"]),
            record_ids=document["record_ids"],
            classes=tuple(document["classes"]),
            n_train=document["n_train"],
            n_test=document["n_test"],
            data_digest=document["digests"]["data"],
            solution_digest=document["digests"]["solution"],
            card_digest=document["digests"]["card"],
            document=document,
        )
    except (KeyError, TypeError, ValueError, WrongUse) as error:
        raise TaskError(
            Fault(
                str(path),
                f"a key is missing or has the wrong type: {error}",
                "a file written by `challenge convert`",
                "build the task again, or unzip the organiser's export again",
                code="task-damaged",
            )
        ) from None


def _check_types(document: Mapping[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError where a value is not of the type of a task."""
    values = {**document, **document["digests"]}
    for names, kind in _TYPES.items():
        for name in names.split():
            if type(values[name]) is not kind:
                raise TypeError(f"{name} is not {kind.__name__}")
    for name, parts in (("classes", document["classes"]), ("columns", document["columns"])):
        if any(type(part) is not (str if name == "classes" else dict) for part in parts):
            raise TypeError(name)
    for column in document["columns"]:
        texts = (column["name"], column["modality"], column.get("description", ""))
        if any(type(text) is not str for text in texts):
            raise TypeError("a column")
        if type(column.get("integer", False)) is not bool:
            raise TypeError("integer of a column")
    if min(document["n_train"], document["n_test"]) < 0:
        raise ValueError("a negative number of rows")
    dimensions, things = document.get("dimensions", 0), kind_of(document["kind"]).has_things
    if type(dimensions) is not int or not (0 < dimensions <= MOST_DIMENSIONS or not things):
        raise ValueError(f"dimensions {dimensions!r}")
    if document["metric"] not in kind_of(document["kind"]).metrics:
        raise ValueError(f"metric {document['metric']!r}")
