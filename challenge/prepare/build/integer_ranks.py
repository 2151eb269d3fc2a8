"""Fast orders and ranks of integers, for tables of millions of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["count_distinct", "dense_codes", "order_by_word"]


def order_by_word(
    word: NDArray[np.uint64], code: NDArray[np.integer] | None = None
) -> NDArray[np.int64]:
    """Return the row positions ordered by `code` (>= 0), then `word`, then position.

    Equals `np.lexsort((word, code))`; `word` must be evenly distributed. Each row is packed into
    one integer: its code, the first bits of its word, its position. Sorting integers is ten
    times as fast as argsort. Rows that agree in code and first bits are then sorted again.
    """
    n = len(word)
    place_bits = max(1, (n - 1).bit_length())
    code_bits = int(code.max(initial=0)).bit_length() if code is not None else 0
    if place_bits + code_bits >= 64:
        raise ValueError(f"{n} rows with {code_bits} bits of code")
    tail = np.uint64(place_bits)
    keys = word >> np.uint64(code_bits)
    if code is not None:
        keys |= code.astype(np.uint64) << np.uint64(64 - code_bits) if code_bits else np.uint64(0)
    keys >>= tail
    keys <<= tail
    keys |= np.arange(n, dtype=np.uint64)
    keys.sort()
    order = (keys & np.uint64((1 << place_bits) - 1)).astype(np.int64)
    keys >>= tail
    same = np.flatnonzero(keys[1:] == keys[:-1])
    if len(same):
        tied = np.union1d(same, same + 1)
        rows = order[tied]
        order[tied] = rows[np.lexsort((word[rows], keys[tied]))]
    return order


def dense_codes(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return codes 0 … k-1 in the order of the given codes.

    Given codes are >= 0 and not much larger than the row count.

    >>> dense_codes(np.array([7, 2, 7, 5]))
    array([2, 0, 2, 1])
    """
    ranks = np.cumsum(_marks(codes), dtype=np.int64)
    ranks -= 1
    return np.asarray(ranks[codes])


def count_distinct(codes: NDArray[np.integer]) -> int:
    """Return the number of distinct codes (>= 0, not much larger than the row count)."""
    return int(np.count_nonzero(_marks(codes)))


def _marks(codes: NDArray[np.integer]) -> NDArray[np.bool_]:
    seen = np.zeros(int(codes.max(initial=-1)) + 1, dtype=bool)
    seen[codes] = True
    return seen
