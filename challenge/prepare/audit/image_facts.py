"""What the audit knows of the images of a task: each is decoded once, for all checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from challenge.prepare.audit.subject import SideRows, Subject

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["CROPS", "MAX_IMAGES", "ImageFacts", "SideImages", "TaskImages", "look_at_images"]

MAX_IMAGES = 50_000
CROPS = tuple(
    [(cut, cut, 1 - cut, 1 - cut) for cut in (0.025, 0.05, 0.075, 0.1)]
    + [(0.06, 0, 1, 1), (0, 0.06, 1, 1), (0, 0, 0.94, 1), (0, 0, 1, 0.94)]
)
"""Parts of an image that are looked for: left, top, right and bottom as shares."""
_BASE = 64
_BLOCK = 256
_EVERY = 5_000
_WIDE, _HIGH = 9, 8
"""Pixels of the small grey copy whose slopes are the difference hash."""


@dataclass(frozen=True)
class ImageFacts:
    """Of each image: the difference hash, a 16 × 16 grey copy, and hashes of changed copies.

    `turned` has those of the image mirrored, upside down and both; `cropped` those of `CROPS`.
    `sizes` are width and height; `corners` red, green and blue of the upper left, upper right,
    lower left and lower right pixel.
    """

    files: Sequence[Path]
    plain: NDArray[np.uint64]
    greys: NDArray[np.float32]
    turned: NDArray[np.uint64]
    cropped: NDArray[np.uint64]
    sizes: NDArray[np.int64]
    corners: NDArray[np.uint8]


@dataclass(frozen=True)
class SideImages:
    """The distinct images of train or test: their paths, sorted, their facts, and their rows.

    At most `MAX_IMAGES` are looked at; names are digests, so the first ones are a fair sample.
    """

    paths: list[str]
    facts: ImageFacts
    owners: dict[str, list[int]]

    def rows_of(self, paths: list[str | None]) -> NDArray[np.int64]:
        """Return where the facts of each path are, -1 where it has none."""
        places = {path: place for place, path in enumerate(self.paths)}
        return np.array([places.get(path, -1) if path else -1 for path in paths], dtype=np.int64)


@dataclass(frozen=True)
class TaskImages:
    """The images of both sides."""

    test: SideImages
    train: SideImages


def look_at_images(subject: Subject, progress: Callable[[str], None]) -> TaskImages | None:
    """Decode the images of both sides; return None for a task without images."""
    names = [column.name for column in subject.columns_of("image")]
    if not names:
        return None
    test, train = (
        _look_at_side(subject.public, part, names, progress)
        for part in (subject.test, subject.train)
    )
    return TaskImages(test, train)


def _look_at_side(
    public: Path, part: SideRows, names: list[str], progress: Callable[[str], None]
) -> SideImages:
    owners: dict[str, list[int]] = {}
    for name in names:
        for row, path in enumerate(part.sample[name].cast(pa.string()).to_pylist()):
            if path is not None:
                owners.setdefault(path, []).append(row)
    paths = sorted(owners)[:MAX_IMAGES]
    return SideImages(paths, _facts([public / path for path in paths], progress), owners)


def _facts(files: Sequence[Path], progress: Callable[[str], None]) -> ImageFacts:
    from PIL import Image

    n = len(files)
    facts = ImageFacts(
        files,
        plain=np.zeros(n, np.uint64),
        greys=np.zeros((n, 256), np.float32),
        turned=np.zeros((3, n), np.uint64),
        cropped=np.zeros((len(CROPS), n), np.uint64),
        sizes=np.zeros((n, 2), np.int64),
        corners=np.zeros((n, 4, 3), np.uint8),
    )
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        small = np.zeros((block.stop - start, _HIGH, _WIDE), np.float32)
        base = np.zeros((block.stop - start, _BASE, _BASE), np.float32)
        for row, file in enumerate(files[block]):
            with Image.open(file) as image:
                grey = image.convert("L")
                facts.sizes[start + row] = image.size
                facts.corners[start + row] = _corners(image)
            small[row] = np.asarray(grey.resize((_WIDE, _HIGH), Image.Resampling.LANCZOS))
            facts.greys[start + row] = np.asarray(
                grey.resize((16, 16), Image.Resampling.LANCZOS)
            ).ravel()
            base[row] = np.asarray(grey.resize((_BASE, _BASE), Image.Resampling.BOX))
        facts.plain[block] = _difference_hashes(small)
        for way, other in enumerate((small[:, :, ::-1], small[:, ::-1], small[:, ::-1, ::-1])):
            facts.turned[way, block] = _difference_hashes(other)
        for way, (down, across) in enumerate(_crop_weights()):
            narrow = _levels(base @ across)
            facts.cropped[way, block] = _difference_hashes(_levels(down @ narrow))
        if block.stop // _EVERY > start // _EVERY:
            progress(f"audit: looking at images, {block.stop:,} of {n:,}")
    return facts


def _corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the colours of the corners of a stored image, whose mode is L, LA, RGB or RGBA."""
    right, below = image.width - 1, image.height - 1
    colours = []
    for corner in ((0, 0), (right, 0), (0, below), (right, below)):
        value: Any = image.getpixel(corner)
        bands = value if isinstance(value, tuple) else (value,)
        colours.append(bands[:3] if len(bands) >= 3 else bands[:1] * 3)
    return colours


@cache
def _crop_weights() -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return, for each crop, the matrices that scale a base image's part to the small copy.

    Scaling is linear: the scaled rows of the identity are its weights.
    """
    from PIL import Image

    identity = Image.fromarray(np.eye(_BASE, dtype=np.float32))
    result = []
    for crop in CROPS:
        left, top, right, bottom = (side * _BASE for side in crop)
        down = identity.resize((_BASE, _HIGH), Image.Resampling.LANCZOS, (0, top, _BASE, bottom))
        across = identity.resize((_WIDE, _BASE), Image.Resampling.LANCZOS, (left, 0, right, _BASE))
        result.append((np.asarray(down), np.asarray(across)))
    return result


def _levels(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to grey levels, as Pillow does after it has scaled one direction."""
    return np.clip(np.rint(values), 0, 255)


_POWERS = np.uint64(1) << np.arange(64, dtype=np.uint64)


def _difference_hashes(small: NDArray[np.float32]) -> NDArray[np.uint64]:
    # A slope of three grey levels is noise of the encoder, not a drawing.
    falls = (small[:, :, 1:] > small[:, :, :-1] + 3).reshape(len(small), -1)
    return np.asarray((falls * _POWERS).sum(axis=1, dtype=np.uint64))
