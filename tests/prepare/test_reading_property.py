"""For every built cell, its raw text under the stated reading gives the built value."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenge.errors import TaskError
from challenge.prepare.converters.table import convert
from challenge.task.definition import TaskDefinition

SIGNS = {".": "", ",": "", " ": "", "'": "", "\u20ac": "", "%": "", "(": "-", ")": ""}
NUMBERS = st.decimals(
    min_value=-10_000_000, max_value=10_000_000, places=3, allow_nan=False, allow_infinity=False
)
WORDS = st.sampled_from(["", "n/a", "-", "NA"])


@st.composite
def written(draw: st.DrawFn) -> list[str]:
    """Return a column of numbers in one format, and some texts for none."""
    decimal = draw(st.sampled_from(".,"))
    thousands = draw(
        st.sampled_from([mark for mark in ("", ",", ".", " ", "'") if mark != decimal])
    )
    places = draw(st.integers(0, 3))
    unit = draw(st.sampled_from(["", "\u20ac ", "%"]))

    def one(number: Decimal) -> str:
        text = f"{abs(number):,.{places}f}".replace(",", "\0").replace(".", decimal)
        text = text.replace("\0", thousands)
        text = f"{text} {unit}" if unit == "%" else f"{unit}{text}"
        return (
            f"-{text}" if number < 0 and unit != "\u20ac " else f"({text})" if number < 0 else text
        )

    cells = draw(st.lists(st.one_of(NUMBERS.map(one), WORDS), min_size=1, max_size=12))
    return [*cells, one(Decimal(draw(st.integers(1, 99))))]


def task_of(
    modality: str, raw: Mapping[str, object] = MappingProxyType({}), **settings_of_x: Any
) -> TaskDefinition:
    return TaskDefinition.model_validate(
        {
            "format": 1,
            "id": "toy",
            "kind": "classification",
            "title": "Toy",
            "metric": "accuracy",
            "source": [{"path": "."}],
            "raw": {"format": "table", **raw},
            "columns": {"x": {"modality": modality, **settings_of_x}},
        }
    )


def read(
    folder: Path, cells: Sequence[str], task: TaskDefinition
) -> tuple[list[Any], dict[str, Any]]:
    """Return the values of a column as the converter hands them on, and its entry of the report."""
    with (folder / "x.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\n")
        rows.writerows(
            [["row", "x", "label"], *([n, cell, "ab"[n % 2]] for n, cell in enumerate(cells))]
        )
    raw = convert(folder, task)
    values: list[Any] = pa.Table.from_batches(list(raw.batches()))["x"].to_pylist()
    (entry,) = raw.report["columns"]
    return values, entry


def by_hand(text: str, form: str) -> Decimal | None:
    """Return a number under a format, without the code that is tested."""
    if text in ("", "n/a", "-", "NA"):
        return None
    marks = [sign for sign in form if not sign.isdecimal()]
    plain = text.replace("\u20ac", "").replace("%", "").strip()
    negative = plain.startswith(("-", "("))
    plain = plain.strip("-()").replace(marks[0], "") if len(marks) == 2 else plain.strip("-()")
    number = Decimal(plain.replace(marks[-1], ".").strip())
    return -number if negative else number


@pytest.mark.slow
@given(written())
@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_numbers_are_their_texts_under_the_stated_reading(tmp_path: Path, cells: list[str]) -> None:
    try:
        values, entry = read(tmp_path, cells, task_of("numeric"))
    except TaskError as error:
        # Asked about: then two formats give different values.
        assert {one.code for one in error.faults} <= {"format-open", "number-code"}
        return
    form = entry["reading"].removeprefix("numbers written ")
    assert entry["kept"] + entry["parsed"] + entry["missing"] == len(cells)
    assert entry["missing"] == values.count(None)
    for cell, value in zip(cells, values, strict=True):
        expected = by_hand(cell, form)
        assert value == (None if expected is None else float(expected)), (cell, form)


@pytest.mark.slow
@given(
    st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1)), min_size=2, max_size=9),
    st.sampled_from(
        ["%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%d %B %Y", "%Y/%m/%d %H:%M", "%d-%m-%Y %I:%M %p"]
    ),
)
@settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_dates_are_their_texts_under_the_stated_reading(
    tmp_path: Path, moments: list[datetime], pattern: str
) -> None:
    cells = [moment.strftime(pattern) for moment in moments]
    try:
        values, entry = read(tmp_path, cells, task_of("datetime", timezone="UTC"))
    except TaskError as error:
        assert {one.code for one in error.faults} == {"format-open"}
        return
    order = entry["reading"].split(",")[0].removeprefix("dates written ")
    assert order in ("dmy", "mdy", "ymd") and entry["parsed"] == len(cells)
    same = {"%d.": "dmy", "%m/": "mdy", "%Y-": "ymd", "%d ": "dmy", "%Y/": "ymd", "%d-": "dmy"}
    if order == same[pattern[:3]]:
        for cell, value in zip(cells, values, strict=True):
            assert datetime.fromisoformat(value) == datetime.strptime(cell, pattern)
    else:
        assert all(
            datetime.strptime(cell, pattern).isoformat() in (value, f"{value}T00:00:00")
            for cell, value in zip(cells, values, strict=True)
        )


@pytest.mark.parametrize("cells", [["1,234", "12,345"], ["1.234", "2.345", "NA"]])
def test_an_open_choice_is_never_taken(cells: list[str], tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="can be read in several ways"):
        read(tmp_path, cells, task_of("numeric"))


@given(
    st.lists(
        st.tuples(
            st.text(
                st.sampled_from("ab\u00e9 \u6771'\"\\,;|\t#-1.5"), min_size=1, max_size=8
            ).filter(lambda text: text.strip() == text),
            st.sampled_from(["", "NA", "x y", "0", '"']),
        ),
        min_size=3,
        max_size=8,
    ),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
)
@settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_texts_are_what_the_file_has_in_any_dialect(
    tmp_path: Path,
    rows: list[tuple[str, str]],
    delimiter: str,
    end: str,
    encoding: str,
    quoting: Literal[0, 1, 2, 3],
) -> None:
    path = tmp_path / "x.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writerows([["row", "x", "y", "label"]])
        writer.writerows([[f"r{n}", *row, "ab"[n % 2]] for n, row in enumerate(rows)])
    stated = {"delimiter": delimiter, "quote": "double", "header": True}
    if encoding == "gb18030":
        stated["encoding"] = encoding
    task = task_of("text", raw=stated)
    table = pa.Table.from_batches(list(convert(tmp_path, task).batches()))
    assert table["x"].to_pylist() == [text or None for text, _ in rows]
