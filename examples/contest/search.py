"""The search for anything of the private subset in everything that is public.

Must not appear: scores and vectors of any submission on the private subset or on all rows,
the public ones before they are rounded to the Ladder's step, labels of test rows, the task's
secret.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from challenge.scoring import read_predictions, score_predictions
from challenge.task import Task

__all__ = ["find_leaks", "hidden_words", "label_leaks", "loose_figures"]

_DIGITS = 11
"""Characters of a figure that are searched for; public ones have at most three decimals."""

_FIGURE = re.compile(rb"-?\d+\.\d{5,}(?:e-?\d+)?")

_ID = re.compile(rb"[rp][0-9a-f]{16}")

_EXACT = frozenset({"resolution", "step", "normalised", "mean_rank", "columns"})
"""Keys of public figures that are not scores, or follow from public figures alone."""

_GRAIN = 6000
"""Three decimals, and their means over one to three tasks, are integers in this unit."""


def hidden_words(task: Task, files: Mapping[int, Path]) -> dict[bytes, str]:
    """Return the byte strings that must not be found, each with a description.

    `files` are the predictions files by submission.
    """
    secret = (task.private / "secret").read_bytes()
    words = {
        secret: f"the secret of {task.id}",
        secret.hex().encode(): f"the secret of {task.id}",
        base64.b64encode(secret): f"the secret of {task.id}",
    }
    for submission, path in files.items():
        predictions = read_predictions(task, path)
        for subset in ("private", "public", "all"):
            score = score_predictions(task, predictions, subset)
            what = f"submission {submission} on {task.id}, {subset} subset"
            for name, value in score.metrics.items():
                for part, figure in (("", value.value), ("low ", value.low), ("high ", value.high)):
                    if figure is not None and len(repr(figure)) > _DIGITS:
                        words[repr(figure)[:_DIGITS].encode()] = f"{what}: {part}{name}"
            if score.vector is not None:
                moved = score.vector.clusters
                words[moved[:2].tobytes()] = f"{what}: vector"
                words[repr(float(moved[0]))[:_DIGITS].encode()] = f"{what}: vector"
    return words


def find_leaks(
    words: Mapping[bytes, str], folders: Iterable[Path], texts: Mapping[str, str]
) -> list[str]:
    """Return where any of the words appears in files below the folders or in texts."""
    figures = {word: what for word, what in words.items() if _FIGURE.fullmatch(word)}
    others = {word: what for word, what in words.items() if word not in figures}
    leaks: list[str] = []
    for where, data in _everything(folders, texts):
        seen = {match.group()[:_DIGITS] for match in _FIGURE.finditer(data)}
        found_figures = sorted(seen & figures.keys())
        if "--dry-run" in where:
            found_figures = [word for word in found_figures if not _is_ratio(word)]
        found = [figures[word] for word in found_figures]
        found.extend(what for word, what in others.items() if word in data)
        leaks.extend(f"{where}: {what}" for what in found)
    return leaks


def _is_ratio(word: bytes) -> bool:
    """Whether a figure is a ratio of counts of rows: simulated labels give the same ones by chance.

    >>> _is_ratio(b"0.94736842105"), _is_ratio(b"0.94731842105")
    (True, False)
    """
    value = float(word)
    near = float(Fraction(value).limit_denominator(2000))
    return abs(near - value) < 10.0 ** (3 - len(word))


def label_leaks(task: Task, site: Path) -> list[str]:
    """Return where a label of a test row could be read: in the task's public folder or the site."""
    leaks: list[str] = []
    test = pq.ParquetFile(task.public / "test.parquet").read()
    revealed = {"label", "subset", "cluster", "other"} & set(test.column_names)
    leaks.extend(f"test.parquet: column {name}" for name in sorted(revealed))
    sample = (task.public / "sample_submission.csv").read_text(encoding="utf-8").splitlines()[1:]
    if len({line.split(",", 1)[1] for line in sample}) > 1:
        leaks.append("sample_submission.csv: more than one value")
    ids = {key.encode() for key in test.column("id").to_pylist()}
    allowed = {"test.csv", "test.parquet", "sample_submission.csv"}
    for where, data in _everything([task.public, site], {}):
        if Path(where).name not in allowed and not ids.isdisjoint(_ID.findall(data)):
            leaks.append(f"{where}: ids of test rows")
    return leaks


def loose_figures(where: str, document: object) -> list[str]:
    """Return the figures of a JSON document with more digits than the Ladder releases.

    And any name of a subset that is not public.
    """
    found = []
    for path, value in _leaves(document, ()):
        key = path[-1] if path else ""
        if key == "subset" and value not in ("public", None):
            found.append(f"{where}, {'.'.join(path)}: {value}")
        if isinstance(value, float) and not _EXACT & set(path) and _is_loose(value):
            found.append(f"{where}, {'.'.join(path)}: {value}")
    return found


def _is_loose(value: float) -> bool:
    return abs(value * _GRAIN - round(value * _GRAIN)) > 1e-6


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


def _everything(folders: Iterable[Path], texts: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".png":
                yield str(path), path.read_bytes()
    for where, text in texts.items():
        yield where, text.encode()


def read_json(path: Path) -> object:
    """Return the content of a JSON file."""
    document: object = json.loads(path.read_text(encoding="utf-8"))
    return document
