"""Runs one cell, a method on a task, in a separate process, and computes its key.

Each run writes to a new folder, so that no file of an earlier run can be mistaken for its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from challenge.errors import require_unix
from challenge.methods.earlier import earlier_digest
from challenge.methods.method_sources import MethodSource, resolve_method, versions
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.cell_answer import Answer, CellRecord
from challenge.methods.run.exchange import PredictResult, Request, ask
from challenge.methods.run.handover import PREDICTIONS
from challenge.methods.run.sandbox import Isolation, require_sandbox, sandbox_fault
from challenge.methods.run.saved_cells import keep_cell, kept_cell, would_replace
from challenge.methods.run.supervisor import Caps
from challenge.task import Task, write_atomically
from challenge.task.files import output_exists

__all__ = [
    "MethodRun",
    "Options",
    "cell_key",
    "default_isolation",
    "method_name",
    "run_here",
    "run_method",
]


@dataclass(frozen=True)
class Options:
    """Options of a run. With the digests of task and method they determine the result.

    `threads` does not depend on the machine, so that all machines give the same result. With a
    `time_limit` (seconds, passed to the method) the result depends on load. `earlier` is the folder
    of an earlier run (`challenge.methods.earlier`).
    """

    seed: int = 0
    threads: int = 2
    preset: str = "default"
    time_limit: float | None = None
    isolation: Isolation = "none"
    earlier: Path | None = None

    def for_method(self) -> dict[str, Any]:
        """Return what a method may ask for by name, as plain values."""
        return {
            "seed": self.seed,
            "threads": self.threads,
            "preset": self.preset,
            "time_limit": self.time_limit,
            "earlier": None if self.earlier is None else str(self.earlier),
        }


@dataclass(frozen=True)
class MethodRun:
    """A finished cell: the predictions file (unchecked), its cost and what the method reported.

    `title` is the team of a built-in method; `method` is the name shared by all its runs of this
    preset; `note` is one line about this run. `seconds` is wall time, `cpu_s` is CPU time.
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

    @classmethod
    def of(cls, record: CellRecord, predictions: Path, *, reused: bool = False) -> MethodRun:
        """Return the run of a record, with its file."""
        return cls(predictions=predictions, reused=reused, **record.model_dump())


def cell_key(source: MethodSource, task: Task, options: Options) -> str:
    """Return the cache key of a run, 32 hex digits.

    Equal for equal task data, method code, library versions, options and files of an earlier run,
    so for equal results.
    """
    question = {
        **vars(options),
        "earlier": None if options.earlier is None else earlier_digest(options.earlier),
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
    isolation: Isolation | None = None,
    earlier: Path | None = None,
    caps: Caps | None = None,
    progress: Progress = silent,
) -> MethodRun:
    """Fit and predict, and put `predictions.parquet` into `out`.

    `time_limit` is a budget that the method is given; `caps` stop it. `isolation` None is the
    default for that method (`default_isolation`). Raises WrongUse for an unknown method, and where
    another file would be replaced. Raises
    MissingRequirement when a requirement is not installed. Raises ChallengeError when the method
    crashed, was stopped at a cap or wrote nothing.
    """
    source = resolve_method(method).on(task)
    isolation = isolation or default_isolation(source, task)
    options = Options(seed, threads, preset, time_limit, isolation, earlier)
    key = cell_key(source, task, options)
    target = out / PREDICTIONS
    kept = kept_cell(task, key)
    if would_replace(target, kept):
        raise output_exists(target)
    if kept is not None:
        progress("kept from an earlier run")
        answer = kept
    else:
        answer = run_here(source, task, options, caps or Caps(), progress)
        keep_cell(task, key, answer)
    assert answer.record is not None
    write_atomically(target, answer.predictions)
    return MethodRun.of(answer.record, target, reused=kept is not None)


