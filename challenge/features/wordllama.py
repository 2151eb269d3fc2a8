"""Text embeddings without a network: wordllama, a mean of static vectors, 256 numbers.

About 0.1 ms a text. A row depends on its text alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, MissingRequirement
from challenge.features.model_files import find_in_package, has_packages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["WORDLLAMA_PACKAGES", "embed_words", "has_wordllama", "read_vectors"]

WORDLLAMA_PACKAGES = ("safetensors", "tokenizers", "wordllama")
_AT_ONCE = 4096


def has_wordllama() -> bool:
    """Return whether the vectors and what reads them are installed."""
    return has_packages(*WORDLLAMA_PACKAGES)


def embed_words(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return one row of 256 numbers and length 1 per text, zeros for a text without tokens.

    The whole text counts. Raises MissingRequirement without the packages, or if the file of
    the vectors is not as expected.
    """
    import numpy as np

    tokenizer, vectors = _model()
    rows = np.zeros((len(texts), vectors.shape[1]), np.float32)
    # Encoded texts are large, so they are processed in parts to save memory.
    for start in range(0, len(texts), _AT_ONCE):
        part = list(texts[start : start + _AT_ONCE])
        for row, entry in enumerate(tokenizer.encode_batch(part, add_special_tokens=False), start):
            if entry.ids:
                rows[row] = vectors[entry.ids].mean(axis=0)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=rows, where=norms > 0))


@lru_cache(maxsize=1)
def _model() -> tuple[Any, NDArray[np.float32]]:
    from tokenizers import Tokenizer

    file = find_in_package("wordllama", "tokenizers", "l2_supercat_tokenizer_config.json")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    vectors = find_in_package("wordllama", "weights", "l2_supercat_256.safetensors")
    return tokenizer, read_vectors(vectors)


def read_vectors(path: Path) -> NDArray[np.float32]:
    """Return the one table of a safetensors file; raise MissingRequirement if it is invalid."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        (vectors,) = load_file(path).values()
    except (SafetensorError, ValueError) as error:
        raise MissingRequirement(
            Fault(
                str(path),
                f"unreadable: {error}",
                "the vectors of wordllama, one table",
                "install the package wordllama again",
                code="weights-damaged",
            )
        ) from None
    return vectors.astype(np.float32)
