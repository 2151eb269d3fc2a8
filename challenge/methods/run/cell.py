"""One cell of the grid in a process of its own: read the public folder, fit, predict, write.

Run as `python -m challenge.methods.run.cell FOLDER`. FOLDER holds `request.json`; the outcome is
`predictions.parquet` and `result.json` (or `fault.json`) in it. Progress goes to the standard
output as lines; what the method itself prints goes to the standard error.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from challenge.errors import ChallengeError
from challenge.task import Task, dump_json, read_json, read_task

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FAULT",
    "LOG",
    "PREDICTIONS",
    "REQUEST",
    "RESULT",
    "progress_channel",
    "run_cell",
    "write_table",
]

REQUEST, RESULT, FAULT, LOG = "request.json", "result.json", "fault.json", "log.txt"
PREDICTIONS = "predictions.parquet"


def run_cell(folder: Path, progress: TextIO) -> bool:
    """Carry out `request.json`; return whether it worked, else `fault.json` says why not."""

    def report(words: str, /) -> None:
        progress.write(" ".join(words.split()) + "\n")
        progress.flush()

    try:
        result = _fit_and_predict(folder, read_json(folder / REQUEST), report)
    except Exception as error:
        # Whatever a method raises is the cell's outcome, reported by the process that asked.
        fault = {
            "kind": type(error).__name__,
            "message": str(error)[:2000],
            "faults": [f.as_json() for f in getattr(error, "faults", ())],
            "environment": isinstance(error, ChallengeError) and error.exit_code == 3,
        }
        traceback.print_exc()
        (folder / FAULT).write_text(dump_json(fault), encoding="utf-8")
        return False
    (folder / RESULT).write_text(dump_json(result), encoding="utf-8")
    return True


def _fit_and_predict(folder: Path, request: Any, report: Any) -> dict[str, object]:
    from challenge.methods.method_sources import resolve_method
    from challenge.task.frames import read_test, read_train

    if request["file_bytes"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"],) * 2)
    task = read_task(Path(request["public"]))
    source = resolve_method(request["method"])
    options = {name: request[name] for name in ("seed", "threads", "time_limit", "preset")}
    report("starting")
    method = source.make(**options, progress=report)
    train = read_train(task)
    began = time.perf_counter()
    method.fit(train, task)
    fitted = time.perf_counter()
    report("predicting")
    found = method.predict(read_test(task))
    done = time.perf_counter()
    write_table(found, task, folder / PREDICTIONS)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = sum(part.ru_utime + part.ru_stime for part in (usage, children))
    return {
        "details": _plain(getattr(method, "details", {})),
        "summary": " ".join(str(getattr(method, "summary", "")).split())[:500],
        "fit_s": round(fitted - began, 3),
        "predict_s": round(done - fitted, 3),
        "cpu_s": round(cpu_s, 1),
        "peak_mb": round(usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)),
    }


def write_table(found: pd.DataFrame, task: Task, path: Path) -> None:
    """Write what a method returned as Parquet: ids and labels as text, the rest as numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name in found.columns:
        values = found[name].astype(object).tolist()
        texts = name == "id" or (name == "label" and task.kind.has_classes)
        if texts:
            columns[str(name)] = pa.array(
                [value if value is None else str(value) for value in values], pa.string()
            )
        else:
            columns[str(name)] = pa.array(values, from_pandas=True)
    pq.write_table(pa.table(columns), path)


def _plain(value: Any) -> Any:
    """Return the value as plain JSON; what has no such form becomes its text, NaN nothing."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(part) for part in value]
    if hasattr(value, "item") and callable(value.item) and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _end_with(asker: int) -> None:
    """Kill this process and its group when the process that asked for the cell is gone.

    Its end of the pipe closes with it, however it died; nothing is ever written to it.
    """
    while os.read(asker, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def progress_channel() -> TextIO:
    """Return the way to the process that asked, out of the method's reach, and end with it.

    The method may print and read as it likes: what it prints goes to the standard error.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    asker = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with, args=(asker,), daemon=True).start()
    return channel


def _main() -> int:
    return 0 if run_cell(Path(sys.argv[1]), progress_channel()) else 1


if __name__ == "__main__":
    raise SystemExit(_main())
