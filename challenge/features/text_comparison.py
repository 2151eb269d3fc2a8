"""Comparisons of two texts without a model: edit distances, shared tokens and numbers."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from challenge.features.text import model_numbers, number_tokens, tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TokenWeights", "compare_texts", "compare_tokens"]

_FIRST = re.compile(r"\d+(?:\.\d+)?")
_LONGEST = 1000
"""Characters that edit distances read: the cost is the product of both lengths."""
_LONGEST_PARTIAL = 256
"""Finding the best position of one text in another costs more: 17 ms a pair of 1,000 characters."""


class TokenWeights:
    """Rarity of a token: log((1 + n) / (1 + documents with it)) + 1 over distinct texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._n = len(texts)
        self._documents = Counter(token for text in texts for token in set(tokens(text)))

    def __getitem__(self, token: str) -> float:
        return math.log((1 + self._n) / (1 + self._documents[token])) + 1


def compare_texts(
    left: Sequence[str], right: Sequence[str], *, threads: int = 1
) -> dict[str, NDArray[Any]]:
    """Return string similarities in [0, 1] and lengths of each pair of texts, case folded."""
    import numpy as np
    from rapidfuzz import distance, fuzz, process

    plain = {text: " ".join(tokens(text))[:_LONGEST] for text in {*left, *right}}
    a, b = [plain[text] for text in left], [plain[text] for text in right]
    # Scorer, its maximum, and how many characters it reads.
    scorers: dict[str, tuple[Any, float, int]] = {
        "ratio": (fuzz.ratio, 100, _LONGEST),
        "partial ratio": (fuzz.partial_ratio, 100, _LONGEST_PARTIAL),
        "token set ratio": (fuzz.token_set_ratio, 100, _LONGEST),
        "token sort ratio": (fuzz.token_sort_ratio, 100, _LONGEST),
        "Jaro-Winkler": (distance.JaroWinkler.normalized_similarity, 1, _LONGEST),
        "prefix": (distance.Prefix.normalized_similarity, 1, _LONGEST),
    }
    found: dict[str, NDArray[Any]] = {
        name: process.cpdist(
            [text[:longest] for text in a],
            [text[:longest] for text in b],
            scorer=scorer,
            workers=threads,
            dtype=np.float64,
        )
        / most
        for name, (scorer, most, longest) in scorers.items()
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

    The overlap of two empty sets is NaN.
    """
    import numpy as np

    read = {text: _Reading(text) for text in {*left, *right}}
    rows: dict[tuple[str, str], tuple[float, ...]] = {}
    for pair in zip(left, right, strict=True):
        if pair not in rows:
            rows[pair] = _compare(read[pair[0]], read[pair[1]], weights)
    found = [rows[pair] for pair in zip(left, right, strict=True)]
    return dict(zip(_NAMES, np.array(found).reshape(-1, len(_NAMES)).T, strict=True))


def found_in(texts: Sequence[str], others: Sequence[str], weights: TokenWeights) -> NDArray[Any]:
    """Return the share of each text's tokens, by rarity, that the other text has.

    Tokens also count if they occur in the other text without its spaces.
    NaN where either has no token.
    """
    import numpy as np

    first = {text: sorted(set(tokens(text))) for text in {*texts}}
    read = {text: tokens(text) for text in {*others}}
    there = {text: (set(found), "".join(found)) for text, found in read.items()}
    shares = []
    for text, other in zip(texts, others, strict=True):
        own, (whole, squeezed) = first[text], there[other]
        if not own or not whole:
            shares.append(math.nan)
            continue
        known = [token in whole or (len(token) > 3 and token in squeezed) for token in own]
        part = sum(weights[token] for token, yes in zip(own, known, strict=True) if yes)
        shares.append(part / sum(weights[token] for token in own))
    return np.array(shares)


class _Reading:
    """The tokens and numbers of a text, computed once for all its pairs."""

    def __init__(self, text: str) -> None:
        self.first = tokens(text)
        self.tokens = set(self.first)
        self.joined = "".join(self.first)
        self.numbers = number_tokens(text)
        first = _FIRST.search(text)
        self.number = float(first[0]) if first else math.nan
        self.models = model_numbers(text)


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
    "soft overlap",
    "numbers only left",
    "numbers only right",
    "number conflict",
    "first number gap",
)


def _compare(a: _Reading, b: _Reading, weights: TokenWeights) -> tuple[float, ...]:
    left, right = a.tokens, b.tokens
    shared, any_side = left & right, left | right
    weight = {token: weights[token] for token in sorted(any_side)}
    # Sum in a fixed order, so that digits do not depend on the order of sets.
    shared_weight = sum(value for token, value in weight.items() if token in shared)
    any_weight = sum(weight.values())
    side_weights = [
        sum(value for token, value in weight.items() if token in side) for side in (left, right)
    ]
    unmatched_left = [token for token in left - shared if token not in b.joined]
    unmatched_right = [token for token in right - shared if token not in a.joined]
    n_both = len(left) + len(right)
    n_squeezed = n_both - len(unmatched_left) - len(unmatched_right)
    numbers, models = a.numbers & b.numbers, a.models & b.models
    soft = shared_weight * 2 + _near_weight(left - shared, right - shared, weight)
    return (
        _share(len(shared), len(any_side)),
        _share(len(shared), min(len(left), len(right))),
        _share(shared_weight, any_weight),
        _share(shared_weight, min(side_weights)),
        max((weight[token] for token in unmatched_left), default=0.0),
        max((weight[token] for token in unmatched_right), default=0.0),
        max((weight[token] for token in shared), default=0.0),
        any_weight - shared_weight,
        _share(n_squeezed, n_both),
        _share(len(numbers), len(a.numbers | b.numbers)),
        _share(len(numbers), min(len(a.numbers), len(b.numbers))),
        _share(len(models), len(a.models | b.models)),
        float(bool(a.models) and bool(b.models) and not models),
        float(bool(a.first) and bool(b.first) and a.first[0] == b.first[0]),
        _share(soft, sum(side_weights)),
        float(len(a.numbers - numbers)),
        float(len(b.numbers - numbers)),
        float(bool(a.numbers) and bool(b.numbers) and not numbers),
        _relative_gap(a.number, b.number),
    )


def _near_weight(left: set[str], right: set[str], weight: dict[str, float]) -> float:
    """Sum the weights of unmatched tokens times their similarity to a token of the other side.

    Similar means a common prefix of at least three characters, or an edit ratio of at least 0.75.
    """
    import numpy as np
    from rapidfuzz import fuzz, process

    if not left or not right:
        return 0.0
    ones, others = sorted(left), sorted(right)
    ratios = process.cdist(ones, others, scorer=fuzz.ratio, score_cutoff=75, dtype=np.float64) / 100
    total = 0.0
    for own, candidates, best in (
        (ones, others, ratios.max(axis=1).tolist()),
        (others, ones, ratios.max(axis=0).tolist()),
    ):
        whole = set(candidates)
        starts = {candidate[:n] for candidate in candidates for n in range(3, len(candidate))}
        for one, near in zip(own, best, strict=True):
            shortened = one in starts or any(one[:n] in whole for n in range(3, len(one)))
            total += (1.0 if shortened else near) * weight[one]
    return total


def _relative_gap(left: float, right: float) -> float:
    larger = max(abs(left), abs(right))
    return abs(left - right) / larger if larger else left - right


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
