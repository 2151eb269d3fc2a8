"""How the columns of raw tables are read, decided on all of their rows, and the books of it.

Exactly one reading that explains a column is taken. Where none does, or several give different
values, the organiser is asked, and answers in task.toml.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, TaskError, counted, plain_form
from challenge.prepare.readers.raw_file import RawFile
from challenge.task.cells import cell_texts
from challenge.task.columns import Column
from challenge.task.date_texts import DATE_ORDERS, DateTally, is_date_format
from challenge.task.datetimes import YEAR_FIRST
from challenge.task.definition import Raw, TaskDefinition
from challenge.task.look_alikes import LOOK_ALIKES
from challenge.task.modalities import NUMBERS, modality_of
from challenge.task.number_texts import NUMBER_FORMATS, NumberTally
from challenge.task.raw_values import text_values
from challenge.task.toml_text import toml_key

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Readings", "joined_forms", "number_formats", "present", "read_columns", "variants_of"]


@dataclass(frozen=True)
class Readings:
    """The format of each column that has one, and the report of what was read.

    `forms` is by feature, and `time` for the column of a split by time. `joined` maps the values
    of `label` or `group` to the form that stands for all of its variants.
    """

    forms: Mapping[str, str | None]
    joined: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)

    def join(self, name: str, texts: pa.Array) -> pa.Array:
        """Return texts with each variant replaced by the form that stands for it."""
        import pyarrow as pa

        known = self.joined.get(name)
        if not known:
            return texts
        return pa.array([known.get(text, text) for text in texts.to_pylist()], pa.string())


def number_formats(raw: Raw) -> list[str]:
    """Return the number formats that `decimal` and `thousands` under `[raw]` allow."""
    return [
        form
        for form in NUMBER_FORMATS
        if raw.decimal in (None, form[-2])
        and (raw.thousands is None or raw.thousands == (form[1] if len(form) == 7 else ""))
    ]


def present(array: Any, raw: Raw) -> Any:
    """Return the cells of a column with the texts that mean a missing value as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = [*raw.missing, *([str(raw.options["missing"])] if "missing" in raw.options else [])]
    if not words or not pa.types.is_string(array.type):
        return array
    missing = pc.is_in(array, value_set=pa.array(words, pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), array)


class _Column:
    """What is known of a column after each batch: its tally and the counts of its cells."""

    def __init__(self, column: Column, definition: TaskDefinition) -> None:
        self.column = column
        modality = modality_of(column.modality)
        option = definition.raw.options.get(f"date_{column.name}")
        stated = column.format or (None if option is None else str(option))
        self.stated = stated
        self.n = self.n_null = self.n_read = 0
        self.lists = False
        self.tally: NumberTally | DateTally | None = None
        if stated is not None and is_date_format(stated):
            self.tally = DateTally([stated])
        elif modality.is_datetime:
            self.tally = DateTally()
        elif modality.is_ordered:
            self.tally = NumberTally([stated] if stated else number_formats(definition.raw))

    def update(self, array: pa.Array) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        self.n += len(array)
        if pa.types.is_floating(array.type):
            array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
        if pa.types.is_list(array.type):
            self.lists = True
            array = cell_texts(array)
        if pa.types.is_string(array.type):
            array = text_values(array)
        self.n_null += array.null_count
        if self.tally is None:
            if self.lists:
                self.n_read += len(array) - array.null_count
            return
        if isinstance(array, pa.DictionaryArray):
            array = array.dictionary_decode()
        if pa.types.is_string(array.type):
            self.tally.update(array)
        if pa.types.is_string(array.type) or is_date_format(self.stated or ""):
            self.n_read += len(array) - array.null_count

    @property
    def form(self) -> str | None:
        """The format of the column; None for values that need none, or that none explains."""
        if self.tally is None or not self.tally.forms:
            return self.stated
        return self.tally.forms[0] if self.tally.n else self.stated

    def fault(self, where: str) -> Fault | None:
        """Return what keeps the column from being read in one way, None when nothing does."""
        tally, section = self.tally, f"[columns.{toml_key(self.column.attribute)}]"
        if tally is None:
            return None
        where = f"{where}, column {self.column.name}"
        if not tally.forms:
            broken = {text: form for form, text in reversed(tally.breaks.items())}
            if len(broken) < 2:
                # One text that is neither: the build names all such rows.
                return None
            return Fault(
                where,
                "no format explains all texts: "
                + "; ".join(f"{text!r} is not written {form}" for text, form in broken.items()),
                "one format in the whole column",
                f'correct these cells, or declare modality = "text" under {section}',
                code="format-none",
            )
        if (question := tally.question) is not None:
            text, values = question
            by_value: dict[str, str] = {}
            for form, value in values.items():
                by_value.setdefault(str(value), form)
            choices = "; ".join(f"{value} if written {form}" for value, form in by_value.items())
            write = " or ".join(f'format = "{form}"' for form in by_value.values())
            return Fault(
                where,
                f"{text!r} can be read in several ways: {choices}",
                "one reading of the whole column",
                f"write {write} under {section}",
                code="format-open",
            )
        if isinstance(tally, NumberTally) and self.stated is None and tally.refused is not None:
            text, why = tally.refused
            return Fault(
                where,
                f"{text!r} is not the same as a number: {why}",
                "numbers of one unit that a double or 64 bits hold as they are written",
                f'declare modality = "categorical" or "text" under {section}, or state its '
                "`format` if it is a number",
                code="number-code",
            )
        return None

    def entry(self) -> dict[str, Any]:
        """Return the entry of the report: the reading, and the balance of the cells."""
        words = dict(self.tally.missing) if self.tally is not None else {}
        n_words = sum(words.values())
        parsed = self.n_read - n_words
        return {
            "name": self.column.name,
            "reading": self.reading() if parsed else "as it is",
            "kept": self.n - self.n_null - self.n_read,
            "parsed": parsed,
            "missing": self.n_null + n_words,
            "missing_words": {word: words[word] for word in sorted(words)},
        }

    def reading(self) -> str:
        """Return how cells of the column are read that are not kept as they are."""
        if self.tally is None:
            return "lists as text"
        if isinstance(self.tally, NumberTally):
            return f"numbers written {self.form or NUMBER_FORMATS[0]}"
        text = f"dates written {self.form or DATE_ORDERS[0]}"
        if isinstance(self.tally, DateTally) and self.tally.short_year is not None:
            text += ", years of two digits in 1969 to 2068"
        modality = modality_of(self.column.modality)
        if modality.is_ordered and not modality.is_datetime:
            return f"{text}, as days since 1970"
        return text + (
            f", without a zone in {self.column.timezone}" if self.column.timezone else ""
        )


