"""The parsers of hostile bytes, one function each, and the seeds that fuzzing starts from.

Each function returns what was read, or the text of the fault. Anything else that comes out is a
finding, and so is another outcome for the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from challenge.errors import ChallengeError, TaskError
from challenge.methods.run.exchange import (
    DeclareResult,
    PredictResult,
    TrialResult,
    _Failure,
    parse_answer,
)
from challenge.prepare.converters import ditto
from challenge.prepare.readers.image_files import open_images
from challenge.prepare.readers.table_files import open_table
from challenge.prepare.sources.archives import Caps, unpack
from challenge.task import read_task
from challenge.task.definition import TaskDefinition
from challenge.task.images import ImageFault, normalise_image, strip_jpeg
from challenge.task.svg import rebuild_svg

__all__ = ["SEEDS", "TARGETS"]

CAPS = Caps(members=200, member_bytes=1 << 20, total_bytes=2 << 20)


@contextmanager
def _folder() -> Iterator[Path]:
    """Give an empty folder in memory where there is one: each input is a file of its own."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as made:
        yield Path(made)


def run_svg(data: bytes) -> str:
    """Rebuild a drawing; nothing that leads outside may remain in it."""
    try:
        drawing = rebuild_svg(data, lambda image: image)
    except ImageFault as error:
        return str(error)
    for word in ("file:", "http://127", "<!ENTITY", "<script"):
        assert word not in drawing.text
    return drawing.text


def run_answer(data: bytes) -> str:
    """Parse the answers of a method's process: result.json of each request, and fault.json."""
    outcomes = []
    for model in (PredictResult, DeclareResult, TrialResult, _Failure):
        try:
            outcomes.append(repr(parse_answer(data, model, "a cell")))
        except ChallengeError as error:
            outcomes.append(str(error))
    return "\n".join(outcomes)


def run_archive(data: bytes) -> str:
    """Unpack an archive; only plain files inside the folder may come out, or nothing at all."""
    with _folder() as root:
        archive, into = root / "archive", root / "into"
        archive.write_bytes(data)
        try:
            unpack(archive, into, caps=CAPS)
        except TaskError as error:
            assert list(root.iterdir()) == [archive]
            return str(error)
        assert sorted(root.iterdir()) == [archive, into]
        paths = sorted(into.rglob("*"))
        assert all(path.is_dir() or path.is_file() for path in paths)
        assert not any(path.is_symlink() for path in paths)
        assert sum(path.lstat().st_size for path in paths if path.is_file()) <= CAPS.total_bytes
        return repr([str(path.relative_to(into)) for path in paths])


def run_image_zip(data: bytes) -> str:
    """Read the images of a zip that a raw table names."""
    import pyarrow as pa

    with _folder() as root:
        (root / "images.zip").write_bytes(data)
        try:
            images = open_images(root, "images.zip")
            names = [images.first(), "a.png", None]
            keys = pa.array(["1", "2", "3"])
            return repr(images.column("image", names, keys).to_pylist())
        except TaskError as error:
            return str(error)


def run_ditto(data: bytes) -> str:
    """Read pairs in ditto's text form."""
    with _folder() as root:
        (root / "pairs.txt").write_bytes(data)
        try:
            batches = list(ditto.convert(root, _pairs()).batches())
        except TaskError as error:
            return _without(str(error), root)
        return repr([batch.to_pylist() for batch in batches])


def _read_table(suffix: str) -> Callable[[bytes], str]:
    def run(data: bytes) -> str:
        with _folder() as root:
            path = root / f"raw{suffix}"
            path.write_bytes(data)
            try:
                table = open_table(path)
                rows = [
                    [str(column) for column in batch.columns]
                    for batch in table.batches()
                    if batch.validate(full=True) is None
                ]
            except TaskError as error:
                return _without(str(error), root)
            assert len(set(table.names)) == len(table.names) > 0
            return repr([table.names, rows])

    run.__doc__ = f"Read a raw table of the suffix {suffix}."
    return run


def run_task(data: bytes) -> str:
    """Read task.json of a download; every value that is passed on has its declared type."""
    with _folder() as root:
        (root / "task.json").write_bytes(data)
        try:
            task = read_task(root)
        except TaskError as error:
            return _without(str(error), root)
    texts = [task.id, task.title, task.description, task.metric, *task.classes]
    texts += [task.data_digest, task.solution_digest, task.card_digest]
    texts += [text for column in task.columns for text in (column.name, column.modality)]
    assert all(type(text) is str for text in texts)
    assert type(task.n_train) is int and type(task.n_test) is int and task.n_test >= 0
    assert task.metric in task.kind.metrics
    return _without(repr(task), root)


def run_raster(data: bytes) -> str:
    """Decode an image in the child process; what comes out is a standard image, and stays one."""
    with suppress(ValueError):
        strip_jpeg(data)
    try:
        image = normalise_image(data)
    except ImageFault as error:
        return str(error)
    assert normalise_image(image.data).pixels == image.pixels
    return image.name


@cache
def _pairs() -> TaskDefinition:
    return TaskDefinition.model_validate(
        {
            "format": 1,
            "id": "pairs",
            "kind": "matching",
            "title": "Pairs",
            "metric": "f1",
            "source": [{"path": "raw"}],
            "raw": {"format": "ditto", "file": "pairs.txt"},
            "columns": {
                "name": {"modality": "text"},
                "p": {"modality": "numeric"},
            },
        }
    )


def _without(text: str, root: Path) -> str:
    """Return the text without the name of the temporary folder."""
    return text.replace(str(root), "").replace(root.name, "")


