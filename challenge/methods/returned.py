"""What `predict` returned, as a table: accepted where its meaning is certain, else named.

A table, a series, an array, a list or a dict can each say for which row a value is: by an `id`
column, by an index of ids, or by the index or order of the test table. Nothing else is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import ChallengeError, Fault, counted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from challenge.task import Task

__all__ = ["arrow_table", "as_table", "write_table"]

_SHOWN = 5


def as_table(found: Any, test: pd.DataFrame, task: Task, where: str) -> pd.DataFrame:
    """Return what a method returned for the rows of `test` as a table with `id`.

    Raises ChallengeError (`predict-returned`) that names what it was, and how to return it.
    """
    import numpy as np
    import pandas as pd

    if found is None:
        raise _refused(where, "None", "end `predict` with `return predictions`")
    if isinstance(found, Iterator):
        found = _drawn(found, len(test))
    if type(found).__name__ == "LazyFrame":
        raise _refused(where, "a LazyFrame, which holds no values yet", "add .collect()")
    if callable(getattr(found, "to_pandas", None)):
        found = found.to_pandas()
    if isinstance(found, list) and found and all(isinstance(row, Mapping) for row in found):
        found = pd.DataFrame(found)
    if isinstance(found, Mapping):
        found = _of_mapping(found, test, where)
    if isinstance(found, pd.DataFrame):
        return _with_ids(found, test, where)
    if isinstance(found, pd.Series):
        if len(found) != len(test):
            raise _wrong_length(where, "a Series", len(found), len(test))
        indexed = _with_ids(found.to_frame("label"), test, where)
        return _of_values(indexed["label"].to_numpy(), indexed["id"], task)
    if isinstance(found, (str, bytes, set, frozenset)) or not (
        isinstance(found, (list, tuple)) or hasattr(found, "__array__")
    ):
        raise _refused(where, f"an object of type {type(found).__name__}", _HOW)
    kind = "an array" if hasattr(found, "__array__") else f"a {type(found).__name__}"
    try:
        values = np.asarray(found)
    except ValueError:
        raise _refused(where, f"{kind} whose parts have unequal lengths", _HOW) from None
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 1 and len(values) != len(test):
        raise _wrong_length(where, kind, len(values), len(test))
    if values.ndim != 1:
        raise _refused(
            where,
            f"{kind} of shape {values.shape}, whose columns have no names",
            "name the columns: pandas.DataFrame(array, columns=model.classes_)"
            + ("; in matching return array[:, 1]" if task.kind.paired else ""),
        )
    return _of_values(values, test["id"], task)


def write_table(found: pd.DataFrame, task: Task, path: Path, where: str = "predictions") -> None:
    """Write the table as a predictions file; raise as `arrow_table` does."""
    import pyarrow.parquet as pq

    pq.write_table(arrow_table(found, task, where), path)


def arrow_table(
    found: pd.DataFrame, task: Task, where: str, *, keep_missing: bool = False
) -> pa.Table:
    """Return the table for a predictions file: ids and classes as text, the rest as numbers.

    Raises ChallengeError with every column that has missing or mixed values, or occurs twice. With
    `keep_missing` missing values stay, for the check of the file to name them.
    """
    import pyarrow as pa

    faults: list[Fault] = []
    columns: dict[str, Any] = {}
    names = [str(name) for name in found.columns]
    for position, name in enumerate(names):
        if name in columns:
            faults.append(_fault(where, f"two columns {name!r}", "return each column once"))
            continue
        values = found.iloc[:, position].astype(object).tolist()
        empty = [row for row, value in enumerate(values) if _is_missing(value)]
        if empty and not keep_missing:
            faults.append(_missing(where, name, empty, found))
            continue
        if name == "id" or (name == "label" and task.kind.has_classes):
            known = frozenset(task.classes) if name == "label" else frozenset()
            texts = [None if _is_missing(one) else _class_text(one, known) for one in values]
            columns[name] = pa.array(texts, pa.string())
            continue
        try:
            numbers = [int(value) if isinstance(value, bool) else value for value in values]
            columns[name] = pa.array(numbers, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            kinds = sorted({type(value).__name__ for value in values})
            faults.append(
                _fault(where, f"{' and '.join(kinds)} values in column {name!r}", "return numbers")
            )
    if faults:
        raise ChallengeError(faults)
    return pa.table(columns)


_HOW = 'return test[["id"]].assign(label=predicted), or one value for each row of `test`'
_EXPECTED = (
    "a table with `id` and `label` or one column per class; or a series, array or list with one "
    "value for each row of `test`"
)


def _fault(where: str, found: str, fix: str, **more: Any) -> Fault:
    return Fault(where, found, _EXPECTED, fix, code="predict-returned", **more)


def _refused(where: str, found: str, fix: str) -> ChallengeError:
    return ChallengeError(_fault(where, found, fix))


def _wrong_length(where: str, kind: str, n: int, expected: int) -> ChallengeError:
    found = f"{kind} of {counted(n, 'value')} for {counted(expected, 'row')} of `test`"
    return _refused(where, found, "predict every row of `test` once, and drop none of them")


def _drawn(found: Iterator[Any], n: int) -> list[Any]:
    """Return the values of a generator, at most one more than there are rows."""
    return [value for value, _ in zip(found, range(n + 1), strict=False)]


def _of_mapping(found: Mapping[Any, Any], test: pd.DataFrame, where: str) -> Any:
    import pandas as pd

    if set(map(str, found)) == set(test["id"].astype(str)):
        return pd.Series(list(found.values()), index=[str(key) for key in found])
    try:
        return pd.DataFrame(dict(found))
    except ValueError:
        raise _refused(
            where,
            f"a dict with the keys {', '.join(map(repr, list(found)[:_SHOWN]))}",
            "return columns of equal length, or one value for each id",
        ) from None


def _with_ids(found: pd.DataFrame, test: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the table with an `id` column: its own, its index, or that of the test's index."""
    if "id" in map(str, found.columns):
        return found
    if len(found) != len(test):
        raise _wrong_length(where, "a table without `id`", len(found), len(test))
    index = found.index
    if set(map(str, index)) == set(test["id"].astype(str)):
        ids = [str(value) for value in index]
    elif index.is_unique and set(index) == set(test.index):
        ids = test["id"].reindex(index).tolist()
    else:
        first = ", ".join(map(repr, index[:_SHOWN].tolist()))
        raise _refused(
            where,
            f"predictions without `id`, whose index is {first}, …",
            'add the ids: .assign(id=test["id"].to_numpy()), or keep the index of `test`',
        )
    table = found.reset_index(drop=True)
    table.insert(0, "id", ids)
    return table


def _of_values(values: Any, ids: Any, task: Task) -> pd.DataFrame:
    """Return one value a row as the column that it must be: label, or score of a pair."""
    import pandas as pd

    name = "label"
    if task.kind.paired and values.dtype.kind == "f" and not set(values.tolist()) <= {0.0, 1.0}:
        name = "score"
    return pd.DataFrame({"id": list(ids), name: values})


def _class_text(value: Any, known: frozenset[str]) -> str:
    """Return a label as text; `1.0` is the class `1` where there is no class `1.0`."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = str(value)
    if text not in known and isinstance(value, float) and value.is_integer():
        return str(int(value)) if str(int(value)) in known else text
    return text


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or str(value) == "<NA>"


def _missing(where: str, name: str, empty: list[int], found: pd.DataFrame) -> Fault:
    ids = found["id"].astype(str).tolist() if name != "id" and "id" in found else []
    return _fault(
        where,
        f"no value (NaN or None) in column {name!r} of {counted(len(empty), 'row')}",
        "predict a value for every row; look for divisions by zero and missing features",
        n=len(empty),
        first=tuple(ids[row] for row in empty[:_SHOWN]) if ids else (),
    )
