"""What a submission may look like: its columns, their types and ranges, and what is missing.

A kind has one subclass of `Forms`; reading and checking files ask it and know no kind.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from challenge.errors import Fault, counted
from challenge.kinds.base import Metric

__all__ = ["Columns", "Form", "Forms", "shown_name"]

Form = Literal["labels", "probabilities", "scores", "labels+scores", "numbers", "vectors"]
"""How a file was written."""


@dataclass(frozen=True)
class Columns:
    """The columns of one form: whether `label` names a class, and the columns of numbers."""

    form: Form | None
    label: bool = False
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forms(ABC):
    """The forms of a task with these classes and this primary metric.

    `label_type` is the type of `label` in Parquet. `number_range` holds the values of number
    columns; `number_columns` names these columns in a fault. `others` are columns that belong to
    other kinds, `records` those that name the records of a pair. `noun` is what a class is called.
    """

    classes: tuple[str, ...]
    metric: Metric
    label_type: Literal["string", "int8", "double"] = "string"
    number_columns: str = ""
    number_range: tuple[float, float] = (0.0, 1.0)
    others: tuple[str, ...] = ("label", "score")
    records: tuple[str, ...] = ()
    noun: str = "class"

    @property
    @abstractmethod
    def expected(self) -> str:
        """The columns of a submission in one line."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """All names that a column may have."""

    @abstractmethod
    def meant(self, names: Collection[str]) -> set[str]:
        """Return the names that a file with these columns seems to use."""

    @abstractmethod
    def columns(self, names: Collection[str], meant: Collection[str]) -> Columns:
        """Return which columns count."""

    @abstractmethod
    def other_kind_fix(self, names: Collection[str]) -> str:
        """Return what to do about columns that belong to another form or kind."""

    @abstractmethod
    def missing(
        self, names: Collection[str], meant: Collection[str], where: str
    ) -> Iterator[Fault]:
        """Yield a fault for needed columns that are not there; `id` aside."""

    @property
    def label_texts(self) -> Mapping[str, int]:
        """Every text that is a label, with the position of its class."""
        return {name: code for code, name in enumerate(self.classes)}

    @property
    def label_expected(self) -> tuple[str, str]:
        """What a label is, and what to do about others."""
        some = ", ".join(shown_name(name) for name in self.classes[:5])
        expected = f"one of the {counted(len(self.classes), self.noun)} of the task: {some}"
        expected += ", …" if len(self.classes) > 5 else ""
        return expected, f"write the {self.noun} exactly as train.csv has it, as text"

    @property
    def label_guesses(self) -> tuple[str, ...]:
        """The classes among which the nearest to a wrong label is looked for."""
        return self.classes

    @property
    def number_expected(self) -> str:
        """What a number is."""
        bounded = math.isfinite(self.number_range[1] - self.number_range[0])
        return "a number in [0, 1]" if bounded else "a finite number"

    def number_fix(self, code: str) -> str:
        """Return what to do about a faulty number, by the code of its fault."""
        return {
            "number-empty": "predict every row; 0 is a probability, too",
            "number-nan": "find out why the model returned NaN; fill in a probability",
            "number-infinite": "clip to [0, 1]",
            "number-overflow": "clip to [0, 1]",
            "number-comma": 'write a decimal point (decimal=".")',
            "number-percent": "divide by 100 and leave the sign out",
            "number-text": "write a number such as 0.25",
        }[code]


def shown_name(name: str) -> str:
    """Return the name of a column or class, quoted and cut at 30 characters."""
    return repr(name if len(name) <= 30 else name[:30] + "…")
