"""The names of audit findings that `[accept]` of task.toml takes, each with its meaning and fix.

A name ends in what it concerns: a column, two columns, or a side of the split.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from challenge.errors import Fault, nearest
from challenge.task.columns import Column

__all__ = ["FINDINGS", "FindingForm", "absent_column", "form_of", "unknown_findings"]

Ending = Literal["", "column", "columns", "attribute", "side"]
"""What a name ends in. A column is named as in the files, such as `left_title` of a pair; an
attribute is a column of both records of a pair, without its side."""

_LEAVE_OUT = "move the column to [left_out] when it follows from the label"
_BY_GROUP = (
    'keep what belongs together on one side: under [split], by = "group" and group = "a raw '
    'column that copies share"'
)
_BY_ENTITY = 'keep the records of an entity on one side: under [split], by = "entity"'
_IDS = "correct the converter: ids must not follow the label"
_FILES = "encode all images alike: one format, quality and size for all labels"


@dataclass(frozen=True)
class FindingForm:
    """A kind of finding: the start of its names, what they end in, its meaning and its fix."""

    start: str
    ending: Ending
    meaning: str
    fix: str

    @property
    def pattern(self) -> str:
        """The name with what it ends in, such as `label-in-<column>`."""
        endings = {"": "", "columns": "-<column>-<column>"}
        return self.start + endings.get(self.ending, f"-<{self.ending}>")

    def ending_of(self, name: str) -> str | None:
        """Return what a name of this form ends in, "" for nothing; None for another name."""
        if not self.ending:
            return "" if name == self.start else None
        head = f"{self.start}-"
        return name[len(head) :] if name.startswith(head) and len(name) > len(head) else None


FINDINGS = (
    FindingForm(
        "identical-rows", "", "Test rows that are in train, too.", "drop the copies"
    ),
    FindingForm(
        "contradictory-labels", "", "Equal rows with different labels.",
        "correct the labels, or drop the rows that contradict each other",
    ),
    FindingForm(
        "near-identical-texts", "", "Test rows with nearly the text of a train row.", _BY_GROUP
    ),
    FindingForm(
        "near-identical-short-texts", "",
        "Test rows with the short text of a train row, but for a character or the order.",
        _BY_GROUP,
    ),
    FindingForm(
        "near-identical-but-for", "column",
        "Test rows that differ from a train row in this column alone.", _BY_GROUP,
    ),
    FindingForm(
        "near-identical-images", "", "Test rows with nearly an image of train.", _BY_GROUP
    ),
    FindingForm(
        "near-identical-images-turned", "",
        "Test rows with an image of train, mirrored or upside down.", _BY_GROUP,
    ),
    FindingForm(
        "near-identical-images-cropped", "",
        "Test rows with an image of train, a small part cut off.", _BY_GROUP,
    ),
    FindingForm(
        "telling-column", "column", "The column alone predicts the label.", _LEAVE_OUT
    ),
    FindingForm(
        "telling-columns", "columns",
        "Two columns together predict the label, though neither does alone.",
        "move one of the columns to [left_out] when they follow from the label",
    ),
    FindingForm(
        "telling-number", "column", "The column numbers the rows and follows the label.",
        _LEAVE_OUT,
    ),
    FindingForm(
        "telling-agreement", "attribute",
        "Whether both records agree in it predicts the label.", _LEAVE_OUT,
    ),
    FindingForm(
        "telling-form", "column",
        "Lengths, digits, decimals or the like of its values predict the label.",
        f"write its values alike for all labels, or {_LEAVE_OUT}",
    ),
    FindingForm(
        "telling-characters", "column",
        "A few character sequences of its texts predict the label.",
        f"take out of it what follows from the label, or {_LEAVE_OUT}",
    ),
    FindingForm(
        "telling-missing", "", "Which values are missing predicts the label.",
        "fill or mark missing values alike for all labels",
    ),
    FindingForm(
        "telling-pixels", "column", "A corner pixel of its images predicts the label.",
        "crop the images, or encode them alike for all labels",
    ),
    FindingForm(
        "telling-file-size", "column", "The size of its image files predicts the label.", _FILES
    ),
    FindingForm(
        "telling-file-date", "column", "The date of its image files predicts the label.", _FILES
    ),
    FindingForm(
        "telling-file-shape", "column", "Width and height of its images predict the label.",
        _FILES,
    ),
    FindingForm(
        "telling-file-name", "column", "The name of its image files predicts the label.", _FILES
    ),
    FindingForm(
        "telling-file-format", "column", "Whether its images are JPEG predicts the label.",
        _FILES,
    ),
    FindingForm(
        "telling-order", "side", "The order of the rows predicts the label.",
        "correct the converter: keys must not follow the label",
    ),
    FindingForm("telling-id", "side", "The ids of the rows predict the label.", _IDS),
    FindingForm("telling-left-id", "side", "The ids of left records predict the label.", _IDS),
    FindingForm("telling-right-id", "side", "The ids of right records predict the label.", _IDS),
    FindingForm(
        "label-in", "column", "Rows name their own label in the column.",
        "move the column to [left_out], or take the label's words out of it",
    ),
    FindingForm(
        "seen-records", "", "Records of test pairs that are in train, too.", _BY_ENTITY
    ),
    FindingForm(
        "transitive-pairs", "", "Test pairs that follow from pairs of train.", _BY_ENTITY
    ),
    FindingForm(
        "self-pairs", "", "Pairs of a record with itself.", "remove these pairs"
    ),
    FindingForm(
        "class-missing", "side", "Classes that have no row on the side.",
        "join or drop the smallest classes, or change split.test",
    ),
    FindingForm(
        "shifted-sides", "", "Test rows can be distinguished from train rows by their features.",
        "split by another rule, or say in the description how test differs",
    ),
    FindingForm(
        "licence-unstated", "", "A source states no licence.",
        "write `licence = …` under [[source]]",
    ),
)  # fmt: skip
"""All kinds of findings; every finding of the audit has one of these forms."""


def form_of(name: str) -> FindingForm | None:
    """Return the form of a finding's name, None for a name that no finding has."""
    return next((form for form in FINDINGS if form.ending_of(name) is not None), None)


