"""Checks of a raw table as a whole: its columns and its classes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError, meant, plain_form
from challenge.task.columns import RESERVED

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_classes", "check_schema", "id_fix", "missing_column"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""A class named by a carriage return cannot be distinguished from a line end in a CSV file."""


def check_schema(schema: pa.Schema, needed: Sequence[str], where: str) -> None:
    """Raise TaskError for duplicate and missing columns, with the nearest name."""
    faults = [
        Fault(where, f"column {name!r} {schema.names.count(name)} times", "each name once",
              "rename or leave out the others in the converter", code="column-twice")
        for name in dict.fromkeys(schema.names)
        if schema.names.count(name) > 1
    ]  # fmt: skip
    expected = "`key`, `label` where rows have one, and every column that task.toml declares"
    faults += [
        missing_column(where, name, schema.names, expected, "add it, or take it out of task.toml")
        for name in needed
        if name not in schema.names
    ]
    if faults:
        raise TaskError(faults)


def missing_column(
    where: str, name: str, names: Iterable[str], expected: str, fix: str, *, use: str = ""
) -> Fault:
    """Return the fault of a missing column; `fix` is used when no similar name exists."""
    names = list(names)
    found = f"no column {name!r}{use} (there are: {', '.join(names)})"
    hint = meant(name, names, fix)
    return Fault(where, found, expected, hint, "column-missing")


def check_classes(classes: Sequence[str], where: str) -> None:
    """Raise TaskError for fewer than two classes and for class names that are not allowed."""
    faults = []
    if len(classes) < 2:
        found = f"only one class: {classes[0]!r}" if classes else "no row with a label"
        faults.append(
            Fault(where, found, "at least two classes", "check the label column", "one-class")
        )
    for name in classes:
        if name in RESERVED or name == "" or _CONTROL.search(name):
            faults.append(
                Fault(
                    f"{where}, column label",
                    f"a class named {name!r}",
                    f"names other than {', '.join(RESERVED)} and '', no control character",
                    "rename the class in the converter; an unlabelled row has null",
                    code="class-name",
                )
            )
    if faults:
        raise TaskError(faults)


def id_fix(missing: list[str], known: Collection[str | None], fix: str) -> str:
    """Return the fix for unknown ids: another form of them if that is known, else `fix`."""
    alike: dict[str, list[str]] = {}
    for one in known:
        if one is not None:
            alike.setdefault(plain_form(one), []).append(one)
    near = [alike.get(plain_form(text), []) for text in missing]
    if all(len(found) == 1 for found in near):
        return (
            f"write {near[0][0]!r} for {missing[0]!r}, and so on: the ids differ only in blanks, "
            "case, normal form, leading zeros or `.0`"
        )
    return fix
