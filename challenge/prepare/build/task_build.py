"""Builds public/ and private/ of a task from raw data, as a whole or not at all.

Everything is written to a staging folder and swapped in at the end. An interrupted build leaves
the old task, or a swap that the next call finishes. Unchanged inputs are not built again.
"""

from __future__ import annotations

import csv
import hashlib
import importlib
import inspect
import io
import json
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from challenge.errors import ChallengeError, Fault, MissingRequirement, TaskError
from challenge.prepare.build.batches import checked
from challenge.prepare.build.cards import card_document, task_document, with_card_digest
from challenge.prepare.build.finding_rows import find_raw_rows, rows_as_csv, rows_as_json
from challenge.prepare.build.ids import read_secret
from challenge.prepare.build.image_headers import read_image_headers
from challenge.prepare.build.plan import Plan
from challenge.prepare.build.task_files import write_files
from challenge.prepare.converter_files import load_converter, recorded_converters
from challenge.prepare.raw import RawRecords, RawTable
from challenge.prepare.sources.fetch import fingerprint, raw_folder
from challenge.task.croissant import croissant_document
from challenge.task.definition import TaskDefinition, read_definition
from challenge.task.files import dump_json, hashes_of_files, sha256_of_file, write_atomically
from challenge.task.folder_lock import folder_lock
from challenge.task.image_cache import ImageCache
from challenge.task.image_store import BadImage, ImageStore
from challenge.task.reading_report import reading_document
from challenge.task.task import Task, read_task

__all__ = ["AUDIT_ROWS", "BUILD_FORMAT", "Built", "build_task", "stopped_build"]

BUILD_FORMAT = 2
"""Increased when the same inputs would give a different task."""
READING_FORMAT = 2
"""Increased when a shipped converter would read the same raw files differently."""

_DATE = 315_532_800
"""1 January 1980, the earliest date in a zip archive."""
_STAGING = ".building"
_COMPLETE = "complete"
_IMAGE_LIST = "images.csv"
AUDIT_ROWS = "audit.csv"
_OURS = ("secret", "solution.parquet", "audit.json", AUDIT_ROWS, "build.json", _IMAGE_LIST)


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
    with ExitStack() as held:
        try:
            held.enter_context(folder_lock(folder, wait_s=0))
        except BlockingIOError:
            raise MissingRequirement(
                Fault(str(folder), "another process is building this task", "one build at a time",
                      "wait until it is done, then convert again", "build-running")
            ) from None  # fmt: skip
        try:
            yield
        except OSError as error:
            # Arrow and plain writes do not name their file.
            error.filename = error.filename or str(folder)
            raise


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
    if _is_current(folder, mark):
        task = read_task(public)
        return Built(task, True, time.monotonic() - started, tuple(task.document["notes"]))
    secret = read_secret(private, seed, definition.id)
    progress("fetching sources")
    raw_path = raw_folder(definition, cache, folder, progress=progress)
    progress("converting")
    staging = folder / _STAGING
    try:
        with (
            _converter_faults(folder / (definition.raw.convert or "")),
            recorded_converters() as converters,
        ):
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
                    "borrowed": _borrowed(folder, converters),
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
    from challenge.prepare.audit import audit_task

    public, private, spill = staging / "public", staging / "private", staging / "spill"
    for path in (public, private, spill):
        path.mkdir(parents=True)
    private.chmod(0o700)
    raw = checked(raw, definition)
    plan = _plan(raw, definition, secret, staging, progress)
    written = write_files(plan, definition, secret, public, private, progress)
    shutil.rmtree(spill)
    card = card_document(plan, written, public)
    write_atomically(public / "card.json", dump_json(card))
    document = task_document(definition, plan, written)
    if isinstance(raw, RawTable) and raw.report:
        n_built = written.n_train + written.n_test
        document["reading"] = reading_document(raw.report, n_built, plan.facts)
    _flatten_times(public)
    progress("audit")
    report = audit_task(public, private, document=document, progress=progress)
    rows = find_raw_rows(report, raw, definition, secret, public)
    full = {**report.as_json(), "raw_rows": rows_as_json(rows)}
    write_atomically(private / "audit.json", dump_json(full), mode=0o600)
    write_atomically(private / AUDIT_ROWS, rows_as_csv(report, rows), mode=0o600)
    document["audit"] = report.summary(definition.accept, definition.feature_columns())
    document = with_card_digest(document, card)
    write_atomically(public / "task.json", dump_json(document))
    write_atomically(public / "croissant.json", dump_json(croissant_document(public, document)))
    _flatten_times(public)
    stopped = stopped_build(staging.parent)
    if refused := report.stopping(
        definition.accept, f"{definition.id}, audit", f"{stopped / 'private' / AUDIT_ROWS}"
    ):
        shutil.rmtree(stopped, ignore_errors=True)
        staging.rename(stopped)
        raise TaskError(refused)
    return document


