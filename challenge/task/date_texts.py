"""Dates as raw files write them: which date format explains a whole column, and its moments.

A format is an order of the parts (`ymd`, `dmy`, `mdy`), whatever stands between them and with or
without a time of day; a pattern of `strptime`; or a count since an epoch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from challenge.task.number_texts import MISSING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "COUNTS",
    "DATE_ORDERS",
    "FINE",
    "ZERO_DATE",
    "DateTally",
    "is_date_format",
    "is_no_date",
    "read_date",
    "read_iso",
]

COUNTS = {
    "unix-seconds": (datetime(1970, 1, 1), 1_000_000),
    "unix-milliseconds": (datetime(1970, 1, 1), 1_000),
    "unix-microseconds": (datetime(1970, 1, 1), 1),
    "excel-days": (datetime(1899, 12, 30), 86_400_000_000),
}
"""Counts since an epoch: its moment, and the microseconds of one."""

DATE_ORDERS = ("ymd", "dmy", "mdy")

_NUMBER_OF = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
         "aug august", "sep sept september", "oct october", "nov november", "dec december"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_TIME = (
    r"(?:(?:T|,?\s+)(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?)?(?:\s?(?P<z>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
)
_MONTH = r"(?P<m>\d{1,2}|[A-Za-z]{3,9})\.?"
_DAY = r"(?P<d>\d{1,2})"
_YEAR = r"(?P<y>\d{4}|\d{2})"
_FORMS = {
    order: [re.compile(form + _TIME, re.ASCII) for form in forms]
    for order, forms in {
        "ymd": (
            rf"(?P<y>\d{{4}})[-/.\s]{_MONTH}[-/.\s]{_DAY}",
            r"(?P<y>\d{2})-(?P<m>\d{2})-(?P<d>\d{2})",
            r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
        ),
        "dmy": (rf"{_DAY}(?:st|nd|rd|th)?[-/.\s]\s?{_MONTH},?[-/.\s]\s?{_YEAR}",),
        "mdy": (rf"{_MONTH}[-/.\s]\s?{_DAY}(?:st|nd|rd|th)?,?[-/.\s]\s?{_YEAR}",),
    }.items()
}
_FOUR_DIGITS = re.compile(r"(?<!\+)[0-9]{4}")
FINE = r"(\.\d{6})0+(Z|[+-]|$)"
"""A fraction of a second whose digits below the microsecond are zeros."""
ZERO_DATE = r"^0000-00-00([ Tt]00:00(:00(\.0+)?)?)?$"
"""What MySQL writes for no date."""


def read_iso(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray | None:
    """Return ISO 8601 texts as points in time, None when some text is not ISO 8601.

    All with a zone: `timestamp[us, UTC]`; all without: `timestamp[us]`; a mixture is None.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            return pc.cast(pc.replace_substring_regex(texts, FINE, r"\1\2"), kind)
        except pa.ArrowInvalid:
            continue
    return None


def is_no_date(text: str) -> bool:
    """Whether a text means that there is no date: `n/a`, or 0000-00-00."""
    plain = text.strip().casefold()
    return plain in MISSING or re.match(ZERO_DATE, plain) is not None


def is_date_format(form: str) -> bool:
    """Whether a text is a date format: an order, a pattern with %, or a count."""
    return form in DATE_ORDERS or form in COUNTS or "%" in form


def read_date(text: str, form: str) -> datetime | None:
    """Return the moment that a text writes in a format; None when it is not one.

    24:00 is the midnight after. Digits below the microsecond must be zeros. A year of two digits
    lies in 1969 to 2068.

    >>> [str(read_date("3/4/24 7:30 PM", order)) for order in ("dmy", "mdy", "ymd")]
    ['2024-04-03 19:30:00', '2024-03-04 19:30:00', 'None']
    """
    text = text.strip()
    try:
        if form in COUNTS:
            start, unit = COUNTS[form]
            return start + timedelta(microseconds=round(float(text) * unit))
        if form not in DATE_ORDERS:
            return datetime.strptime(text, form)
        for pattern in _FORMS[form]:
            if (found := pattern.fullmatch(text)) is not None:
                return _moment(found)
    except (ValueError, OverflowError):
        pass
    return None


