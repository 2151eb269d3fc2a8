"""Profiles of raw columns: the likely modality, its reason, and open questions."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.prepare.proposal.notes import Code, Note, note
from challenge.prepare.readers.column_readings import present
from challenge.prepare.readers.image_files import IMAGE_SUFFIXES, ImageFolder
from challenge.prepare.readers.raw_file import RawFile
from challenge.task.cells import cell_texts
from challenge.task.date_texts import DATE_ORDERS, DateTally, is_no_date, read_date, read_iso
from challenge.task.definition import Raw
from challenge.task.number_texts import NUMBER_FORMATS, NumberTally, read_number
from challenge.task.raw_values import text_values

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ROWS",
    "ColumnSketch",
    "Profile",
    "all_values",
    "column_texts",
    "open_image_folder",
    "profile_columns",
    "profile_values",
    "records_by_key",
]

ROWS = 20_000
"""Most rows whose texts are kept to look for leaks and variants; profiles are of all rows."""

_ID_NAME = re.compile(r"(^|[_\W])(id|uuid|guid|key|index|nr|no|number)$", re.IGNORECASE)
_CODE_NAME = re.compile(r"(zip|postal|postcode|code|phone|isbn|ean|sku|barcode)", re.IGNORECASE)
_TRUTH = {"true", "false", "yes", "no", "y", "n", "t", "f"}
_INSIDE = "-inside.png"
"""Suffix of the placeholder name of an image whose bytes are in the table."""
_FEW = 0.05
"""Largest share of distinct values at which a column counts as categorical."""
_BLOCK = 500
_MOST_DISTINCT = 500_000
_MOST_TRIED = 500
_SHOWN = 3
_FAR_DAYS = 3650
"""Days before or after all other dates at which one may mean a missing date."""
_NINES = re.compile(r"-?9{2,}0{0,2}([.,]9*0*)?")
"""Numbers that often mean a missing value, such as -999."""
_NEARLY = 0.7
"""Share of the texts from which a column of texts is nearly one of numbers or dates."""


@dataclass(frozen=True)
class Profile:
    """A column with its likely modality; `doubts` are questions for the organiser.

    `form` is the format of its numbers or dates where it is not the usual one. `timezone` is
    assumed for points in time without a zone. `is_key`: every row has a different value that looks
    like an identifier.
    `empty`: fewer than two distinct values. `counts_up`: numbers that start at 0 or 1.
    `missing_words` are the texts for a missing number, `counts` the rows of each distinct text.
    """

    name: str
    modality: str
    n: int
    n_missing: int
    n_distinct: int
    why: Note
    integer: bool = False
    form: str | None = None
    timezone: str | None = None
    is_key: bool = False
    empty: bool = False
    is_id: bool = False
    counts_up: bool = False
    missing_words: tuple[str, ...] = ()
    doubts: tuple[Note, ...] = ()
    examples: tuple[str, ...] = field(default=(), repr=False)
    counts: Mapping[str, int] = field(default_factory=dict, repr=False)


def profile_columns(
    tables: Sequence[RawFile], images: ImageFolder | None = None, raw: Raw | None = None
) -> tuple[dict[str, Profile], dict[str, list[str | None]]]:
    """Return a profile of each column over all rows, and the texts of rows from all over the files.

    Of up to `ROWS` rows these are all rows, else blocks at equal distances. A column that several
    tables have is one column. `raw` states which texts are missing.
    """
    sketches = {name: ColumnSketch(name) for table in tables for name in table.names}
    blocks: list[tuple[int, dict[str, list[str | None]]]] = []
    n_blocks, stride = 0, 1
    for batch in (one for table in tables for one in table.batches()):
        cells = {name: batch.column(name) for name in batch.schema.names}
        if raw is not None:
            cells = {name: present(array, raw) for name, array in cells.items()}
        columns = {name: _as_texts(array) for name, array in cells.items()}
        for name, texts in columns.items():
            sketches[name].update(texts, cells[name].type)
        for start in range(0, batch.num_rows, _BLOCK):
            if n_blocks % stride == 0:
                cut = {name: one.slice(start, _BLOCK).to_pylist() for name, one in columns.items()}
                blocks.append((n_blocks, cut))
            n_blocks += 1
            if len(blocks) * _BLOCK > ROWS:
                stride *= 2
                blocks = [one for one in blocks if one[0] % stride == 0]
    profiles = {name: sketch.profile(images) for name, sketch in sketches.items()}
    values: dict[str, list[str | None]] = {name: [] for name in sketches}
    for _, cut in blocks:
        for name, texts in cut.items():
            values[name] += texts
    if stride == 1 and len(tables) == 1:
        profiles = {name: _with_rows(one, values[name]) for name, one in profiles.items()}
    return profiles, values


def column_texts(table: RawFile, name: str, *, rows: int | None = None) -> list[str | None]:
    """Return the values of a column as texts: all of them, or those of the first rows."""
    texts: list[str | None] = []
    for batch in table.batches():
        texts += _as_texts(batch.column(name)).to_pylist()
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
        columns = [_as_texts(rows.column(name)).to_pylist() for name in (key, *names)]
        found |= {own: list(rest) for own, *rest in zip(*columns, strict=True)}
    return found


def _as_texts(column: pa.Array) -> pa.Array:
    """Return the cells as texts, empty ones as null; bytes of images as a name of their own."""
    import pyarrow as pa

    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        names = [
            None if value is None else f"{hashlib.sha256(value).hexdigest()[:16]}{_INSIDE}"
            for value in column.to_pylist()
        ]
        return pa.array(names, pa.string())
    return text_values(cell_texts(column))


def profile_values(
    name: str,
    values: list[str | None],
    images: ImageFolder | None = None,
    *,
    kind: pa.DataType | None = None,
) -> Profile:
    """Return the profile of one column from its values as texts; `kind` is its type in the file."""
    import pyarrow as pa

    sketch = ColumnSketch(name)
    sketch.update(pa.array(values, pa.string()), kind)
    return sketch.profile(images)


class ColumnSketch:
    """What a column is, seen batch by batch: its distinct texts, and the readings of all of them.

    Beyond `_MOST_DISTINCT` distinct texts only those already known are counted.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._kind: pa.DataType | None = None
        self._counts: Counter[str] = Counter()
        self._n = self._n_missing = 0
        self._numbers, self._dates = NumberTally(), DateTally()

    def update(self, texts: pa.Array, kind: pa.DataType | None) -> None:
        """Add the texts of a batch; `kind` is their type in the file."""
        import pyarrow.compute as pc

        self._kind = kind if kind is not None else self._kind
        self._n += len(texts)
        self._n_missing += texts.null_count
        counted = pc.value_counts(texts.drop_null())
        counts = counted.field("counts").to_pylist()
        open_ended = len(self._counts) < _MOST_DISTINCT
        for text, times in zip(counted.field("values").to_pylist(), counts, strict=True):
            if open_ended or text in self._counts:
                self._counts[text] += times
        self._numbers.update(texts)
        self._dates.update(texts)

    def profile(self, images: ImageFolder | None) -> Profile:
        """Return the profile of the column."""
        import pyarrow as pa

        name, counts, kind, n = self._name, self._counts, self._kind, self._n
        n_present, distinct = n - self._n_missing, len(counts)
        base = Profile(
            name, "categorical", n, self._n_missing, distinct,
            note(Code.ONE_VALUE if distinct else Code.NO_VALUE), empty=distinct < 2,
            examples=tuple(text[:60] for text, _ in counts.most_common(3)), counts=counts,
        )  # fmt: skip
        if distinct < 2:
            return base
        unique = distinct == n_present == n and n > 20
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
        if kind is not None and pa.types.is_duration(kind):
            return replace(base, modality="numeric", why=note(Code.DURATIONS))
        if kind is not None and pa.types.is_temporal(kind):
            if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
                return replace(base, modality="numeric", why=note(Code.DATES))
            return _datetime_profile(base, zoned=getattr(kind, "tz", None) is not None)
        if {text.casefold() for text in counts} <= _TRUTH:
            return replace(base, modality="categorical", why=note(Code.TRUE_OR_FALSE))
        if (dated := _dates_profile(base, self._dates)) is not None:
            return dated
        if self._numbers.forms and self._numbers.n:
            return _number_profile(base, self._numbers, unique)
        broken = [*self._numbers.breaks.values(), *self._dates.breaks.values()]
        return _text_profile(base, n_present, unique, broken)


