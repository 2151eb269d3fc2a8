"""What was seen in raw data: notes, each a code with values, and the English text of each code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique

from challenge.errors import counted
from challenge.task.toml_text import toml_key

__all__ = ["Code", "Note", "note"]


@unique
class Code(Enum):
    """What a note says; the value is its text, with the names of the note's values in braces."""

    # why a column has its modality, or is left out
    NO_VALUE = "no value at all"
    ONE_VALUE = "one value only"
    IMAGES_INSIDE = "images in the table itself"
    IMAGE_NAMES = "names of image files"
    IMAGES_BY_KEY = "files named by {key}"
    DATES = "dates, as days since 1970"
    DURATIONS = "durations, in seconds"
    DATETIMES = "dates or points in time, in ISO 8601 or as such a type"
    TRUE_OR_FALSE = "true or false"
    DIGIT_CODES = "codes of digits"
    ROW_NUMBERS = "a number of its own in every row"
    NUMBER_IDS = "ids stored as numbers"
    TWO_NUMBERS = "two whole numbers"
    WHOLE_NUMBERS = "whole numbers"
    NUMBERS = "numbers"
    UNIQUE_WORDS = "a word of its own in every row"
    FREE_TEXT = "free text of {words:.0f} words on average"
    FEW_VALUES = "few values that recur"
    NAMES = "names of things"
    SHORT_TEXTS = "short texts"
    ROW_KEY = "identifies the row"
    SPLIT_GROUP = "forms the split"
    UNIQUE_VALUES = "a value of its own in every row"
    NOT_IN_TEST = "the test table has no such column"
    AGREEMENT = "equal on both sides just where the pair is a match"
    # what to look at in a column
    IMAGES_MISSING = "column {column}: {n:,} of {of:,} images are not in the folder"
    DATES_READ = (
        "column {column}: {example!r} and all others are read as dates written {form}; change it "
        "if they are mere labels"
    )
    READING_OPEN = (
        "column {column}: {example!r} can be {choices}; write the right one under [columns.{toml}]"
    )
    NO_NUMBERS = "column {column}: not read as numbers, since {example!r} has {why}"
    NOT_NUMBER = (
        "column {column}: {n:,} of {of:,} distinct texts tried are no numbers: {examples}; "
        "correct them, or list them as `missing` under [raw], to have numbers"
    )
    NOT_DATE = (
        "column {column}: {n:,} of {of:,} distinct texts tried are no dates: {examples}; "
        "correct them, or list them as `missing` under [raw], to have dates"
    )
    MIXED_FORMATS = (
        "column {column}: each text is a number or a date, such as {example!r}, but no one format "
        "fits all, so they are kept as texts"
    )
    FINE_TIMES = (
        "column {column}: {example!r} is finer than a microsecond, so its times are kept as texts"
    )
    SHORT_YEARS = (
        "column {column}: years of two digits are taken to lie in 1969 to 2068, so that "
        "{example!r} is in {year}; write all four digits in the raw file if that is wrong"
    )
    SENTINEL = (
        "column {column}: {n:row} {n:has|have} {word}, far from all others; list it as `missing` "
        "under [raw] if it means that"
    )
    ZONE_ASSUMED = (
        "column {column}: {times} name no zone; taken as UTC, a date as its midnight; correct "
        "`timezone` if they are local times"
    )
    DATE_SENTINEL = (
        "column {column}: {n:row} {n:has|have} {word}, far from all other dates; list it as "
        "`missing` under [raw] if it means that"
    )
    LEADING_ZEROS = "column {column}: digits with leading zeros were taken as codes, not as numbers"
    NUMBERS_NAME = (
        "column {column}: whole numbers that name things; taken as categories, not as amounts"
    )
    NUMBERS_AS_TEXT = "column {column}: numbers stored as text; {example!r} is read as {value}"
    READ_AS_MISSING = "column {column}: {texts} is read as missing"
    FEW_NUMBERS = (
        "column {column}: few whole numbers, or a code; make it categorical if they only name "
        "things"
    )
    TEXT_OR_CATEGORIES = (
        "column {column}: between text and categories ({n:value} of {words:.1f} words); "
        "taken as {modality}"
    )
    KEY_IMAGES_MISSING = "image: {n:,} of {of:,} rows have no file named by {key}"
    PREDICTS_LABEL = (
        "column {column}: alone it predicts the label (AUC {auc:.3f}); is it the label again?"
    )
    DECIDES_LABEL = "column {column}: each value has one label only; is it the label again?"
    AGREEMENT_LEFT_OUT = (
        "column {column}: left out, since it is equal on both sides just where the label is 1; "
        "is it the label under another name?"
    )
    ABSENT_IN_TEST = "column {column}: left out, since the test table has no such column"
    # what to look at in the whole task
    READER = "{text}"
    LICENCE = "licence: the data do not state it; the page shows it as not stated until you do"
    LABEL = "label: taken to be {column}"
    LABEL_AMONG = "label: taken to be {column}; {others} would do as well"
    NUMBER_KIND = (
        "kind: {kind}, since the label has {n:different number}; write --kind {other} if they "
        "only name classes"
    )
    NUMBER_CLASSES = (
        "kind: {kind}, since the label has only {n:different number} that recur; write --kind "
        "{other} if a prediction near the true number is better than one far from it"
    )
    LABEL_MISSING = "label: {texts} is no number; rows with it will be dropped"
    LABEL_WORDS = (
        "label: {texts} is a class; list it as `missing` under [raw] if it means that there is none"
    )
    RARE_CLASSES = (
        "label: {n:,} of {of:,} classes have fewer than 5 rows; merge or drop them, else a "
        "side of the split may lack them"
    )
    UNLABELLED_ROWS = "label: {n:row} {n:has|have} none and will be dropped"
    METRIC_UNEVEN = "metric: {metric}, since the largest of the classes has {share:.0%}"
    METRIC_EVEN = "metric: {metric}, since the classes are about equally large"
    MISSING_WORD = "missing: {word!r} is no number, so it was read as missing in {columns} too"
    ROW_KEY_GUESSED = (
        "key: {column} has a value of its own in every row, and was taken for the key of the rows; "
        "move it from [left_out] to [columns.{toml}] if it is a feature"
    )
    RECORD_KEY = "key: {column} is taken for the id of a record"
    SIDES = "sides: {left} is taken for the left one, {right} for the right one"
    FEW_PUBLIC_ROWS = (
        "split: about {n:test row} will be public; a contest shows no score of fewer than "
        "{least} before its close (raise test or public if it should)"
    )
    GROUP = (
        "split: rows that share {column} ({n:value} in {of:row}) are kept together; "
        'write by = "row" if they have nothing in common'
    )
    VARIANTS = (
        "split: {n:row} {n:has|have} the {column!r} of another row, nearly always together with "
        'its class; such variants are kept together (write by = "row" if they have nothing in '
        "common)"
    )
    VARIANT_FORMS = (
        "{column}: {n:value} {n:is|are} written in several forms: {example}; write variants = "
        '"join" under [raw] if they mean the same, else "keep"'
    )
    TIME = 'split: rows carry dates; if later rows are to be predicted, by = "time"'
    OFFICIAL_SPLIT = (
        'split: by = "official" would keep the given one; with "entity" no record is on both sides'
    )


class _Count(int):
    """A number that a text may name with its noun and its verb.

    `{n:row} {n:has|have}` is `1 row has` or `2 rows have`.
    """

    def __format__(self, spec: str) -> str:
        if "|" in spec:
            return spec.split("|", 1)[self != 1]
        noun = spec.replace(" ", "").isalpha()
        return counted(int(self), spec) if noun else format(int(self), spec)


@dataclass(frozen=True)
class Note:
    """A code and the values that its text is made with: texts, numbers, tuples of texts."""

    code: Code
    values: Mapping[str, str | float | tuple[str, ...]]

    @property
    def text(self) -> str:
        """What the note says, in English."""
        values = {
            name: ", ".join(value) if isinstance(value, tuple) else value
            for name, value in self.values.items()
        }
        values |= {name: _Count(n) for name, n in values.items() if isinstance(n, int)}
        if "column" in values:
            values["toml"] = toml_key(str(values["column"]))
        return str(self.code.value).format(**values)


def note(code: Code, **values: str | float | tuple[str, ...]) -> Note:
    """Return a note of that code."""
    return Note(code, values)
