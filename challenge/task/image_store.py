"""Stores the images of raw rows: all headers are read, then each image is decoded once."""

from __future__ import annotations

import hashlib
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from challenge.errors import counted
from challenge.task.columns import Column
from challenge.task.image_cache import ImageCache
from challenge.task.images import (
    HEAD_BYTES,
    MAX_BYTES,
    ImageFault,
    ImageHead,
    ImageRules,
    StandardImage,
    deep_bits,
    normalise_image,
    read_head,
    write_image,
)
from challenge.task.raw_values import Faults

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PIXELS", "BadImage", "ImageStore", "MissingImage", "standard_images"]

PIXELS = "pixels of "
"""Prefix of the column that carries the pixel digests of an image column to the data digest."""
_EVERY = 500
_EVERY_S = 5.0


class MissingImage(ImageFault):
    """The file that a row names does not exist; the message is its name."""


@dataclass(frozen=True)
class BadImage:
    """An image that is refused, or dropped: its column, the key of its row, its file, the reason.

    `file` is empty for an image that lies in the table itself.
    """

    column: str
    row: str
    file: str
    reason: str


class ImageStore:
    """Stores the images of raw rows as files under `public`; each distinct image once.

    `bad` lists the images that could not be stored, in the order of rows. `drops`: those are left
    out of their rows, and are no faults; else `dropping` is the line of `[raw]` that drops them.
    """

    def __init__(
        self,
        public: Path,
        folder: Path,
        progress: Callable[[str], None],
        rules: ImageRules | None = None,
        drops: bool = False,
        dropping: str = 'images = { on_error = "drop" }',
        open_cache: Callable[[], ImageCache] | None = None,
    ) -> None:
        self.drops, self.dropping = drops, dropping
        self.bad: list[BadImage] = []
        self._public, self._folder, self._progress = public, folder.resolve(), progress
        self._open_cache = open_cache
        self._cache: ImageCache | None = None
        self._rules = rules or ImageRules()
        self._stored: dict[str | bytes, tuple[str, bytes]] = {}
        self._heads: dict[str | bytes, ImageHead | ImageFault] = {}
        self._zips: dict[str, zipfile.ZipFile | None] = {}
        self._bits = 0
        self._n_done, self._spoken = 0, time.monotonic()

    def look(self, value: str | bytes) -> None:
        """Read the header of an image; raise ImageFault when it cannot be stored."""
        key = _name_of(value)
        if key not in self._heads:
            try:
                self._heads[key] = self._head(value)
            except ImageFault as problem:
                self._heads[key] = problem
            self._tell("image headers", len(self._heads), 0)
        head = self._heads[key]
        if isinstance(head, ImageFault):
            raise head

    def start(self) -> None:
        """End the reading of headers: what follows depends on all of them."""
        if self._bits:
            self._rules = replace(self._rules, bits=self._bits)
        self._n_done = 0

    def store(self, value: str | bytes) -> tuple[str, bytes]:
        """Return the stored path and the pixel digest; raise ImageFault for a bad image."""
        known = self._heads.get(_name_of(value))
        if isinstance(known, ImageFault):
            raise known
        if isinstance(value, str):
            if value not in self._stored:
                self._stored[value] = self.store(self._read(value))
                self._count()
            return self._stored[value]
        key = _name_of(value)
        if key not in self._stored:
            image = self._standard(value)
            write_image(self._public, image)
            self._stored[key] = (image.name, image.pixels)
            if key in self._heads:
                self._count()
        return self._stored[key]

    def notes(self) -> list[str]:
        """Return what was changed or left out of the images, one sentence each, with counts."""
        heads = [head for head in self._heads.values() if isinstance(head, ImageHead)]
        n_deep = sum(head.deep for head in heads)
        n_animated = sum(head.animated for head in heads)
        side = self._rules.max_side
        n_reduced = sum(max(head.width, head.height) > side for head in heads) if side else 0
        notes = []
        if n_deep:
            bits = self._rules.bits
            notes.append(
                f"{counted(n_deep, 'image', 'has', 'have')} more than 8 bits a channel: "
                f"their values, of {bits} bits, were scaled to 8."
            )
        if n_animated:
            notes.append(
                f"{counted(n_animated, 'image', 'has', 'have')} several frames: "
                "the first one is used."
            )
        if n_reduced:
            notes.append(
                f"{counted(n_reduced, 'image', 'was', 'were')} scaled down to "
                f"{side:,} pixels a side."
            )
        if self.drops and self.bad:
            counts: dict[str, int] = {}
            for one in self.bad:
                counts[one.reason] = counts.get(one.reason, 0) + 1
            reasons = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            listed = "; ".join(f"{n:,} {reason}" for reason, n in reasons[:5])
            n_bad = len(self.bad)
            notes.append(
                f"{counted(n_bad, 'image', 'was', 'were')} left out of their rows: {listed}."
            )
        return notes

    def close(self) -> None:
        """Close archives, and forget decoded images of earlier builds that were not used."""
        for archive in self._zips.values():
            if archive is not None:
                archive.close()
        if self._cache is not None:
            self._cache.forget_unused()

    def _head(self, value: str | bytes) -> ImageHead:
        def whole() -> bytes:
            return value if isinstance(value, bytes) else self._read(value)

        if isinstance(value, bytes):
            begin, end, size = value[:HEAD_BYTES], value[-HEAD_BYTES:], len(value)
        else:
            with self._opened(value) as (file, size):
                begin = end = file.read(HEAD_BYTES)
                if size > HEAD_BYTES:
                    file.seek(size - HEAD_BYTES)
                    end = file.read(HEAD_BYTES)
        head = read_head(begin, end, size, whole, self._rules)
        if head.deep:
            self._bits = max(self._bits, self._measured(whole()))
        return head

    def _measured(self, content: bytes) -> int:
        return self._kept(b"bits", content, lambda: bytes([deep_bits(content, self._rules)]))[0]

    def _standard(self, content: bytes) -> StandardImage:
        packed = self._kept(
            b"image", content, lambda: normalise_image(content, self._rules).packed()
        )
        return StandardImage.unpacked(packed)

    def _kept(self, what: bytes, content: bytes, make: Callable[[], bytes]) -> bytes:
        """Return what an earlier build made from the content of a raw file, else make it."""
        if self._cache is None and self._open_cache is not None:
            self._cache = self._open_cache()
        if self._cache is None:
            return make()
        made_from = what + _made_from(content, self._rules)
        result = self._cache.get(made_from)
        if result is None:
            result = make()
            self._cache.put(made_from, result)
        return result

    def _count(self) -> None:
        self._n_done += 1
        self._tell("images", self._n_done, len(self._heads))

    def _tell(self, what: str, n: int, of: int) -> None:
        now = time.monotonic()
        if n % _EVERY == 0 or n == of or now - self._spoken > _EVERY_S:
            self._spoken = now
            self._progress(f"{what}, {n:,} of {of:,}" if of else f"{what}, {n:,} read")

    def _read(self, name: str) -> bytes:
        with self._opened(name) as (file, _):
            return file.read()

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        """Open a file of the raw folder, or a member of a zip there; yield it and its size."""
        archive, member = self._archive(name)
        if archive is not None:
            with _member(archive, member) as opened:
                yield opened
            return
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            raise ImageFault(f"{name!r} leaves the raw folder")
        try:
            size = path.stat().st_size if path.is_file() else -1
            file = path.open("rb") if size >= 0 else None
        except (OSError, ValueError):
            file = None
        if file is None:
            raise MissingImage(name)
        with file:
            _check_size(size)
            yield file, size

    def _archive(self, name: str) -> tuple[zipfile.ZipFile | None, str]:
        """Return the zip that a path goes through, and the rest of the path."""
        place = name.find("/")
        while place > 0:
            prefix = name[:place]
            if prefix not in self._zips:
                self._zips[prefix] = _zip_in(self._folder, prefix)
            if (archive := self._zips[prefix]) is not None:
                return archive, name[place + 1 :]
            place = name.find("/", place + 1)
        return None, ""


