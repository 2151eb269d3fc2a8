"""Which embedding of its texts a task gets: MiniLM as far as its budget goes, or wordllama."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from challenge.features.minilm import (
    WINDOW,
    choose_window,
    embed_texts,
    has_minilm,
    report_window,
)
from challenge.features.wordllama import embed_words, has_wordllama

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["TextEmbedding", "choose_embedding"]


@dataclass(frozen=True)
class TextEmbedding:
    """MiniLM on the first `window` tokens of a text, or wordllama on all of it."""

    name: Literal["MiniLM", "wordllama"]
    window: int = WINDOW

    @property
    def cuts(self) -> bool:
        """Whether long texts are cut more than MiniLM does by itself."""
        return self.window < WINDOW

    def embed(
        self,
        task: Task,
        texts: Sequence[str],
        *,
        threads: int = 1,
        progress: Callable[[str], None] | None = None,
    ) -> NDArray[np.float32]:
        """Return one row of length 1 per text, zeros for the empty text."""
        if self.name == "wordllama":
            return embed_words(texts)
        return embed_texts(task, texts, window=self.window, threads=threads, progress=progress)

    def reported(self, suffix: str = "") -> list[str]:
        """Return the family of features that it makes, with the window if texts are cut."""
        return report_window(self.name + suffix, self.window)


def choose_embedding(texts: Sequence[str], *, network: bool) -> TextEmbedding | None:
    """Return the embedding for the distinct training texts of all columns; None if none is there.

    MiniLM if `network` allows it, its packages are installed and 330,000 tokens are enough for at
    least 16 of each text; else wordllama if it is installed.
    """
    window = choose_window(texts) if network and has_minilm() else 0
    if window:
        return TextEmbedding("MiniLM", window)
    return TextEmbedding("wordllama") if has_wordllama() else None
