"""The protocol of a method: it learns from one table and predicts another.

    class Mine:
        def fit(self, train, task): ...
        def predict(self, test): ...

`train` and `test` are pandas tables in the standard form; `predict` returns the columns of a
submission. `__init__` may have the parameters `seed`, `threads`, `time_limit`, `preset`, `earlier`
(a folder, see challenge.methods.earlier) and `progress`. An attribute `details` (plain JSON values)
is stored with the submission. With a class attribute `space` (see challenge.methods.space) its
options can be searched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from challenge.errors import Fault, WrongUse, meant
from challenge.task.columns import vector_columns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from challenge.kinds.base import Kind
    from challenge.task import Task

__all__ = [
    "LABELS",
    "LOGS",
    "RIGHT_ANSWERS",
    "THINGS",
    "Kinds",
    "Method",
    "Progress",
    "chosen_preset",
    "decisions_frame",
    "frame_values",
    "numbers_frame",
    "probabilities_frame",
    "refuse_other_kinds",
    "silent",
    "vectors_frame",
]

Preset = TypeVar("Preset")


@runtime_checkable
class Method(Protocol):
    """Anything with `fit` and `predict`; it is given the public folder of a task only."""

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Learn from the labelled rows; `task` has columns, classes and paths of images."""

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return `id` and `label`, one column per class, or (matching) `label` and `score`."""


class Progress(Protocol):
    """Called with a short text at each step that users should see."""

    def __call__(self, text: str, /) -> None:
        """Take the text."""


@dataclass(frozen=True)
class Kinds:
    """The kinds of task that a method can do, asked of a kind by `hold`.

    `lacking` is what tasks of other kinds do not have, `expected` the task that is needed, and
    `methods` are built-in ones for these kinds.
    """

    hold: Callable[[Kind], bool]
    lacking: str
    expected: str
    methods: str


LABELS = Kinds(
    lambda kind: not kind.has_things,
    "rows need a vector, and test has other things than train",
    "a task whose labels can be learned",
    "majority, linear or autogluon",
)
RIGHT_ANSWERS = Kinds(
    lambda kind: kind.has_decisions and kind.has_right_answers,
    "answers are neither right nor wrong",
    "classes or matches",
    "autogluon-pc",
)
LOGS = Kinds(
    lambda kind: bool(kind.log_columns),
    "no propensities and rewards",
    "a log of arms, propensities and rewards",
    "uniform, logging, greedy, epsilon-greedy or linucb",
)
THINGS = Kinds(
    lambda kind: kind.has_things,
    "no vectors of an old model",
    "queries and a gallery with vectors",
    "old-vectors, naive-vectors, procrustes-vectors or class-mean-vectors",
)


def silent(text: str, /) -> None:
    """Ignore progress."""


def chosen_preset(name: str, presets: Mapping[str, Preset]) -> Preset:
    """Return the preset of that name; raise WrongUse when there is none."""
    if name not in presets:
        raise WrongUse(
            Fault(
                "preset",
                repr(name),
                f"one of {', '.join(presets)}",
                meant(name, presets, "take default"),
                code="unknown-preset",
            )
        )
    return presets[name]


def probabilities_frame(test: pd.DataFrame, task: Task, rows: ArrayLike) -> pd.DataFrame:
    """Return a submission with one probability column per class, `rows` in the test's order."""
    import numpy as np
    import pandas as pd

    values = np.asarray(rows, np.float64)
    values = values / values.sum(axis=1, keepdims=True)
    columns: dict[str, Any] = {"id": list(test["id"])}
    columns |= {name: values[:, index] for index, name in enumerate(task.classes)}
    return pd.DataFrame(columns)


def decisions_frame(test: pd.DataFrame, scores: ArrayLike, threshold: float) -> pd.DataFrame:
    """Return a matching submission: label 1 where the score reaches the threshold, and score."""
    import numpy as np
    import pandas as pd

    values = np.asarray(scores, np.float64).clip(0, 1)
    labels = (values >= threshold).astype(np.int8)
    return pd.DataFrame({"id": list(test["id"]), "label": labels, "score": values})


def refuse_other_kinds(task: Task, possible: Kinds) -> None:
    """Raise WrongUse for a task of a kind that the method cannot do."""
    if not possible.hold(task.kind):
        others = THINGS if THINGS.hold(task.kind) else LABELS
        raise WrongUse(
            Fault(
                f"task {task.id}",
                f"{task.kind.title}: {possible.lacking}",
                possible.expected,
                f"run {others.methods}",
                code="other-kind",
            )
        )


def vectors_frame(test: pd.DataFrame, rows: ArrayLike) -> pd.DataFrame:
    """Return a submission of vectors (n, d), one a row in the test's order."""
    import numpy as np
    import pandas as pd

    values = np.asarray(rows, np.float64)
    names = vector_columns(values.shape[1])
    columns: dict[str, Any] = {"id": list(test["id"])}
    columns |= {name: values[:, index] for index, name in enumerate(names)}
    return pd.DataFrame(columns)


def numbers_frame(test: pd.DataFrame, values: ArrayLike) -> pd.DataFrame:
    """Return a submission of numbers, one a row in the test's order."""
    import numpy as np
    import pandas as pd

    return pd.DataFrame({"id": list(test["id"]), "label": np.asarray(values, np.float64)})


def frame_values(found: pd.DataFrame, task: Task) -> NDArray[Any]:
    """Return a submission with numbers: probabilities (n, k), of a match too, or numbers (n,)."""
    import numpy as np

    if task.kind.label == "number":
        return found["label"].to_numpy(np.float64)
    if task.kind.paired:
        scores = found["score"].to_numpy(np.float64)
        return np.column_stack([1 - scores, scores])
    return found[list(task.classes)].to_numpy(np.float64)
