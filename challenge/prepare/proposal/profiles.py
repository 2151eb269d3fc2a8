"""Profiles of raw columns: the likely modality, its reason, and open questions."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.prepare.proposal.notes import Code, Note, note
from challenge.prepare.readers.image_files import IMAGE_SUFFIXES, ImageFolder
from challenge.prepare.readers.table_files import RawFile
from challenge.task.cells import MISSING, cell_texts, date_format, read_number
from challenge.task.datetimes import cell_datetimes, read_iso

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ROWS",
    "Profile",
    "column_texts",
    "open_image_folder",
    "profile_columns",
    "profile_values",
    "records_by_key",
]

ROWS = 20_000
"""Number of rows that are profiled, from the start of the file."""

_ID_NAME = re.compile(r"(^|[_\W])(id|uuid|guid|key|index|nr|no|number)$", re.IGNORECASE)
_CODE_NAME = re.compile(r"(zip|postal|postcode|code|phone|isbn|ean|sku|barcode)", re.IGNORECASE)
_TRUTH = {"true", "false", "yes", "no", "y", "n", "t", "f"}
_BARE_NUMBER = re.compile(r"[+-]?[\d.]+([eE][+-]?\d+)?")
_INSIDE = "-inside.png"
"""Suffix of the placeholder name of an image whose bytes are in the table."""
_FEW = 0.05
"""Largest share of distinct values at which a column counts as categorical."""


@dataclass(frozen=True)
class Profile:
    """A column with its likely modality; `doubts` are questions for the organiser.

    `date` is the format of dates that become numbers. `timezone` is assumed for points in time
    without a zone. `is_key`: every row has a different value that looks like an identifier.
    `empty`: fewer than two distinct values. `counts_up`: numbers that start at 0 or 1.
    `missing_words` are the texts for a missing number.
    """

    name: str
    modality: str
    n: int
    n_missing: int
    n_distinct: int
    why: Note
    integer: bool = False
    date: str | None = None
    timezone: str | None = None
    is_key: bool = False
    empty: bool = False
    is_id: bool = False
    counts_up: bool = False
    missing_words: tuple[str, ...] = ()
    doubts: tuple[Note, ...] = ()
    examples: tuple[str, ...] = field(default=(), repr=False)


def profile_columns(
    table: RawFile, images: ImageFolder | None = None
) -> tuple[dict[str, Profile], dict[str, list[str | None]]]:
    """Return a profile of each column, and the profiled values as texts."""
    values: dict[str, list[str | None]] = {name: [] for name in table.names}
    kinds: dict[str, pa.DataType] = {}
    n = 0
    for batch in table.batches():
        for name in table.names:
            column = batch.column(name).slice(0, ROWS - n)
            kinds[name] = column.type
            values[name] += _as_texts(column)
        n += batch.num_rows
        if n >= ROWS:
            break
    profiles = {
        name: profile_values(name, texts, images, kind=kinds.get(name))
        for name, texts in values.items()
    }
    return profiles, values


def column_texts(table: RawFile, name: str, *, rows: int | None = None) -> list[str | None]:
    """Return the values of a column as texts: all of them, or those of the first rows."""
    texts: list[str | None] = []
    for batch in table.batches():
        texts += _as_texts(batch.column(name))
        if rows is not None and len(texts) >= rows:
            return texts[:rows]
    return texts


def records_by_key(
    table: RawFile, key: str, names: list[str], wanted: set[str | None]
) -> dict[str | None, list[str | None]]:
    """Return the values of `names` as texts of the records with the wanted keys, by key."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str | None, list[str | None]] = {}
    sought = pa.array([one for one in wanted if one is not None], pa.string())
    for batch in table.batches():
        keys = cell_texts(batch.column(key))
        rows = batch.filter(pc.is_in(keys, value_set=sought))
        columns = [_as_texts(rows.column(name)) for name in (key, *names)]
        found |= {own: list(rest) for own, *rest in zip(*columns, strict=True)}
    return found