def read_columns(
    files: Sequence[tuple[RawFile, Mapping[str, str]]],
    definition: TaskDefinition,
    used: Iterable[str] = (),
) -> Readings:
    """Read all rows once, and return how each column is to be read.

    `files` are tables with the raw column of each feature, and of `label`, `group` and `time`
    where they have one; `used` are other raw columns that are needed. Raises TaskError with every
    column that has no reading, or several.
    """
    used = set(used)
    columns = {one.name: _Column(one, definition) for one in definition.feature_columns()}
    if definition.split.time is not None:
        columns["time"] = _time_column(definition)
    if definition.kind.label == "number":
        columns["label"] = _Column(Column("label", NUMBERS), definition)
    features = {one.name for one in definition.feature_columns()}
    named = {name: Counter[str]() for name in ("label", "group")}
    n_rows: list[int] = []
    for table, sources in files:
        n = 0
        for batch in table.batches():
            n += batch.num_rows
            for name, source in sources.items():
                if name not in columns and name not in named:
                    continue
                array = present(batch.column(source), definition.raw)
                if name in columns:
                    columns[name].update(array)
                else:
                    _count(named[name], array)
        n_rows.append(n)
    where = ", ".join(dict.fromkeys(table.path.name for table, _ in files))
    faults = [fault for one in columns.values() if (fault := one.fault(where)) is not None]
    joined: dict[str, Mapping[str, str]] = {}
    for name, counts in named.items():
        groups = variants_of(counts)
        if not groups:
            continue
        if definition.raw.variants is None:
            faults.append(_variants_fault(f"{where}, {name}", groups))
        elif definition.raw.variants == "join":
            joined[name] = joined_forms(groups)
    if faults:
        raise TaskError(faults)
    report = {
        "files": [
            {
                "name": table.path.name,
                "rows": n,
                "columns": _balance(table, sources, features, used),
                "notes": list(table.notes),
            }
            for (table, sources), n in zip(files, n_rows, strict=True)
        ],
        "columns": [
            one.entry()
            for name, one in columns.items()
            # The time of a split may be a feature, too.
            if one.n and (name in features or one.column.name not in features)
        ],
        "left_out": _left_out(files, definition, used),
        "joined": {
            name: sum(named[name][text] for text, kept in forms.items() if text != kept)
            for name, forms in joined.items()
        },
    }
    forms = {name: one.form for name, one in columns.items()}
    return Readings(forms, joined, report)