def _names_images(counts: Counter[str], images: ImageFolder | None) -> bool:
    named = sum(text.lower().split("?")[0].endswith(IMAGE_SUFFIXES) for text in counts)
    if named >= 0.9 * len(counts):
        return True
    if images is None or not len(images):
        return False
    return sum(images.find(text) is not None for text in counts) >= 0.9 * len(counts)


def _datetime_profile(base: Profile, *, zoned: bool) -> Profile:
    if zoned:
        return replace(base, modality="datetime", why=note(Code.DATETIMES))
    doubt = note(Code.ZONE_ASSUMED, column=base.name, times="its times")
    return replace(
        base, modality="datetime", why=note(Code.DATETIMES), timezone="UTC", doubts=(doubt,)
    )


def _dates_profile(base: Profile, tally: DateTally) -> Profile | None:
    """Return the profile of a column of dates, None when some text is no date."""
    if not tally.forms or not tally.n:
        return None
    dates = [text for text in base.counts if not is_no_date(text)]
    if all(re.fullmatch(r"\d{8}", text) for text in dates) and not all(
        1900 <= int(text[:4]) <= 2100 for text in dates
    ):
        return None
    dated = _datetime_profile(base, zoned=tally.n_zoned == tally.n)
    doubts = list(dated.doubts)
    if (question := tally.question) is not None:
        text, moments = question
        doubts.append(
            note(Code.READING_OPEN, column=base.name, example=text, choices=_choices(moments))
        )
        return replace(dated, doubts=tuple(doubts))
    form = tally.forms[0]
    if tally.short_year is not None:
        moment = read_date(tally.short_year, form)
        doubts.append(
            note(Code.SHORT_YEARS, column=base.name, example=tally.short_year, year=f"{moment:%Y}")
        )
    if mixed := 0 < tally.n_zoned < tally.n:
        times = f"{tally.n - tally.n_zoned:,} of its {tally.n:,} times"
        doubts = [note(Code.ZONE_ASSUMED, column=base.name, times=times)]
    sentinel = _date_sentinel(dates, form)
    if sentinel is not None and (n := base.counts[sentinel]) > 1:
        doubts.append(note(Code.DATE_SENTINEL, column=base.name, word=sentinel, n=n))
    if form != DATE_ORDERS[0] or not (mixed or read_iso(_sample(dates)) is not None):
        doubts.append(note(Code.DATES_READ, column=base.name, form=form, example=dates[0]))
    if tally.missing:
        words = tuple(map(repr, sorted(tally.missing)))
        doubts.append(note(Code.READ_AS_MISSING, column=base.name, texts=words))
    return replace(
        dated, form=None if form == DATE_ORDERS[0] else form, doubts=tuple(doubts),
        missing_words=tuple(sorted(tally.missing)),
    )  # fmt: skip


