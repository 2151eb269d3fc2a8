"""What beginners return from `predict`: taken where it is certain, else named in their terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from challenge.errors import ChallengeError
from challenge.methods.returned import arrow_table, as_table
from challenge.task import Task
from challenge.task.frames import read_test
from tests.toy import build_toy

WHERE = "method mine:Mine, what `predict` returned"


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("returned") / "toy"
    folder.mkdir()
    return build_toy(folder, n=80, images=False)


def made(found: Any, task: Task, test: pd.DataFrame | None = None) -> pa.Table:
    test = read_test(task) if test is None else test
    return arrow_table(as_table(found, test, task, WHERE), task, WHERE)


def labels_of(task: Task) -> pd.Series:
    """Return a different label for neighbouring rows, in the order of the test table."""
    test = read_test(task)
    names = [task.classes[row % len(task.classes)] for row in range(len(test))]
    return pd.Series(names, index=test.index)


SHAPES: dict[str, Callable[[pd.DataFrame, pd.Series], Any]] = {
    "array": lambda test, labels: labels.to_numpy(),
    "column": lambda test, labels: labels.to_numpy()[:, None],
    "list": lambda test, labels: labels.tolist(),
    "tuple": lambda test, labels: tuple(labels),
    "generator": lambda test, labels: (label for label in labels),
    "series": lambda test, labels: labels,
    "categorical": lambda test, labels: labels.astype("category"),
    "shuffled series": lambda test, labels: labels.sample(frac=1, random_state=0),
    "series by id": lambda test, labels: pd.Series(labels.tolist(), index=test["id"])[::-1],
    "dict by id": lambda test, labels: dict(zip(test["id"], labels, strict=True)),
    "dict of columns": lambda test, labels: {"id": list(test["id"]), "label": list(labels)},
    "dict of one column": lambda test, labels: {"label": list(labels)},
    "records": lambda test, labels: [
        {"id": one, "label": label} for one, label in zip(test["id"], labels, strict=True)
    ],
    "arrow": lambda test, labels: pa.table({"id": list(test["id"]), "label": list(labels)}),
    "table": lambda test, labels: test[["id"]].assign(label=labels),
    "table without id": lambda test, labels: labels.to_frame("label")[::-1],
    "id as index": lambda test, labels: test[["id"]].assign(label=labels).set_index("id")[::-1],
    "columns reordered": lambda test, labels: test[["id"]].assign(label=labels)[["label", "id"]],
    "bytes": lambda test, labels: labels.str.encode("utf-8").tolist(),
}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_every_shape_gives_each_row_its_own_label(task: Task, shape: str) -> None:
    test, labels = read_test(task), labels_of(task)
    found = made(SHAPES[shape](test, labels), task).to_pandas()
    expected = dict(zip(test["id"].astype(str), labels, strict=True))
    assert dict(zip(found["id"], found["label"], strict=True)) == expected


def test_probabilities_without_ids_keep_their_columns(task: Task) -> None:
    test = read_test(task)
    rows = np.random.default_rng(0).dirichlet(np.ones(len(task.classes)), len(test))
    table = pd.DataFrame(rows, columns=list(task.classes)[::-1], index=test.index)
    found = made(table.sample(frac=1, random_state=1), task).to_pandas().set_index("id")
    first = found.loc[str(test["id"].iloc[0])]
    assert [first[name] for name in task.classes] == rows[0][::-1].tolist()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (lambda test, labels: None, ("None", "return predictions")),
        (lambda test, labels: labels[:-1], ("a Series of", "rows of `test`")),
        (lambda test, labels: labels.tolist() * 2, ("a list of", "rows of `test`")),
        (lambda test, labels: (label for label in [*labels, "x"]), ("a list of",)),
        (lambda test, labels: labels.to_frame("label")[1:], ("a table without `id` of",)),
        (lambda test, labels: labels.set_axis(labels.index + 7), ("whose index is 7, 8",)),
        (lambda test, labels: np.zeros((len(test), 3)), ("shape (", "model.classes_")),
        (lambda test, labels: (labels, labels), ("unequal",)),
        (lambda test, labels: "a", ("type str",)),
        (lambda test, labels: {"label": "a", "id": "b"}, ("a dict with the keys 'label'",)),
        (lambda test, labels: object(), ("type object",)),
        (
            lambda test, labels: test[["id"]].assign(label=labels.where(labels.index > 1)),
            ("no value (NaN or None) in column 'label' of 2 rows",),
        ),
        (
            lambda test, labels: test[["id"]].assign(a=np.nan, b=0.5),
            ("no value (NaN or None) in column 'a'",),
        ),
        (
            lambda test, labels: test[["id"]].assign(a=[*["x"] * (len(test) - 1), 0.5]),
            ("float and str values in column 'a'",),
        ),
        (
            lambda test, labels: pd.concat([test[["id"]], labels, labels], axis=1).set_axis(
                ["id", "label", "label"], axis=1
            ),
            ("two columns 'label'",),
        ),
    ],
)
def test_what_cannot_be_taken_is_named(
    task: Task, shape: Callable[[pd.DataFrame, pd.Series], Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(ChallengeError) as caught:
        made(shape(read_test(task), labels_of(task)), task)
    message = str(caught.value)
    assert caught.value.faults[0].code == "predict-returned"
    assert message.startswith(WHERE)
    if words != ("unequal",):
        for word in words:
            assert word in message
