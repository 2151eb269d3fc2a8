"""Reads TOML files: unknown keys and wrong values become four-part faults."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from challenge.errors import Fault, TaskError, meant
from challenge.kinds import KINDS, Kind, kind_of
from challenge.task.modalities import MODALITIES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Declaration",
    "KindName",
    "ModalityName",
    "read_declaration",
    "refused_with",
    "time_example",
    "tomllib",
]


_OWN = "own_faults"


def _read_kind(value: Any) -> Kind:
    return value if isinstance(value, Kind) else kind_of(_one_of(value, KINDS))


def _read_modality(value: Any) -> str:
    return _one_of(value, MODALITIES)


def _one_of(value: Any, names: Collection[str]) -> str:
    if not isinstance(value, str) or value not in names:
        expected = " or ".join(repr(name) for name in names)
        raise PydanticCustomError("literal_error", "one of {expected}", {"expected": expected})
    return value


KindName = Annotated[
    Kind, PlainValidator(_read_kind), PlainSerializer(lambda kind: kind.name, return_type=str)
]
"""A kind, given by its name."""

ModalityName = Annotated[str, PlainValidator(_read_modality)]
"""The name of a modality."""


def refused_with(faults: Sequence[Fault]) -> PydanticCustomError:
    """Return the error of a validator that says itself what is wrong with its values."""
    return PydanticCustomError(_OWN, "{faults}", {"faults": tuple(faults)})


class Declaration(BaseModel):
    """A table of a TOML file: frozen, without unknown keys or implicit conversions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


DeclarationT = TypeVar("DeclarationT", bound=Declaration)


def read_declaration(path: Path, model: type[DeclarationT]) -> DeclarationT:
    """Read a TOML file into `model`; raise TaskError with every fault of the file at once."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaskError(
            Fault(str(path), "no such file", "a TOML file", "write it", "toml-missing")
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(
            Fault(
                str(path),
                f"unreadable: {error}",
                "UTF-8 text",
                "save it as UTF-8",
                "toml-unreadable",
            )
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TaskError(
            Fault(str(path), f"not TOML: {error}", "TOML 1.0", "correct that line", "toml-syntax")
        ) from None
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise TaskError(
            fault for detail in error.errors() for fault in _faults(path, detail, model)
        ) from None


def _faults(path: Path, detail: ErrorDetails, model: type[BaseModel]) -> Sequence[Fault]:
    if detail["type"] == _OWN:
        return tuple(detail["ctx"]["faults"])
    return (_fault(path, detail, model),)


def _fault(path: Path, detail: ErrorDetails, model: type[BaseModel]) -> Fault:
    location = detail["loc"]
    where = f"{path.name}, key {'.'.join(_one_based(part) for part in location) or '(top level)'}"
    if detail["type"] == "extra_forbidden":
        name, allowed = str(location[-1]), _keys_at(model, location[:-1])
        of_tables = [part for part in _keys_at(model, ()) if name in _keys_at(model, (part,))]
        fix = meant(name, allowed, "remove it")
        if of_tables:
            fix = f"write it under [{of_tables[0]}]"
        elif len(location) > 1 and name in _keys_at(model, ()):
            fix = "write it above the first table"
        return Fault(
            where,
            f"unknown key {name!r}",
            f"one of {', '.join(sorted(allowed))}",
            fix,
            code="toml-unknown-key",
        )
    if detail["type"] == "missing":
        return Fault(where, "nothing", "a value", f"add `{location[-1]} = …`", "toml-missing-key")
    found = _as_toml(detail.get("input"))
    if detail["type"] == "literal_error":
        choices = _allowed_values(detail["ctx"]["expected"])
        fix = meant(str(detail.get("input")), choices, "write one of these")
        return Fault(where, found, f"one of {', '.join(choices)}", fix, "toml-value")
    expected = detail["msg"].removeprefix("Value error, ")
    if detail["type"].startswith("datetime"):
        expected = time_example(detail.get("input"))
    return Fault(where, found[:200], expected, "correct the value", "toml-value")


def time_example(value: Any) -> str:
    """Return what a time must have, with an example that completes `value` where it can."""
    day = f"{value:%Y-%m-%d}" if isinstance(value, date) else "2026-01-31"
    clock = f"{value:%H:%M:%S}" if isinstance(value, datetime) else "12:00:00"
    return f"a date, a time and an offset, such as {day}T{clock}Z (UTC)"


def _as_toml(value: Any) -> str:
    """Return a value as its file has it; of a table only that it is one."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    return "these values together" if isinstance(value, dict) else repr(value)


def _one_based(part: int | str) -> str:
    return str(part + 1) if isinstance(part, int) else part


def _allowed_values(expected: str) -> list[str]:
    return [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",")]


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed at `location`, [] when it is not a declared table."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = next(
                (
                    info.annotation
                    for name, info in current.model_fields.items()
                    if part in (name, info.alias)
                ),
                None,
            )
        elif get_args(current):
            current = get_args(current)[-1]
        current = _without_none(current)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [info.alias or name for name, info in current.model_fields.items()]
    return []


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) is Literal or annotation is None:
        return annotation
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
