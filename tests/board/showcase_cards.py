"""Cards of made-up tasks: schema, samples with images, classes and audit."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from datetime import datetime, timezone

import numpy as np

from challenge.ledger.store.records import Card

__all__ = ["made_up_cards"]

START = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)


def _image(rng: np.random.Generator) -> str:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (64, 64), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        x, y = (int(v) for v in rng.integers(4, 36, 2))
        w, h = (int(v) for v in rng.integers(12, 26, 2))
        colour = tuple(int(v) for v in rng.integers(20, 200, 3))
        if rng.random() < 0.5:
            draw.ellipse((x, y, x + w, y + h), fill=colour)
        else:
            draw.rounded_rectangle((x, y, x + w, y + h), 4, fill=colour)
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


_WORDS = [
    "harbour",
    "anchor",
    "lantern",
    "maple",
    "folder",
    "signal",
    "bridge",
    "compass",
    "kettle",
    "ribbon",
    "saddle",
    "violin",
    "walnut",
    "orbit",
    "meadow",
    "candle",
    "quartz",
    "puzzle",
]


def made_up_cards(rng: np.random.Generator) -> Iterator[Card]:
    yield _card(
        rng, "icon-tag", "Tag of an icon", "classification", 46, ("image", "text", "categorical")
    )
    yield _card(
        rng,
        "catalogue-objects",
        "Folder of a game object",
        "classification",
        30,
        ("image", "text", "numeric", "categorical"),
    )
    yield _card(
        rng,
        "patent-class",
        "Class of a patent",
        "classification",
        12,
        ("text", "numeric", "categorical"),
    )
    yield _card(
        rng,
        "icon-variants",
        "Variants of one icon",
        "matching",
        2,
        ("image", "text", "categorical"),
    )
    yield _card(rng, "restaurants", "The same restaurant", "matching", 2, ("text", "numeric"))


def _card(
    rng: np.random.Generator, task: str, title: str, kind: str, k: int, modalities: tuple[str, ...]
) -> Card:
    words = {
        "image": [("image", "The image, 64 × 64 pixels")],
        "text": [
            ("aliases", "Other names that people search by"),
            ("summary", "One or two sentences, as published"),
        ],
        "numeric": [("weight", "Weight in grams"), ("price", "Price when first listed, in euro")],
        "categorical": [("author", "Who drew or entered it")],
    }
    own = [(name, modality, text) for modality in modalities for name, text in words[modality]]
    if kind == "matching":
        own = [
            (f"{side}_{name}", modality, text)
            for side in ("left", "right")
            for name, modality, text in own
        ]
        classes = ["0", "1"]
        counts = {"0": 2411, "1": 398}
    else:
        classes = sorted(
            f"{_WORDS[n % len(_WORDS)]}{'' if n < len(_WORDS) else f' {n // len(_WORDS) + 1}'}"
            for n in range(k)
        )
        sizes = np.sort((20 + 360 * rng.random(k) ** 3).astype(int))[::-1]
        counts = {
            name: int(size) for name, size in zip(rng.permutation(classes), sizes, strict=True)
        }

    def value(modality: str) -> object:
        if rng.random() < 0.12:
            return None
        if modality == "numeric":
            return round(float(rng.random() * 900), 1)
        return " ".join(
            str(word) for word in rng.choice(_WORDS, 1 if modality == "categorical" else 5)
        )

    samples = [
        {
            "values": {name: value(modality) for name, modality, _ in own if modality != "image"}
            | {"label": str(rng.choice(classes))},
            "thumbnails": {name: _image(rng) for name, modality, _ in own if modality == "image"},
        }
        for _ in range(6)
    ]
    document = {
        "format": 1,
        "id": task,
        "kind": kind,
        "title": title,
        "metric": "macro_f1" if kind == "classification" else "f1",
        "description": "Each row is one object of a public catalogue that volunteers have kept for "
        "years. The label is the folder in which its editors filed it.\n\nThe image alone leaves "
        "half of the classes open, the words alone a third; together they nearly settle it.",
        "columns": [
            {"name": name, "modality": modality, "description": text, "integer": False}
            for name, modality, text in own
        ],
        "record_ids": kind == "matching",
        "classes": classes,
        "n_train": sum(counts.values()),
        "n_test": 1151,
        "n_folds": 5,
        "digests": {"data": "d" * 64, "solution": "5" * 64, "card": "c" * 64},
        "csv": {},
        "samples": True,
        "sources": [
            {
                "name": f"{task}==7.4.47",
                "licence": "Apache-2.0",
                "attribution": "The catalogue’s editors",
            }
        ],
        "split": {
            "by": "entity" if kind == "matching" else "group",
            "test": 0.3,
            "public": 0.3,
            **({"truth": "complete", "unseen_share": 1.0} if kind == "matching" else {}),
        },
        "left_out": {"name": "gives the label away", "codepoint": "follows the order of drawing"},
        "datasheet": {
            "row": "One object of the catalogue.",
            "labelled_by": "The catalogue’s editors, one each.",
            "certainty": "",
            "not_for": "Judging people.",
            "weaknesses": "A few folders overlap in meaning.",
        },
        "audit": {
            "findings": [
                {
                    "name": "near-duplicates",
                    "severity": "medium",
                    "count": 14,
                    "message": "14 rows of test have a near-identical row in train.",
                    "accepted": None,
                },
                {
                    "name": "contradictory-labels",
                    "severity": "high",
                    "count": 3,
                    "message": "3 pairs of equal rows carry different labels.",
                    "accepted": "Real: the editors disagree, and so may a method.",
                },
                {
                    "name": "licence-unstated",
                    "severity": "low",
                    "count": 0,
                    "message": "All sources state a licence.",
                    "accepted": None,
                },
            ]
        },
    }
    card = {
        "format": 1,
        "class_counts": counts,
        "columns": [
            {
                "name": name,
                "missing_share": round(float(rng.random() * 0.2), 3),
                "n_distinct": int(rng.integers(5, 3000)),
                **({"min": 0.0, "max": 900.0, "mean": 412.5} if modality == "numeric" else {}),
                **({"mean_length": 34.06} if modality == "text" else {}),
            }
            for name, modality, _ in own
        ],
        "samples": samples,
        "sizes": {
            "train.csv_bytes": 812345,
            "train.parquet_bytes": 301234,
            "images": 3820,
            "images_bytes": 5123456,
        },
    }
    return Card(task, START, "d" * 64, "5" * 64, "c" * 64, document, card)
