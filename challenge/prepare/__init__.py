"""Raw data to a task: sources, converters, splits, audit, build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.prepare.converter_files import load_converter
from challenge.prepare.raw import RawRecords, RawTable, in_batches

if TYPE_CHECKING:
    from challenge.prepare.build.task_build import Built, build_task

__all__ = ["Built", "RawRecords", "RawTable", "build_task", "in_batches", "load_converter"]


def __getattr__(name: str) -> Any:
    # The build brings numpy and pydantic along; a converter needs neither.
    if name in ("Built", "build_task"):
        from challenge.prepare.build import task_build as build

        return getattr(build, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