def _zip_in(folder: Path, name: str) -> zipfile.ZipFile | None:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        return None
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile):
        return None


@contextmanager
def _member(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[IO[bytes], int]]:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise MissingImage(name) from None
    _check_size(info.file_size)
    try:
        with archive.open(info) as file:
            yield file, info.file_size
    # An encrypted member is a RuntimeError, an unknown compression a NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as problem:
        raise ImageFault(f"unreadable in its zip: {str(problem)[:100]}") from None


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise ImageFault(f"a file of {size:,} bytes (at most {MAX_BYTES:,})")


def _name_of(value: str | bytes) -> str | bytes:
    return value if isinstance(value, str) else hashlib.sha256(value).digest()


def _made_from(content: bytes, rules: ImageRules) -> bytes:
    """Return what the stored form of an image depends on."""
    return b"\0".join([_versions(), rules.packed(), hashlib.blake2b(content).digest()])


@cache
def _versions() -> bytes:
    """Return the versions of the decoders; reading them takes as long as decoding an image."""
    from importlib.metadata import version

    return f"{version('Pillow')} {version('resvg-py')}".encode()


def standard_images(
    array: pa.Array, keys: pa.Array, column: Column, store: ImageStore, faults: Faults
) -> tuple[pa.Array, pa.Array]:
    """Return stored paths and pixel digests of file names or bytes; bad images are faults.

    Where the task drops bad images, they are missing values.
    """
    import pyarrow as pa

    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    paths: list[str | None] = []
    pixels: list[bytes | None] = []
    for index, value in enumerate(array.to_pylist()):
        path: str | None = None
        digest: bytes | None = None
        if value is not None and value != "":
            try:
                if not isinstance(value, str | bytes):
                    raise ImageFault(f"a value of type {array.type}")
                path, digest = store.store(value)
            except ImageFault as problem:
                add_image_fault(problem, column.name, keys[index].as_py(), value, store, faults)
        paths.append(path)
        pixels.append(digest)
    return pa.array(paths, pa.string()), pa.array(pixels, pa.binary())


def add_image_fault(
    problem: ImageFault, column: str, key: str, value: object, store: ImageStore, faults: Faults
) -> None:
    """Record an image that cannot be stored; it is a fault unless the task drops such images."""
    file = value if isinstance(value, str) else ""
    missing = isinstance(problem, MissingImage)
    reason = "names of files that are not in the raw folder" if missing else str(problem)
    store.bad.append(BadImage(column, key, file, reason))
    if store.drops:
        return
    faults.add(
        "image: no file" if missing else f"image: {reason[:80]}",
        column,
        reason,
        "an existing file for each name" if missing else _EXPECTED,
        (
            "add the files, or leave the field empty if there is none"
            if missing
            else "replace the image, or leave the field empty if there is none"
        )
        + f"; or set `{store.dropping}` under [raw]; private/images.csv lists all",
        [f"{key}: {file!r}" if file else key],
    )


_EXPECTED = "a readable image (PNG, JPEG, GIF, WebP, TIFF, BMP, PPM, AVIF or SVG) within the caps"