def _date_sentinel(texts: list[str], form: str) -> str | None:
    """Return the first or last date if it is further from the others than these from each other."""
    read = [(text, read_date(text, form)) for text in texts]
    days = sorted((moment.date().toordinal(), text) for text, moment in read if moment is not None)
    if len(days) < 3:
        return None
    for ordered in (days, [(-day, text) for day, text in reversed(days)]):
        (least, text), (second, _), (last, _) = ordered[0], ordered[1], ordered[-1]
        if second - least > max(last - second, _FAR_DAYS):
            return text
    return None


def _sample(texts: list[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(texts[:1000], pa.string())


def _choices(values: Mapping[str, object]) -> tuple[str, ...]:
    """Return one choice for each value: the value, and the format that gives it."""
    forms = {str(value): form for form, value in reversed(list(values.items()))}
    return tuple(f'{value} with format = "{form}"' for value, form in forms.items())


def _number_profile(base: Profile, tally: NumberTally, unique: bool) -> Profile:
    name, form = base.name, tally.forms[0]
    read = ((text, read_number(text, form)) for text in base.counts)
    numbers = {text: number for text, number in read if number is not None}
    named_id = bool(_ID_NAME.search(name))
    if tally.refused is not None:
        text, why = tally.refused
        if any(re.match(r"0\d", one) for one in numbers):
            doubt = note(Code.LEADING_ZEROS, column=name)
            digits = note(Code.DIGIT_CODES)
            return replace(base, why=digits, doubts=(doubt,), is_key=unique, is_id=named_id)
        doubt = note(Code.NO_NUMBERS, column=name, example=text, why=why)
        shown = _text_profile(base, base.n - base.n_missing, unique, ())
        return replace(shown, doubts=(doubt,))
    if (question := tally.question) is not None:
        text, values = question
        doubt = note(Code.READING_OPEN, column=name, example=text, choices=_choices(values))
        return replace(base, modality="numeric", why=note(Code.NUMBERS), doubts=(doubt,))
    integer = tally.integer
    whole = integer or all(float(number).is_integer() for number in numbers.values())
    least, most = min(numbers.values()), max(numbers.values())
    running = integer and most - least < 2 * len(numbers)
    if unique and integer and (named_id or (running and len(numbers) > 50)):
        return replace(base, why=note(Code.ROW_NUMBERS), is_key=True, is_id=True)
    if named_id and whole:
        doubt = note(Code.NUMBERS_NAME, column=name)
        counts_up = least in (0, 1) and most <= len(numbers)
        why_id = note(Code.NUMBER_IDS)
        return replace(base, why=why_id, doubts=(doubt,), is_id=True, counts_up=counts_up)
    doubts = []
    if tally.example is not None:
        value = read_number(tally.example, form)
        doubts.append(
            note(Code.NUMBERS_AS_TEXT, column=name, example=tally.example, value=str(value))
        )
    markers = tuple(sorted(tally.missing))
    base = replace(base, missing_words=markers, form=None if form == NUMBER_FORMATS[0] else form)
    if markers:
        doubts.append(note(Code.READ_AS_MISSING, column=name, texts=tuple(map(repr, markers))))
    if (sentinel := _sentinel(base.counts, numbers)) is not None:
        n = base.counts[sentinel]
        doubts.append(note(Code.SENTINEL, column=name, word=sentinel.strip(), n=n))
    if integer and len(base.counts) <= 2:
        return replace(base, why=note(Code.TWO_NUMBERS), doubts=tuple(doubts), form=None)
    if integer and (len(base.counts) <= 12 or _CODE_NAME.search(name)):
        doubts.append(note(Code.FEW_NUMBERS, column=name))
    why_number = note(Code.WHOLE_NUMBERS if integer else Code.NUMBERS)
    return replace(base, modality="numeric", why=why_number, integer=integer, doubts=tuple(doubts))


def _sentinel(counts: Mapping[str, int], numbers: Mapping[str, int | float]) -> str | None:
    """Return a number of nines that recurs, further from the others than they from each other."""
    for text, number in numbers.items():
        if counts[text] < 2 or not _NINES.fullmatch(text.strip()):
            continue
        others = [one for one in numbers.values() if one != number]
        if not others:
            continue
        least, most = min(others), max(others)
        if number > most + (most - least) or number < least - (most - least):
            return text
    return None


def _text_profile(base: Profile, n: int, unique: bool, broken: Iterable[str]) -> Profile:
    """Return the profile of texts; nearly all numbers or dates are named as such.

    `broken` are texts that are in no format of the others.
    """
    counts = base.counts
    almost = _almost(base, broken)
    if almost is not None:
        unique, base = False, replace(base, doubts=(almost,))
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
    return replace(
        base, modality=modality, why=note(Code.SHORT_TEXTS), doubts=(*base.doubts, doubt)
    )


def _almost(base: Profile, broken: Iterable[str]) -> Note | None:
    """Return a note on texts that are nearly all numbers or dates, with the first that is not."""
    tried = dict.fromkeys([*list(base.counts)[:_MOST_TRIED], *broken])
    texts = [text for text in tried if not is_no_date(text)]
    fine = [
        text
        for text in texts
        if re.search(r"\d[.,]\d{7,}", text) and read_iso(_sample([text[:19]]))
    ]
    if len(fine) > len(texts) / 2:
        return note(Code.FINE_TIMES, column=base.name, example=fine[0])
    for code, reads in ((Code.NOT_NUMBER, _is_number), (Code.NOT_DATE, _is_date)):
        wrong = [text for text in texts if not reads(text)]
        if texts and not wrong:
            return note(Code.MIXED_FORMATS, column=base.name, example=texts[0])
        if texts and len(wrong) < (1 - _NEARLY) * len(texts):
            examples = tuple(map(repr, wrong[:_SHOWN]))
            more = ("…",) if len(wrong) > _SHOWN else ()
            counts = {"n": len(wrong), "of": len(texts)}
            return note(code, column=base.name, examples=examples + more, **counts)
    return None


def _with_rows(profile: Profile, texts: list[str | None]) -> Profile:
    """Return the profile with a row for each text that a doubt names; `texts` are all rows."""
    doubts = []
    for doubt in profile.doubts:
        examples = doubt.values.get("examples")
        if isinstance(examples, tuple):
            rows = {repr(text): row for row, text in reversed(list(enumerate(texts, start=1)))}
            named = tuple(f"{one} (row {rows[one]})" if one in rows else one for one in examples)
            doubt = note(doubt.code, **{**doubt.values, "examples": named})
        doubts.append(doubt)
    return replace(profile, doubts=tuple(doubts))


def _is_number(text: str) -> bool:
    tally = NumberTally()
    tally.update(_sample([text]))
    return bool(tally.forms)


def _is_date(text: str) -> bool:
    return any(read_date(text, order) is not None for order in DATE_ORDERS)


def all_values(profile: Profile) -> list[str | None]:
    """Return the texts of all rows of a column, in no order."""
    texts: list[str | None] = list(Counter(profile.counts).elements())
    return texts + [None] * profile.n_missing


def open_image_folder(path: Path | None) -> ImageFolder | None:
    """Return the images of a folder or zip, None when there is none."""
    return None if path is None else ImageFolder(path.parent, path)
