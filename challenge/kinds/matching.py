"""Matching of record pairs: whether both records of a row are of one entity."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from challenge.errors import Fault
from challenge.kinds.base import Kind, Metric
from challenge.kinds.forms import Columns, Forms

__all__ = ["KIND"]


def _metrics() -> tuple[Metric, ...]:
    from challenge.kinds.metrics.pairs import METRICS

    return METRICS


def _outcome() -> Any:
    from challenge.kinds.metrics.pairs import PairOutcome

    return PairOutcome


@dataclass(frozen=True)
class MatchForms(Forms):
    """A decision per pair in `label`, a probability of a match in `score`, or both."""

    label_type: Literal["string", "int8", "double"] = "int8"
    number_columns: str = "column score"
    records: tuple[str, ...] = ("left_id", "right_id")

    @property
    def _ranks(self) -> bool:
        return self.metric.needs == "scores"

    @property
    def expected(self) -> str:
        """The columns of a submission in one line."""
        return f"id and {'score' if self._ranks else 'label (1 or 0) or score, or both'}"

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a column may have."""
        return ("id", "label", "score")

    def meant(self, names: Collection[str]) -> set[str]:
        """Return the names that a file with these columns seems to use."""
        del names
        return set(self.names)

    def columns(self, names: Collection[str], meant: Collection[str]) -> Columns:
        """Return which columns count."""
        del meant
        numbers = ("score",) if "score" in names else ()
        if "label" in names:
            return Columns("labels+scores" if numbers else "labels", True, numbers)
        return Columns("scores" if numbers else None, False, numbers)

    def other_kind_fix(self, names: Collection[str]) -> str:
        """Return what to do about columns that belong to another form or kind."""
        del names
        return "give the probability of class 1 in a column `score`, and remove the class columns"

    def missing(
        self, names: Collection[str], meant: Collection[str], where: str
    ) -> Iterator[Fault]:
        """Yield a fault for needed columns that are not there."""
        del meant
        if "label" not in names and "score" not in names:
            fix = "add `label` with 1 or 0, or `score` with the probability of a match"
            if self._ranks:
                fix = "add `score`, the probability of a match"
            yield Fault(
                where, "neither `label` nor `score`", self.expected, fix, code="column-missing"
            )
        elif "score" not in names and self._ranks:
            yield Fault(
                where,
                "decisions only (`label`)",
                f"a column `score`: {self.metric.name} needs a ranking of the pairs",
                "add `score`, a probability of a match in [0, 1]",
                code="column-kind",
            )

    @property
    def label_texts(self) -> Mapping[str, int]:
        """Every text that is a label, with the position of its class."""
        return {**super().label_texts, "False": 0, "True": 1}

    @property
    def label_expected(self) -> tuple[str, str]:
        """What a label is, and what to do about others."""
        return (
            "1 (match) or 0 (no match); True and False are accepted",
            "write 1 or 0; a probability goes into a column `score`",
        )

    @property
    def label_guesses(self) -> tuple[str, ...]:
        """The classes among which the nearest to a wrong label is looked for: none."""
        return ()


KIND = Kind(
    name="matching",
    title="matching of pairs",
    row="pair",
    label="match",
    default_metric="f1",
    load_metrics=_metrics,
    load_outcome=_outcome,
    forms=MatchForms,
    paired=True,
    diagnostic_titles={
        "b_cubed_precision": "B-cubed precision",
        "b_cubed_recall": "B-cubed recall",
        "b_cubed_f1": "B-cubed F1",
        "intransitive_share": "intransitive share",
    },
)
