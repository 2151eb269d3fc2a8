"""Split rules for train and test, and `[split]` of task.toml.

To add a rule, add a `SplitRule` here and its function to `RULES` in `prepare/splits/rules.py`. A
rule that reads a raw column needs a setting of that name: add a field to `Split`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from challenge.task.declarations import Declaration

__all__ = ["SPLIT_COLUMNS", "SPLIT_RULES", "Split", "SplitRule"]


@dataclass(frozen=True)
class SplitRule:
    """A rule that chooses the test rows, selected with `by = "<name>"`.

    `sentence` is shown on pages. `column` is the raw column that the rule reads: texts, or with
    `ordered` any sortable type. `paired` rules split the records of pairs. `uneven` rules make
    sides that differ, and the audit expects it. Rules that are not `drawn` follow the source, so
    the share `test` does not apply.
    """

    name: str
    sentence: str
    column: str | None = None
    ordered: bool = False
    paired: bool = False
    uneven: bool = False
    drawn: bool = True


SPLIT_RULES = {
    rule.name: rule
    for rule in (
        SplitRule("row", "single rows, stratified by label"),
        SplitRule("group", "whole groups, each on one side", column="group", uneven=True),
        SplitRule("entity", "whole entities: no entity is on both sides", paired=True, uneven=True),
        SplitRule(
            "time", "time: the latest rows are the test", column="time", ordered=True, uneven=True
        ),
        SplitRule("official", "the split that the source published", column="split", drawn=False),
    )
}
"""Every rule by name."""

SPLIT_COLUMNS = {rule.column: rule.ordered for rule in SPLIT_RULES.values() if rule.column} | {
    "block": False
}
"""The columns of raw rows that the split reads, and whether their values are sorted."""


def _known(name: Any) -> str:
    if name not in SPLIT_RULES:
        expected = " or ".join(map(repr, SPLIT_RULES))
        raise PydanticCustomError("literal_error", "one of {expected}", {"expected": expected})
    return str(name)


class Split(Declaration):
    """Shares and rules of the test rows and of their public subset."""

    by: Annotated[str, PlainValidator(_known)] = "row"
    """The rule that chooses the test rows."""
    test: float = Field(default=0.3, gt=0, lt=1)
    """The share of the rows that are test."""
    public: float = Field(default=0.3, gt=0, lt=1)
    """The share of the test rows that are scored in public while a contest runs.

    Of fewer than 300 such rows a contest shows no score before its close.
    """
    group: str | None = None
    """The raw column whose rows of one value stay on one side; for `by = "group"`."""
    time: str | None = None
    """The raw column of times; the latest rows are the test, for `by = "time"`."""
    block: str | None = None
    """A column whose values share an effect, such as a brand. Rows of one value are one cluster of
    the intervals, on whichever sides they are. In matching: an attribute of both records."""
    seed: Literal["secret"] | int = "secret"
    """What rows are drawn with: a secret drawn once, or a number where labels are public anyway."""
    truth: Literal["complete", "listed"] = "listed"
    """Whether pairs that are not listed as matches are known to be none."""
    void: tuple[str, ...] = Field(default=(), strict=False)
    """Ids of faulty test rows: they stay valid but are not scored."""

    @model_validator(mode="after")
    def _column_named(self) -> Self:
        setting = self.rule.column
        if setting in type(self).model_fields and getattr(self, str(setting)) is None:
            raise ValueError(f'`{setting} = "a raw column"` beside by = "{self.by}"')
        return self

    @property
    def rule(self) -> SplitRule:
        """The rule that `by` names."""
        return SPLIT_RULES[self.by]

    @property
    def named_columns(self) -> dict[str, str]:
        """The columns that settings name, by the setting: `{"group": "shop_id"}`."""
        named = ((name, getattr(self, name, None)) for name in SPLIT_COLUMNS)
        return {name: column for name, column in named if column is not None}