def _as_texts(column: pa.Array) -> list[str | None]:
    import pyarrow as pa

    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return [
            None if value is None else f"{hashlib.sha256(value).hexdigest()[:16]}{_INSIDE}"
            for value in column.to_pylist()
        ]
    return [text or None for text in cell_texts(column).to_pylist()]


def profile_values(
    name: str,
    values: list[str | None],
    images: ImageFolder | None = None,
    *,
    kind: pa.DataType | None = None,
) -> Profile:
    """Return the profile of one column from its values as texts; `kind` is its type in the file."""
    present = [value for value in values if value is not None]
    counts = Counter(present)
    import pyarrow as pa

    n, distinct = len(values), len(counts)
    examples = tuple(text[:60] for text, _ in counts.most_common(3))

    base = Profile(
        name, "categorical", n, n - len(present), distinct,
        note(Code.ONE_VALUE if distinct else Code.NO_VALUE), empty=distinct < 2, examples=examples,
    )  # fmt: skip
    if distinct < 2:
        return base
    unique = distinct == len(present) == n and n > 20
    if all(text.endswith(_INSIDE) for text in counts):
        return replace(base, modality="image", why=note(Code.IMAGES_INSIDE))
    if _names_images(counts, None if unique and _ID_NAME.search(name) else images):
        missing = sum(1 for text in counts if images is not None and images.find(text) is None)
        doubt = note(Code.IMAGES_MISSING, column=name, n=missing, of=distinct)
        return replace(
            base,
            modality="image",
            why=note(Code.IMAGE_NAMES),
            doubts=(doubt,) if images and missing else (),
        )
    if kind is not None and pa.types.is_temporal(kind):
        if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            return replace(base, modality="numeric", why=note(Code.DATES))
        return _datetime_profile(base, zoned=getattr(kind, "tz", None) is not None)
    if {text.casefold() for text in counts} <= _TRUTH:
        return replace(base, modality="categorical", why=note(Code.TRUE_OR_FALSE))
    if (iso := _iso_dates(counts)) is not None:
        return _datetime_profile(base, zoned=iso.tz is not None)
    if (pattern := _dates(counts)) is not None:
        doubt = note(Code.DATES_READ, column=name, form=pattern)
        other = pattern.translate(str.maketrans("md", "dm"))
        if "/" in pattern and date_format(list(counts), (other,)):
            doubt = note(Code.DATES_AMBIGUOUS, column=name, form=pattern, other=other)
        return replace(
            base, modality="numeric", why=note(Code.DATES), date=pattern, doubts=(doubt,)
        )
    numbers = _numbers(counts)
    if numbers is not None:
        return _number_profile(base, counts, numbers, unique)
    return _text_profile(base, counts, len(present), unique)


def _names_images(counts: Counter[str], images: ImageFolder | None) -> bool:
    named = sum(text.lower().split("?")[0].endswith(IMAGE_SUFFIXES) for text in counts)
    if named >= 0.9 * len(counts):
        return True
    if images is None or not len(images):
        return False
    return sum(images.find(text) is not None for text in counts) >= 0.9 * len(counts)


def _iso_dates(counts: Counter[str]) -> pa.TimestampType | None:
    """Return the type of ISO 8601 dates or times, None when some text is not one."""
    import pyarrow as pa

    texts = cell_datetimes(pa.array(list(counts), pa.string())).drop_null()
    read = read_iso(texts) if len(texts) else None
    return None if read is None else read.type


def _datetime_profile(base: Profile, *, zoned: bool) -> Profile:
    if zoned:
        return replace(base, modality="datetime", why=note(Code.DATETIMES))
    doubt = note(Code.ZONE_ASSUMED, column=base.name)
    return replace(
        base, modality="datetime", why=note(Code.DATETIMES), timezone="UTC", doubts=(doubt,)
    )


