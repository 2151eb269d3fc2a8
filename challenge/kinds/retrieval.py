"""Retrieval: the thing of a query is found again in a gallery whose vectors an old model made."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from challenge.errors import Fault, counted
from challenge.kinds.base import Kind, Metric
from challenge.kinds.forms import Columns, Forms, shown_name

__all__ = ["KIND"]


def _metrics() -> tuple[Metric, ...]:
    from challenge.kinds.metrics.found_again import METRICS

    return METRICS


def _outcome() -> Any:
    from challenge.kinds.metrics.found_again import VectorOutcome

    return VectorOutcome


@dataclass(frozen=True)
class VectorForms(Forms):
    """A vector a row in columns `e0`, `e1` and so on, as many as the old model has."""

    number_columns: str = "columns of the vector"
    number_range: tuple[float, float] = (-math.inf, math.inf)

    @property
    def expected(self) -> str:
        """The columns of a submission in one line."""
        last = len(self.classes) - 1
        return f"id and e0 to e{last}" if last else "id and e0"

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a column may have."""
        return ("id", *self.classes)

    def meant(self, names: Collection[str]) -> set[str]:
        """Return the names that a file with these columns seems to use."""
        del names
        return set(self.names)

    def columns(self, names: Collection[str], meant: Collection[str]) -> Columns:
        """Return which columns count."""
        del meant
        there = any(name in names for name in self.classes)
        return Columns("vectors" if there else None, numbers=self.classes if there else ())

    def other_kind_fix(self, names: Collection[str]) -> str:
        """Return what to do about columns that belong to another form or kind."""
        del names
        return "remove them; what is found follows from the vectors alone"

    def missing(
        self, names: Collection[str], meant: Collection[str], where: str
    ) -> Iterator[Fault]:
        """Yield a fault for needed columns that are not there."""
        del meant
        absent = [name for name in self.classes if name not in names]
        if absent:
            some = counted(len(self.classes), "dimension")
            yield Fault(
                where,
                f"no column for {len(absent)} of {some}",
                f"{self.expected}: as many dimensions as the old model has",
                "add them; pad shorter vectors with 0, project longer ones",
                "column-missing",
                len(absent),
                tuple(shown_name(name) for name in absent[:5]),
            )

    def number_fix(self, code: str) -> str:
        """Return what to do about a faulty number, by the code of its fault."""
        if code == "number-empty":
            return "write every number of the vector; 0 is one, too"
        if code in ("number-nan", "number-infinite", "number-overflow"):
            return "find out why the model returned it; write finite numbers"
        return super().number_fix(code)


KIND = Kind(
    name="retrieval",
    title="things found again",
    row="record",
    label="thing",
    default_metric="cross_map",
    load_metrics=_metrics,
    first_method="old-vectors",
    load_outcome=_outcome,
    forms=VectorForms,
    won="found",
    diagnostic_titles={"compatible": "compatible with the old gallery"},
    flags=("compatible",),
)