def unknown_findings(names: Iterable[str], columns: Sequence[Column], file: str) -> Iterator[Fault]:
    """Yield a fault for each name under `[accept]` that is the name of no finding.

    `columns` are the features of the files, for the nearest name. A name may end in a column that
    the task does not have: `absent_column` reports it.
    """
    for name in names:
        form = form_of(name)
        known = {one.start: one.pattern for one in FINDINGS}
        known |= {each: each for each in _all_names(columns)}
        if form is not None and (form.ending != "side" or name in known):
            continue
        guess = known.get(name) or known.get(nearest(name, known) or "")
        yield Fault(
            f"{file}, key accept.{name}",
            f"unknown finding {name!r}",
            f"one of {', '.join(one.pattern for one in FINDINGS)}; a side is train or test",
            f"did you mean {guess!r}?" if guess else "remove it",
            "accept-unknown",
        )


def absent_column(name: str, columns: Sequence[Column]) -> str | None:
    """Return that a finding's name ends in a column that is none of the features, or None."""
    form = form_of(name)
    if form is None or form.ending in ("", "side"):
        return None
    known, ending = _endings(form.ending, columns), form.ending_of(name) or ""
    if _is_of(ending, known, form.ending):
        return None
    guess = _nearest_ending(ending, known, form.ending)
    meant = f"; did you mean {f'{form.start}-{guess}'!r}?" if guess else ""
    return f"the task has no {_NOUNS[form.ending]} {ending!r}{meant}"


_NOUNS = {"column": "column", "attribute": "attribute of both records", "columns": "columns"}


def _endings(ending: Ending, columns: Sequence[Column]) -> list[str]:
    """Return what names of one ending may end in, or be made of."""
    if ending == "side":
        return ["train", "test"]
    if ending == "attribute":
        right = {column.attribute for column in columns if column.side == "right"}
        return [one.attribute for one in columns if one.side == "left" and one.attribute in right]
    return [column.name for column in columns]


def _is_of(ending: str, known: list[str], form: Ending) -> bool:
    if form != "columns":
        return ending in known
    index = {name: n for n, name in enumerate(known)}
    return any(
        index.get(first, len(known)) < index.get(second, -1) for first, second in _halves(ending)
    )


def _nearest_ending(ending: str, known: list[str], form: Ending) -> str | None:
    if form != "columns":
        return nearest(ending, known)
    for halves in _halves(ending):
        found = {nearest(half, known) for half in halves} - {None}
        if len(found) == 2:
            return "-".join(name for name in known if name in found)
    return None


def _halves(ending: str) -> Iterator[tuple[str, str]]:
    """Yield each way to cut a text in two at a hyphen: names may have hyphens themselves."""
    for place, character in enumerate(ending):
        if character == "-":
            yield ending[:place], ending[place + 1 :]


def _all_names(columns: Sequence[Column]) -> Iterator[str]:
    """Yield the names of all findings but those of two columns."""
    for form in FINDINGS:
        if not form.ending:
            yield form.start
        elif form.ending != "columns":
            for ending in _endings(form.ending, columns):
                yield f"{form.start}-{ending}"
