"""Loading a `convert.py`: that of a task, or that of the task beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from challenge.errors import Fault, TaskError
from challenge.task.files import sha256_of_file

__all__ = ["load_converter", "recorded_converters"]

_RECORDS: list[dict[Path, str]] = []


@contextmanager
def recorded_converters() -> Iterator[dict[Path, str]]:
    """Yield a dictionary that gets the sha256 of each file that is loaded inside."""
    record: dict[Path, str] = {}
    _RECORDS.append(record)
    try:
        yield record
    finally:
        _RECORDS.remove(record)


def load_converter(path: Path) -> ModuleType:
    """Run a Python file and return it as a module; no bytecode is written beside it.

    Raises TaskError with the line of a SyntaxError. Other errors of the file are its own.
    """
    for record in _RECORDS:
        if path.is_file():
            record[path.resolve()] = sha256_of_file(path)
    name = f"_convert_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up their annotations in sys.modules.
    sys.modules[name] = module
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise TaskError(
            Fault(
                f"{error.filename}, line {error.lineno}",
                f"SyntaxError: {error.msg}",
                "a Python file with convert(raw: Path) -> RawTable",
                "correct that line",
                code="converter-failed",
            )
        ) from error
    finally:
        sys.dont_write_bytecode = before
    return module
