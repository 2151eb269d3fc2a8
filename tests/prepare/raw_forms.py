"""One small sound task of every raw form, to be broken in one place by a test."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.toy import declare_toy, toy_records, toy_rows

__all__ = ["FORMS", "Change", "apply", "parquet", "zipped"]

Change = str | bytes | None | Callable[[str], str]
"""The new content of a file, None to remove it, or what makes the new text of the old one."""

N, N_PHOTOS = 60, 12
_HEAD = """format = 1
id = "{form}"
kind = "{kind}"
title = "A toy"
metric = "{metric}"

[[source]]
path = "raw"
licence = "CC0-1.0"

[raw]
format = "{form}"
{raw}
[split]
seed = 1
by = "{by}"

[columns.words]
modality = "text"
"""


def apply(folder: Path, changes: Mapping[str, Change]) -> None:
    """Change files of a task's folder."""
    for name, change in changes.items():
        path = folder / name
        if change is None:
            path.unlink()
            continue
        content = change if isinstance(change, str | bytes) else change(path.read_text("utf-8"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def parquet(**columns: object) -> bytes:
    """Return a Parquet file."""
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


def zipped(**members: bytes) -> bytes:
    """Return a zip; `name` becomes `name.png`."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.png", data)
    return target.getvalue()


def _declare(folder: Path, kind: str, raw: str, by: str, more: str = "") -> None:
    metric = "f1" if kind == "matching" else "accuracy"
    head = _HEAD.format(form=folder.name, kind=kind, metric=metric, raw=raw, by=by)
    apply(folder, {"task.toml": head + more})


def table(folder: Path) -> None:
    """A CSV with a column for each thing that a split may ask for, and photos in a zip."""
    raw = 'file = "rows.csv"\nlabel = "kind"\nkey = "nr"\nimages = "photos.zip"\n'
    more = '\n[columns.size]\nmodality = "numeric"\n\n[columns.photo]\nmodality = "image"\n'
    _declare(folder, "classification", raw, "row", more)
    toy = toy_rows(N, images=False)
    lines = ["nr,words,size,photo,shop,day,part,half,kind"]
    for row, (words, size, kind) in enumerate(
        zip(*(toy[name].to_pylist() for name in ("words", "size", "label")), strict=True)
    ):
        part = "test" if row % 3 == 0 else "train"
        subset = "public" if row % 2 else "private"
        number = "" if size is None else f"{size:.3f}"
        day = f"2024-{1 + row // 28:02}-{1 + row % 28:02}"
        photo = f"p{row}.png" if row < N_PHOTOS else ""
        lines.append(f"{row},{words},{number},{photo},s{row % 20},{day},{part},{subset},{kind}")
    apply(folder, {"raw/rows.csv": "\n".join(lines) + "\n"})
    random = np.random.default_rng(0)
    photos = {}
    for row in range(N_PHOTOS):
        target = io.BytesIO()
        Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(target, "PNG")
        photos[f"p{row}"] = target.getvalue()
    apply(folder, {"raw/photos.zip": zipped(**photos)})


def deepmatcher(folder: Path) -> None:
    """Two tables of records and lists of pairs."""
    _declare(folder, "matching", "", "entity")
    words = toy_records(2 * N, images=False)["words"].to_pylist()
    for name, start in (("tableA", 0), ("tableB", N)):
        records = [f"{row},{words[start + row]} {row}" for row in range(N)]
        apply(folder, {f"raw/{name}.csv": "\n".join(["id,words", *records]) + "\n"})
    for name, rows in (("train", range(40)), ("test", range(40, N))):
        pairs = [f"{row},{row if row % 2 else (row + 2) % N},{row % 2}" for row in rows]
        head = "ltable_id,rtable_id,label"
        apply(folder, {f"raw/{name}.csv": "\n".join([head, *pairs]) + "\n"})


def ditto(folder: Path) -> None:
    """Pairs as text, a line each."""
    _declare(folder, "matching", "", "entity")
    words = toy_records(2 * N, images=False)["words"].to_pylist()
    lines = [
        f"COL words VAL {words[row]} {row}\tCOL words VAL {words[N + row]} {row}\t{row % 2}\n"
        for row in range(N)
    ]
    apply(folder, {"raw/train.txt": "".join(lines[:40]), "raw/test.txt": "".join(lines[40:])})


def competition(folder: Path) -> None:
    """Train, test and the solution with its halves."""
    _declare(folder, "classification", 'label = "kind"\n', "official")
    toy = toy_rows(N, images=False)
    words, kinds = (toy[name].to_pylist() for name in ("words", "label"))
    train = [f"{row},{words[row]} {row},{kinds[row]}" for row in range(40)]
    test = [f"{row},{words[row]} {row}" for row in range(40, N)]
    solution = [f"{row},{kinds[row]},{('Public', 'Private')[row % 2]}" for row in range(40, N)]
    for name, head, rows in (
        ("train", "nr,words,kind", train),
        ("test", "nr,words", test),
        ("solution", "nr,kind,Usage", solution),
    ):
        apply(folder, {f"raw/{name}.csv": "\n".join([head, *rows]) + "\n"})


def rows_by_code(folder: Path) -> None:
    """A convert.py that gives rows."""
    declare_toy(folder, raw=toy_rows(N, images=False))


def records_by_code(folder: Path) -> None:
    """A convert.py that gives records."""
    declare_toy(folder, "matching", raw=toy_records(N, images=False))


FORMS: Mapping[str, Callable[[Path], None]] = {
    "table": table,
    "deepmatcher": deepmatcher,
    "ditto": ditto,
    "competition": competition,
    "rows": rows_by_code,
    "records": records_by_code,
}
