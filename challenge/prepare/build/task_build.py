"""Builds public/ and private/ of a task from raw data, as a whole or not at all.

Everything is written to a staging folder and swapped in at the end. An interrupted build leaves
the old task, or a swap that the next call finishes. Unchanged inputs are not built again.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from challenge.errors import ChallengeError, Fault, MissingRequirement, TaskError
from challenge.prepare.build.batches import checked
from challenge.prepare.build.cards import card_document, task_document, with_card_digest
from challenge.prepare.build.ids import read_secret
from challenge.prepare.build.task_files import write_files
from challenge.prepare.converter_files import load_converter
from challenge.prepare.raw import RawRecords, RawTable
from challenge.prepare.sources.fetch import fingerprint, raw_folder
from challenge.task.croissant import croissant_document
from challenge.task.definition import TaskDefinition, read_definition
from challenge.task.files import dump_json, hashes_of_files, write_atomically
from challenge.task.task import Task, read_task

__all__ = ["BUILD_FORMAT", "Built", "build_task"]

BUILD_FORMAT = 1
"""Increased when the same inputs would give a different task."""

_DATE = 315_532_800
"""1 January 1980, the earliest date in a zip archive."""
_STAGING = ".building"
_COMPLETE = "complete"
_OURS = ("secret", "solution.parquet", "audit.json", "build.json")


@dataclass(frozen=True)
class Built:
    """A built task; `notes` are sentences for the organiser."""

    task: Task
    unchanged: bool
    seconds: float
    notes: tuple[str, ...]


def _silent(_: str) -> None:
    pass


def build_task(folder: Path, *, cache: Path, progress: Callable[[str], None] = _silent) -> Built:
    """Build the task that `task.toml` in `folder` declares.

    Raises TaskError with every fault of the definition or the raw data, MissingRequirement when a
    source cannot be fetched or another process is building the task.
    """
    started = time.monotonic()
    folder = folder.resolve()
    definition = read_definition(folder)
    if definition.id != folder.name:
        raise TaskError(
            Fault("task.toml, key id", repr(definition.id), f"the folder's name, {folder.name!r}",
                  "rename the folder or change the id", "id-folder")
        )  # fmt: skip
    with _alone(folder):
        return _build_alone(folder, definition, cache, progress, started)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from building the same task; the lock ends with the process."""
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MissingRequirement(
                Fault(str(folder), "another process is building this task", "one build at a time",
                      "wait until it is done, then convert again", "build-running")
            ) from None  # fmt: skip
        yield
    finally:
        os.close(handle)


def _build_alone(
    folder: Path,
    definition: TaskDefinition,
    cache: Path,
    progress: Callable[[str], None],
    started: float,
) -> Built:
    _recover(folder)
    public, private = folder / "public", folder / "private"
    seed = None if definition.split.seed == "secret" else definition.split.seed
    mark = _inputs_digest(folder, definition)
    if _is_current(public, private, mark):
        task = read_task(public)
        return Built(task, True, time.monotonic() - started, tuple(task.document["notes"]))
    secret = read_secret(private, seed, definition.id)
    progress("fetching sources")
    raw_path = raw_folder(definition, cache, folder, progress=progress)
    progress("converting")
    staging = folder / _STAGING
    try:
        with _converter_faults(folder / (definition.raw.convert or "")):
            raw = _convert(folder, definition, raw_path)
            document = _build(raw, definition, secret, staging, progress)
        _keep_prepared(private, staging / "private")
        write_atomically(staging / "private" / "secret", secret, mode=0o600)
        # Computed before the build, so that a source changed meanwhile is detected.
        write_atomically(
            staging / "private" / "build.json",
            dump_json(
                {
                    "inputs": mark,
                    "digests": document["digests"],
                    "files": hashes_of_files(staging / "public"),
                }
            ),
            mode=0o600,
        )
        write_atomically(staging / _COMPLETE, "")
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _recover(folder)
    task = read_task(public)
    notes = tuple(task.document["notes"])
    return Built(task, False, time.monotonic() - started, notes)


