"""Images as numbers without any model: pixels, colours, edges (HOG) and the drawn shape.

All blocks of an image are computed from one decoding and stored as one row of bytes;
`SimpleImages` returns the blocks by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.features.store import cached_rows
from challenge.task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["INK_SIDE", "SimpleImages", "hog", "image_key", "open_image", "simple_images"]

INK_SIDE = 32
_HOG_SIDE, _CELL, _ANGLES = 64, 8, 8
_THUMB = 8
_VERSION = 1
_WIDTHS = {
    "ink": INK_SIDE * INK_SIDE,
    "thumb": _THUMB * _THUMB * 3,
    "colour": 64,
    "hog": (_HOG_SIDE // _CELL - 1) ** 2 * 4 * _ANGLES,
}


@dataclass(frozen=True)
class SimpleImages:
    """Blocks of numbers, one row per image, all in [0, 1]; zeros for a missing image.

    `ink` (32 x 32): how far a pixel is from the border's colour; `thumb`: 8 x 8 colours;
    `colour`: a 4 x 4 x 4 histogram; `hog`: histograms of oriented gradients of 64 x 64 pixels.
    """

    ink: NDArray[np.float32]
    thumb: NDArray[np.float32]
    colour: NDArray[np.float32]
    hog: NDArray[np.float32]
    present: NDArray[np.bool_]

    def joined(self) -> NDArray[np.float32]:
        """Return all blocks side by side."""
        import numpy as np

        return np.hstack([self.ink, self.thumb, self.colour, self.hog])


def image_key(value: str) -> str:
    """Return the name of an image in a cache: its file name, which is its content's digest."""
    return Path(value).stem


def open_image(path: Path) -> Image:
    """Decode an image to RGB, transparent parts white."""
    from PIL import Image as Images

    with Images.open(path) as image:
        if image.mode == "RGB":
            return image.copy()
        rgba = image.convert("RGBA")
    white = Images.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Images.alpha_composite(white, rgba).convert("RGB")


def simple_images(
    task: Task, values: Sequence[str], progress: Callable[[str], None] | None = None
) -> SimpleImages:
    """Return the blocks of the images that an image column names; "" is a missing image."""
    import numpy as np

    def compute(positions: list[int]) -> NDArray[np.uint8]:
        rows = np.zeros((len(positions), sum(_WIDTHS.values())), np.uint8)
        for row, position in enumerate(positions):
            if progress is not None and row % 1000 == 0 and len(positions) > 1000:
                progress(f"images {row:,} of {len(positions):,}")
            if values[position]:
                rows[row] = _describe(open_image(task.public / values[position]))
        return rows

    keys = [image_key(value) for value in values]
    rows = cached_rows(task, f"images-{_VERSION}", keys, compute)
    ends = np.cumsum(list(_WIDTHS.values()))[:-1]
    ink, thumb, colour, gradients = (
        (block / np.float32(255)).astype(np.float32) for block in np.split(rows, ends, axis=1)
    )
    present = np.array([bool(value) for value in values], dtype=bool)
    return SimpleImages(ink, thumb, colour, gradients, present)


def hog(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histograms of oriented gradients of a square grey image in [0, 1] (Dalal & Triggs 2005).

    Cells of 8 pixels, 8 unsigned angles shared linearly between neighbours, blocks of 2 x 2 cells
    with clipped L2 norm. Values lie in [0, 1]; a flat image gives zeros.
    """
    import numpy as np

    down, right = np.gradient(grey)
    size = np.hypot(down, right)
    angle = np.mod(np.arctan2(down, right), np.pi) * (_ANGLES / np.pi)
    lower = np.floor(angle).astype(np.int64)
    share = angle - lower
    side = grey.shape[0] // _CELL
    cell = (np.arange(grey.shape[0]) // _CELL)[:, None] * side + np.arange(grey.shape[1]) // _CELL
    cells = np.zeros(side * side * _ANGLES)
    for bins, weight in ((lower % _ANGLES, 1 - share), ((lower + 1) % _ANGLES, share)):
        cells += np.bincount((cell * _ANGLES + bins).ravel(), (size * weight).ravel(), len(cells))
    grid = cells.reshape(side, side, _ANGLES)
    blocks = np.concatenate([grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]], axis=2)
    for _ in range(2):
        norm = np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 1e-6)
        blocks = np.minimum(blocks / norm, 0.2)
    return (blocks * 5).astype(np.float32).ravel()


def _describe(image: Image) -> NDArray[np.uint8]:
    import numpy as np
    from PIL.Image import Resampling

    square = image.resize((_HOG_SIDE, _HOG_SIDE), Resampling.BILINEAR)
    colours = np.asarray(square, np.float32) / 255
    grey = (colours @ np.array([0.299, 0.587, 0.114])).astype(np.float32)
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    distance = np.abs(colours - np.median(border, axis=0)).max(axis=2)
    ink = distance.reshape(INK_SIDE, 2, INK_SIDE, 2).mean(axis=(1, 3))
    step = _HOG_SIDE // _THUMB
    thumb = colours.reshape(_THUMB, step, _THUMB, step, 3).mean(axis=(1, 3))
    coarse = np.minimum((colours * 4).astype(np.int64), 3) @ np.array([16, 4, 1])
    # The root gives the many near-empty bins more of the range of a byte.
    colour = np.sqrt(np.bincount(coarse.ravel(), minlength=64) / coarse.size)
    row = np.concatenate([ink.ravel(), thumb.ravel(), colour, hog(grey)])
    return np.asarray(np.round(np.clip(row, 0, 1) * 255), np.uint8)
