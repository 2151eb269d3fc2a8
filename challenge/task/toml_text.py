"""Values and keys as texts of TOML."""

from __future__ import annotations

import json
import re

__all__ = ["in_toml", "toml_key"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def in_toml(value: str | float | list[str]) -> str:
    """Return a value as TOML: a text in quotes, a number, or an array of texts."""
    # A JSON text is one of TOML but for this character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(name: str) -> str:
    """Return a name as a key of TOML: in quotes unless it is bare.

    >>> toml_key("weight"), toml_key("Amount (EUR)")
    ('weight', '"Amount (EUR)"')
    """
    return name if _BARE.fullmatch(name) else in_toml(name)
