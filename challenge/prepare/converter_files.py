"""Loading a `convert.py`: that of a task, or that of the task beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from challenge.errors import Fault, TaskError

__all__ = ["load_converter"]


def load_converter(path: Path) -> ModuleType:
    """Run a Python file and return it as a module; no bytecode is written beside it.

    Raises TaskError with the line of a SyntaxError. Other errors of the file are its own.
    """
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
