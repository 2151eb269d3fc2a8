"""Files that are odd but sound are read whole; archives that are damaged are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import tarfile
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from challenge.errors import TaskError
from challenge.prepare.converters import ditto
from challenge.prepare.readers.table_files import open_table
from challenge.prepare.sources.archives import unpack
from challenge.task.definition import Raw, TaskDefinition


def column(path: Path, name: str, raw: Raw | None = None) -> list[str | None]:
    table = open_table(path, raw)
    return [value for batch in table.batches() for value in batch.column(name).to_pylist()]


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("n", [200_000, 3_000_000])
def test_a_field_may_be_longer_than_the_readers_like(n: int, quote: str, tmp_path: Path) -> None:
    rows = [f"short {row}" for row in range(300)]
    values = [*rows, "y" * n, *rows]
    path = tmp_path / "x.csv"
    path.write_text("words,label\n" + "".join(f"{quote}{one}{quote},a\n" for one in values))
    assert column(path, "words") == values


def test_a_delimiter_may_be_any_character(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("words\u00a6label\na,b\u00a6c\n", encoding="utf-8")
    assert column(tmp_path / "x.csv", "words", raw=Raw(format="table", delimiter="\u00a6")) == [
        "a,b"
    ]


def test_a_sheet_need_not_say_how_wide_it_is(tmp_path: Path) -> None:
    book, target = openpyxl.Workbook(), io.BytesIO()
    for row in (["words", "label"], ["a", "x"], ["b"]):
        book.worksheets[0].append(row)
    book.save(target)
    with zipfile.ZipFile(target) as old, zipfile.ZipFile(tmp_path / "x.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, re.sub(rb"<dimension[^>]*/>", b"", old.read(name)))
    assert column(tmp_path / "x.xlsx", "label") == ["x", None]


def test_ditto_may_begin_with_a_mark_and_have_blank_lines(tmp_path: Path) -> None:
    line = "COL words VAL a\tCOL words VAL b\t1\n"
    (tmp_path / "train.txt").write_text(f"\ufeff{line}\n{line}", encoding="utf-8")
    definition = TaskDefinition.model_validate(
        {
            "format": 1,
            "id": "toy",
            "kind": "matching",
            "title": "Toy",
            "metric": "f1",
            "source": [{"path": "."}],
            "raw": {"format": "ditto"},
            "columns": {"words": {"modality": "text"}},
        }
    )
    table = pa.Table.from_batches(list(ditto.convert(tmp_path, definition).batches()))
    assert table["left_words"].to_pylist() == ["a", "a"]
    assert table["key"].to_pylist() == ["train.txt:1", "train.txt:2"]


def archives() -> dict[str, bytes]:
    data = random.Random(1).randbytes(5000) + b"abc" * 20_000
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        member = tarfile.TarInfo("a.csv")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    plain = inner.getvalue()
    made = {
        "tar": plain,
        "gz": gzip.compress(plain),
        "bz2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "zst": pa.compress(plain, codec="zstd", asbytes=True),
    }
    for name, method in (
        ("zip", zipfile.ZIP_DEFLATED),
        ("zip-bz2", zipfile.ZIP_BZIP2),
        ("zip-xz", zipfile.ZIP_LZMA),
    ):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", method) as archive:
            archive.writestr("a.csv", data)
        made[name] = target.getvalue()
    unknown = bytearray(made["zip"])
    for place in (8, unknown.find(b"PK\1\2") + 10):
        unknown[place : place + 2] = b"\x63\0"
    return {**made, "zip-unknown": bytes(unknown)}


@pytest.mark.parametrize("kind", archives())
def test_a_damaged_archive_is_refused_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    whole, chance, n_refused = archives()[kind], random.Random(3), 0
    for number in range(40):
        damaged = bytearray(whole)
        if number < 12:
            del damaged[chance.randrange(6, len(damaged) - len(damaged) // 8) :]
        else:
            for _ in range(chance.choice([1, 3, 30])):
                damaged[chance.randrange(6, len(damaged))] = chance.randrange(256)
        path, into = tmp_path / "a", tmp_path / f"into-{number}"
        path.write_bytes(damaged)
        try:
            unpack(path, into)
        except TaskError as error:
            n_refused += 1
            assert error.faults[0].code.startswith("archive-")
            assert not into.exists()
    assert n_refused >= 12
    assert not list(tmp_path.glob(".*"))