def _moment(found: re.Match[str]) -> datetime:
    """Return the moment of a match; raise ValueError when there is no such day or time."""
    month = found["m"]
    number = int(month) if month.isdigit() else _NUMBER_OF.get(month.casefold(), 0)
    year = int(found["y"])
    if len(found["y"]) == 2:
        year += 2000 if year < 69 else 1900
    hour, minute, second = (int(found[name] or 0) for name in "HMS")
    if found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    digits = (found["f"] or "").ljust(9, "0")
    if digits[6:] != "000":
        raise ValueError
    midnight_after = (hour, minute, second, int(digits)) == (24, 0, 0, 0)
    moment = datetime(
        year, number, int(found["d"]), 0 if midnight_after else hour, minute, second,
        int(digits[:6]), tzinfo=_zone(found["z"]),
    )  # fmt: skip
    return moment + timedelta(days=1) if midnight_after else moment


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in ("Z", "UTC", "GMT"):
        return timezone.utc
    digits = text[1:].replace(":", "").ljust(4, "0")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-span if text[0] == "-" else span)


class DateTally:
    """Finds the formats in which all texts of a column are dates, batch by batch.

    `forms` are the formats that explain all texts so far, `breaks` has the first text that breaks
    each other one. `n_zoned` of `n` dates name a zone. `missing` counts the texts for no date.
    `short_year` is the text of a year of two digits, the latest of them: its century is assumed.
    """

    def __init__(self, forms: Iterable[str] = DATE_ORDERS) -> None:
        self.forms = list(forms)
        self.breaks: dict[str, str] = {}
        self.missing: Counter[str] = Counter()
        self.n = self.n_zoned = 0
        self.short_year: str | None = None
        self._latest = datetime.min
        self._differ: dict[tuple[str, ...], str] = {}

    def update(self, texts: pa.Array) -> None:
        """Look at the texts of a batch; null is missing."""
        import pyarrow.compute as pc

        if not self.forms:
            return
        texts = texts.drop_null()
        iso = read_iso(texts) if len(texts) and self.forms[0] == DATE_ORDERS[0] else None
        if iso is not None:
            # The other orders do not begin with a year of four digits.
            self.breaks |= dict.fromkeys(self.forms[1:], texts[0].as_py())
            del self.forms[1:]
            self.n += len(texts)
            self.n_zoned += len(texts) * (iso.type.tz is not None)
            return
        counted = pc.value_counts(texts)
        counts = counted.field("counts").to_pylist()
        for text, times in zip(counted.field("values").to_pylist(), counts, strict=True):
            if is_no_date(text):
                self.missing[text] += times
                continue
            moments = {form: read_date(text, form) for form in self.forms}
            for form in [one for one, moment in moments.items() if moment is None]:
                self.breaks[form] = text
                self.forms.remove(form)
            if not self.forms:
                return
            found = [moments[form] for form in self.forms]
            if len({str(one) for one in found}) > 1:
                self._differ.setdefault(tuple(self.forms), text)
            self._note_short_year(text, found[0])
            self.n += times
            self.n_zoned += times * (found[0] is not None and found[0].tzinfo is not None)

    def _note_short_year(self, text: str, moment: datetime | None) -> None:
        form = self.forms[0]
        day = text.partition(":")[0]
        short = "%y" in form or (form in DATE_ORDERS and _FOUR_DIGITS.search(day) is None)
        if short and moment is not None and moment.replace(tzinfo=None) >= self._latest:
            self.short_year, self._latest = text, moment.replace(tzinfo=None)

    @property
    def question(self) -> tuple[str, dict[str, datetime | None]] | None:
        """A text to which the formats give several moments, with these; None if there is none."""
        for text in self._differ.values():
            moments = {form: read_date(text, form) for form in self.forms}
            if len({str(one) for one in moments.values()}) > 1:
                return text, moments
        return None
