"""Finds changes in the public folder of a built task, by its digests.

The folder may be changed by accident, or by a method that ran without a sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault
from challenge.ledger.store.records import Card
from challenge.task import Task, sha256_of_file
from challenge.task.files import hashes_of_files
from challenge.task.modalities import modality_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["card_faults", "public_faults"]

_TABLES = ("train", "test", "folds", "sample_submission")
_FILES = frozenset(
    {"task.json", "card.json", "croissant.json"}
    | {f"{name}.{suffix}" for name in _TABLES for suffix in ("csv", "parquet")}
)


def public_faults(task: Task) -> list[Fault]:
    """Return every file under `public/` whose content is not that of the build.

    Both forms of the tables and the pixels of the images must give the data digest of the task;
    all other files must have the SHA-256 of croissant.json, and nothing else may be there. The
    digests in task.json must be those of the build. Where the build kept the SHA-256 of its files
    under private/, every file must have it.
    """
    faults = [
        *_listed_faults(task),
        *_image_faults(task),
        *_extra_faults(task),
    ]
    known = {fault.where for fault in faults}
    faults += [fault for fault in _recorded_faults(task) if fault.where not in known]
    if faults:
        return faults
    try:
        built = _built_digests(task)
        expected = str(built["data"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        path = str(task.private / "build.json")
        return [_changed(task, path, f"unreadable: {error}", "the digests of the build")]
    if dict(built) != dict(task.document["digests"]):
        path = str(task.public / "task.json")
        faults.append(_changed(task, path, "other digests", "the digests of the build"))
    for suffix in ("parquet", "csv"):
        found = _data_digest_of(task, suffix)
        if found != expected:
            where = ", ".join(str(task.public / f"{name}.{suffix}") for name in ("train", "test"))
            faults.append(_changed(task, where, found, f"the data digest {expected}"))
    return faults


def card_faults(task: Task, recorded: Card | None) -> Iterator[Fault]:
    """Return task.json and card.json when they differ from those that the ledger recorded.

    A task that was converted again has other digests; its new card is recorded with the next
    submission.
    """
    if recorded is None or task.card_digest != recorded.card_digest:
        return
    if task.data_digest != recorded.data_digest:
        return
    for name, expected in (("task.json", recorded.task), ("card.json", recorded.card)):
        path = task.public / name
        try:
            found = json.loads(path.read_bytes()) if _is_plain(path) else None
        except (OSError, ValueError, RecursionError):
            found = None
        if found != expected and not (found is None and expected == {}):
            yield _changed(task, str(path), "other content", "the card that the ledger recorded")


def _listed_faults(task: Task) -> Iterator[Fault]:
    path = task.public / "croissant.json"
    if not _is_plain(path):
        yield _changed(task, str(path), "not a regular file", "the card that was built")
        return
    try:
        files = {
            str(one["name"]): str(one["sha256"])
            for one in json.loads(path.read_bytes())["distribution"]
            if "sha256" in one
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        yield _changed(task, str(path), f"unreadable: {error}", "the card that was built")
        return
    for name, sha256 in sorted(files.items()):
        found = _content(task.public / Path(name).name)
        if found != sha256:
            expected = f"content of SHA-256 {sha256}"
            yield _changed(task, str(task.public / Path(name).name), found, expected)


def _recorded_faults(task: Task) -> Iterator[Fault]:
    """Return every file that is not as the build left it, by the hashes under private/."""
    try:
        recorded = json.loads((task.private / "build.json").read_bytes())["files"]
        expected = {str(name): str(sha256) for name, sha256 in recorded.items()}
        found = hashes_of_files(task.public)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Without the record the other checks remain; they report a damaged build.json.
        return
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            yield _changed(
                task,
                str(task.public / name),
                found.get(name, "no such file"),
                f"content of SHA-256 {expected[name]}" if name in expected else "no such file",
            )


def _image_faults(task: Task) -> Iterator[Fault]:
    for path in sorted((task.public / "images").glob("*")):
        found = _content(path)
        if found != path.stem:
            yield _changed(task, str(path), found, "content of the SHA-256 in its name")


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _content(path: Path) -> str:
    """Return the SHA-256 of a regular file, or why there is none."""
    if not _is_plain(path):
        return "not a regular file"
    try:
        return sha256_of_file(path)
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _built_digests(task: Task) -> Mapping[str, Any]:
    """Return the digests that the build kept under private/, else those of task.json."""
    own: Mapping[str, Any] = task.document["digests"]
    try:
        document = json.loads((task.private / "build.json").read_bytes())
    except FileNotFoundError:
        return own
    built: Mapping[str, Any] = document["digests"]
    return built


def _extra_faults(task: Task) -> Iterator[Fault]:
    for path in sorted(task.public.iterdir()):
        if path.name not in _FILES and not (path.name == "images" and not path.is_symlink()):
            yield _changed(task, str(path), "a file that is not of the build", "no such file")


def _data_digest_of(task: Task, suffix: str) -> str:
    import pyarrow as pa

    from challenge.task.digests import TableDigest, data_digest
    from challenge.task.images import ImageFault
    from challenge.task.tables import modalities_of, read_csv, read_parquet, schema_of

    tables = []
    try:
        for name in ("train", "test"):
            schema = schema_of(task, label=name == "train")
            path = task.public / f"{name}.{suffix}"
            table = read_csv(path, schema) if suffix == "csv" else read_parquet(path)
            digest = TableDigest(name, modalities_of(schema))
            digest.update(_counting_values(task, table))
            tables.append(digest)
    except (pa.ArrowException, ImageFault, OSError, KeyError, ValueError) as error:
        return f"unreadable: {error}"
    return data_digest(task.kind.name, task.classes, tables)


def _counting_values(task: Task, table: pa.Table) -> Mapping[str, pa.Array]:
    """Return the columns, with the digest of its pixels for each image."""
    import pyarrow as pa

    from challenge.task.images import pixel_digest

    images = {column.name for column in task.columns if modality_of(column.modality).is_image}
    values: dict[str, Any] = {}
    for name in table.column_names:
        array = table[name].combine_chunks()
        if name in images:
            paths = array.to_pylist()
            pixels = {
                path: pixel_digest((task.public / "images" / Path(path).name).read_bytes())
                for path in set(paths)
                if path is not None
            }
            array = pa.array([pixels.get(path) for path in paths], pa.binary())
        values[name] = array
    return values


def _changed(task: Task, where: str, found: str, expected: str) -> Fault:
    return Fault(
        where,
        found,
        expected,
        f"delete {where} and run `challenge convert {task.id}`: it builds the same data again",
        code="public-damaged",
    )