def run_here(
    source: MethodSource,
    task: Task,
    options: Options,
    caps: Caps,
    report: Progress = silent,
    cancelled: Callable[[], bool] | None = None,
) -> Answer:
    """Run one cell on this machine; return its record and the bytes of its predictions.

    Raises as `run_method` does; stops the cell when `cancelled` returns True.
    """
    request = Request(
        "predict",
        source,
        task,
        options.for_method(),
        options.threads,
        options.isolation,
        caps,
    )
    answered = ask(request, PredictResult, report, cancelled)
    result: PredictResult = answered.result
    costs: dict[str, Any] = {
        "seconds": round(answered.ended.seconds, 1),
        "cpu_s": result.cpu_s,
        "peak_mb": max(answered.ended.peak_mb, result.peak_mb),
    }
    details = {
        **result.details,
        **costs,
        "method": source.name,
        "seed": options.seed,
        "threads": options.threads,
        "preset": options.preset,
        "time_limit_s": options.time_limit,
        "isolation": options.isolation,
        "earlier": None if options.earlier is None else earlier_digest(options.earlier)[:16],
        "fit_s": result.fit_s,
        "predict_s": result.predict_s,
        "rows": {"train": task.n_train, "test": task.n_test},
        "versions": versions(),
        "method_digest": source.digest[:16],
    }
    record = CellRecord(
        **costs,
        sha256=hashlib.sha256(answered.predictions).hexdigest(),
        title=source.title,
        method=method_name(source, options),
        note=result.summary,
        isolation=options.isolation,
        details=details,
    )
    return Answer(record, answered.predictions)


def default_isolation(source: MethodSource, task: Task) -> Isolation:
    """Return the strongest isolation that works here for a method that may not be trusted.

    `none` for built-in methods and for files of the challenge's own directory that only this user
    or the owner of `challenge.toml` can change. Inbox, submissions and folders below that of a
    task are not its own. A participant without a challenge directory may run without a sandbox
    where there is none; an organiser gets MissingRequirement.
    """
    require_unix("methods")
    root = task.public.resolve().parents[2]
    is_organiser = (root / "challenge.toml").is_file()
    if source.builtin or (is_organiser and _is_own(source, root)):
        return "none"
    if sandbox_fault() and not is_organiser:
        return "none"
    require_sandbox()
    return "bwrap"


def _is_own(source: MethodSource, root: Path) -> bool:
    """Whether the method and all files beside it that it imports are the organiser's."""
    if source.file is None:
        return False
    owners = {0, os.geteuid(), (root / "challenge.toml").stat().st_uid}
    strangers = tuple((root / name).resolve() for name in ("inbox", "submissions"))
    return all(
        file.is_relative_to(root)
        and not any(file.is_relative_to(folder) for folder in strangers)
        and not _is_data(file.relative_to(root))
        and not any(_others_can_change(path, owners) for path in _way(file, root))
        for file in (path.resolve() for path in (source.file, *source.needs.readable))
    )


def _is_data(file: Path) -> bool:
    """Whether it is in a folder below that of a task, as raw data is."""
    # As datasets/task/folder/file; a task's own converter is datasets/task/file.
    return file.parts[0] == "datasets" and len(file.parts) > 3


def _way(file: Path, root: Path) -> tuple[Path, ...]:
    return file, *(folder for folder in file.parents if folder.is_relative_to(root))


def _others_can_change(path: Path, owners: set[int]) -> bool:
    found = path.stat()
    if found.st_uid not in owners or found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and _has_others(found.st_gid, owners)


def _has_others(group: int, owners: set[int]) -> bool:
    """Whether a user who is no owner is known to be in a group, or its members are unknown."""
    import grp
    import pwd

    try:
        members = {pwd.getpwnam(name).pw_uid for name in grp.getgrgid(group).gr_mem}
    except KeyError:
        return True
    members |= {one.pw_uid for one in pwd.getpwall() if one.pw_gid == group}
    return not members <= owners


def method_name(source: MethodSource, options: Options) -> str:
    """Return the name of a method's runs on every task: its name, and the preset if chosen.

    Details of one task are in the note of that run.
    """
    chosen = options.preset != Options.preset
    return f"{source.name} ({options.preset})" if chosen else source.name
