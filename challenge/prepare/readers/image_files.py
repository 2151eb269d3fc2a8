"""Images of a raw table: in a folder or a zip, found by path, by file name or by the row's key."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError
from challenge.task.files import is_archive_damage

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["IMAGE_SUFFIXES", "ImageFolder", "open_images"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".svg")
_MOST_BYTES = 64 << 20


class ImageFolder:
    """The image files of a task, by path, by name, and by name without suffix.

    A value of the table may be a path in the folder or in the raw folder, or a name without
    suffix. Of a URL or a foreign path only the last part counts.
    """

    def __init__(self, raw: Path, path: Path | None) -> None:
        self._raw, self._path = raw, path
        self._zip = path is not None and path.is_file()
        self._known: dict[str, str] = {}
        for member in sorted(self._paths()):
            name = PurePosixPath(member)
            for key in (member, name.name, str(name.with_suffix("")), name.stem):
                self._known.setdefault(key.casefold(), member)

    def _paths(self) -> list[str]:
        if self._path is None:
            return []
        if self._zip:
            with _opened(self._path) as content:
                return [one for one in content.namelist() if _is_image(one)]
        return [
            path.relative_to(self._path).as_posix()
            for path in self._path.rglob("*")
            if _is_image(path.name)
        ]

    def __len__(self) -> int:
        return len(set(self._known.values()))

    def first(self) -> str | None:
        """Return the path of the first image, None when there is none."""
        return min(self._known.values(), default=None)

    def find(self, value: str) -> str | None:
        """Return the path of the image that a value refers to, None when there is none."""
        text = value.strip().replace("\\", "/").split("?")[0].split("#")[0]
        for key in (text, text.removeprefix("./"), text.rsplit("/", 1)[-1]):
            if key and key.casefold() in self._known:
                return self._known[key.casefold()]
        return None

    def column(self, name: str, values: list[str | None], keys: pa.Array) -> pa.Array:
        """Return images for the build: paths relative to the raw folder, or bytes from a zip.

        In a folder, a value without an image is kept, and the build reports the row. In a zip
        it raises TaskError with the column `name` and the `keys` of the rows.
        """
        import pyarrow as pa

        if self._zip:
            return self._bytes(name, values, keys)
        found = []
        for value in values:
            path = self.find(value) if value else None
            if path is None or self._path is None:
                found.append(value)
            else:
                found.append((self._path / path).relative_to(self._raw).as_posix())
        return pa.array(found, pa.string())

    def _bytes(self, name: str, values: list[str | None], keys: pa.Array) -> pa.Array:
        import pyarrow as pa

        assert self._path is not None
        found: list[bytes | None] = []
        missing = []
        with _opened(self._path) as content:
            for row, value in enumerate(values):
                path = self.find(value) if value else None
                if value and (path is None or content.getinfo(path).file_size > _MOST_BYTES):
                    missing.append(row)
                    path = None
                found.append(content.read(path) if path else None)
        if missing:
            raise self._missing(name, values, missing, keys)
        return pa.array(found, pa.binary())

    def _missing(
        self, name: str, values: list[str | None], rows: list[int], keys: pa.Array
    ) -> TaskError:
        assert self._path is not None
        value = str(values[rows[0]])
        path = self.find(value)
        return TaskError(
            Fault(
                f"{self._path.name}, column {name}",
                f"no image for {value!r}"
                if path is None
                else f"{path!r} unpacks to more than {_MOST_BYTES:,} bytes",
                "every image that the table names",
                "add it, or leave the field empty where there is none",
                code="image-missing",
                n=len(rows),
                first=tuple(f"row {keys[row].as_py()}" for row in rows[:5]),
            )
        )


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip; raise TaskError when it, or a member that is read, is damaged."""
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


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("__MACOSX/")


def open_images(raw: Path, images: str | None) -> ImageFolder:
    """Return the images of `[raw] images`, a folder or a zip relative to the raw folder.

    Without it, values must be paths relative to the raw folder.
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
