"""Two texts compared without any model: edit distances, shared tokens, shared numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from challenge.features.text import model_numbers, number_tokens, squeeze, tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TokenWeights", "compare_texts", "compare_tokens"]

_LONGEST = 1000
"""Edit distances look at so many letters: they cost the product of both lengths."""


class TokenWeights:
    """How rare a token is: log((1 + n) / (1 + documents with it)) + 1 over distinct texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._n = len(texts)
        self._documents = Counter(token for text in texts for token in set(tokens(text)))

    def __getitem__(self, token: str) -> float:
        return math.log((1 + self._n) / (1 + self._documents[token])) + 1


def compare_texts(left: Sequence[str], right: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return string similarities in [0, 1] and lengths of each pair of texts, case folded."""
    import numpy as np
    from rapidfuzz import distance, fuzz, process

    a = [" ".join(tokens(text))[:_LONGEST] for text in left]
    b = [" ".join(tokens(text))[:_LONGEST] for text in right]
    scorers: dict[str, tuple[Any, float]] = {
        "ratio": (fuzz.ratio, 100),
        "partial ratio": (fuzz.partial_ratio, 100),
        "token set ratio": (fuzz.token_set_ratio, 100),
        "token sort ratio": (fuzz.token_sort_ratio, 100),
        "Jaro-Winkler": (distance.JaroWinkler.normalized_similarity, 1),
        "prefix": (distance.Prefix.normalized_similarity, 1),
    }
    found: dict[str, NDArray[Any]] = {
        name: process.cpdist(a, b, scorer=scorer, workers=1, dtype=np.float64) / most
        for name, (scorer, most) in scorers.items()
    }
    lengths = np.array([list(map(len, a)), list(map(len, b))], float)
    found["same"] = np.array([x == y for x, y in zip(a, b, strict=True)], float)
    found["length ratio"] = (lengths.min(axis=0) + 1) / (lengths.max(axis=0) + 1)
    found["length gap"] = np.abs(lengths[0] - lengths[1])
    found["shorter length"] = lengths.min(axis=0)
    return found


def compare_tokens(
    left: Sequence[str], right: Sequence[str], weights: TokenWeights
) -> dict[str, NDArray[Any]]:
    """Return overlaps of tokens, plain and weighted by rarity, of numbers and model numbers.

    An overlap of nothing with nothing is NaN.
    """
    import numpy as np

    rows: dict[tuple[str, str], tuple[float, ...]] = {}
    for pair in zip(left, right, strict=True):
        if pair not in rows:
            rows[pair] = _compare(*pair, weights)
    table = np.array([rows[pair] for pair in zip(left, right, strict=True)]).reshape(
        -1, len(_NAMES)
    )
    return dict(zip(_NAMES, table.T, strict=True))


_NAMES = (
    "token overlap",
    "token containment",
    "rare token overlap",
    "rare token containment",
    "rarest unmatched left",
    "rarest unmatched right",
    "rarest matched",
    "unmatched weight",
    "found squeezed",
    "number overlap",
    "number containment",
    "model number overlap",
    "model number conflict",
    "same first token",
)


def _compare(a: str, b: str, weights: TokenWeights) -> tuple[float, ...]:
    first, second = tokens(a), tokens(b)
    left, right = set(first), set(second)
    shared, any_side = left & right, left | right
    weight = {token: weights[token] for token in any_side}
    shared_weight = sum(weight[token] for token in sorted(shared))
    any_weight = sum(weight[token] for token in sorted(any_side))
    side_weights = [sum(weight[token] for token in sorted(side)) for side in (left, right)]
    joined = squeeze(a), squeeze(b)
    squeezed = [token for token in left if token in joined[1]]
    squeezed += [token for token in right if token in joined[0]]
    numbers = number_tokens(a), number_tokens(b)
    models = model_numbers(a), model_numbers(b)
    n_both = len(left) + len(right)
    return (
        _share(len(shared), len(any_side)),
        _share(len(shared), min(len(left), len(right))),
        _share(shared_weight, any_weight),
        _share(shared_weight, min(side_weights)),
        max((weight[token] for token in left - right if token not in joined[1]), default=0.0),
        max((weight[token] for token in right - left if token not in joined[0]), default=0.0),
        max((weight[token] for token in shared), default=0.0),
        any_weight - shared_weight,
        _share(len(squeezed), n_both),
        _share(len(numbers[0] & numbers[1]), len(numbers[0] | numbers[1])),
        _share(len(numbers[0] & numbers[1]), min(map(len, numbers))),
        _share(len(models[0] & models[1]), len(models[0] | models[1])),
        float(bool(models[0]) and bool(models[1]) and not models[0] & models[1]),
        float(bool(first) and bool(second) and first[0] == second[0]),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
