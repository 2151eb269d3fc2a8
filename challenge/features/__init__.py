"""Numeric features of texts, images and pairs; expensive ones are cached per task."""

from __future__ import annotations

from typing import Any

__all__ = [
    "PairFeatures",
    "SimpleImages",
    "character_tfidf",
    "embed_images",
    "embed_texts",
    "forget_features",
    "has_lite0",
    "has_minilm",
    "simple_images",
    "text_values",
    "tokens",
    "word_tfidf",
]

_HOMES = {
    "PairFeatures": "pair_features",
    "SimpleImages": "simple_images",
    "embed_images": "lite0",
    "embed_texts": "minilm",
    "forget_features": "store",
    "has_lite0": "lite0",
    "has_minilm": "minilm",
    "character_tfidf": "text",
    "simple_images": "simple_images",
    "text_values": "text",
    "tokens": "text",
    "word_tfidf": "text",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"challenge.features.{_HOMES[name]}"), name)
