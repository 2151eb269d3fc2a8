"""Looking for changes in the public folder of a built task, by its digests.

What is public can be written to by accident, or by a method that ran without a sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault
from challenge.task import Task, sha256_of_file
from challenge.task.modalities import modality_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["public_faults"]


def public_faults(task: Task) -> list[Fault]:
    """Return every file under `public/` whose content is not that of the build.

    Both forms of the tables and the pixels of the images must give the data digest of the task;
    all other files must have the SHA-256 of croissant.json.
    """
    faults = [*_listed_faults(task), *_image_faults(task)]
    if faults:
        return faults
    try:
        expected = _built_digest(task)
    except (OSError, ValueError, KeyError, TypeError) as error:
        path = str(task.private / "build.json")
        return [_changed(task, path, f"unreadable: {error}", "the digests of the build")]
    for suffix in ("parquet", "csv"):
        found = _data_digest_of(task, suffix)
        if found != expected:
            where = ", ".join(str(task.public / f"{name}.{suffix}") for name in ("train", "test"))
            faults.append(_changed(task, where, found, f"the data digest {expected}"))
    return faults


def _listed_faults(task: Task) -> Iterator[Fault]:
    path = task.public / "croissant.json"
    if not _is_plain(path):
        yield _changed(task, str(path), "no regular file", "the card that was built")
        return
    try:
        files = {
            str(one["name"]): str(one["sha256"])
            for one in json.loads(path.read_bytes())["distribution"]
            if "sha256" in one
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield _changed(task, str(path), f"unreadable: {error}", "the card that was built")
        return
    for name, sha256 in sorted(files.items()):
        found = _content(task.public / Path(name).name)
        if found != sha256:
            expected = f"content of SHA-256 {sha256}"
            yield _changed(task, str(task.public / Path(name).name), found, expected)


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
        return "no regular file"
    try:
        return sha256_of_file(path)
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _built_digest(task: Task) -> str:
    """Return the data digest that the build kept under private/, else that of task.json."""
    try:
        digests = json.loads((task.private / "build.json").read_bytes())["digests"]
    except FileNotFoundError:
        return task.data_digest
    return str(digests["data"])


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
