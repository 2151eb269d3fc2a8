"""Runs a method on a task in a process of its own and keeps the outcome for the same question.

Each run writes to a fresh folder, so that no file of an earlier one can be taken for its own. A
finished cell is kept by task digest, method digest, seed, preset, limits and threads, and answers
the same question again without running.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from challenge.errors import ChallengeError, EnvironmentLack, Fault
from challenge.methods.cell import FAULT, LOG, PREDICTIONS, REQUEST, RESULT
from challenge.methods.isolation import Caps, Ended, Isolation, run_process
from challenge.methods.protocol import Progress, silent
from challenge.methods.registry import MethodSource, resolve_method, versions
from challenge.task import Task, dump_json, read_json, sha256_of_file, write_atomically

__all__ = ["Cell", "MethodRun", "run_method"]


@dataclass(frozen=True)
class Cell:
    """What decides the digits of a run: the question that a kept outcome answers."""

    task_digest: str
    method_digest: str
    seed: int
    threads: int
    preset: str
    time_limit: float | None
    isolation: Isolation

    @property
    def key(self) -> str:
        """The name of the cell's folder, 32 hex digits."""
        return hashlib.sha256(json.dumps(vars(self), sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class MethodRun:
    """A finished cell: the predictions file (unchecked), what it cost and what the method told.

    `title` is the team of a built-in method, `method` one line on what ran.
    """

    predictions: Path
    sha256: str
    title: str
    method: str
    seconds: float
    peak_mb: int
    isolation: Isolation
    details: Mapping[str, object] = field(repr=False)
    note: str = ""
    reused: bool = False


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
    unknown method, EnvironmentLack when it needs what is not installed, and ChallengeError when
    it crashed, was stopped at a cap or wrote nothing.
    """
    tell = progress or silent
    source = resolve_method(method)
    cell = Cell(task.data_digest, source.digest, seed, threads, preset, time_limit, isolation)
    out.mkdir(parents=True, exist_ok=True)
    target = out / PREDICTIONS
    target.unlink(missing_ok=True)
    kept = task.cache / "runs" / cell.key
    done = _kept(kept)
    if done is None:
        with tempfile.TemporaryDirectory(prefix="challenge-cell-") as scratch:
            folder = Path(scratch)
            done = _run(source, task, cell, folder, caps or Caps(), tell)
            _keep(kept, folder / PREDICTIONS, done)
            write_atomically(target, (folder / PREDICTIONS).read_bytes())
    else:
        tell("kept from an earlier run")
        write_atomically(target, done.predictions.read_bytes())
    return replace(done, predictions=target)


def _run(
    source: MethodSource, task: Task, cell: Cell, folder: Path, caps: Caps, tell: Progress
) -> MethodRun:
    request = {
        "method": source.spec,
        "public": str(task.public.resolve()),
        "seed": cell.seed,
        "threads": cell.threads,
        "preset": cell.preset,
        "time_limit": cell.time_limit,
        "file_bytes": caps.file_mb << 20,
    }
    (folder / REQUEST).write_text(dump_json(request), encoding="utf-8")
    readable = (task.public.resolve(),) + ((source.file,) if source.file else ())
    hidden = (task.cache.resolve(),) if task.cache.is_dir() else ()
    ended = run_process(
        ["-m", "challenge.methods.cell", str(folder)],
        folder,
        folder / LOG,
        threads=cell.threads,
        caps=caps,
        isolation=cell.isolation,
        readable=readable,
        hidden=hidden,
        on_line=tell,
    )
    where = f"method {source.name} on {task.id}"
    _refuse(where, ended, folder, caps)
    result: Any = read_json(folder / RESULT)
    predictions = folder / PREDICTIONS
    summary = result["summary"]
    return MethodRun(
        predictions=predictions,
        sha256=sha256_of_file(predictions),
        title=source.title,
        method=f"{source.name}: {summary}" if summary else source.name,
        seconds=round(ended.seconds, 1),
        peak_mb=max(ended.peak_mb, result["peak_mb"]),
        isolation=cell.isolation,
        details={
            **result["details"],
            "seed": cell.seed,
            "threads": cell.threads,
            "preset": cell.preset,
            "time_limit_s": cell.time_limit,
            "isolation": cell.isolation,
            "seconds": round(ended.seconds, 1),
            "fit_s": result["fit_s"],
            "predict_s": result["predict_s"],
            "cpu_s": result["cpu_s"],
            "peak_mb": max(ended.peak_mb, result["peak_mb"]),
            "rows": {"train": task.n_train, "test": task.n_test},
            "versions": versions(),
            "method_digest": source.digest[:16],
        },
    )


def _refuse(where: str, ended: Ended, folder: Path, caps: Caps) -> None:
    """Raise what went wrong, if anything did."""
    log = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip()
    last = tuple(log.splitlines()[-3:])
    if ended.stopped_by == "time":
        raise ChallengeError(
            Fault(
                where,
                f"still running after {caps.seconds:g} s",
                "predictions within the cap",
                "make it faster, or raise the cap",
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
                "make it smaller, or raise the cap",
                code=f"method-{ended.stopped_by}",
            )
        )
    fault = folder / FAULT
    if fault.is_file():
        told: Any = read_json(fault)
        if told["faults"]:
            kind = EnvironmentLack if told["environment"] else ChallengeError
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


def _keep(folder: Path, predictions: Path, done: MethodRun) -> None:
    """Store the cell: the file first, then the record that makes it count."""
    write_atomically(folder / PREDICTIONS, predictions.read_bytes())
    record = {**vars(done), "format": 1, "details": dict(done.details)}
    del record["predictions"], record["reused"]
    write_atomically(folder / "run.json", dump_json(record))


def _kept(folder: Path) -> MethodRun | None:
    """Return the kept cell when it is whole; a damaged one counts as none."""
    try:
        record: Any = read_json(folder / "run.json")
        predictions = folder / PREDICTIONS
        if record.pop("format") != 1 or sha256_of_file(predictions) != record["sha256"]:
            return None
        return MethodRun(predictions=predictions, reused=True, **record)
    except (OSError, ValueError, KeyError, TypeError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
