"""Small synthetic tasks, made by the real build in well under a second or two."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from challenge.kinds import kind_of
from challenge.prepare import build_task
from challenge.task import Task

__all__ = [
    "build_parcels",
    "build_toy",
    "declare_toy",
    "toy_log",
    "toy_numbers",
    "toy_records",
    "toy_rows",
    "toy_vectors",
]

_COLOURS = ["red", "green", "blue", "amber"]
_WORDS = ["oak", "elm", "fir", "ash", "yew", "bay", "fig", "box", "may", "sal"]

_TOML = """format = 1
id = "{id}"
kind = "{kind}"
title = "A toy"
description = "Synthetic rows: colour, size, words and an image tell the class."
metric = "{metric}"
samples = true

[[source]]
path = "raw"
licence = "CC0-1.0"
attribution = "nobody"

[raw]
convert = "convert.py"

[split]
{split}

[columns.words]
modality = "text"
description = "Some words"

[columns.size]
modality = "numeric"

[columns.count]
modality = "numeric"
integer = true

[columns.colour]
modality = "categorical"
{images}"""

_IMAGES = """
[columns.image]
modality = "image"
"""

_CONVERT = """from pathlib import Path

import pyarrow.parquet as pq

from challenge.prepare import {form}, in_batches


def convert(raw: Path) -> {form}:
    return {form}(in_batches(pq.read_table(raw / "rows.parquet")), raw)
