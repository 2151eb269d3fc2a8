"""What predicts the label without being a value: forms, missing values, characters, pairs, pixels.

Each probe turns something into few codes, or a few character sequences, and asks how well they
predict the label of train, out of fold. The folds are those of the task, so that rows of one group
do not vouch for each other. Only the commonest classes count: a leak shows in them too.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from challenge.prepare.audit.image_facts import TaskImages
from challenge.prepare.audit.prediction import (
    Auc,
    auc_of_categories,
    auc_of_scores,
    number_array,
)
from challenge.prepare.audit.report import Finding, Severity
from challenge.prepare.audit.subject import Subject, normalised
from challenge.prepare.audit.tells import ALONE, exceeds
from challenge.task.columns import Column
from challenge.task.modalities import modality_of

pc: Any = pyarrow.compute  # its functions are made at run time, unknown to type checkers

__all__ = ["Sample", "read_sample", "telling_characters", "telling_columns_together",
           "telling_forms", "telling_missing", "telling_pixels"]  # fmt: skip

ROWS = 4_000
CLASSES = 8
IMAGES = 2_000
TOGETHER, APART = 0.95, 0.7
"""AUC of two columns together that is found, where each alone stays below the second."""
FORM = 0.99
"""AUC above which a form is found. The length of a text may well go with its label."""
_BINS, _FEW = 16, 50
_COLUMNS = 16
_GRAMS = 1 << 16
_LONGEST = 4
_CHOSEN = 8
_CHARACTERS = 1_000_000
_PATTERNS = {
    "digits": r"\d",
    "capitals": r"\p{Lu}",
    "blanks": r"\s",
    "signs": r"[^\p{L}\p{N}\s]",
    "blanks at an end": r"^\s|\s$",
}


class Sample:
    """Rows of train of the commonest classes: `table`, their codes 0 … k-1, folds and ids."""

    def __init__(
        self, table: pa.Table, labels: NDArray[np.int64], folds: NDArray[np.int64], ordered: bool
    ) -> None:
        self.table, self.labels, self.folds, self.ordered = table, labels, folds, ordered
        self.k = int(labels.max(initial=0)) + 1

    def auc(self, codes: NDArray[np.int64]) -> Auc | None:
        """Return how well codes 0, 1, … predict the label, out of fold."""
        return auc_of_categories(codes, self.labels, self.k, ordered=self.ordered, folds=self.folds)

    def best(self, facts: dict[str, NDArray[np.float64]]) -> tuple[str, Auc] | None:
        """Return the fact that predicts the label best, None when none varies."""
        found = []
        for name, values in facts.items():
            codes = _codes(values)
            if codes.max(initial=0) and (auc := self.auc(codes)) is not None:
                found.append((name, auc))
        return max(found, key=lambda one: one[1][0], default=None)


def read_sample(subject: Subject) -> Sample:
    """Return the rows of train that the probes look at."""
    part = subject.train
    labels = part.labels[: min(part.sample.num_rows, 2 * ROWS)]
    if subject.ordered:
        keep = labels >= 0
    else:
        counts = np.bincount(labels[labels >= 0], minlength=subject.n_labels)
        common = np.argsort(-counts, kind="stable")[:CLASSES]
        keep = np.isin(labels, common)
    rows = np.flatnonzero(keep)[:ROWS]
    known, codes = np.unique(labels[rows], return_inverse=True)
    if subject.ordered:
        codes = known[codes]
    return Sample(
        part.sample.take(pa.array(rows)), codes, subject.train_folds[rows], subject.ordered
    )


def _codes(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return values as codes 0, 1, …: each value one, or ranges of equal size where many differ."""
    values = np.where(np.isfinite(values), values, np.inf)
    known, codes = np.unique(values, return_inverse=True)
    if len(known) > 4 * _BINS:
        edges = np.unique(np.quantile(values[np.isfinite(values)], np.arange(1, 64) / 64))
        codes = np.searchsorted(edges, values, side="right")
    return np.asarray(codes, dtype=np.int64)


def telling_forms(subject: Subject, sample: Sample) -> Iterator[Finding]:
    """Find columns whose form predicts the label: lengths, digits, decimals and the like."""
    for column in subject.columns:
        if modality_of(column.modality).is_image:
            continue
        best = sample.best(_form(sample.table[column.name].combine_chunks(), column, sample.k))
        if best is not None and exceeds(best[1], FORM):
            yield _finding(
                f"telling-form-{column.name}",
                # An hour or a weekday may well decide the label.
                "medium" if modality_of(column.modality).is_datetime else "high",
                sample,
                f"the form of {column.name} ({best[0]}) predicts the label",
                best[1],
            )


