"""Cache of expensive feature rows, per task, with the content as key.

A row belongs to a text or an image, never to a position in a table, so that folds, subsets and new
tables share it. The file is named after the task's data digest; one that is
damaged or from other data is made again.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.task import Task, atomic_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["cached_rows", "forget_features", "text_key"]


def text_key(text: str) -> str:
    """Return the name of a text in a cache: 32 hex digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def cached_rows(
    task: Task,
    name: str,
    keys: Sequence[str],
    compute: Callable[[list[int]], NDArray[Any]],
) -> NDArray[Any]:
    """Return one row per key, computing only those that the task's cache does not hold.

    `name` is the feature and its version (`minilm-1`). `compute` gets positions in `keys`,
    one per distinct missing key in order of first appearance, and returns their rows; a row must
    depend on its key alone. An unwritable cache is skipped.
    """
    import numpy as np

    path = task.cache / "features" / f"{name}-{task.data_digest[:16]}.npz"
    wanted = np.asarray(keys, dtype="U64")
    distinct, first, inverse = np.unique(wanted, return_index=True, return_inverse=True)
    stored = _read(path)
    known = np.empty(0, dtype="U64") if stored is None else stored[0]
    missing = np.sort(first[~np.isin(distinct, known)])
    if len(missing):
        fresh = compute([int(position) for position in missing])
        rows = fresh if stored is None else np.concatenate([stored[1], fresh])
        known = np.concatenate([known, wanted[missing]])
        order = np.argsort(known)
        stored = (known[order], rows[order])
        with _unless_read_only():
            _write(path, *stored)
            _remove_older(path, name)
    if stored is None:
        return compute([])
    return stored[1][np.searchsorted(stored[0], distinct)][inverse]


def forget_features(task: Task) -> int:
    """Delete the task's cached features; return the number of files."""
    files = list((task.cache / "features").glob("*.npz"))
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def _read(path: Path) -> tuple[NDArray[np.str_], NDArray[Any]] | None:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            keys, rows = file["keys"], file["rows"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    whole = keys.ndim == 1 and keys.dtype.kind == "U" and len(keys) == len(rows)
    return (keys, rows) if whole and bool((keys[1:] > keys[:-1]).all()) else None


def _write(path: Path, keys: NDArray[np.str_], rows: NDArray[Any]) -> None:
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        np.savez(file, keys=keys, rows=rows)


def _remove_older(path: Path, name: str) -> None:
    for other in path.parent.glob(f"{name.rsplit('-', 1)[0]}-*.npz"):
        if other != path:
            other.unlink(missing_ok=True)


@contextmanager
def _unless_read_only() -> Iterator[None]:
    import errno

    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
