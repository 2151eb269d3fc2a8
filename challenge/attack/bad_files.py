"""Broken and hostile files in place of predictions: each must be refused, none may hurt."""

from __future__ import annotations

import gzip
import os
import random
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

__all__ = ["BadFile", "bad_files"]

_BOMB_BYTES = 512 << 20
_SPARSE_BYTES = 3 << 30
_CELL_BYTES = 20 << 20
_MANY_COLUMNS = 100_000
_MANY_ROWS = 50_000_000


@dataclass(frozen=True)
class BadFile:
    """A file name, and what writes the file to a path.

    `is_plain` unless it is no regular file. `by_path` unless it is harmless where its owner names
    it, such as a link.
    """

    name: str
    write: Callable[[Path], None]
    is_plain: bool = True
    by_path: bool = True


def bad_files(good: str, target: Path) -> list[BadFile]:
    """Return the corpus, made from a submission without faults (CSV text).

    `target` is a file to which links lead; nobody may read it through them.
    """
    header, *rows = good.splitlines()
    texts = {**_rows(header, rows), **_csv_text(header, rows)}
    raw = {
        **{f"{name}.csv": text.encode() for name, text in texts.items()},
        **_bytes(good),
    }
    files = [BadFile(name, partial(_write, data)) for name, data in raw.items()]
    files += [
        BadFile("gzip-bomb.csv.gz", partial(_gzip_bomb, header)),
        BadFile("zstd-bomb.csv.zst", partial(_zstd_bomb, header)),
        BadFile("sparse.csv", _sparse),
        BadFile("sparse.parquet", _sparse),
        BadFile("cut-off.parquet", partial(_cut_parquet, rows)),
        BadFile("no-rows.parquet", partial(_parquet, {"id": [], "label": []})),
        BadFile(
            "lists.parquet", partial(_parquet, {"id": _ids(rows), "label": [["a"]] * len(rows)})
        ),
        BadFile("numbers-as-ids.parquet", partial(_parquet, {"id": [1, 2], "label": ["a", "b"]})),
        BadFile(
            "nulls.parquet", partial(_parquet, {"id": _ids(rows), "label": [None] * len(rows)})
        ),
        BadFile("rows-bomb.parquet", _rows_bomb),
    ]
    special: dict[str, Callable[[Path], None]] = {
        "link-to-nothing.csv": lambda path: path.symlink_to(path.parent / "nothing"),
        "link-to-itself.csv": lambda path: path.symlink_to(path),
        "link-to-zeros.csv": lambda path: path.symlink_to("/dev/zero"),
        "pipe.csv": os.mkfifo,
        "pipe.parquet": os.mkfifo,
        "folder.csv": Path.mkdir,
        "socket.csv": _socket,
    }
    files += [BadFile(name, write, is_plain=False) for name, write in special.items()]
    link = BadFile("link.csv", lambda path: path.symlink_to(target), is_plain=False, by_path=False)
    return [*files, link]


def _ids(rows: list[str]) -> list[str]:
    return [row.partition(",")[0] for row in rows]


def _text(header: str, rows: list[str]) -> str:
    return "".join(f"{line}\n" for line in (header, *rows))


def _rows(header: str, rows: list[str]) -> dict[str, str]:
    """Return files with wrong ids, columns or values."""
    ids, names = _ids(rows), header.split(",")
    n_values = len(names) - 1

    def first_with(value: str) -> str:
        return _text(header, [",".join([ids[0], *[value] * n_values]), *rows[1:]])

    return {
        "missing-row": _text(header, rows[1:]),
        "duplicate-row": _text(header, [*rows, rows[0]]),
        "missing-covered-by-duplicate": _text(header, [rows[1], *rows[1:]]),
        "unknown-id": _text(header, [f"x{rows[0]}", *rows[1:]]),
        "empty-id": _text(header, [rows[0].replace(ids[0], "", 1), *rows[1:]]),
        "id-with-direction-characters": _text(header, ["\u202e" + rows[0], *rows[1:]]),
        "no-rows": _text(header, []),
        "no-header": _text(rows[0], rows[1:]),
        "no-id": _text(header.replace("id", "key", 1), rows),
        "wrong-column": _text(f"{names[0]},{'x' * 9}", [f"{one},1" for one in ids]),
        "extra-column": _text(f"{header},more", [f"{row},1" for row in rows]),
        "column-twice": _text(f"{header},{names[-1]}", [f"{row},1" for row in rows]),
        "many-columns": _text(f"{header}{',c' * _MANY_COLUMNS}", rows),
        "not-a-number": first_with("NaN"),
        "infinite": first_with("inf"),
        "overflowing": first_with("-1e999"),
        "empty-value": first_with(""),
        "text-for-a-number": first_with("no such answer"),
        "formula": first_with("=HYPERLINK(A1)"),
        "escape-sequence": first_with("\x1b[2J"),
        "huge-cell": first_with("x" * _CELL_BYTES),
        "huge-id": _text(header, [f"{'9' * _CELL_BYTES}{rows[0]}", *rows[1:]]),
    }