def _build(
    raw: RawTable | RawRecords,
    definition: TaskDefinition,
    secret: bytes,
    staging: Path,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    from challenge.prepare.build.raw_rows import plan_rows
    from challenge.prepare.splits.entity_pairs import plan_pairs

    public, private, spill = staging / "public", staging / "private", staging / "spill"
    for path in (public, private, spill):
        path.mkdir(parents=True)
    private.chmod(0o700)
    raw = checked(raw, definition)
    if isinstance(raw, RawRecords):
        plan = plan_pairs(raw, definition, secret, public, progress)
    else:
        plan = plan_rows(raw, definition, secret, public, spill, progress)
    written = write_files(plan, definition, secret, public, private, progress)
    shutil.rmtree(spill)
    card = card_document(plan, written, public)
    write_atomically(public / "card.json", dump_json(card))
    document = task_document(definition, plan, written)
    _flatten_times(public)
    progress("audit")
    document["audit"] = _audit(document, definition, staging, progress)
    document = with_card_digest(document, card)
    write_atomically(public / "task.json", dump_json(document))
    write_atomically(public / "croissant.json", dump_json(croissant_document(public, document)))
    _flatten_times(public)
    return document


def _flatten_times(public: Path) -> None:
    """Set one date on every file: the times of images would reveal the raw row order."""
    for path in [*public.rglob("*"), public]:
        os.utime(path, (_DATE, _DATE))


def _audit(
    document: Mapping[str, Any],
    definition: TaskDefinition,
    staging: Path,
    progress: Callable[[str], None],
) -> dict[str, object]:
    """Run the audit; raise TaskError for a high finding that task.toml does not accept."""
    from challenge.prepare.audit import audit_task

    public, private = staging / "public", staging / "private"
    report = audit_task(public, private, document=document, progress=progress)
    write_atomically(private / "audit.json", dump_json(report.as_json()), mode=0o600)
    if refused := report.stopping(definition.accept, f"{definition.id}, audit"):
        raise TaskError(refused)
    return report.summary(definition.accept)


def _convert(folder: Path, definition: TaskDefinition, raw: Path) -> RawTable | RawRecords:
    if definition.raw.format is not None:
        module = importlib.import_module(f"challenge.prepare.converters.{definition.raw.format}")
        return module.convert(raw, definition)  # type: ignore[no-any-return]
    path = folder / str(definition.raw.convert)
    if not path.is_file():
        raise TaskError(
            Fault("task.toml, key raw.convert", f"no file {path.name!r} beside task.toml",
                  "a Python file with convert(raw: Path) -> RawTable", "write it", "no-converter")
        )  # fmt: skip
    converter = load_converter(path)
    try:
        inspect.signature(converter.convert).bind(raw)
    except (AttributeError, TypeError):
        raise TaskError(
            Fault(str(path), "no function `convert` of one argument",
                  "convert(raw: Path) -> RawTable", "write it", "no-converter")
        ) from None  # fmt: skip
    result = converter.convert(raw)
    if not isinstance(result, RawTable | RawRecords):
        raise TaskError(
            Fault(str(path), f"convert returned a {type(result).__name__}",
                  "a RawTable or RawRecords", "correct the converter", "converter-result")
        )  # fmt: skip
    return result


@contextmanager
def _converter_faults(converter: Path) -> Iterator[None]:
    """Turn any exception of the task's own converter into a TaskError."""
    try:
        yield
    except ChallengeError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == str(converter)]
        if not own:
            raise
        raise TaskError(
            Fault(f"{converter}, line {own[-1].lineno}", f"{type(error).__name__}: {error}",
                  "a converter that reads all raw data without an error", "correct that line",
                  "converter-failed")
        ) from error  # fmt: skip


def _inputs_digest(folder: Path, definition: TaskDefinition) -> str:
    """Return a digest of all inputs of the build except the secret."""
    import numpy
    import PIL
    import pyarrow

    parts = {
        "format": BUILD_FORMAT,
        "versions": [pyarrow.__version__, PIL.__version__, numpy.__version__],
        "sources": fingerprint(definition, folder),
        "files": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted([folder / "task.toml", *folder.glob("*.py")])
        },
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _is_current(public: Path, private: Path, mark: str) -> bool:
    try:
        stored = json.loads((private / "build.json").read_bytes())
        document = json.loads((public / "task.json").read_bytes())
    except (OSError, ValueError):
        return False
    needed = [
        *(public / f"{name}.csv" for name in ("train", "test", "folds", "sample_submission")),
        *(public / f"{name}.parquet" for name in ("train", "test", "folds")),
        public / "card.json",
        public / "croissant.json",
        private / "solution.parquet",
        private / "secret",
    ]
    return bool(
        stored.get("inputs") == mark
        and "files" in stored
        and stored.get("digests") == document.get("digests")
        and all(path.is_file() for path in needed)
    )


def _keep_prepared(private: Path, fresh: Path) -> None:
    """Copy other files under private/, such as bootstrap weights, which are drawn once."""
    for path in private.iterdir() if private.is_dir() else ():
        if path.name not in _OURS and path.is_file():
            shutil.copy2(path, fresh / path.name)


def _recover(folder: Path) -> None:
    """Swap in a complete staged build; remove an incomplete one."""
    staging = folder / _STAGING
    if not staging.exists():
        return
    if (staging / _COMPLETE).exists():
        for name in ("private", "public"):
            fresh, target, old = staging / name, folder / name, staging / f"old-{name}"
            if not fresh.exists():
                continue
            if target.exists() and not old.exists():
                target.rename(old)
            fresh.rename(target)
    shutil.rmtree(staging)
