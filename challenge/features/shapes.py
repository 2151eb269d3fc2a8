"""Comparisons of two drawn shapes, such as containment, or a filled shape and its outline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["compare_ink"]

_ROWS = 2048
"""Rows per block: the spectra of a block take a few tens of megabytes."""


def compare_ink(left: NDArray[np.float32], right: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Compare images of ink in [0, 1], one flattened square a row.

    Overlaps are intersection over union, containment is intersection over the lighter image,
    `best` is over all shifts (by the correlation theorem), `edge` is of gradients, so that a
    filled shape and its outline agree. Empty images give zeros.
    """
    import numpy as np

    side = int(np.sqrt(left.shape[1]))
    blocks = [
        _compare(left[at : at + _ROWS], right[at : at + _ROWS], side)
        for at in range(0, len(left), _ROWS)
    ]
    if not blocks:
        blocks = [_compare(left, right, side)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _compare(a: NDArray[Any], b: NDArray[Any], side: int) -> dict[str, NDArray[Any]]:
    import numpy as np

    a, b = (ink.reshape(-1, side, side).astype(np.float64) for ink in (a, b))
    mass_a, mass_b = a.sum(axis=(1, 2)), b.sum(axis=(1, 2))
    both = np.minimum(a, b).sum(axis=(1, 2))
    lighter, heavier = np.minimum(mass_a, mass_b), np.maximum(mass_a, mass_b)
    edges_a, edges_b = _edges(a), _edges(b)
    filled_a, filled_b = _filled(a), _filled(b)
    fill_both = np.minimum(filled_a, filled_b).sum(axis=(1, 2))
    fill_a, fill_b = filled_a.sum(axis=(1, 2)), filled_b.sum(axis=(1, 2))
    box_a, box_b = _box(a), _box(b)
    rows_a, rows_b = a.sum(axis=2), b.sum(axis=2)
    columns_a, columns_b = a.sum(axis=1), b.sum(axis=1)
    mirrored = np.minimum(a, b[:, :, ::-1]).sum(axis=(1, 2))
    return {
        "ink overlap": _ratio(both, mass_a + mass_b - both),
        "ink containment": _ratio(both, lighter),
        "ink containment left": _ratio(both, mass_a),
        "ink containment right": _ratio(both, mass_b),
        "ink mirrored overlap": _ratio(mirrored, mass_a + mass_b - mirrored),
        "ink ratio": _ratio(lighter, heavier),
        "ink best shift": _best_shift(a, b),
        "edge cosine": _cosine(edges_a, edges_b),
        "edge containment": _ratio(
            np.minimum(edges_a, edges_b).sum(axis=(1, 2)),
            np.minimum(edges_a.sum(axis=(1, 2)), edges_b.sum(axis=(1, 2))),
        ),
        "edge best shift": _best_shift(edges_a, edges_b),
        "filled overlap": _ratio(fill_both, fill_a + fill_b - fill_both),
        "filled containment": _ratio(fill_both, np.minimum(fill_a, fill_b)),
        "box gap": np.abs(box_a - box_b).sum(axis=1),
        "profile cosine": (_cosine(rows_a, rows_b) + _cosine(columns_a, columns_b)) / 2,
        "same quarter": _quarters(a, b).max(axis=1),
        "worst quarter": _quarters(a, b).min(axis=1),
        "halves alike": _subsets(a, b).max(axis=1),
    }


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def _cosine(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    a, b = (rows.reshape(len(rows), math.prod(rows.shape[1:])) for rows in (a, b))
    return _ratio((a * b).sum(axis=1), np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)))


def _edges(ink: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    down, right = np.gradient(ink, axis=(1, 2))
    return np.asarray(np.hypot(down, right))


def _filled(ink: NDArray[Any]) -> NDArray[Any]:
    """Fill the shape: the least ink on a straight path to the border, over four directions."""
    import numpy as np

    ways = [
        np.maximum.accumulate(ink, axis=1),
        np.maximum.accumulate(ink, axis=2),
        np.maximum.accumulate(ink[:, ::-1], axis=1)[:, ::-1],
        np.maximum.accumulate(ink[:, :, ::-1], axis=2)[:, :, ::-1],
    ]
    return np.asarray(np.minimum.reduce(ways))


def _box(ink: NDArray[Any]) -> NDArray[Any]:
    """Return top, bottom, left, right of the inked box as shares of the side; zeros if empty."""
    import numpy as np

    side = ink.shape[1]
    found = []
    for axis in (2, 1):
        inked = ink.max(axis=axis) > 0.25
        some = inked.any(axis=1)
        found.append(np.where(some, inked.argmax(axis=1), 0) / side)
        found.append(np.where(some, side - inked[:, ::-1].argmax(axis=1), 0) / side)
    return np.stack(found, axis=1)


def _best_shift(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the largest cosine over all cyclic shifts of one image against the other."""
    import numpy as np

    product = np.fft.rfft2(a) * np.conj(np.fft.rfft2(b))
    most = np.fft.irfft2(product, s=a.shape[1:]).max(axis=(1, 2))
    return _ratio(most, np.sqrt((a**2).sum(axis=(1, 2)) * (b**2).sum(axis=(1, 2))))


def _quarters(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the cosine of each quarter: variants of an icon may add a badge in a corner."""
    import numpy as np

    subset = a.shape[1] // 2
    parts = [(slice(None), rows, columns) for rows in _both(subset) for columns in _both(subset)]
    return np.stack([_cosine(a[part], b[part]) for part in parts], axis=1)


def _subsets(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    subset = a.shape[1] // 2
    return np.stack(
        [_cosine(a[:, part], b[:, part]) for part in _both(subset)]
        + [_cosine(a[:, :, part], b[:, :, part]) for part in _both(subset)],
        axis=1,
    )


def _both(subset: int) -> tuple[slice, slice]:
    return slice(None, subset), slice(subset, None)
