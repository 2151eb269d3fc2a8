"""Images of a raw table: in a folder or a zip, found by the text that names them.

One text means one file. The steps are tried in this order, and the first that finds files decides:
the exact path; the longest end of the path, as it is, then without regard to case and
Unicode form; all of it again for the text of an address (without query and escapes), then for names
without suffix. A step that finds two files refuses the text and names both.
"""

from __future__ import annotations

import os
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from challenge.errors import Fault, TaskError
from challenge.task.files import is_archive_damage

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["IMAGE_SUFFIXES", "ImageFolder", "open_images"]

IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".svg", ".avif", ".jp2",
    ".ppm", ".pgm", ".pbm", ".ico", ".heic", ".jxl",
)  # fmt: skip
"""What files of images are called; whether one can be decoded is found from its bytes."""
_LEGACY = ("utf-8", "cp932", "gb18030", "big5", "cp949", "cp1252", "cp850", "cp1251", "cp866")
"""Encodings of file names in zips that do not state theirs."""


class _Index:
    """Files by every end of their names, as they are and folded."""

    def __init__(self) -> None:
        self._exact: dict[str, set[str]] = {}
        self._ends: dict[str, set[str]] = {}
        self._folded: dict[str, set[str]] = {}

    def add(self, name: str, file: str) -> None:
        """Let `name`, a path, mean `file`."""
        self._exact.setdefault(name, set()).add(file)
        for end in _ends(name):
            self._ends.setdefault(end, set()).add(file)
            self._folded.setdefault(_fold(end), set()).add(file)

    def find(self, text: str) -> set[str]:
        """Return the files that a text means; several when it is ambiguous."""
        if text in self._exact:
            return self._exact[text]
        for end in _ends(text):
            if found := self._ends.get(end) or self._folded.get(_fold(end)):
                return found
        return set()


