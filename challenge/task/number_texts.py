"""Numbers as raw files write them: which number format explains a whole column, and its values.

A format is written as the number 1234.5 in it, with its separator of thousands if it has one:
`1.234,5` has a decimal comma and thousands after a point. A column is read in one format. Where
several formats explain all of it with different values, the organiser is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "MISSING",
    "NUMBER_FORMATS",
    "NumberTally",
    "is_code",
    "is_held",
    "missing_mask",
    "read_number",
]

MISSING = frozenset(
    ["", "-", "--", "?", ".", "na", "n/a", "n.a.", "nan", "none", "null", "nil", "missing",
     "unknown", "\\n", "nat", "<na>", "#n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?",
     "#num!", "#null!"]
)  # fmt: skip
"""Texts, in lower case, for a missing number or date; in texts and categories they are values."""

NUMBER_FORMATS = (
    "1234.5", "1234,5", "1,234.5", "1.234,5", "1 234.5", "1 234,5", "1'234.5", "1'234,5",
)  # fmt: skip
"""The number formats; of those that give equal values the first is taken."""

_WRITTEN = str.maketrans(
    dict(zip("０１２３４５６７８９．，－＋％", "0123456789.,-+%", strict=True))
    | {"\u2212": "-", "\u2019": "'", "\u00a0": " ", "\u202f": " ", "\u2009": " "}
)
"""Other characters for the same thing: full-width digits, the minus sign, narrow blanks."""
_UNITS = "$€£¥₹₽₩%"
_AROUND = re.compile(rf"^(?P<before>[\s{_UNITS}~≈]*)(?P<core>.*?)(?P<after>[\s{_UNITS}]*)$", re.S)
_SIGNED = re.compile(rf"^([+-])\s*([{_UNITS}])\s*")
_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
_CODE = re.compile(r"[+-]?0[0-9]|[0-9]+[eE][0-9]+$")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_BARE = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")
_FIRST = 64
_EXACT = 2**53
"""Up to here a double holds every whole number."""

_WIDTH_OF_DOUBLE = 18
"""Characters: a point and the 17 digits that name a double. Longer texts may say more."""


@lru_cache(maxsize=64)
def _pattern(form: str) -> tuple[re.Pattern[str], str, str]:
    """Return the pattern of a format, its separator of thousands and its decimal sign."""
    thousands, decimal = (form[1], form[-2]) if len(form) == 7 else ("", form[-2])
    point = re.escape(decimal)
    whole = "[0-9]+"
    if thousands:
        mark = re.escape(thousands)
        groups = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+"
        if thousands == ",":
            # The Indian grouping: 12,34,567.
            groups += rf"|[1-9][0-9]?(?:{mark}[0-9]{{2}})+{mark}[0-9]{{3}}"
        whole = f"(?:{groups}|[0-9]+)"
    body = rf"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+){_EXPONENT}"
    return re.compile(rf"[+-]?{body}"), thousands, decimal


def _taken_apart(text: str) -> tuple[str, str]:
    """Return the bare number of a text, with a minus in front, and its unit, "" without one."""
    text = text.translate(_WRITTEN).strip()
    signed = _SIGNED.match(text)
    if signed:
        text = signed[1] + signed[2] + text[signed.end() :]
        text = signed[2] + signed[1] + text[2:]
    found = _AROUND.match(text)
    assert found is not None
    core = found["core"]
    if core.startswith("(") and core.endswith(")") and core[1:2] not in ("-", "+", ""):
        inner, unit = _taken_apart(core[1:-1])
        return f"-{inner}", unit or _unit(found)
    if core.endswith("-") and core[:1] not in ("-", "+", ""):
        core = "-" + core[:-1].rstrip()
    return core, _unit(found)


def _unit(found: re.Match[str]) -> str:
    return "".join(sign for sign in found["before"] + found["after"] if sign in _UNITS)


def read_number(text: str, form: str = NUMBER_FORMATS[0]) -> int | float | None:
    """Return the number of a text in a format; None for a text such as `n/a`.

    Currency and percent signs are left out; brackets or a minus at the end make it negative.
    Raises ValueError when the text is no number in this format.

    >>> [read_number(text, "1.234,5") for text in ("1.299,00 €", "12,5", "50 %", "n/a", "(7)")]
    [1299.0, 12.5, 50, None, -7]
    """
    if text.strip().casefold() in MISSING:
        return None
    core, unit = _taken_apart(text)
    digits = _digits(core, form)
    if digits is None or len(unit) > 1:
        raise ValueError(text)
    whole = _WHOLE.fullmatch(digits) and -(2**63) <= int(digits) < 2**63
    return int(digits) if whole else float(digits)


def _digits(core: str, form: str) -> str | None:
    """Return a number without separators of thousands and with a point, None if it is none."""
    pattern, thousands, decimal = _pattern(form)
    if pattern.fullmatch(core) is None:
        return None
    if thousands:
        core = core.replace(thousands, "")
    return core.replace(decimal, ".") if decimal != "." else core


def is_held(text: str, form: str = NUMBER_FORMATS[0]) -> bool:
    """Whether a double or a 64-bit whole number is the number that the text writes.

    Digits of a fraction beyond the seventeenth are rounded, unless different numbers of a column
    become one (see `NumberTally`); a whole number must be exact.
    """
    digits = _digits(_taken_apart(text)[0], form)
    if digits is None:
        return True
    number = float(digits)
    if abs(number) < _EXACT:
        return True
    if abs(number) == float("inf"):
        # Reported as infinite.
        return True
    exact = Decimal(digits)
    if exact != exact.to_integral_value():
        return True
    if _WHOLE.fullmatch(digits) and -(2**63) <= int(digits) < 2**63:
        return True
    # 1e300 or 1.8446744073709552e+19 write a double with its own digits.
    return exact == Decimal(number) or ("e" in digits.lower() and exact == Decimal(repr(number)))


def missing_mask(texts: pa.Array) -> pa.Array:
    """Return where texts mean a missing number or date; null is False."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lowered = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    return pc.fill_null(pc.is_in(lowered, value_set=pa.array(sorted(MISSING), pa.string())), False)


