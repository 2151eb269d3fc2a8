"""The option `--raw KEY=VALUE`: how a raw file is read, as `[raw]` in task.toml states it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, WrongUse, meant

if TYPE_CHECKING:
    from challenge.task.definition import Raw

__all__ = ["raw_keys"]


def raw_keys(given: list[str] | None) -> Raw:
    """Return the readings that `--raw` states; raise WrongUse for an unknown key or value."""
    from pydantic import ValidationError

    from challenge.task.definition import Raw

    values: dict[str, Any] = {}
    for one in given or []:
        name, _, value = one.partition("=")
        try:
            values[name.strip()] = json.loads(value)
        except ValueError:
            values[name.strip()] = value
    try:
        return Raw.model_validate({"format": "table", **values})
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(map(str, detail["loc"]))
        expected, fix = "KEY=VALUE with a key of [raw] in task.toml", detail["msg"]
        if detail["type"] == "extra_forbidden":
            keys = [name for name in Raw.model_fields if name != "format"]
            expected = f"KEY=VALUE with one of: {', '.join(keys)}"
            fix = meant(key, keys, "name one of these")
        found = repr(detail.get("input"))
        raise WrongUse(Fault(f"--raw {key}", found, expected, fix, "raw-key")) from None