class ImageFolder:
    """The image files of a task, in the folder or zip `path`, else anywhere in the raw folder."""

    def __init__(self, raw: Path, path: Path | None) -> None:
        self._raw, self._path = raw, path
        self._zip = path is not None and path.is_file()
        self._meant: dict[str, tuple[str, bool]] = {}
        """Per file: the text that named it, and whether their folders differ."""

    @cached_property
    def _files(self) -> list[str]:
        """Paths of all files in the folder or zip, in order."""
        if self._zip:
            return sorted({info.filename for info in self._members})
        base = self._path or self._raw
        return sorted(path.relative_to(base).as_posix() for path in base.rglob("*"))

    @cached_property
    def _members(self) -> list[zipfile.ZipInfo]:
        assert self._path is not None
        with _opened(self._path) as content:
            return [info for info in content.infolist() if not info.is_dir()]

    @cached_property
    def _repeated(self) -> set[str]:
        """Names that several members of a zip have whose contents differ."""
        contents: dict[str, set[tuple[int, int]]] = {}
        for info in self._members if self._zip else []:
            contents.setdefault(info.filename, set()).add((info.CRC, info.file_size))
        return {name for name, found in contents.items() if len(found) > 1}

    @cached_property
    def _images(self) -> list[str]:
        return [file for file in self._files if _is_text(file) and _is_image(file)]

    @cached_property
    def _indexes(self) -> tuple[_Index, _Index, _Index]:
        """Files by name, by name without suffix, and by names in legacy encodings."""
        names, stems, legacy = _Index(), _Index(), _Index()
        for file in self._files:
            if _is_text(file):
                names.add(file, file)
            else:
                for name in _legacy_names(os.fsencode(file)):
                    legacy.add(name, file)
        for file in self._images:
            stems.add(str(PurePosixPath(file.replace("\\", "/")).with_suffix("")), file)
        for info in self._members if self._zip else []:
            if not info.filename.isascii() and not info.flag_bits & 0x800:
                for name in _legacy_names(info.filename.encode("cp437", "replace")):
                    legacy.add(name, info.filename)
        return names, stems, legacy

    def __len__(self) -> int:
        return len(self._images)

    def first(self) -> str | None:
        """Return the path of the first image, None when there is none."""
        return self._images[0] if self._images else None

    def find(self, value: str) -> str | None:
        """Return the path of the image that a value means, None when there is none or several."""
        found = self.candidates(value)
        return found[0] if len(found) == 1 else None

    def candidates(self, value: str) -> tuple[str, ...]:
        """Return the files that a value may mean: none, one, or several in order."""
        if self._path is None and _lies_in(self._raw, value):
            return (value,)
        for index in self._indexes:
            for text in dict.fromkeys((value, value.strip(), _unquoted(value.strip()))):
                if text and (found := index.find(text)):
                    return tuple(sorted(found))
        return ()

    def column(self, name: str, values: list[str | None], keys: pa.Array) -> pa.Array:
        """Return paths relative to the raw folder; those in a zip begin with its own path.

        A value without an image is kept, and the build reports the row. Raises TaskError with the
        column `name` and the `keys` of the rows where a value means several files.
        """
        import pyarrow as pa

        faults: dict[str, tuple[Fault, list[str]]] = {}
        found = [self._one(name, value, keys[row], faults) for row, value in enumerate(values)]
        if faults:
            raise TaskError(
                Fault(one.where, one.found, one.expected, one.fix, one.code, len(rows), tuple(rows))
                for one, rows in faults.values()
            )
        return pa.array(found, pa.string())

    def _one(
        self,
        name: str,
        value: str | None,
        key: pa.Scalar,
        faults: dict[str, tuple[Fault, list[str]]],
    ) -> str | None:
        files = self.candidates(value) if value else ()
        if value is None or not files:
            return value
        problem = self._problem(value, files)
        if problem is not None:
            found, expected, fix = problem
            fault = Fault(f"images, column {name}", found, expected, fix, "image-ambiguous")
            row = str(key.as_py())
            # Keys of rows without a raw key already have the form `row 7`.
            row = row if row.startswith("row ") else f"row {row}"
            faults.setdefault(found, (fault, []))[1].append(row)
            return None
        base = (self._path or self._raw).relative_to(self._raw)
        return (base / files[0]).as_posix()

    def _problem(self, value: str, files: Sequence[str]) -> tuple[str, str, str] | None:
        """Return what is found, expected and to be done where a value means not just one file."""
        one_file = "names that mean one file each"
        if len(files) > 1:
            more = f" and {len(files) - 2:,} more" if len(files) > 2 else ""
            return (
                f"{value!r} may be {_shown(files[0])} or {_shown(files[1])}{more}",
                one_file,
                "write the path of the image as it is in the folder",
            )
        if not _is_text(files[0]):
            return (
                f"{value!r} is {_shown(files[0])}, a file name that is not UTF-8",
                "file names in UTF-8",
                "rename the file",
            )
        if files[0] in self._repeated:
            return (
                f"{value!r} is the name of several images in the zip",
                one_file,
                "make the zip again, each image under a name of its own",
            )
        differs = _folders_differ(value.strip(), files[0])
        other, also = self._meant.setdefault(files[0], (value, differs))
        if other != value and (differs or also):
            return (
                f"{value!r} and {other!r} both lead to {_shown(files[0])}",
                one_file,
                "add the missing image, or write the path of the image as it is in the folder",
            )
        return None


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip; raise TaskError when it is damaged."""
    try:
        with zipfile.ZipFile(path) as content:
            yield content
    except Exception as error:
        if isinstance(error, TaskError) or not is_archive_damage(error):
            raise
        raise TaskError(
            Fault(
                path.name,
                f"unreadable: {str(error)[:200]}",
                "a folder, or an intact zip without a password",
                "make the zip again, or name the folder of the images",
                code="images-unreadable",
            )
        ) from None


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def _ends(path: str) -> list[str]:
    """Return every end of a path, the longest first."""
    parts = _parts(path)
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _folders_differ(value: str, file: str) -> bool:
    """Whether neither path is the end of the other."""
    value_parts, parts = (_parts(_fold(path)) for path in (value, file))
    n = min(len(value_parts), len(parts))
    return n > 1 and value_parts[-n:-1] != parts[-n:-1]


def _fold(text: str) -> str:
    """Return a text without case and in one Unicode form (canonical caseless matching)."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text).casefold()
    return unicodedata.normalize("NFC", decomposed)


def _unquoted(text: str) -> str:
    """Return the path of an address: without query and fragment, its escapes decoded."""
    return unquote(text.split("?")[0].split("#")[0])


def _legacy_names(name: bytes) -> Iterable[str]:
    for encoding in _LEGACY:
        try:
            yield name.decode(encoding)
        except UnicodeDecodeError:
            continue


def _lies_in(folder: Path, name: str) -> bool:
    try:
        return os.path.isfile(os.path.join(folder, name))  # noqa: PTH113, PTH118 (many names)
    except (OSError, ValueError):
        return False


def _is_text(name: str) -> bool:
    """Whether a file name is valid UTF-8; Python keeps the other bytes as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _shown(file: str) -> str:
    return repr(file) if _is_text(file) else repr(os.fsencode(file))


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("__MACOSX/")


def open_images(raw: Path, images: str | None) -> ImageFolder:
    """Return the images of `[raw] images`, a folder or a zip relative to the raw folder.

    Without it, they may be anywhere in the raw folder.
    """
    if images is None:
        return ImageFolder(raw, None)
    path = raw / images
    if not path.resolve().is_relative_to(raw.resolve()) or not path.exists():
        raise TaskError(
            Fault(
                f"images = {images!r}",
                "no such folder or zip in the raw folder",
                "a folder or a zip of images, relative to the raw folder",
                "correct `images` under [raw]",
                code="images-missing",
            )
        )
    return ImageFolder(raw, path)
