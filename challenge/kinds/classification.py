"""k-way classification: each row belongs to one of k named classes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from challenge.errors import Fault, counted
from challenge.kinds.base import Kind, Metric
from challenge.kinds.forms import Columns, Forms, shown_name

__all__ = ["KIND", "ClassForms"]


def _metrics() -> tuple[Metric, ...]:
    from challenge.kinds.metrics import labels, probabilities

    return labels.METRICS + probabilities.METRICS


def _outcome() -> Any:
    from challenge.kinds.metrics.probabilities import ClassOutcome

    return ClassOutcome


@dataclass(frozen=True)
class ClassForms(Forms):
    """A class per row in `label`, or one column of probabilities per class."""

    number_columns: str = "class columns"

    @property
    def expected(self) -> str:
        """The columns of a submission in one line."""
        some = counted(len(self.classes), self.noun)
        return f"id and label, or id and one column per {self.noun} ({some})"

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a column may have."""
        return ("id", "label", *self.classes)

    def meant(self, names: Collection[str]) -> set[str]:
        """Return the names that a file with these columns seems to use."""
        classes = set(self.classes)
        n_classes = sum(name in classes for name in names)
        by_class = n_classes > 0 and ("label" not in names or n_classes == len(classes))
        if n_classes == 0 and "label" not in names:
            folded = {name.strip().casefold() for name in self.classes}
            by_class = any(name.strip().casefold() in folded for name in names)
        return {"id", *classes} if by_class else {"id", "label"}

    def columns(self, names: Collection[str], meant: Collection[str]) -> Columns:
        """Return which columns count."""
        if "label" not in meant:
            return Columns("probabilities", numbers=self.classes)
        there = "label" in names
        return Columns("labels" if there else None, label=there)

    def other_kind_fix(self, names: Collection[str]) -> str:
        """Return what to do about columns that belong to another form or kind."""
        if "score" in names:
            return (
                "`score` is for matching; this task is classification and "
                f"{self.metric.name} needs `label`, or one probability per class"
            )
        return (
            "submit either `label` or the class columns; from the class columns the most probable "
            f"class is taken for {self.metric.name}"
        )

    def missing(
        self, names: Collection[str], meant: Collection[str], where: str
    ) -> Iterator[Fault]:
        """Yield a fault for needed columns that are not there."""
        if meant == {"id", "label"}:
            if "label" not in names:
                yield Fault(
                    where,
                    f"neither `label` nor a column of any {self.noun}",
                    self.expected,
                    f"add `label`, or one probability column per {self.noun}",
                    code="column-missing",
                )
            return
        absent = [name for name in self.classes if name not in names]
        if absent:
            yield Fault(
                where,
                f"no column for {len(absent)} of {counted(len(self.classes), self.noun)}",
                f"one probability column per {self.noun}",
                "add them; 0 is a probability, too",
                "column-missing",
                len(absent),
                tuple(shown_name(name) for name in absent[:5]),
            )


KIND = Kind(
    name="classification",
    title="k-way classification",
    row="record",
    label="class",
    default_metric="macro_f1",
    even_metric="accuracy",
    load_metrics=_metrics,
    load_outcome=_outcome,
    forms=ClassForms,
)