def _twice(run: Callable[[bytes], str]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        assert run(data) == run(data)

    return target


TARGETS: dict[str, Callable[[bytes], None]] = {
    "svg": _twice(run_svg),
    "answer": _twice(run_answer),
    "archive": _twice(run_archive),
    "zip": _twice(run_image_zip),
    "ditto": _twice(run_ditto),
    "json": _twice(_read_table(".json")),
    "lines": _twice(_read_table(".jsonl")),
    "text": _twice(_read_table(".csv")),
    "excel": _twice(_read_table(".xlsx")),
    "task": _twice(run_task),
    "raster": _twice(run_raster),
}
"""By name; `corpus/<name>-<what>` holds what was found with each."""


def _zip(name: str, data: bytes, method: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo(name), data, method)
        archive.writestr(zipfile.ZipInfo("d/"), b"")
    return sink.getvalue()


def _tar(form: int, *, link: bool = False) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as archive:
        long = tarfile.TarInfo("d/" + "n" * 120)
        long.size = 1
        archive.addfile(long, io.BytesIO(b"x"))
        if link:
            other = tarfile.TarInfo("link")
            other.type, other.linkname = tarfile.SYMTYPE, "d"
            archive.addfile(other)
    # The blocks of zeros at the end are cut to the two that end a tar.
    return sink.getvalue().rstrip(b"\0") + bytes(1024)


def _deb() -> bytes:
    members = [
        (b"debian-binary", b"2.0\n"),
        (b"control.tar.gz", gzip.compress(_tar(tarfile.GNU_FORMAT), mtime=0)),
        (b"data.tar.gz", gzip.compress(_tar(tarfile.GNU_FORMAT), mtime=0)),
    ]
    parts = [b"!<arch>\n"]
    for name, data in members:
        head = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"100644", len(data))
        parts += [head, data, b"\n" * (len(data) % 2)]
    return b"".join(parts)


def _excel() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["id", "price", "at"], ["a", 1.5, None], ["b", 2, "x"]):
        book.active.append(row)
    sink = io.BytesIO()
    book.save(sink)
    # Stored without compression, so that mutations reach the XML.
    plain = io.BytesIO()
    with zipfile.ZipFile(sink) as packed, zipfile.ZipFile(plain, "w") as archive:
        for name in packed.namelist():
            if "theme" not in name and "docProps" not in name:
                archive.writestr(zipfile.ZipInfo(name), packed.read(name))
    return plain.getvalue()


def _rasters() -> tuple[bytes, ...]:
    from PIL import Image

    image = Image.new("P", (3, 2), 1)
    images = []
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM"):
        sink = io.BytesIO()
        image.convert("RGB" if form in ("JPEG", "PPM", "WEBP") else "P").save(sink, form)
        images.append(sink.getvalue())
    return tuple(images)


def _task() -> bytes:
    document = {
        "format": 1,
        "id": "toy",
        "kind": "classification",
        "title": "Toy",
        "description": "",
        "metric": "accuracy",
        "columns": [{"name": "a", "modality": "text", "description": "", "integer": False}],
        "record_ids": False,
        "classes": ["x", "y"],
        "n_train": 3,
        "n_test": 2,
        "n_public": 1,
        "digests": {"data": "d", "solution": "s", "card": "c"},
    }
    return json.dumps(document).encode()


_RECORDS = (
    b'[{"a": 1, "b": {"c": "x", "d": [1.5, null]}}, {"a": "y", "e": {"bytes": "", "path": ""}}]'
)
_BY_COLUMN = b'{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, null]]}'

SEEDS: dict[str, tuple[bytes, ...]] = {
    "svg": (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><style>.a{fill:red}</style>'
        b'<g id="x" class="a"><use href="#x"/><path d="M0 0L9 9"/></g></svg>',
    ),
    "answer": (
        b'{"details": {"a": [1, 2.5, null]}, "summary": "x", "fit_s": 1.0, "predict_s": 1.0, '
        b'"cpu_s": 1.0, "peak_mb": 1}',
        b'{"space": {"a": {"type": "float", "low": 0.1, "high": 2, "log": true}, '
        b'"b": {"type": "choice", "values": [1, "x"]}}, "defaults": {"a": 0.5}}',
        b'{"kind": "E", "message": "m", "exit_code": 1, "faults": [{"code": "c", "where": "w", '
        b'"found": "f", "expected": "e", "fix": "x", "n": 1, "first": ["a"]}]}',
    ),
    "archive": (
        _zip("a/b.txt", b"x" * 40, zipfile.ZIP_DEFLATED),
        _zip("a.txt", b"x" * 40, zipfile.ZIP_LZMA),
        _tar(tarfile.PAX_FORMAT),
        _tar(tarfile.GNU_FORMAT, link=True),
        _tar(tarfile.GNU_FORMAT),
        gzip.compress(_tar(tarfile.GNU_FORMAT), mtime=0),
        lzma.compress(_tar(tarfile.GNU_FORMAT)),
        _deb(),
    ),
    "zip": (_zip("a.png", b"x" * 40, zipfile.ZIP_DEFLATED), _zip("x/b.gif", b"y", 0)),
    "ditto": (b"COL name VAL a b COL p VAL 1\tCOL name VAL c COL p VAL 2\t1\n\n" * 2,),
    "json": (_RECORDS, _BY_COLUMN, b'{"a": {"0": 1, "1": "x"}, "b": {"0": null, "1": 2.5}}'),
    "lines": (b'{"a": 1, "b": {"c": "x"}}\n{"a": "y", "b": null}\n', _RECORDS),
    "text": (
        b'a,b\n1,"x ""y"""\n2,\n',
        "a;b\n1;\xe4\n".encode("latin-1"),
        "a\tb\n".encode("utf-16"),
    ),
    "excel": (_excel(),),
    "task": (_task(),),
    "raster": _rasters(),
}
