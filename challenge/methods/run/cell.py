"""The method's side of a request, in a process of its own.

Run as `python -m challenge.methods.run.cell FOLDER`. FOLDER holds `request.json` with a verb:
`predict` (fit and predict the test rows), `declare` (what a search may choose) or `trial` (predict
the training rows out of fold). The answer is `result.json` or `fault.json`, and for two of them
`predictions.parquet`. Progress goes to the standard output as lines; what the method itself
prints goes to the standard error.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from challenge.errors import ChallengeError, Fault, WrongUse
from challenge.methods.method_sources import MethodSource, resolve_method
from challenge.methods.protocol import Progress
from challenge.methods.returned import as_table, write_table
from challenge.methods.run.handover import (
    FAULT,
    MOST_CHARACTERS,
    MOST_FAULTS,
    PREDICTIONS,
    REQUEST,
    RESULT,
)
from challenge.task import Task, dump_json, read_json, read_task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["predict_out_of_fold"]


def _answer(folder: Path, progress: TextIO) -> bool:
    """Carry out `request.json`; return whether it worked, else `fault.json` has the reason."""

    def report(text: str, /) -> None:
        progress.write(" ".join(text.split()) + "\n")
        progress.flush()

    request: Any = {}
    try:
        request = read_json(folder / REQUEST)
        result = _carry_out(folder, request, report)
        _write(folder / RESULT, result)
    except Exception as error:
        # Whatever a method raises is the cell's outcome; the parent process reports it.
        known = error if isinstance(error, ChallengeError) else None
        place = _place_of(error, str(request.get("method", "")))
        fault = {
            "kind": type(error).__name__[:100],
            "message": str(error)[:MOST_CHARACTERS],
            "place": place[:MOST_CHARACTERS],
            "faults": [_short(fault) for fault in known.faults[:MOST_FAULTS]] if known else [],
            "exit_code": known.exit_code if known else 1,
        }
        if not place:
            traceback.print_exc()
        _write(folder / FAULT, fault)
        return False
    return True


def _place_of(error: Exception, method: str) -> str:
    """Return the last line of the method's own files that an error came through, else nothing.

    `method` is `file.py:Name`. Files beside it are its own too; of their paths the name is kept.
    """
    path, colon, _ = method.rpartition(":")
    if not colon:
        return ""
    frames = [
        (one.filename, one.lineno, one.line) for one in traceback.extract_tb(error.__traceback__)
    ]
    if isinstance(error, SyntaxError):
        frames.append((error.filename or "", error.lineno, (error.text or "").strip()))
    own = [one for one in frames if Path(one[0]).parent == Path(path).parent]
    if not own:
        return ""
    file, number, line = own[-1]
    return f"{Path(file).name}, line {number}" + (f": {line}" if line else "")


def _write(path: Path, answer: Mapping[str, object]) -> None:
    path.write_text(dump_json(answer), encoding="utf-8", errors="replace")


def _short(fault: Fault) -> dict[str, object]:
    shown = fault.as_json() | {"first": [text[:MOST_CHARACTERS] for text in fault.first[:5]]}
    return {
        key: value[:MOST_CHARACTERS] if isinstance(value, str) else value
        for key, value in shown.items()
    }


def _carry_out(folder: Path, request: Any, report: Progress) -> dict[str, object]:
    _limit(request["limits"])
    task = read_task(Path(request["public"]))
    source = resolve_method(request["method"])
    verbs: Mapping[str, Callable[[], dict[str, object]]] = {
        "predict": lambda: _predict(source, task, request["options"], folder, report),
        "declare": lambda: _declare(source, task),
        "trial": lambda: _try(source, task, request["options"], folder, report),
    }
    return verbs[request["verb"]]()


def _limit(limits: Mapping[str, int]) -> None:
    """Apply limits of the kernel, by their names in `resource`."""
    import resource

    for name, most in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _predict(
    source: MethodSource, task: Task, options: Mapping[str, Any], folder: Path, report: Progress
) -> dict[str, object]:
    import resource

    from challenge.task.frames import read_test, read_train

    report("starting")
    method = source.make(**options, progress=report)
    train = read_train(task)
    began = time.perf_counter()
    method.fit(train, task)
    fitted = time.perf_counter()
    report("predicting")
    test = read_test(task)
    found = method.predict(test)
    done = time.perf_counter()
    where = _where(source)
    write_table(as_table(found, test, task, where), task, folder / PREDICTIONS, where)
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


def _try(
    source: MethodSource, task: Task, options: Mapping[str, Any], folder: Path, report: Progress
) -> dict[str, object]:
    found = predict_out_of_fold(source, task, options, report)
    write_table(found, task, folder / PREDICTIONS, _where(source))
    return {}


def _where(source: MethodSource) -> str:
    return f"method {source.name}, what `predict` returned"


def predict_out_of_fold(
    source: MethodSource, task: Task, options: Mapping[str, Any], report: Progress
) -> pd.DataFrame:
    """Return predictions of every training row by a method that was not fitted on its fold.

    A method that has them after one `fit` returns them from `predict_out_of_fold()`. Any other is
    fitted once per fold.
    """
    import pandas as pd

    from challenge.methods.builtin.folds import fold_codes
    from challenge.task.frames import read_train

    train = read_train(task)
    method: Any = source.make(**options, progress=report)
    if callable(getattr(method, "predict_out_of_fold", None)):
        method.fit(train, task)
        return as_table(method.predict_out_of_fold(), train, task, _where(source))
    folds = fold_codes(train, task)
    parts: list[Any] = []
    for fold in sorted(set(folds.tolist())):
        report(f"fold {fold}")
        method = source.make(**options, progress=report)
        method.fit(train[folds != fold].reset_index(drop=True), task)
        hidden = ["label", *task.kind.log_columns]
        outside = train[folds == fold].drop(columns=hidden).reset_index(drop=True)
        parts.append(as_table(method.predict(outside), outside, task, _where(source)))
    together: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return together


def _declare(source: MethodSource, task: Task) -> dict[str, object]:
    """Return space and defaults as plain values."""
    found = source.declared()
    space = getattr(found, "space", None)
    space = space(task) if callable(space) else space
    if not space:
        raise WrongUse(
            Fault(
                f"method {source.name}",
                "no options that a search may choose",
                "a class attribute `space`: names of options, each a Float, Integer or Choice",
                "declare it, from challenge.methods.space",
                code="no-space",
            )
        )
    parameters = inspect.signature(found).parameters
    if strange := sorted(set(space) - set(parameters)):
        raise WrongUse(
            Fault(
                f"method {source.name}",
                "`space` names options that __init__ does not take",
                "keyword options of __init__",
                "add the keyword, or take the name out of `space`",
                code="space-option",
                n=len(strange),
                first=tuple(strange),
            )
        )
    defaults = {name: parameters[name].default for name in space}
    known = all(dimension.holds(defaults[name]) for name, dimension in space.items())
    return {
        "space": {name: dimension.as_json() for name, dimension in space.items()},
        "defaults": defaults if known else {},
    }


def _plain(value: Any) -> Any:
    """Return the value as plain JSON; other values become text, NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(part) for part in value]
    if hasattr(value, "item") and callable(value.item) and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _end_with(parent: int) -> None:
    """Kill this process and its group when the parent process has ended.

    However the parent ends, its end of the pipe closes. Nothing is ever written to the pipe.
    """
    while os.read(parent, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def _progress_channel() -> TextIO:
    """Return a stream to the parent process that the method cannot reach; end with the parent.

    What the method prints goes to the standard error.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    parent = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return channel


if __name__ == "__main__":
    worked = _answer(Path(sys.argv[1]), _progress_channel())
    with suppress(Exception):
        # The method may have closed or replaced its streams.
        sys.stdout.flush()
        sys.stderr.flush()
    # The answer is written: a thread that the method left over must not keep the cell.
    os._exit(0 if worked else 1)
