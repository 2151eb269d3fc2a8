"""Near-identical texts and images across two lists, by blocking: never all pairs.

Texts: MinHash of character 3-grams in bands (Broder 1997; bands as in Leskovec et al., Mining of
Massive Datasets, 3.4), then the exact cosine of 3-gram counts. Images: 64-bit difference hashes
in five bands (two hashes within 4 bits share one), then the pixels of a small grey copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from challenge.prepare.audit.image_facts import CROPS, ImageFacts

__all__ = [
    "cropped_images",
    "near_images",
    "near_short_texts",
    "near_texts",
    "text_cosines",
    "turned_images",
]

MIN_COSINE = 0.9
MAX_BITS = 4
MAX_GREY = 4.0
MIN_CHARACTERS = 32
TEXT_BUDGET = 16_000_000
"""Characters that are looked at on both sides together; long texts are cut to fit."""

_BANDS, _ROWS = 8, 3
_PER_BUCKET = 8
_Pairs = NDArray[np.int64]


def near_texts(test: Sequence[str], train: Sequence[str]) -> tuple[_Pairs, int]:
    """Return pairs (test row, train row) of texts with cosine > 0.9, and the length looked at.

    Texts under 32 characters have no near copies: in them everything is alike.
    """
    n = len(test) + len(train)
    limit = max(128, TEXT_BUDGET // max(n, 1))
    test_rows = np.array([i for i, text in enumerate(test) if len(text) >= MIN_CHARACTERS], int)
    train_rows = np.array([i for i, text in enumerate(train) if len(text) >= MIN_CHARACTERS], int)
    if not len(test_rows) or not len(train_rows):
        return np.zeros((0, 2), dtype=np.int64), limit
    tests = [test[row][:limit] for row in test_rows]
    trains = [train[row][:limit] for row in train_rows]
    test_minima, train_minima = _minima(tests), _minima(trains)
    found = _bucket_pairs(_bands(test_minima), _bands(train_minima))
    # Cosine .9 is a Jaccard similarity of about .8, and so many minima agree: half are enough.
    found = found[_agreeing(test_minima, train_minima, found) >= _BANDS * _ROWS / 2]
    close = _cosines(tests, trains, found) > MIN_COSINE
    found = found[close]
    return np.column_stack([test_rows[found[:, 0]], train_rows[found[:, 1]]]), limit


def _factors() -> NDArray[np.uint64]:
    generator = np.random.default_rng(3)
    return generator.integers(1, 2**32, size=_BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)


def _minima(texts: list[str]) -> NDArray[np.uint32]:
    """Return the least value of each hash over the 3-grams of each text."""
    factors = _factors()
    minima = np.empty((len(texts), _BANDS * _ROWS), dtype=np.uint32)
    # About a million characters at a time keep the work arrays in the processor's cache.
    step = max(16, 1_000_000 // max(len(max(texts, key=len)), 1))
    for start in range(0, len(texts), step):
        grams, starts = _grams(texts[start : start + step])
        for position, factor in enumerate(factors):
            hashes = ((grams * factor) >> np.uint64(24)).astype(np.uint32)
            minima[start : start + step, position] = np.minimum.reduceat(hashes, starts)
    return minima


def _agreeing(
    test: NDArray[np.uint32], train: NDArray[np.uint32], pairs: _Pairs
) -> NDArray[np.int64]:
    """Return how many minima each pair has in common."""
    n_same = np.zeros(len(pairs), dtype=np.int64)
    # A few thousand pairs at a time stay in the processor's cache.
    for start in range(0, len(pairs), 4096):
        part = pairs[start : start + 4096]
        same = test[part[:, 0]] == train[part[:, 1]]
        n_same[start : start + 4096] = np.count_nonzero(same, axis=1)
    return n_same


def _bands(minima: NDArray[np.uint32]) -> list[NDArray[np.uint64]]:
    """One key a band and text: equal keys are a reason to look closer."""
    mixed = minima.reshape(-1, _BANDS, _ROWS).astype(np.uint64) * _factors()[:_ROWS]
    return list(mixed.sum(axis=2, dtype=np.uint64).T)


def _grams(texts: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the 3-grams of all texts as mixed numbers, and where each text's begin."""
    encoded = [text.encode("utf-16-le") for text in texts]
    units = np.frombuffer(b"".join(encoded), dtype=np.uint16).astype(np.uint64)
    lengths = np.array([len(one) // 2 for one in encoded], dtype=np.int64)
    ends = np.cumsum(lengths)
    grams = units[:-2] * np.uint64(0x100000001) ^ units[1:-1] * np.uint64(0x10001)
    grams = (grams ^ units[2:]) * np.uint64(0x9E3779B97F4A7C15)
    grams ^= grams >> np.uint64(29)
    inside = np.ones(len(grams), dtype=bool)
    inside[ends[:-1] - 1] = False
    inside[ends[:-1] - 2] = False
    starts = np.concatenate([[0], (ends - 2 * np.arange(1, len(ends) + 1))[:-1]])
    return grams[inside], starts.astype(np.int64)


def _bucket_pairs(test: list[NDArray[np.uint64]], train: list[NDArray[np.uint64]]) -> _Pairs:
    """Pair each test row with at most a few train rows of each bucket that it falls into."""
    pairs = []
    for test_keys, train_keys in zip(test, train, strict=True):
        order = np.argsort(train_keys, kind="stable")
        ordered = train_keys[order]
        first = np.searchsorted(ordered, test_keys, side="left")
        last = np.searchsorted(ordered, test_keys, side="right")
        count = np.minimum(last - first, _PER_BUCKET)
        rows = np.repeat(np.arange(len(test_keys)), count)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        # Big buckets are walked from different places, so that not all see the same few rows.
        width = np.repeat(np.maximum(last - first, 1), count)
        place = np.repeat(first, count) + (within + rows * _PER_BUCKET) % width
        # One number a pair: numbers are sorted five times as fast as rows of two.
        pairs.append(rows * len(train_keys) + order[place])
    numbers = np.concatenate(pairs)
    # Not np.unique: its hash table costs twenty times what sorting does.
    numbers.sort()
    fresh = np.ones(len(numbers), dtype=bool)
    np.not_equal(numbers[1:], numbers[:-1], out=fresh[1:])
    return np.column_stack(np.divmod(numbers[fresh], len(train[0])))


def near_short_texts(test: Sequence[str], train: Sequence[str]) -> _Pairs:
    """Return pairs of short texts that differ in one character, in signs, or in the word order.

    Texts of 10 to 31 characters; a changed digit makes another text. Nothing is near where texts
    recur, or where one has many neighbours: those are a vocabulary.
    """
    rows: dict[str, list[int]] = {}
    looked = [
        [row for row, text in enumerate(side[:SHORT_TEXTS]) if 10 <= len(text) < MIN_CHARACTERS]
        for side in (test, train)
    ]
    if not looked[0] or len({train[row] for row in looked[1]}) < 0.9 * len(looked[1]):
        return np.zeros((0, 2), dtype=np.int64)
    for row in looked[1]:
        for form in _short_forms(train[row]):
            rows.setdefault(form, []).append(row)
    pairs = []
    for row in looked[0]:
        near = {other for form in _short_forms(test[row]) for other in rows.get(form, ())}
        if len(near) <= _MOST_NEAR:
            pairs += [(row, other) for other in sorted(near)]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


SHORT_TEXTS = 20_000
_MOST_NEAR = 3


def _short_forms(text: str) -> set[str]:
    """Return forms of a text; two texts that share one are near."""
    bare = "".join(character for character in text if character.isalnum())
    forms = {f"=\0{bare}", " ".join(sorted(text.split())), text}
    forms.update(
        text[:place] + text[place + 1 :]
        for place, character in enumerate(text)
        if not character.isdigit()
    )
    return forms


def text_cosines(test: Sequence[str], train: Sequence[str], pairs: _Pairs) -> NDArray[np.float64]:
    """Return the cosine of the 3-gram counts of each pair; texts under 3 characters agree or not.

    Only the first 1,000 characters are looked at.
    """
    tests, trains = ([text[:1000].ljust(3) for text in texts] for texts in (test, train))
    return _cosines(tests, trains, pairs)


def _cosines(tests: list[str], trains: list[str], pairs: _Pairs) -> NDArray[np.float64]:
    """Return the cosine of the 3-gram counts of each pair."""
    from scipy import sparse

    result = np.zeros(len(pairs))
    for start in range(0, len(pairs), 2_000):
        part = pairs[start : start + 2_000]
        matrices = []
        for texts, column in ((tests, 0), (trains, 1)):
            rows, back = np.unique(part[:, column], return_inverse=True)
            grams, starts = _grams([texts[row] for row in rows])
            counts = np.diff(np.append(starts, len(grams)))
            places = (grams >> np.uint64(40)).astype(np.int64)
            owner = np.repeat(np.arange(len(rows)), counts)
            matrix = sparse.csr_matrix(
                (np.ones(len(grams)), (owner, places)), shape=(len(rows), 1 << 24)
            )
            length = np.sqrt(matrix.multiply(matrix).sum(axis=1))
            matrices.append(sparse.csr_matrix(matrix.multiply(1 / np.maximum(length, 1e-9)))[back])
        result[start : start + 2_000] = np.asarray(
            matrices[0].multiply(matrices[1]).sum(axis=1)
        ).ravel()
    return result


_MIN_CORRELATION = 0.97
_FAR_BETTER = 0.5


def near_images(test: ImageFacts, train: ImageFacts) -> _Pairs:
    """Return pairs (test image, train image) within 4 bits whose grey copies agree too."""
    found = _near_hashes(test.plain, train.plain)
    gap = _gap(test.greys[found[:, 0]], train.greys[found[:, 1]])
    return np.asarray(found[gap <= MAX_GREY], dtype=np.int64)


def turned_images(test: ImageFacts, train: ImageFacts) -> _Pairs:
    """Return pairs of images of which one is the other mirrored, upside down, or both."""
    pairs = []
    steps = (slice(None), slice(None, None, -1))
    ways = ((steps[0], steps[1]), (steps[1], steps[0]), (steps[1], steps[1]))
    for way, hashes in zip(ways, train.turned, strict=True):
        found = _near_hashes(test.plain, hashes)
        one, other = test.greys[found[:, 0]], train.greys[found[:, 1]]
        turned = other.reshape(-1, 16, 16)[:, way[0], way[1]].reshape(-1, 256)
        pairs.append(found[_alike(one, turned, _gap(one, other), MAX_GREY)])
    return np.concatenate(pairs)


def cropped_images(test: ImageFacts, train: ImageFacts) -> _Pairs:
    """Return pairs of images of which one is the other without a small part at its edges."""
    pairs = []
    for way, part in enumerate(CROPS):
        found = _near_hashes(test.plain, train.cropped[way])
        one, other = test.greys[found[:, 0]], train.greys[found[:, 1]]
        greys = _greys_of_part(train.files, found[:, 1], part)
        pairs.append(found[_alike(one, greys, _gap(one, other), 2 * MAX_GREY)])
        found = _near_hashes(test.cropped[way], train.plain)
        one, other = test.greys[found[:, 0]], train.greys[found[:, 1]]
        greys = _greys_of_part(test.files, found[:, 0], part)
        pairs.append(found[_alike(greys, other, _gap(one, other), 2 * MAX_GREY)])
    return np.concatenate(pairs)


def _greys_of_part(
    files: Sequence[Path], images: NDArray[np.int64], part: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Return the grey copies of a part of these images; each image is read once."""
    from PIL import Image

    known, back = np.unique(images, return_inverse=True)
    greys = np.zeros((len(known), 256), dtype=np.float32)
    for row, position in enumerate(known.tolist()):
        with Image.open(files[position]) as image:
            grey = image.convert("L")
            width, height = grey.size
            box = (part[0] * width, part[1] * height, part[2] * width, part[3] * height)
            copy = grey.resize((16, 16), Image.Resampling.LANCZOS, box)
            greys[row] = np.asarray(copy, dtype=np.float32).ravel()
    return greys[back]


def _gap(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.abs(one - other).mean(axis=1), dtype=np.float32)


def _alike(
    one: NDArray[np.float32],
    other: NDArray[np.float32],
    unchanged: NDArray[np.float32],
    most: float,
) -> NDArray[np.bool_]:
    """Whether grey copies agree in their levels, and in what is drawn and not the ground alone.

    They must agree far better than the unchanged images do: simple drawings are alike anyway.
    """
    gap = _gap(one, other)
    first, second = (part - part.mean(axis=1, keepdims=True) for part in (one, other))
    length = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    correlation = (first * second).sum(axis=1) / np.maximum(length, 1e-9)
    near = (gap <= most) & (gap <= _FAR_BETTER * unchanged)
    return np.asarray(near & (correlation >= _MIN_CORRELATION), dtype=np.bool_)


def _near_hashes(test: NDArray[np.uint64], train: NDArray[np.uint64]) -> _Pairs:
    """Return pairs of hashes within 4 bits."""
    if not len(test) or not len(train):
        return np.zeros((0, 2), dtype=np.int64)
    edges = (0, 13, 26, 39, 52, 64)

    def bands(hashes: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
        return [
            (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
            for low, high in pairwise(edges)
        ]

    found = _bucket_pairs([test, *bands(test)], [train, *bands(train)])
    close = _bits(test[found[:, 0]] ^ train[found[:, 1]]) <= MAX_BITS
    return np.asarray(found[close], dtype=np.int64)


def _bits(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8)
    return np.asarray(np.unpackbits(octets, axis=1).sum(axis=1), dtype=np.int64)
