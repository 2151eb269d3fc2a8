"""Runs one cell, a method on a task, in a process of its own; and what decides its digits.

Each run writes to a fresh folder, so that no file of an earlier one can be taken for its own.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from challenge.errors import ChallengeError, Fault, MissingRequirement
from challenge.methods.method_sources import MethodSource, resolve_method, versions
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.cell import FAULT, LOG, PREDICTIONS, REQUEST, RESULT
from challenge.methods.run.sandbox import Caps, Ended, Isolation, run_process
from challenge.methods.run.saved_cells import keep_cell, kept_cell
from challenge.task import Task, dump_json, read_json, sha256_of_file, write_atomically

__all__ = ["MethodRun", "Options", "cell_key", "method_name", "run_here", "run_method"]


@dataclass(frozen=True)
class Options:
    """How a method is run. With the digests of task and method they decide the digits.

    `threads` is fixed and never taken from the machine, so that the place of a run changes
    nothing. With a `time_limit` (seconds, told to the method) digits depend on load.
    """

    seed: int = 0
    threads: int = 2
    preset: str = "default"
    time_limit: float | None = None
    isolation: Isolation = "none"


@dataclass(frozen=True)
class MethodRun:
    """A finished cell: the predictions file (unchecked), what it cost and what the method told.

    `title` is the team of a built-in method, `method` the name that all its runs of this preset
    share, `note` one line on what ran here. `seconds` are of the wall, `cpu_s` of the processor.
    """

    predictions: Path
    sha256: str
    title: str
    method: str
    seconds: float
    cpu_s: float
    peak_mb: int
    isolation: Isolation
    details: Mapping[str, object] = field(repr=False)
    note: str = ""
    reused: bool = False

    def record(self) -> dict[str, object]:
        """Return all but the file as plain values; `MethodRun(predictions, **record)` is back."""
        record = {**vars(self), "details": dict(self.details)}
        del record["predictions"], record["reused"]
        return record


def cell_key(source: MethodSource, task: Task, options: Options) -> str:
    """Return the name of the question that a run answers, 32 hex digits.

    Equal for equal task data, method code, library versions and options: then the digits are.
    """
    question = {
        **vars(options),
        "task_digest": task.data_digest,
        "method_digest": source.digest,
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:32]


def run_method(
    method: str,
    task: Task,
    out: Path,
    *,
    seed: int = 0,
    threads: int = 2,
    preset: str = "default",
    time_limit: float | None = None,
    isolation: Isolation = "none",
    caps: Caps | None = None,
    progress: Progress | None = None,
) -> MethodRun:
    """Fit and predict, and put `predictions.parquet` into `out`.

    `time_limit` is a budget that the method is told; `caps` stop it. Raises WrongUse for an
    unknown method, MissingRequirement when it needs what is not installed, and ChallengeError when
    it crashed, was stopped at a cap or wrote nothing.
    """
    report = progress or silent
    source = resolve_method(method)
    options = Options(seed, threads, preset, time_limit, isolation)
    key = cell_key(source, task, options)
    target = out / PREDICTIONS
    target.unlink(missing_ok=True)
    if (kept := kept_cell(task, key)) is not None:
        report("kept from an earlier run")
        record, predictions = kept
        write_atomically(target, predictions)
        return MethodRun(predictions=target, reused=True, **record)
    with tempfile.TemporaryDirectory(prefix="challenge-cell-") as folder:
        done = run_here(source, task, options, Path(folder), caps or Caps(), report)
        predictions = done.predictions.read_bytes()
    keep_cell(task, key, done.record(), predictions)
    write_atomically(target, predictions)
    return replace(done, predictions=target)


def run_here(
    source: MethodSource,
    task: Task,
    options: Options,
    folder: Path,
    caps: Caps,
    report: Progress = silent,
    cancelled: Callable[[], bool] | None = None,
) -> MethodRun:
    """Run one cell on this machine in an empty folder, in which its predictions then lie.

    Raises as `run_method` does; stops the cell when `cancelled` says so.
    """
    request = {
        **vars(options),
        "method": source.spec,
        "public": str(task.public.resolve()),
        "file_bytes": caps.file_mb << 20,
    }
    caps = caps.on_this_machine()
    (folder / REQUEST).write_text(dump_json(request), encoding="utf-8")
    readable = (task.public.resolve(), *source.needs.readable)
    readable += (source.file,) if source.file else ()
    hidden = (task.cache.resolve(),) if task.cache.is_dir() else ()
    ended = run_process(
        ["-m", "challenge.methods.run.cell", str(folder)],
        folder,
        folder / LOG,
        threads=options.threads,
        caps=caps,
        isolation=options.isolation,
        readable=readable,
        hidden=hidden,
        environment=source.needs.environment,
        on_line=report,
        cancelled=cancelled,
    )
    _refuse(f"method {source.name} on {task.id}", ended, folder, caps)
    result: Any = read_json(folder / RESULT)
    predictions = folder / PREDICTIONS
    costs: dict[str, Any] = {
        "seconds": round(ended.seconds, 1),
        "cpu_s": result["cpu_s"],
        "peak_mb": max(ended.peak_mb, result["peak_mb"]),
    }
    return MethodRun(
        predictions=predictions,
        sha256=sha256_of_file(predictions),
        title=source.title,
        method=method_name(source, options),
        note=str(result["summary"]),
        isolation=options.isolation,
        **costs,
        details={
            **result["details"],
            **costs,
            "method": source.name,
            "seed": options.seed,
            "threads": options.threads,
            "preset": options.preset,
            "time_limit_s": options.time_limit,
            "isolation": options.isolation,
            "fit_s": result["fit_s"],
            "predict_s": result["predict_s"],
            "rows": {"train": task.n_train, "test": task.n_test},
            "versions": versions(),
            "method_digest": source.digest[:16],
        },
    )


def method_name(source: MethodSource, options: Options) -> str:
    """Return what the runs of a method are called on every task: name, and preset if chosen.

    What a method did on one task is the note of that run; the name must not tell it, or one
    method would be as many as there are tasks.
    """
    chosen = options.preset != Options.preset
    return f"{source.name} ({options.preset})" if chosen else source.name


def _refuse(where: str, ended: Ended, folder: Path, caps: Caps) -> None:
    """Raise what went wrong, if anything did."""
    log = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip()
    last = tuple(log.splitlines()[-3:])
    if ended.stopped_by == "call":
        raise ChallengeError(
            Fault(where, "stopped", "a run to the end", "run it again", code="method-stopped")
        )
    if ended.stopped_by == "time":
        raise ChallengeError(
            Fault(
                where,
                f"still running after {caps.seconds:g} s",
                "predictions within the cap",
                "make it faster, or raise the cap (--cap-seconds)",
                code="method-time",
            )
        )
    if ended.stopped_by:
        memory = ended.stopped_by == "memory"
        raise ChallengeError(
            Fault(
                where,
                f"{ended.peak_mb:,} MB of memory" if memory else "endless messages",
                f"at most {caps.memory_mb if memory else caps.file_mb:,} MB",
                "make it smaller, or raise the cap (--cap-memory)"
                if memory
                else "make it say less",
                code=f"method-{ended.stopped_by}",
            )
        )
    fault = folder / FAULT
    if fault.is_file():
        told: Any = read_json(fault)
        if told["faults"]:
            kind = MissingRequirement if told["environment"] else ChallengeError
            raise kind(
                Fault(**{**entry, "first": tuple(entry["first"])}) for entry in told["faults"]
            )
        raise ChallengeError(
            Fault(
                where,
                f"{told['kind']}: {told['message']}",
                "predictions",
                "mend the method; its last words: " + " | ".join(line.strip() for line in last),
                code="method-raised",
            )
        )
    if ended.code or not (folder / RESULT).is_file() or not (folder / PREDICTIONS).is_file():
        found = f"ended by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
        raise ChallengeError(
            Fault(
                where,
                f"{found}, and no predictions",
                "predictions",
                "mend the method; its last words: " + " | ".join(last),
                code="method-crashed",
            )
        )