def _form(values: pa.Array, column: Column, k: int) -> dict[str, NDArray[np.float64]]:
    modality = modality_of(column.modality)
    if modality.is_datetime:
        return {
            unit: np.asarray(getattr(pc, unit)(values).cast(pa.float64()).to_numpy(False))
            for unit in ("hour", "minute", "second", "microsecond", "day_of_week", "day")
        }
    if modality.is_ordered:
        return _form_of_numbers(number_array(values), k)
    texts = values.cast(pa.string())
    length = _numbers(pc.utf8_length(texts))
    facts = {"length": length, f"length modulo {k}": length % k, "parity of length": length % 2}
    for name, pattern in _PATTERNS.items():
        facts[f"number of {name}"] = _numbers(pc.count_substring_regex(texts, pattern))
    return facts


def _numbers(values: pa.Array) -> NDArray[np.float64]:
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _form_of_numbers(values: NDArray[np.float64], k: int) -> dict[str, NDArray[np.float64]]:
    decimals, last, before = (np.full(len(values), np.nan) for _ in range(3))
    for row in np.flatnonzero(np.isfinite(values)).tolist():
        text = repr(float(values[row])).removesuffix(".0")
        if "e" in text:
            continue
        decimals[row] = len(text.partition(".")[2])
        digits = [character for character in text if character.isdigit()]
        last[row] = int(digits[-1])
        before[row] = int(digits[-2]) if len(digits) > 1 else -1
    whole = np.where(np.isfinite(values), np.floor(np.abs(values)), np.nan)
    return {
        "number of decimals": decimals,
        "last digit": last,
        "last digit but one": before,
        "parity": last % 2,
        f"remainder modulo {k}": whole % k,
        "fraction": np.round((np.abs(values) - whole) * 100),
    }


def telling_missing(subject: Subject, sample: Sample) -> Iterator[Finding]:
    """Find that which values are missing predicts the label."""
    flags = np.column_stack(
        [sample.table[column.name].is_null().to_numpy() for column in subject.columns]
    )
    flags = flags[:, flags.any(axis=0) & ~flags.all(axis=0)]
    if not flags.shape[1]:
        return
    auc = sample.auc(np.unique(flags, axis=0, return_inverse=True)[1].reshape(-1))
    if auc is not None and exceeds(auc, ALONE):
        text = "which values are missing predicts the label"
        yield _finding("telling-missing", "high", sample, text, auc)


def telling_columns_together(subject: Subject, sample: Sample) -> Iterator[Finding]:
    """Find two columns that predict the label together, though neither does alone."""
    codes: dict[str, NDArray[np.int64]] = {}
    for column in subject.columns:
        modality = modality_of(column.modality)
        if modality.is_image or len(codes) == _COLUMNS:
            continue
        own = _few_codes(sample.table[column.name].combine_chunks(), modality.is_ordered)
        if own is not None and (auc := sample.auc(own)) is not None and auc[0] < APART:
            codes[column.name] = own
    for (first, one), (second, other) in combinations(codes.items(), 2):
        auc = sample.auc(one * (int(other.max()) + 1) + other)
        if auc is not None and exceeds(auc, TOGETHER):
            text = f"{first} and {second} together predict the label, though neither does alone"
            yield _finding(f"telling-columns-{first}-{second}", "high", sample, text, auc)