"""


def toy_rows(
    n: int, *, classes: int = 3, groups: int = 0, images: bool = True, seed: int = 0
) -> pa.Table:
    """Return raw rows of a classification toy; every column helps, none decides."""
    random = np.random.default_rng(seed)
    label = random.integers(0, classes, n)
    table = {
        "key": [f"row {place}" for place in range(n)],
        "label": [f"class {code}" for code in label],
        **_features(random, label, images),
    }
    if groups:
        table["group"] = [f"group {code}" for code in random.integers(0, groups, n)]
    return pa.table(table)


def toy_numbers(
    n: int, *, classes: int = 12, groups: int = 0, images: bool = True, seed: int = 0
) -> pa.Table:
    """Return raw rows of a regression toy: positive labels with a long tail."""
    rows = toy_rows(n, classes=classes, groups=groups, images=images, seed=seed)
    code = np.array([int(name.split()[1]) for name in rows["label"].to_pylist()])
    label = np.exp(code / 4 + np.random.default_rng(seed + 1).normal(0, 0.2, n))
    return rows.set_column(rows.column_names.index("label"), "label", pa.array(label))


def toy_log(n: int, *, classes: int = 3, uniform: bool = True, seed: int = 0) -> pa.Table:
    """Return the log of a toy: the right arm earns 1 in four of five rows, others in one."""
    rows = toy_rows(n, classes=classes, images=False, seed=seed)
    random = np.random.default_rng(seed + 1)
    best = np.array([int(name.split()[1]) for name in rows["label"].to_pylist()])
    weights = np.ones(classes) if uniform else 1.0 + np.arange(classes)
    shares = weights / weights.sum()
    arm = random.choice(classes, n, p=shares)
    reward = (random.random(n) < np.where(arm == best, 0.8, 0.2)).astype(np.float64)
    rows = rows.set_column(1, "label", pa.array([f"arm {code}" for code in arm]))
    return rows.append_column("propensity", pa.array(shares[arm])).append_column(
        "reward", pa.array(reward)
    )


def toy_vectors(n: int, *, classes: int = 60, dimensions: int = 6, seed: int = 0) -> pa.Table:
    """Return rows of a retrieval toy: things of several rows, whose old vectors are noisy.

    Without noise the vector of a thing follows from its features, as those of other things do.
    """
    random = np.random.default_rng(seed)
    thing = np.arange(n) % classes
    role = np.where((np.arange(n) // classes) % 2 == 0, "gallery", "query")
    own = np.random.default_rng(seed + 1).normal(0, 1, (3, 13, dimensions))
    parts = (own[place][thing % period] for place, period in enumerate((13, 4, 10)))
    vectors = sum(parts) + random.normal(0, 1.2, (n, dimensions))
    table = {
        "key": [f"row {place}" for place in range(n)],
        "label": [f"thing {code}" for code in thing],
        "group": [f"group {code // 2}" for code in thing],
        "role": role,
        **_features(random, thing, False),
        **{f"e{position}": column for position, column in enumerate(vectors.T)},
    }
    return pa.table(table)


def toy_records(n: int, *, images: bool = True, seed: int = 0) -> pa.Table:
    """Return records of a matching toy: about `n` / 2 entities of one to three records."""
    random = np.random.default_rng(seed)
    entity = np.sort(random.integers(0, max(2, n // 2), n))
    own = np.random.default_rng(seed + 1).integers(0, 10_000, int(entity.max()) + 1)
    table = {
        "key": [f"record {place}" for place in range(n)],
        "entity": [f"entity {code}" for code in entity],
        **_features(random, own[entity], images),
    }
    return pa.table(table)


def _features(random: np.random.Generator, label: np.ndarray, images: bool) -> dict[str, object]:
    n = len(label)
    words = [
        " ".join([*random.choice(_WORDS, 3), f"{_WORDS[code % 10]}{code % 97}"]) for code in label
    ]
    size = np.where(random.random(n) < 0.1, np.nan, label % 13 + random.normal(0, 1, n))
    colour = [
        None if random.random() < 0.05 else _COLOURS[(code + (random.random() < 0.3)) % 4]
        for code in label
    ]
    features: dict[str, object] = {
        "words": words,
        "size": pa.array(size, from_pandas=True),
        "count": pa.array(random.integers(0, 9, n)),
        "colour": pa.array(colour, pa.string()),
    }
    if images:
        features["image"] = pa.array([_image(random, int(code)) for code in label], pa.binary())
    return features


def _image(random: np.random.Generator, code: int) -> bytes:
    pixels = random.integers(0, 60, (8, 8, 3), dtype=np.uint8)
    pixels[..., code % 3] += np.uint8(100 + code % 50)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def declare_toy(
    folder: Path,
    kind: str = "classification",
    *,
    raw: pa.Table,
    split: str = "",
    metric: str | None = None,
    records: bool | None = None,
) -> Path:
    """Write task.toml, convert.py and raw/ of a toy; `split` has lines of its [split] table."""
    records = kind == "matching" if records is None else records
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "raw").mkdir(exist_ok=True)
    pq.write_table(raw, folder / "raw" / "rows.parquet")
    (folder / "task.toml").write_text(
        _TOML.format(
            id=folder.name,
            kind=kind,
            metric=metric or kind_of(kind).default_metric,
            split=split
            or ('by = "entity"\ntruth = "complete"\nseed = 1' if records else "seed = 1"),
            images=_IMAGES if any("image" in name for name in raw.column_names) else "",
        )
    )
    (folder / "convert.py").write_text(
        _CONVERT.format(form="RawRecords" if records else "RawTable")
    )
    return folder


def build_toy(
    tmp_path: Path,
    kind: str = "classification",
    n: int = 200,
    *,
    name: str | None = None,
    classes: int = 3,
    groups: int = 0,
    images: bool = True,
    split: str = "",
    metric: str | None = None,
    seed: int = 0,
) -> Task:
    """Build a toy below `tmp_path`/datasets and return it; the same arguments, the same task.

    `n` is the number of rows, in matching of records (there are about as many pairs again).
    """
    folder = tmp_path / "datasets" / (name or f"toy-{kind}")
    if kind == "matching":
        raw = toy_records(n, images=images, seed=seed)
    elif kind == "regression":
        raw = toy_numbers(n, groups=groups, images=images, seed=seed)
    elif kind == "bandit":
        raw = toy_log(n, classes=classes, seed=seed)
    elif kind == "retrieval":
        raw = toy_vectors(n, classes=max(4, n // 4), seed=seed)
        split = split or 'by = "group"\ngroup = "group"\nseed = 1'
    else:
        raw = toy_rows(n, classes=classes, groups=groups, images=images, seed=seed)
    declare_toy(folder, kind, raw=raw, split=split, metric=metric)
    return build_task(folder, cache=tmp_path / "cache").task


def build_parcels(root: Path) -> Task:
    """Make `root` an open benchmark with one built task, `parcels`, and return the task."""
    (root / "challenge.toml").write_text(
        'format = 1\ntitle = "T"\nreveal = "all"\n[[track]]\nid = "classification"\ntitle = "T"\n'
        'kind = "classification"\nmetric = "macro_f1"\ntasks = ["parcels"]\n'
    )
    return build_toy(root, n=160, name="parcels")
