"""A table as dense blocks of numbers, one per column and family of features.

Scales, n-grams and principal components are learned only from the rows given to `fit`.
Texts and images are centred, and the variance of a column is at most about 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from challenge.features.lite0 import CHANNELS, embed_images, has_lite0
from challenge.features.moments import MomentBlock
from challenge.features.simple_images import simple_images
from challenge.features.text import character_tfidf, number_values, text_values, tokens, word_tfidf
from challenge.features.text_embedding import TextEmbedding, choose_embedding
from challenge.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Ngrams", "TableBlocks"]

Ngrams = Literal["words", "characters", "both"]

_BINS = 16
_WHOLE_ROWS = 4096
"""Most rows with all components of n-grams kept: the cost grows with the cube of the rows."""


class TableBlocks:
    """Blocks of a table: numbers, points in time, categories, n-grams, embeddings, pixels.

    `embedding=True` embeds the texts: by MiniLM, or by wordllama where MiniLM's budget ends.
    `weights=False` uses no packaged network: no EfficientNet-Lite0, and wordllama instead of
    MiniLM. `text=False` or `images=False` leave these columns out. `axes` principal components
    of each wide block are kept; `ngrams` are of words, characters or both. `used` names the
    families of features. `whole_texts` keeps every component of the n-grams for up to 4,096
    training rows: a linear model with a squared penalty then learns the same as from the n-grams.
    `class_names` adds to each embedded text a block "names …" (rows x classes): its cosine with the
    name of each class, minus its mean over the training rows; 0 for an empty text.
    """

    def __init__(
        self,
        task: Task,
        *,
        seed: int = 0,
        axes: int = 64,
        weights: bool = True,
        embedding: bool = False,
        text: bool = True,
        images: bool = True,
        ngrams: Ngrams = "both",
        whole_texts: bool = False,
        class_names: bool = False,
        threads: int = 1,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._task, self._seed, self._axes, self._kinds = task, seed, axes, ngrams
        self._whole_texts = whole_texts
        self._threads, self._progress = threads, progress
        self._text = [column.name for column in task.columns_of("text")] if text else []
        self._images = [column.name for column in task.columns_of("image")] if images else []
        self._numeric = [column.name for column in task.columns_of("numeric")]
        self._datetime = [column.name for column in task.columns_of("datetime")]
        self._categorical = [column.name for column in task.columns_of("categorical")]
        self._embeds, self._network = embedding, weights
        self._lite0 = weights and bool(self._images) and has_lite0()
        self._names = class_names
        self._fitted: dict[str, Any] = {}
        self._embedding: TextEmbedding | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """The families of features, as shown with a submission."""
        names = ["scaled numbers"] if self._numeric else []
        names += ["points in time"] if self._datetime else []
        names += ["one-hot categories"] if self._categorical else []
        names += ["TF-IDF n-grams"] if self._text else []
        if self._embedding:
            names += self._embedding.reported()
            names += ["names of classes"] if self._names else []
        names += ["pixels, colours, HOG"] if self._images else []
        names += ["EfficientNet-Lite0"] if self._lite0 else []
        return tuple(names)

    def fit_transform(self, train: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """Fit on the training rows and return their blocks, float32."""
        self._fitted = {}
        if self._embeds and self._text:
            columns = [sorted({*text_values(train[name])} - {""}) for name in self._text]
            texts = [text for texts in columns for text in texts]
            self._embedding = choose_embedding(texts, network=self._network)
        return self._blocks(train, fitting=True)

    def transform(self, table: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """Return the blocks of other rows, float32, in the rows' order."""
        return self._blocks(table, fitting=False)

    def _blocks(self, table: pd.DataFrame, *, fitting: bool) -> dict[str, NDArray[Any]]:
        import numpy as np

        found: dict[str, Any] = {}
        for name in self._numeric:
            found[f"number {name}"] = self._number(name, number_values(table[name]), fitting)
        for name in self._datetime:
            if fitting:
                self._fitted[f"datetime {name}"] = MomentBlock(table[name])
            found[f"datetime {name}"] = self._fitted[f"datetime {name}"].transform(table[name])
        for name in self._categorical:
            found[f"category {name}"] = self._category(name, text_values(table[name]), fitting)
        for name in self._text:
            texts = text_values(table[name])
            self._report(f"reading {name}")
            found[f"n-grams {name}"] = self._reduced(
                f"n-grams {name}", self._ngrams(name, texts, fitting), fitting
            )
            if self._embedding:
                rows = self._embedding.embed(
                    self._task, texts, threads=self._threads, progress=self._progress
                )
                key = f"{self._embedding.name} {name}"
                found[key] = self._reduced(key, rows, fitting)
                if self._names:
                    found[f"names {name}"] = self._likeness(
                        f"names {name}", rows, self._embedding, fitting
                    )
        for name in self._images:
            values = text_values(table[name])
            self._report(f"looking at {name}")
            rows = simple_images(self._task, values, self._progress).joined()
            found[f"pixels {name}"] = self._reduced(f"pixels {name}", rows, fitting)
            if self._lite0:
                rows = embed_images(
                    self._task, values, threads=self._threads, progress=self._progress
                )
                for kind, part in (("mean", rows[:, :CHANNELS]), ("maximum", rows[:, CHANNELS:])):
                    key = f"Lite0 {kind} {name}"
                    found[key] = self._reduced(key, part, fitting)
        return {name: np.asarray(rows, np.float32) for name, rows in found.items()}

    def _number(self, name: str, values: NDArray[Any], fitting: bool) -> NDArray[Any]:
        """Normal scores of the value, a missing flag, and its sixteenth as a hint."""
        import numpy as np

        missing = np.isnan(values)
        if fitting:
            known = np.sort(values[~missing])
            edges = (
                np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
                if len(known)
                else np.empty(0)
            )
            self._fitted[f"number {name}"] = known, edges
        known, edges = self._fitted[f"number {name}"]
        bins = np.eye(len(edges) + 1)[
            np.searchsorted(edges, values, side="right").clip(0, len(edges))
        ]
        bins[missing] = 0
        return np.column_stack([_normal_scores(values, known), missing, bins])

    def _category(self, name: str, values: list[str], fitting: bool) -> NDArray[Any]:
        import numpy as np

        if fitting:
            kinds, counts = np.unique(np.array(values, dtype=object), return_counts=True)
            kept = [kind for kind, n in zip(kinds, counts, strict=True) if kind and n > 1]
            self._fitted[f"category {name}"] = {kind: column for column, kind in enumerate(kept)}
        columns = self._fitted[f"category {name}"]
        rows = np.zeros((len(values), len(columns) + 1))
        rows[np.arange(len(values)), [columns.get(value, len(columns)) for value in values]] = 1
        return rows

    def _ngrams(self, name: str, texts: list[str], fitting: bool) -> Any:
        from scipy.sparse import csr_array, hstack

        if fitting:
            made = []
            if self._kinds != "characters":
                made.append(word_tfidf(texts, max_words=2, min_df=2))
            if self._kinds != "words":
                made.append(character_tfidf(texts, sizes=(2, 4), min_df=2))
            self._fitted[f"tfidf {name}"] = [found for found in made if found is not None]
        parts = [vectorizer.transform(texts) for vectorizer in self._fitted[f"tfidf {name}"]]
        return hstack(parts, format="csr") if parts else csr_array((len(texts), 1))

    def _likeness(
        self, name: str, rows: NDArray[Any], embedding: TextEmbedding, fitting: bool
    ) -> NDArray[Any]:
        """Cosines of embedded texts and names of classes, minus their means in train."""
        import numpy as np

        names = [" ".join(tokens(label)) or label for label in self._task.classes]
        cosines = rows @ embedding.embed(self._task, names, threads=self._threads).T
        filled = np.any(rows != 0, axis=1)
        if fitting:
            self._fitted[name] = cosines[filled].mean(axis=0) if filled.any() else 0.0
        return np.where(filled[:, None], cosines - self._fitted[name], 0)

    def _reduced(self, name: str, rows: Any, fitting: bool) -> NDArray[Any]:
        """Project on the first principal components of the training rows, and centre."""
        import numpy as np
        from scipy.sparse import issparse
        from sklearn.decomposition import PCA, KernelPCA, TruncatedSVD

        if fitting:
            axes = min(self._axes, rows.shape[1] - 1, rows.shape[0] - 1)
            spread = rows.max(axis=0) - rows.min(axis=0)
            flat = not (spread.toarray() if issparse(spread) else spread).any()
            if axes < 1 or flat:
                self._fitted[name] = None
            elif issparse(rows) and self._whole_texts and rows.shape[0] <= _WHOLE_ROWS:
                reducer = KernelPCA(eigen_solver="dense", remove_zero_eig=True)
                self._fitted[name] = (reducer.fit(rows), None, None)
            elif issparse(rows):
                reducer = TruncatedSVD(axes, random_state=self._seed)
                self._fitted[name] = (reducer.fit(rows), None, None)
            else:
                reducer = PCA(axes, svd_solver="randomized", random_state=self._seed)
                self._fitted[name] = (reducer.fit(rows), None, None)
        if self._fitted[name] is None:
            return np.zeros((rows.shape[0], 1))
        reducer, centre, scale = self._fitted[name]
        reduced = reducer.transform(rows)
        if scale is None:
            # The first component gets unit variance; the others keep their ratio to it.
            centre, scale = reduced.mean(axis=0), float(reduced.std(axis=0).max()) or 1.0
            self._fitted[name] = reducer, centre, scale
        return np.asarray((reduced - centre) / scale)

    def _report(self, message: str) -> None:
        if self._progress is not None:
            self._progress(message)


def _normal_scores(values: NDArray[Any], known: NDArray[Any]) -> NDArray[Any]:
    """Return the standard normal quantile of each value's rank among the sorted known values."""
    import numpy as np
    from scipy.special import ndtri

    if len(known) == 0:
        return np.zeros(len(values))
    low, high = (np.searchsorted(known, values, side=side) for side in ("left", "right"))
    ranks = (low + high + 1) / (2 * len(known) + 2)
    return np.where(np.isnan(values), 0.0, ndtri(ranks.clip(1e-3, 1 - 1e-3)))