def is_code(text: str) -> bool:
    """Whether a plain number is written as codes are: 007, or 1e5 without a sign."""
    return _CODE.match(text.strip()) is not None


def _counted(texts: pa.Array) -> Iterator[tuple[str, int]]:
    """Yield each distinct text, in the order of the first, with its count."""
    import pyarrow.compute as pc

    counted = pc.value_counts(texts)
    yield from zip(
        counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True
    )


class NumberTally:
    """Finds the formats in which all texts of a column are numbers, batch by batch.

    `forms` are the formats that explain all texts so far, `breaks` has the first text that breaks
    each other one. `missing` counts the texts for a missing number; `example` is the first text
    that Python would not read; `n` counts the numbers.
    """

    def __init__(self, forms: Iterable[str] = NUMBER_FORMATS) -> None:
        self.forms = list(forms)
        self.breaks: dict[str, str] = {}
        self.missing: Counter[str] = Counter()
        self.example: str | None = None
        self.n = 0
        self._code: tuple[str, str] | None = None
        self._differ: dict[tuple[bool, ...], str] = {}
        self._fractions: set[str] = set()
        self._units: dict[str, str] = {}
        self._plus: str | None = None
        self._minus = False
        self._rounded: dict[float, Decimal] = {}

    def update(self, texts: pa.Array) -> None:
        """Look at the texts of a batch; null is missing."""
        import pyarrow.compute as pc

        texts = texts.drop_null()
        missing = missing_mask(texts)
        if self.forms and pc.any(missing).as_py():
            for text, times in _counted(texts.filter(missing)):
                self.missing[text] += times
            texts = texts.filter(pc.invert(missing))
        # The first texts mostly leave so few formats that the others need no look each.
        for part in (texts.slice(0, _FIRST), texts.slice(_FIRST)):
            if not self.forms or self._plain(part):
                continue
            for text, times in _counted(part):
                if self.forms:
                    self._look(text, times)

    @property
    def integer(self) -> bool:
        """Whether all numbers are whole ones within 64 bits, written as such."""
        return bool(self.forms) and self.forms[0] not in self._fractions

    @property
    def refused(self) -> tuple[str, str] | None:
        """A text that is no number although a format reads it, and why; None if there is none."""
        if self._code is not None:
            return self._code
        if self._plus is not None and not self._minus:
            return self._plus, "a plus in front, but no number of the column is negative"
        units = [unit for unit in self._units if unit]
        if len(units) > 1:
            return self._units[units[1]], f"another unit than {self._units[units[0]]!r}"
        if units == ["%"] and "" in self._units:
            return self._units[""], f"no percent sign, but {self._units['%']!r} has one"
        return None

    @property
    def question(self) -> tuple[str, dict[str, int | float | None]] | None:
        """A text to which the formats give several values, with these; None if there is none."""
        for text in self._differ.values():
            values = {form: read_number(text, form) for form in self.forms}
            if len(set(values.values())) > 1:
                return text, values
        return None

    def _plain(self, texts: pa.Array) -> bool:
        """Whether all texts are plain numbers that the formats that are left read alike."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if len(texts) == 0:
            return True
        number: pa.Array | None = None
        for kind in (pa.int64(), pa.float64()):
            try:
                number = pc.cast(texts, kind)
                break
            except pa.ArrowInvalid:
                continue
        if number is None:
            return False
        whole = pa.types.is_integer(number.type)
        if not whole and any(_pattern(form)[2] != "." for form in self.forms):
            # Only with a first look at such numbers are the other formats excluded.
            return False
        if pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?0[0-9]|[A-Za-z+\s]")).as_py():
            return False
        if not whole and pc.max(pc.binary_length(texts)).as_py() > _WIDTH_OF_DOUBLE:
            return False
        ends = pc.min_max(number).as_py()
        if not whole and not -_EXACT < ends["min"] <= ends["max"] < _EXACT:
            return False
        self.n += len(texts)
        if not whole:
            self._fractions |= set(self.forms)
        self._minus |= ends["min"] < 0
        self._units.setdefault("", texts[0].as_py())
        return True

    def _look(self, text: str, times: int) -> None:
        core, unit = _taken_apart(text)
        digits = {form: _digits(core, form) for form in self.forms}
        for form in [one for one, found in digits.items() if found is None]:
            self.breaks[form] = text
            self.forms.remove(form)
        if not self.forms:
            return
        values = [float(digits[form] or 0) for form in self.forms]
        alike = tuple(value == values[0] for value in values)
        if not all(alike):
            self._differ.setdefault(alike, text)
        self.n += times
        if any(values):
            self._units.setdefault(unit, text)
        self._minus |= values[0] < 0
        if core.startswith("+"):
            self._plus = self._plus or text
        for form in self.forms:
            bare = str(digits[form])
            if not (_WHOLE.fullmatch(bare) and -(2**63) <= int(bare) < 2**63):
                self._fractions.add(form)
        if self.example is None and not _BARE.fullmatch(text.strip()):
            self.example = text
        if self._code is None:
            if is_code(core):
                why = "an exponent without a sign" if "e" in core.lower() else "leading zeros"
                self._code = text, f"a code rather than a number: {why}"
            elif not is_held(text, self.forms[0]) or self._is_rounded_to_another(
                values[0], str(digits[self.forms[0]])
            ):
                self._code = text, "more digits than a double holds"

    def _is_rounded_to_another(self, number: float, digits: str) -> bool:
        """Whether a number of many digits and another one become the same double."""
        if len(digits) <= _WIDTH_OF_DOUBLE:
            return False
        exact = Decimal(digits)
        return self._rounded.setdefault(number, exact) != exact
