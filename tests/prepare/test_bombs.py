"""Small files that state gigabytes: each is refused within a cap of memory and of time.

Each is read by a process of its own, whose memory and time of computing are limited.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import resource
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from challenge.errors import TaskError
from challenge.prepare.sources.archives import Caps, unpack

pytestmark = pytest.mark.slow

MEMORY_MB, SECONDS = 3000, 120
_READ = """
import sys
from pathlib import Path
from challenge.errors import ChallengeError
from challenge.prepare.readers.table_files import open_table
from challenge.prepare.sources.archives import Caps, unpack
path = Path(sys.argv[1])
try:
    if path.suffix == ".archive":
        unpack(path, path.with_name("into"), caps=Caps(total_bytes=1 << 30))
    else:
        print(sum(batch.num_rows for batch in open_table(path).batches()))
except ChallengeError as error:
    print(error.faults[0].code, error.faults[0].found)
"""


def outcome(path: Path, data: bytes) -> str:
    """Return what reading a file printed; fail when it raised, or broke a limit."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 20, MEMORY_MB << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))

    path.write_bytes(data)
    ran = subprocess.run(
        [sys.executable, "-c", _READ, str(path)],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


def tar_head(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return the header of a member, whatever its content is."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    return bytes(head[-512:])


def zip_of(size: int, method: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        archive.writestr("zeros", bytes(size))
    return sink.getvalue()


def xz_with_a_large_dictionary() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1536 << 20}]
    return lzma.compress(tar_head("a", 1) + bytes(2048), filters=filters)


def sparse_map() -> bytes:
    head = bytearray(tar_head("a", 0, tarfile.GNUTYPE_SPARSE))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    block = b"00000000001\0" * 42 + b"\1" + bytes(7)
    return gzip.compress(bytes(head) + block * 200_000, 1)


def long_headers(kind: bytes) -> bytes:
    return gzip.compress(tar_head("a", 200 << 20, kind) + bytes(200 << 20), 1)


def digits() -> bytes:
    one = tar_head("a", 65_536, tarfile.XHDTYPE) + b"1" * 65_536 + tar_head("b", 0)
    return gzip.compress(one * 300 + bytes(1024))


ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "dictionary": (xz_with_a_large_dictionary, "Memory usage limit"),
    "long name": (lambda: long_headers(tarfile.GNUTYPE_LONGNAME), "header of more than"),
    "pax header": (lambda: long_headers(tarfile.XHDTYPE), "header of more than"),
    "global header": (lambda: long_headers(tarfile.XGLTYPE), "header of more than"),
    "digits": (digits, "number of 30 digits"),
    "sparse map": (sparse_map, "sparse member"),
    "bzip2 in a zip": (lambda: zip_of(100 << 20, zipfile.ZIP_BZIP2), "unpack to more than"),
}


@pytest.mark.parametrize("name", list(ARCHIVES))
def test_an_archive_is_refused_in_bounded_memory_and_time(name: str, tmp_path: Path) -> None:
    make, expected = ARCHIVES[name]
    assert expected in outcome(tmp_path / "x.archive", make())
    assert not (tmp_path / "into").exists()


def test_what_is_skipped_counts_for_the_cap(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(tar_head("a", 1 << 20) + bytes(1 << 21)))
    with pytest.raises(TaskError) as caught:
        unpack(tmp_path / "x.tar.gz", tmp_path / "into", ("b/*",), caps=Caps(total_bytes=1 << 18))
    assert caught.value.faults[0].code == "archive-too-large"


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_several_streams_of_xz_are_one_archive(size: int, tmp_path: Path) -> None:
    content = tar_head("a", size) + os.urandom(size) + bytes(-size % 512) + bytes(1024)
    packed = lzma.compress(content[:700]) + bytes(8) + lzma.compress(content[700:])
    (tmp_path / "x.tar.xz").write_bytes(packed)
    into = unpack(tmp_path / "x.tar.xz", tmp_path / "into")
    assert (into / "a").read_bytes() == content[512 : 512 + size]


SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</worksheet>'
)
HEAD = b'<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c></row>'


def workbook(
    rows: bytes, dimension: bytes = b"", method: int = zipfile.ZIP_DEFLATED, stated: int = 0
) -> bytes:
    import openpyxl

    plain, sink = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(sink, "w", method) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = SHEET % (dimension + b"<sheetData>" + HEAD + rows + b"</sheetData>")
            new.writestr(name, data)
            new.infolist()[-1].file_size += stated
    return sink.getvalue()


def far_cells(n: int) -> bytes:
    cell = b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>'
    return b"".join(cell % (row, row) for row in range(2, n))


TABLES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "row far below": (
        ".xlsx",
        lambda: workbook(b'<row r="999999999999"><c r="A999999999999"><v>1</v></c></row>'),
        "0\n",
    ),
    "stated size": (".xlsx", lambda: workbook(b"", b'<dimension ref="A1:XFD1048576"/>'), "0\n"),
    "cells at the right": (".xlsx", lambda: workbook(far_cells(20_000)), "cells"),
    "blanks": (".xlsx", lambda: workbook(b"", stated=2 << 30), "unpacks to"),
    "bzip2": (".xlsx", lambda: workbook(b" " * (20 << 20), method=zipfile.ZIP_BZIP2), "packed"),
    "keys": (
        ".json",
        lambda: json.dumps([{f"k{n}": n} for n in range(20_000)]).encode(),
        "different keys",
    ),
    "keys of lines": (
        ".jsonl",
        lambda: b"\n".join(b'{"k%d": 1}' % n for n in range(20_000)),
        "different keys",
    ),
    "keys inside": (
        ".jsonl",
        lambda: b'{"a": [' + b", ".join(b'{"k%d": 1}' % n for n in range(20_000)) + b"]}",
        "different keys",
    ),
    "deep objects": (".json", lambda: b"[" + b'{"a":' * 900 + b"1" + b"}" * 900 + b"]", "deeper"),
    "deep lines": (".jsonl", lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "recursion"),
    "deep arrays": (
        ".jsonl",
        lambda: b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "recursion",
    ),
    "deep over lines": (
        ".jsonl",
        lambda: b'{"a":\n' + b"[\n" * 100_000 + b"]" * 100_000 + b"}",
        "line 1",
    ),
}


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_is_refused_in_bounded_memory_and_time(name: str, tmp_path: Path) -> None:
    suffix, make, expected = TABLES[name]
    assert expected in outcome(tmp_path / f"raw{suffix}", make())