def _time_column(definition: TaskDefinition) -> _Column:
    """Return the column of a split by time, as it is declared if it is a feature, too."""
    name = str(definition.split.time)
    declared = {one.name: one for one in definition.feature_columns()}.get(name)
    if declared is not None and modality_of(declared.modality).is_ordered:
        return _Column(declared, definition)
    return _Time(Column(name, "text"), definition)


class _Time(_Column):
    """Times of a split that no feature declares: numbers, dates, or texts that sort by time."""

    def __init__(self, column: Column, definition: TaskDefinition) -> None:
        super().__init__(column, definition)
        self._name = str(definition.split.time)
        self._numbers = NumberTally(number_formats(definition.raw))
        self._shapes: dict[str, str] = {}
        self.tally = self.tally or DateTally()

    def update(self, array: pa.Array) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        super().update(array)
        if pa.types.is_string(array.type):
            self._numbers.update(array)
            for text in pc.unique(array).drop_null().to_pylist():
                self._shapes.setdefault(re.sub("[0-9]", "0", text), text)

    def fault(self, where: str) -> Fault | None:
        assert self.tally is not None
        if not self.tally.forms and self._numbers.forms:
            self.tally = self._numbers
        if self.tally.forms:
            return super().fault(where)
        if len(self._shapes) == 1 and YEAR_FIRST.fullmatch(next(iter(self._shapes.values()))):
            return None
        broken = "; ".join(f"{text!r} is not {form}" for form, text in self.tally.breaks.items())
        return Fault(
            f"{where}, column {self._name}",
            f"no time that can be sorted: {broken}",
            "numbers, or dates in one order of their parts",
            f"correct these cells, or state `format` under [columns.{toml_key(self._name)}]",
            code="time-value",
        )


def _count(counts: Counter[str], array: pa.Array) -> None:
    import pyarrow.compute as pc

    counted = pc.value_counts(cell_texts(array).drop_null())
    for text, n in zip(
        counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True
    ):
        if text:
            counts[text] += n


_LOOKS = {code: look for code, look in LOOK_ALIKES.items() if code > 127}


def variants_of(counts: Mapping[str, int]) -> list[dict[str, int]]:
    """Return groups of texts that differ only in their form, each with the one to keep first.

    That is the most frequent text; of 1 and 1.0 it is 1. Forms differ in blanks, case, the normal
    form of Unicode, letters of another script that look the same, and how a number is written.
    """
    groups: defaultdict[str, dict[str, int]] = defaultdict(dict)
    order = sorted(counts, key=lambda one: (one.endswith(".0"), -counts[one], len(one), one))
    for text in order:
        looks = text if text.isascii() else plain_form(text).translate(_LOOKS)
        groups[plain_form(looks)][text] = counts[text]
    return [group for group in groups.values() if len(group) > 1]


def joined_forms(groups: list[dict[str, int]]) -> dict[str, str]:
    """Return for each text of the groups of `variants_of` the one that stands for it."""
    return {text: next(iter(group)) for group in groups for text in group}


def _variants_fault(where: str, groups: list[dict[str, int]]) -> Fault:
    first = tuple(
        " and ".join(f"{text!r} ({counted(n, 'row')})" for text, n in group.items())
        for group in groups[:5]
    )
    return Fault(
        where,
        "values that differ only in blanks, case, look-alike characters or the form of a number",
        "one form of each value",
        'write variants = "join" under [raw] if they mean the same, or variants = "keep"',
        code="variants",
        n=len(groups),
        first=first,
    )


def _balance(
    table: RawFile, sources: Mapping[str, str], features: Set[str], used: Set[str]
) -> dict[str, int]:
    """Return how many raw columns there are: built, used for label, key or split, and left out."""
    built = {source for name, source in sources.items() if name in features}
    names = set(table.names)
    n_used = len(names & {*sources.values(), *used} - built)
    n_built = len(names & built)
    return {
        "raw": len(names),
        "built": n_built,
        "used": n_used,
        "left_out": len(names) - n_built - n_used,
    }


def _left_out(
    files: Sequence[tuple[RawFile, Mapping[str, str]]], definition: TaskDefinition, used: Set[str]
) -> dict[str, str]:
    """Return the raw columns that are not in the task, each with its reason."""
    left_out: dict[str, str] = {}
    for table, sources in files:
        for name in table.names:
            if name not in sources.values() and name not in used:
                left_out[name] = definition.left_out.get(name, "not named in task.toml")
    return left_out