def _csv_text(header: str, rows: list[str]) -> dict[str, str]:
    """Return files that are no CSV, or another dialect."""
    whole = _text(header, rows)
    return {
        "empty": "",
        "blank-line": _text(header, [rows[0], "", *rows[1:]]),
        "unclosed-quote": _text(header, ['"' + rows[0], *rows[1:]]),
        "stray-quote": _text(header, [rows[0] + '"x', *rows[1:]]),
        "ragged-row": _text(header, [f"{rows[0]},1,2", *rows[1:]]),
        "cut-off-row": whole + rows[0][:5],
        "semicolons": whole.replace(",", ";"),
        "tabs": whole.replace(",", "\t"),
        "old-line-ends": whole.replace("\n", "\r"),
        "zero-character": whole[: len(whole) // 2] + "\0" + whole[len(whole) // 2 :],
        "blank-lines": _text(header, [rows[0], "\n" * 1_000_000, *rows[1:]]),
        "many-commas": whole + "," * 5_000_000,
        "many-quotes": whole + '"' * 5_000_001,
    }


def _bytes(good: str) -> dict[str, bytes]:
    """Return files in other encodings and formats, by name."""
    whole = good.encode()
    packed = gzip.compress(whole)
    noise = random.Random(0).randbytes(4096)  # noqa: S311
    return {
        "latin-1.csv": whole + "café,1\n".encode("latin-1"),
        "utf-16.csv": good.encode("utf-16"),
        "utf-32.csv": good.encode("utf-32"),
        "two-byte-order-marks.csv": b"\xef\xbb\xbf\xef\xbb\xbf" + whole,
        "noise.csv": noise,
        "noise.parquet": b"PAR1" + noise + b"PAR1",
        "footer-that-lies.parquet": b"PAR1" + noise + struct.pack("<I", 2**31 - 1) + b"PAR1",
        "pickle.csv": b"\x80\x04\x95" + noise,
        "archive.csv": b"PK\x03\x04" + noise,
        "cut-off.csv.gz": packed[: len(packed) // 2],
        "garbage-behind.csv.gz": packed + b"garbage",
        "packed-twice.csv.gz": gzip.compress(packed),
        "many-members.csv.gz": gzip.compress(b"") * 50_000 + gzip.compress(b"x"),
        "noise.csv.zst": b"\x28\xb5\x2f\xfd" + noise,
        # Cut inside the last id: a number that lost its end would still be one.
        "text.parquet": whole[: whole.rfind(b"\n", 0, -1) + 4],
        "a program.exe": whole,
        "name\nwith a line end.csv": b"",
    }


def _write(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def _gzip_bomb(header: str, path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(f"{header}\n".encode())
        for _ in range(_BOMB_BYTES >> 20):
            file.write(b"0" * (1 << 20))


def _zstd_bomb(header: str, path: Path) -> None:
    import pyarrow as pa

    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(f"{header}\n".encode())
        for _ in range(_BOMB_BYTES >> 20):
            file.write(b"0" * (1 << 20))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        if path.suffix == ".parquet":
            file.write(b"PAR1")
        file.truncate(_SPARSE_BYTES)


def _parquet(columns: Mapping[str, Sequence[object]], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)


def _cut_parquet(rows: list[str], path: Path) -> None:
    _parquet({"id": list(_ids(rows)), "label": ["a"] * len(rows)}, path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def _rows_bomb(path: Path) -> None:
    """Write a small file that unpacks to many rows of one value."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = 1_000_000
    table = pa.table({"id": pa.array(["x" * 64]).take(pa.array([0] * n)), "label": ["a"] * n})
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(_MANY_ROWS // n):
            writer.write_table(table)


def _socket(path: Path) -> None:
    # A path of more than about 100 bytes does not fit into the address of a socket.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)
