"""An earlier run that a method may build on: a folder of two predictions files of one task.

`challenge run METHOD --to DIR` writes `DIR/TASK/predictions.parquet`, and with `--cv` beside it
`out-of-fold.parquet`, in which no model saw the row that it predicts.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, WrongUse
from challenge.methods.protocol import frame_values
from challenge.methods.run.handover import PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["OUT_OF_FOLD", "earlier_digest", "read_earlier"]

OUT_OF_FOLD = "out-of-fold.parquet"
"""The predictions of train, which `challenge score --on train` reads."""


def earlier_digest(folder: Path) -> str:
    """Return the digest of both files, 64 hex digits."""
    digests = [
        hashlib.sha256((folder / name).read_bytes()).digest() for name in (PREDICTIONS, OUT_OF_FOLD)
    ]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def read_earlier(file: Path, rows: pd.DataFrame, task: Task) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return probabilities (n, k) and decided classes (n,) for `rows`, of a file without faults.

    Raises WrongUse when it has labels only.
    """
    import numpy as np
    import pandas as pd

    found = pd.read_parquet(file).set_index("id").loc[list(rows["id"])]
    needed = ["score"] if task.kind.paired else list(task.classes)
    if not set(needed) <= set(found.columns):
        raise WrongUse(
            Fault(
                str(file),
                "labels only",
                "a score of each pair" if task.kind.paired else "a probability of each class",
                "take an earlier run of a method that predicts them",
                code="earlier-labels",
            )
        )
    values = frame_values(found, task)
    return values, found["label"].to_numpy(np.int64) if task.kind.paired else values.argmax(axis=1)