def _few_codes(values: pa.Array, ordered: bool) -> NDArray[np.int64] | None:
    if ordered:
        numbers = number_array(values)
        known = np.unique(numbers[np.isfinite(numbers)])
        # An even number of ranges, so that the median is a bound; enough rows for two columns.
        bins = next((bins for bins in (4, 8) if len(numbers) < 32 * bins * bins), _BINS)
        if len(known) > bins:
            edges = np.nanquantile(numbers, np.arange(1, bins) / bins)
            known = np.unique(edges)
        return np.searchsorted(known, np.where(np.isfinite(numbers), numbers, np.inf))
    encoded = pc.fill_null(values.cast(pa.string()), "").dictionary_encode()
    if not 1 < len(encoded.dictionary) <= _FEW:
        return None
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def telling_characters(subject: Subject, sample: Sample) -> Iterator[Finding]:
    """Find texts of which a few short character sequences predict the label.

    Eight sequences a class are chosen in the other folds. Honest texts mostly need more, but a text
    of few words may not: the severity is medium.
    """
    columns = subject.columns_of("text", "categorical")
    for column in columns:
        texts = normalised(sample.table[column.name].combine_chunks())
        texts = pc.fill_null(texts, "").to_pylist()
        if len(set(texts)) <= _FEW:
            continue
        auc = _auc_of_grams(texts, sample, _CHARACTERS // len(columns))
        if auc is not None and exceeds(auc, ALONE):
            text = f"a few character sequences of {column.name} predict the label"
            yield _finding(f"telling-characters-{column.name}", "medium", sample, text, auc)


def _auc_of_grams(texts: list[str], sample: Sample, budget: int) -> Auc | None:
    limit = max(32, budget // max(len(texts), 1))
    present = _grams([f"\x02{text[:limit]}\x03" for text in texts])
    one_hot = np.eye(sample.k)[sample.labels]
    scores = np.zeros((len(texts), sample.k))
    for fold in np.unique(sample.folds):
        inside = sample.folds == fold
        rest, truth = present[~inside], one_hot[~inside]
        counts, sizes = np.asarray(rest.T @ truth), truth.sum(axis=0)
        others = counts.sum(axis=1, keepdims=True) - counts
        gap = counts / np.maximum(sizes, 1) - others / np.maximum(len(truth) - sizes, 1)
        chosen = np.unique(np.argpartition(-np.abs(gap), _CHOSEN, axis=0)[:_CHOSEN])
        known, asked = rest[:, chosen].toarray(), present[inside][:, chosen].toarray()
        mean = truth.mean(axis=0)
        square = known.T @ known + np.eye(len(chosen))
        weights = np.linalg.solve(square, known.T @ (truth - mean))
        scores[inside] = mean + asked @ weights
    return auc_of_scores(scores, sample.labels, ordered=sample.ordered)


def _grams(texts: list[str]) -> Any:
    """Return which of the hashed sequences of 1 to 4 characters each text has, (n, 65,536)."""
    from scipy import sparse

    encoded = [np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32) for text in texts]
    lengths = np.array([len(one) for one in encoded])
    units = np.concatenate(encoded).astype(np.uint64)
    owner = np.repeat(np.arange(len(texts)), lengths)
    rows, columns = [], []
    hashed = np.zeros(len(units), dtype=np.uint64)
    for n in range(_LONGEST):
        size = len(units) - n
        hashed = (hashed[:size] ^ units[n:]) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(n)
        inside = owner[:size] == owner[n:]
        rows.append(owner[:size][inside])
        columns.append((hashed[inside] >> np.uint64(40)).astype(np.int64) % _GRAMS)
    row, column = np.concatenate(rows), np.concatenate(columns)
    matrix = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(texts), _GRAMS))
    matrix.data[:] = 1.0
    return matrix


def telling_pixels(
    subject: Subject, sample: Sample, images: TaskImages | None
) -> Iterator[Finding]:
    """Find images whose corner pixels, or whose format, predict the label."""
    for column in subject.columns_of("image"):
        assert images is not None
        paths = sample.table[column.name].cast(pa.string()).to_pylist()[:IMAGES]
        places = images.train.rows_of(paths)
        known = places >= 0
        corners = np.full((len(paths), 4, 3), np.nan)
        corners[known] = images.train.facts.corners[places[known]]
        jpeg = np.array([np.nan if path is None else path.endswith(".jpg") for path in paths])
        part = Sample(
            sample.table[: len(paths)],
            sample.labels[: len(paths)],
            sample.folds[: len(paths)],
            sample.ordered,
        )
        facts = {}
        for place, name in enumerate(("upper left", "upper right", "lower left", "lower right")):
            colours = corners[:, place]
            facts[f"{name}, the colour"] = colours @ np.array([1.0, 256.0, 65_536.0])
            for channel, of in enumerate(("red", "green", "blue")):
                facts[f"{name}, {of}"] = colours[:, channel]
                facts[f"{name}, parity of {of}"] = colours[:, channel] % 2
        best = part.best(facts)
        if best is not None and exceeds(best[1], ALONE):
            text = f"a corner pixel of {column.name} ({best[0]}) predicts the label"
            yield _finding(f"telling-pixels-{column.name}", "high", part, text, best[1])
        best = part.best({"format": jpeg})
        if best is not None and exceeds(best[1], ALONE):
            text = f"whether {column.name} is a JPEG predicts the label"
            yield _finding(f"telling-file-format-{column.name}", "high", part, text, best[1])


def _finding(name: str, severity: Severity, sample: Sample, text: str, auc: Auc) -> Finding:
    n = len(sample.labels)
    return Finding(name, severity, n, n, f"{text} (AUC {auc[0]:.3f})")
