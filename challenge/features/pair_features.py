"""Features for matching: comparisons of the two sides of a pair, column by column.

`PairFeatures` learns document frequencies from the training pairs only; everything else
compares two values directly. A comparison with a missing value is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from challenge.features.lite0 import CHANNELS, embed_images, has_lite0
from challenge.features.moments import moment_seconds
from challenge.features.shapes import compare_ink
from challenge.features.simple_images import simple_images
from challenge.features.text import character_tfidf, number_values, text_values, word_tfidf
from challenge.features.text_comparison import TokenWeights, compare_texts, compare_tokens, found_in
from challenge.features.text_embedding import TextEmbedding, choose_embedding
from challenge.task import Column, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["PairFeatures", "joined_sides", "row_cosine"]

_ALL = "all text"


class PairFeatures:
    """Numbers that compare `left_*` with `right_*`: fit on train, then transform any pairs.

    `embedding` adds the cosines of embedded texts: by MiniLM, or by wordllama where MiniLM's budget
    ends; `weights=False` uses no packaged network: no EfficientNet-Lite0, and wordllama instead of
    MiniLM. `used` lists after fitting what was installed. `images=False` leaves out images;
    `joined=False` leaves out comparisons of all texts together if attributes are compared.
    """

    def __init__(
        self,
        task: Task,
        *,
        weights: bool = True,
        embedding: bool = False,
        images: bool = True,
        joined: bool = True,
        threads: int = 1,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._task, self._threads, self._progress = task, threads, progress
        self._images, self._joined = images, joined
        self._embeds = embedding and bool(task.columns_of("text"))
        self._network = weights
        self._lite0 = weights and images and has_lite0() and bool(task.columns_of("image"))
        self._words: dict[str, Any] = {}
        self._characters: dict[str, Any] = {}
        self._rarity: dict[str, TokenWeights] = {}
        self._embeddings: dict[str, TextEmbedding] = {}

    @property
    def used(self) -> tuple[str, ...]:
        """The families of features, as shown with a submission."""
        names = ["string similarity", "token overlap", "TF-IDF cosine", "number gaps"]
        if self._images and self._task.columns_of("image"):
            names += ["HOG, colour and shape of images"]
        if (embedding := next(iter(self._embeddings.values()), None)) is not None:
            names += embedding.reported(" cosine")
        names += ["EfficientNet-Lite0 cosine"] if self._lite0 else []
        return tuple(names)

    def fit(self, train: pd.DataFrame) -> PairFeatures:
        """Learn how rare tokens and n-grams are from the distinct texts of the training pairs."""
        distinct = {
            attribute: sorted({*left, *right} - {""})
            for attribute, left, right in self._texts(train)
        }
        if self._embeds:
            self._embeddings = _choose_embeddings(self._task, distinct, network=self._network)
        for attribute, texts in distinct.items():
            self._words[attribute] = word_tfidf(texts)
            self._characters[attribute] = character_tfidf(texts)
            self._rarity[attribute] = TokenWeights(texts)
        return self

    def transform(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """Return float32 columns named `attribute: comparison`, in the rows' order."""
        import numpy as np
        import pandas as pd

        found: dict[str, NDArray[Any]] = {}
        for attribute, left, right in self._texts(pairs):
            self._report(f"comparing {attribute}")
            for name, values in self._compare_text(attribute, left, right).items():
                found[f"{attribute}: {name}"] = values
        found |= self._found_elsewhere(pairs)
        for modality, read in (("numeric", number_values), ("datetime", moment_seconds)):
            for attribute, left_column, right_column in _both_sides(self._task, modality):
                compared = _compare_numbers(read(pairs[left_column]), read(pairs[right_column]))
                found |= {f"{attribute}: {name}": values for name, values in compared.items()}
            for name, column in _one_side(self._task, modality):
                found[name] = read(pairs[column])
        if self._images:
            for attribute, left_column, right_column in _both_sides(self._task, "image"):
                self._report(f"comparing {attribute}")
                left, right = text_values(pairs[left_column]), text_values(pairs[right_column])
                for name, values in self._compare_images(left, right).items():
                    found[f"{attribute}: {name}"] = values
        data = {name: np.asarray(values, np.float32) for name, values in found.items()}
        return pd.DataFrame(data, index=pairs.index)

    def _texts(self, pairs: pd.DataFrame) -> Iterable[tuple[str, list[str], list[str]]]:
        """Yield attribute, left and right texts; last all texts of a side joined.

        These only if there are several, or if no attribute has texts on both sides.
        """
        alike = [
            names
            for modality in ("text", "categorical")
            for names in _both_sides(self._task, modality)
        ]
        for attribute, left, right in alike:
            yield attribute, text_values(pairs[left]), text_values(pairs[right])
        sides = _text_columns(self._task)
        several = self._joined and sum(map(len, sides.values())) > 2
        if all(sides.values()) and (several or not alike):
            yield _ALL, *joined_sides(self._task, pairs)

    def _compare_text(
        self, attribute: str, left: list[str], right: list[str]
    ) -> dict[str, NDArray[Any]]:
        import numpy as np

        missing = np.array([not a for a in left], int) + np.array([not b for b in right], int)
        found: dict[str, NDArray[Any]] = {"missing": missing}
        found |= compare_texts(left, right, threads=self._threads)
        found |= compare_tokens(left, right, self._rarity[attribute])
        for name, vectorizer in (
            ("words cosine", self._words[attribute]),
            ("characters cosine", self._characters[attribute]),
        ):
            if vectorizer is not None:
                found[name] = _sparse_cosine(vectorizer, left, right)
        embedding = self._embeddings.get(attribute)
        if embedding:
            both = embedding.embed(
                self._task, left + right, threads=self._threads, progress=self._progress
            )
            cosines = (both[: len(left)] * both[len(left) :]).sum(axis=1)
            found[f"{embedding.name} cosine"] = cosines
        for name, values in found.items():
            if name != "missing":
                found[name] = np.where(missing > 0, np.nan, values)
        return found

    def _found_elsewhere(self, pairs: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """Share of an attribute's tokens, by rarity, that occur anywhere in the other record."""
        texts = list(self._texts(pairs))
        if not texts or texts[-1][0] != _ALL:
            return {}
        _, *whole = texts[-1]
        rarity = self._rarity[_ALL]
        return {
            f"{attribute}: {side} found elsewhere": found_in(own, other, rarity)
            for attribute, left, right in texts[:-1]
            for side, own, other in (("left", left, whole[1]), ("right", right, whole[0]))
        }

    def _compare_images(self, left: list[str], right: list[str]) -> dict[str, NDArray[Any]]:
        import numpy as np

        a = simple_images(self._task, left, self._progress)
        b = simple_images(self._task, right, self._progress)
        found: dict[str, NDArray[Any]] = {
            "HOG cosine": row_cosine(a.hog, b.hog),
            "thumbnail gap": np.abs(a.thumb - b.thumb).mean(axis=1),
            "colour overlap": np.minimum(a.colour**2, b.colour**2).sum(axis=1),
        }
        found |= compare_ink(a.ink, b.ink)
        if self._lite0:
            both = embed_images(
                self._task, left + right, threads=self._threads, progress=self._progress
            )[:, :CHANNELS]
            found["Lite0 cosine"] = row_cosine(both[: len(left)], both[len(left) :])
        absent = ~(a.present & b.present)
        found = {name: np.where(absent, np.nan, values) for name, values in found.items()}
        same = np.array([x == y for x, y in zip(left, right, strict=True)], dtype=float)
        return found | {"same file": same, "missing": absent.astype(float)}

    def _report(self, message: str) -> None:
        if self._progress is not None:
            self._progress(message)


def _choose_embeddings(
    task: Task, texts: Mapping[str, list[str]], *, network: bool
) -> dict[str, TextEmbedding]:
    """Return the embedding of each text attribute that has one, and of all texts together.

    MiniLM does not read a joined text that must be cut: little but its first column would remain.
    """
    names = [column.attribute for column in task.columns_of("text")]
    names = [name for name in dict.fromkeys(names) if name in texts]
    chosen = choose_embedding([text for name in names for text in texts[name]], network=network)
    if chosen is None:
        return {}
    found = dict.fromkeys(names, chosen)
    if _ALL in texts and not chosen.cuts:
        joined = choose_embedding(texts[_ALL], network=network)
        if joined == chosen:
            found[_ALL] = chosen
    return found


def row_cosine(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Return the cosine of each row of `left` with its row of `right`; 0 where one is all zero."""
    import numpy as np

    dots = np.einsum("ij,ij->i", left, right)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.asarray(np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0))


def _sparse_cosine(vectorizer: Any, left: list[str], right: list[str]) -> NDArray[Any]:
    import numpy as np

    positions = {text: position for position, text in enumerate(dict.fromkeys([*left, *right]))}
    rows = vectorizer.transform(positions)
    a, b = (rows[[positions[text] for text in side]] for side in (left, right))
    return np.asarray(a.multiply(b).sum(axis=1)).ravel()


def _both_sides(task: Task, modality: str) -> list[tuple[str, str, str]]:
    columns = {column.name: column for column in task.columns_of(modality)}
    return [
        (column.attribute, column.name, f"right_{column.attribute}")
        for column in columns.values()
        if column.side == "left" and f"right_{column.attribute}" in columns
    ]


def _one_side(task: Task, modality: str) -> list[tuple[str, str]]:
    columns: tuple[Column, ...] = task.columns_of(modality)
    compared = {name for _, *names in _both_sides(task, modality) for name in names}
    return [(column.name, column.name) for column in columns if column.name not in compared]


def joined_sides(task: Task, pairs: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return all texts and categories of the left and of the right records, one text per record."""
    left, right = (
        [
            " ".join(filter(None, row))
            for row in zip(*(text_values(pairs[name]) for name in names), strict=True)
        ]
        or [""] * len(pairs)
        for names in _text_columns(task).values()
    )
    return left, right


def _text_columns(task: Task) -> dict[str, list[str]]:
    columns = task.columns_of("text", "categorical")
    return {side: [c.name for c in columns if c.side == side] for side in ("left", "right")}


def _compare_numbers(
    left: NDArray[np.float64], right: NDArray[np.float64]
) -> dict[str, NDArray[Any]]:
    import numpy as np

    gap = np.abs(left - right)
    larger = np.maximum(np.abs(left), np.abs(right))
    return {
        "missing": np.isnan(left).astype(int) + np.isnan(right).astype(int),
        "gap": gap,
        "relative gap": np.divide(
            gap, larger, out=np.where(larger == 0, 0.0, np.nan), where=larger > 0
        ),
        "same": np.where(np.isnan(gap), np.nan, gap == 0),
        "smaller": np.minimum(left, right),
        "larger": np.maximum(left, right),
    }