def _dates(counts: Counter[str]) -> str | None:
    texts = [text for text in counts if text.strip().casefold() not in MISSING]
    if all(re.fullmatch(r"\d{8}", text) for text in texts):
        plausible = all(1900 <= int(text[:4]) <= 2100 for text in texts)
        return "%Y%m%d" if plausible and date_format(texts) == "%Y%m%d" else None
    return date_format(texts)


def _numbers(counts: Counter[str]) -> list[float | int] | None:
    numbers: list[float | int] = []
    for text in counts:
        try:
            number = read_number(text)
        except ValueError:
            return None
        if number is not None:
            numbers.append(number)
    return numbers or None


def _number_profile(
    base: Profile, counts: Counter[str], numbers: list[float | int], unique: bool
) -> Profile:
    name = base.name
    integer = all(isinstance(number, int) for number in numbers)
    written = [text for text in counts if text.strip().casefold() not in MISSING]
    named_id = bool(_ID_NAME.search(name))
    if any(re.match(r"0\d", text) for text in written):
        doubt = note(Code.LEADING_ZEROS, column=name)
        why = note(Code.DIGIT_CODES)
        return replace(base, why=why, doubts=(doubt,), is_key=unique, is_id=named_id)
    whole = integer or all(float(number).is_integer() for number in numbers)
    running = integer and max(numbers) - min(numbers) < 2 * len(numbers)
    if unique and integer and (named_id or (running and len(numbers) > 50)):
        return replace(base, why=note(Code.ROW_NUMBERS), is_key=True, is_id=True)
    if named_id and whole:
        doubt = note(Code.NUMBERS_NAME, column=name)
        counts_up = min(numbers) in (0, 1) and max(numbers) <= len(numbers)
        why = note(Code.NUMBER_IDS)
        return replace(base, why=why, doubts=(doubt,), is_id=True, counts_up=counts_up)
    doubts = []
    odd = [text for text in written if not _BARE_NUMBER.fullmatch(text.strip())]
    if odd:
        doubts.append(note(Code.NUMBERS_AS_TEXT, column=name, example=odd[0]))
    markers = tuple(sorted(set(counts) - set(written)))
    base = replace(base, missing_words=markers)
    if markers:
        doubts.append(note(Code.READ_AS_MISSING, column=name, texts=tuple(map(repr, markers))))
    if integer and len(counts) <= 2:
        return replace(base, why=note(Code.TWO_NUMBERS), doubts=tuple(doubts))
    if integer and (len(counts) <= 12 or _CODE_NAME.search(name)):
        doubts.append(note(Code.FEW_NUMBERS, column=name))
    why = note(Code.WHOLE_NUMBERS if integer else Code.NUMBERS)
    return replace(base, modality="numeric", why=why, integer=integer, doubts=tuple(doubts))


def _text_profile(base: Profile, counts: Counter[str], n: int, unique: bool) -> Profile:
    words = sum(len(text.split()) * times for text, times in counts.items()) / n
    share = len(counts) / n
    named_id = bool(_ID_NAME.search(base.name))
    spaceless = not any(" " in text for text in counts)
    if unique and spaceless and (named_id or max(map(len, counts)) <= 40):
        why = note(Code.UNIQUE_WORDS)
        return replace(base, modality="text", why=why, is_key=True, is_id=named_id)
    if words >= 4 and share > _FEW:
        return replace(base, modality="text", why=note(Code.FREE_TEXT, words=words))
    if len(counts) <= 50 or share <= _FEW:
        return replace(base, why=note(Code.FEW_VALUES), is_id=named_id)
    if named_id:
        return replace(base, why=note(Code.NAMES), is_id=True)
    modality = "text" if words >= 1.8 or share > 0.5 else "categorical"
    doubt = note(
        Code.TEXT_OR_CATEGORIES, column=base.name, n=len(counts), words=words, modality=modality
    )
    return replace(base, modality=modality, why=note(Code.SHORT_TEXTS), doubts=(doubt,))


def open_image_folder(path: Path | None) -> ImageFolder | None:
    """Return the images of a folder or zip, None when there is none."""
    return None if path is None else ImageFolder(path.parent, path)