def stopped_build(folder: Path) -> Path:
    """Return where the build of a task is kept that its audit stopped: `public/`, `private/`."""
    return folder / "private" / "stopped"


def _plan(
    raw: RawTable | RawRecords,
    definition: TaskDefinition,
    secret: bytes,
    staging: Path,
    progress: Callable[[str], None],
) -> Plan:
    """Read and check the raw data; a list of the images that are left out is in private/."""
    from challenge.prepare.build.raw_rows import plan_rows
    from challenge.prepare.splits.entity_pairs import plan_pairs

    folder = staging.parent

    def open_cache() -> ImageCache:
        return ImageCache(folder / "cache" / "images", folder / "private" / "image-key")

    settings = definition.raw.images
    public = staging / "public"
    images = ImageStore(
        public,
        raw.folder,
        progress,
        settings.rules,
        drops=settings.on_error == "drop",
        dropping=settings.dropping,
        open_cache=open_cache,
    )
    pairs = isinstance(raw, RawRecords)
    try:
        read_image_headers(
            raw, definition, images, f"{definition.id}, raw {'records' if pairs else 'table'}"
        )
        if isinstance(raw, RawRecords):
            plan = plan_pairs(raw, definition, secret, images, progress)
        else:
            plan = plan_rows(raw, definition, secret, images, staging / "spill", progress)
    except TaskError:
        _list_images(images.bad, folder / "private" / _IMAGE_LIST)
        raise
    finally:
        images.close()
    _list_images(images.bad, staging / "private" / _IMAGE_LIST)
    return replace(plan, notes=(*plan.notes, *images.notes()))


def _list_images(bad: list[BadImage], path: Path) -> None:
    if not bad:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["column", "row", "file", "reason"])
    writer.writerows([one.column, one.row, one.file, one.reason] for one in bad)
    write_atomically(path, text.getvalue(), mode=0o600)


def _flatten_times(public: Path) -> None:
    """Set one date on every file: the times of images would reveal the raw row order."""
    for path in [*public.rglob("*"), public]:
        os.utime(path, (_DATE, _DATE))


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
    if definition.raw.format is not None:
        parts["reading"] = READING_FORMAT
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _borrowed(folder: Path, converters: Mapping[Path, str]) -> dict[str, str]:
    """Return the converters of other tasks that were loaded, by their paths from this one."""
    return {
        os.path.relpath(path, folder): digest
        for path, digest in sorted(converters.items())
        if not path.is_relative_to(folder)
    }


def _is_same_file(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_of_file(path) == digest


def _is_current(folder: Path, mark: str) -> bool:
    public, private = folder / "public", folder / "private"
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
        and "borrowed" in stored
        and all(_is_same_file(folder / path, sha) for path, sha in stored["borrowed"].items())
    )


def _keep_prepared(private: Path, fresh: Path) -> None:
    """Copy other files under private/, such as the clusters of the rows, which are made once."""
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
