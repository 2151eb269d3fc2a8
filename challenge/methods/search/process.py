"""One trial in a process of its own: a method with given options, measured on published folds.

Run as `python -m challenge.methods.search.process FOLDER`; FOLDER holds `request.json`, the outcome
is `predictions.parquet` (out-of-fold, all rows of train) and `result.json`, or `fault.json`. A
crash, a hang or a full memory ends the trial and nothing else.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from challenge.errors import ChallengeError, Fault, MissingRequirement, WrongUse
from challenge.methods.method_sources import MethodSource, resolve_method
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.cell import (
    FAULT,
    LOG,
    PREDICTIONS,
    REQUEST,
    RESULT,
    progress_channel,
    write_table,
)
from challenge.methods.run.sandbox import Caps, Ended, run_process
from challenge.methods.search.space import Space, Value, dimension_from_json
from challenge.task import Task, dump_json, read_json, read_task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Declared", "predict_out_of_fold", "read_space", "run_trial"]


@dataclass(frozen=True)
class Declared:
    """What a method lets a search choose on a task, and what it takes when nobody chooses."""

    space: Space
    defaults: Mapping[str, Value] = field(default_factory=dict)


def read_space(source: MethodSource, task: Task) -> Declared:
    """Ask the method, in a process of its own, what it lets a search choose on the task.

    Raises WrongUse when it declares nothing, or names what its `__init__` does not take.
    """
    with tempfile.TemporaryDirectory(prefix="challenge-space-") as scratch:
        result = _ask(source, task, Path(scratch), {"options": None}, 1, Caps(), silent)
    space = {name: dimension_from_json(entry) for name, entry in result["space"].items()}
    return Declared(space, result["defaults"])


def run_trial(
    source: MethodSource,
    task: Task,
    options: Mapping[str, Value],
    folder: Path,
    *,
    seed: int,
    threads: int = 2,
    caps: Caps | None = None,
    progress: Progress = silent,
) -> Path:
    """Fit and predict in the empty `folder`; return the file of out-of-fold predictions.

    Raises MissingRequirement when the method needs what is not installed, ChallengeError when it
    crashed, was stopped at a cap or wrote nothing.
    """
    request = {"options": dict(options), "seed": seed, "threads": threads}
    _ask(source, task, folder, request, threads, caps or Caps(), progress)
    return folder / PREDICTIONS


def predict_out_of_fold(
    source: MethodSource, task: Task, options: Mapping[str, Any], progress: Progress
) -> pd.DataFrame:
    """Return predictions of every training row by a method that was not fitted on its fold.

    A method that has them after one `fit` gives them as `predict_out_of_fold()`; any other is
    fitted once a fold.
    """
    import pandas as pd

    from challenge.methods.builtin.folds import fold_codes
    from challenge.task.frames import read_train

    train = read_train(task)
    method: Any = source.make(**options, progress=progress)
    if callable(getattr(method, "predict_out_of_fold", None)):
        method.fit(train, task)
        found: pd.DataFrame = method.predict_out_of_fold()
        return found
    folds = fold_codes(train, task)
    parts: list[Any] = []
    for fold in sorted(set(folds.tolist())):
        progress(f"fold {fold}")
        method = source.make(**options, progress=progress)
        method.fit(train[folds != fold].reset_index(drop=True), task)
        outside = train[folds == fold].drop(columns="label").reset_index(drop=True)
        parts.append(method.predict(outside))
    together: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return together


def _ask(
    source: MethodSource,
    task: Task,
    folder: Path,
    request: Mapping[str, Any],
    threads: int,
    caps: Caps,
    progress: Progress,
) -> Any:
    asked = {**request, "method": source.spec, "public": str(task.public.resolve())}
    (folder / REQUEST).write_text(dump_json(asked), encoding="utf-8")
    arguments = ["-m", "challenge.methods.search.process", str(folder)]
    ended = run_process(
        arguments,
        folder,
        folder / LOG,
        threads=threads,
        caps=caps,
        environment=source.needs.environment,
        on_line=progress,
    )
    where = f"method {source.name} on {task.id}"
    if (folder / FAULT).is_file() and not ended.stopped_by:
        raise _told(where, read_json(folder / FAULT))
    if ended.stopped_by or ended.code or not (folder / RESULT).is_file():
        raise _ended(where, ended, folder / LOG)
    return read_json(folder / RESULT)


def _told(where: str, told: Any) -> ChallengeError:
    kind = {2: WrongUse, 3: MissingRequirement}.get(told["exit_code"], ChallengeError)
    if told["faults"]:
        return kind(Fault(**{**entry, "first": tuple(entry["first"])}) for entry in told["faults"])
    found = f"{told['kind']}: {told['message']}"
    return ChallengeError(Fault(where, found, "predictions", "mend the method", "method-raised"))


def _ended(where: str, ended: Ended, log: Path) -> ChallengeError:
    found = {
        "time": f"still running after {ended.seconds:.0f} s",
        "memory": f"{ended.peak_mb:,} MB of memory",
        "output": "endless messages",
        "call": "stopped",
        "": f"ended by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}",
    }[ended.stopped_by]
    words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    fix = "mend the method; its last words: " + " | ".join(line.strip() for line in words)
    return ChallengeError(Fault(where, found, "predictions", fix, "method-crashed"))


def _declared(source: MethodSource, task: Task) -> dict[str, Any]:
    """Return space and defaults as plain values, from inside the method's own process."""
    found = source.declared()
    space = getattr(found, "space", None)
    space = space(task) if callable(space) else space
    if not space:
        raise WrongUse(
            Fault(
                f"method {source.name}",
                "no options that a search may choose",
                "a class attribute `space`: names of options, each a Float, Integer or Choice",
                "declare it, from challenge.methods.search.space",
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


def _carry_out(folder: Path, progress: TextIO) -> bool:
    def report(words: str, /) -> None:
        progress.write(" ".join(words.split()) + "\n")
        progress.flush()

    request: Any = read_json(folder / REQUEST)
    try:
        task = read_task(Path(request["public"]))
        source = resolve_method(request["method"])
        if request["options"] is None:
            result = _declared(source, task)
        else:
            options = {name: request[name] for name in ("seed", "threads")}
            found = predict_out_of_fold(source, task, options | request["options"], report)
            write_table(found, task, folder / PREDICTIONS)
            result = {}
    except Exception as error:
        # Whatever a method raises is the trial's outcome, reported by the process that asked.
        fault = {
            "kind": type(error).__name__,
            "message": str(error)[:2000],
            "faults": [fault.as_json() for fault in getattr(error, "faults", ())],
            "exit_code": getattr(error, "exit_code", 1),
        }
        traceback.print_exc()
        (folder / FAULT).write_text(dump_json(fault), encoding="utf-8")
        return False
    (folder / RESULT).write_text(dump_json(result), encoding="utf-8")
    return True


def _main() -> int:
    return 0 if _carry_out(Path(sys.argv[1]), progress_channel()) else 1


if __name__ == "__main__":
    raise SystemExit(_main())
