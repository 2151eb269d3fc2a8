"""Points in time: raw values to the standard form, CSV and Parquet, and everything refused."""

import datetime
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from challenge.errors import Fault, TaskError
from challenge.kinds import kind_of
from challenge.task import Column, modality_of
from challenge.task.datetimes import cell_datetimes, iso_texts, order_of_times, standard_datetimes
from challenge.task.raw_values import Faults
from challenge.task.tables import (
    TableWriter,
    csv_options,
    read_csv,
    read_parquet,
    table_schema,
)

UTC = datetime.timezone.utc
ZONED = st.datetimes(
    min_value=datetime.datetime(1, 1, 2),
    max_value=datetime.datetime(9999, 12, 30),
    timezones=st.one_of(
        st.just(UTC),
        st.integers(-23 * 60, 23 * 60).map(
            lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
        ),
    ),
)


def standard(values: Any, zone: str | None = None) -> tuple[list[Any], list[Fault]]:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    faults = Faults("toy, raw table")
    keys = pa.array([f"k{row}" for row in range(len(array))])
    found = standard_datetimes(array, keys, Column("when", "datetime", timezone=zone), faults)
    assert found.type == pa.timestamp("us", "UTC")
    try:
        faults.stop()
    except TaskError as error:
        assert found.null_count == len(found)
        return [], list(error.faults)
    return iso_texts(found).to_pylist(), []


def the_fault(values: Any, zone: str | None = None) -> Fault:
    _, (fault,) = standard(values, zone)
    return fault


@settings(deadline=None, max_examples=120)
@given(st.lists(st.one_of(st.none(), ZONED), max_size=20))
@example([datetime.datetime(1, 1, 1, tzinfo=UTC), datetime.datetime.max.replace(tzinfo=UTC)])
def test_raw_texts_csv_and_parquet_hold_the_same_points_in_time(
    moments: list[datetime.datetime | None],
) -> None:
    column = Column("when", "datetime")
    schema = table_schema((column,), kind_of("classification"), record_ids=False, label=False)
    raw = pa.array([one and one.isoformat() for one in moments], pa.string())
    faults = Faults("toy")
    values = modality_of("datetime").standard(raw, raw, column, None, faults)  # type: ignore[arg-type]
    faults.stop()
    wanted = [one and one.astimezone(UTC) for one in moments]
    assert values["when"].to_pylist() == wanted
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with TableWriter(folder, "test", schema, {}) as writer:
            ids = pa.array([f"r{row:016x}" for row in range(len(moments))], pa.string())
            writer.write(pa.table({"id": ids, **values}))
        table = read_parquet(folder / "test.parquet")
        assert table["when"].type == pa.timestamp("us", "UTC")
        assert table["when"].to_pylist() == wanted
        assert read_csv(folder / "test.csv", schema).equals(table, check_metadata=True)
        options = csv_options(schema)
        texts = pd.read_csv(folder / "test.csv", **options["pandas"])["when"]
        assert [None if one is pd.NA else one for one in texts] == iso_texts(
            table["when"].combine_chunks()
        ).to_pylist()
    assert standard(iso_texts(values["when"])) == (iso_texts(values["when"]).to_pylist(), [])


def test_a_fraction_is_written_only_where_it_is_needed() -> None:
    texts = ["2024-05-01T12:00:00Z", "2024-05-01T12:00:00.5Z", "1969-12-31T23:59:59.999999Z", None]
    assert standard(texts) == (texts, [])
    assert standard(["2024-05-01 14:00:10.500000000+02:00", "", "2024-05-01T12:00Z"]) == (
        ["2024-05-01T12:00:10.5Z", None, "2024-05-01T12:00:00Z"],
        [],
    )


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["2024-05-01T12:00:00"], "'2024-05-01T12:00:00' has no time zone"),
        (["2024-05-01"], "'2024-05-01' has no time zone"),
        ([datetime.date(2024, 5, 1)], "'2024-05-01' has no time zone"),
        ([datetime.datetime(2024, 5, 1, 12)], "'2024-05-01 12:00:00.000000' has no time zone"),
    ],
)
def test_a_value_without_a_zone_is_read_only_in_a_declared_one(values: Any, found: str) -> None:
    fault = the_fault(values)
    assert (fault.code, fault.found, fault.first) == ("datetime-zone", found, ("row k0",))
    assert 'timezone = "UTC"' in fault.fix and "[columns.when]" in fault.fix
    (text,), _ = standard(values, "UTC")
    assert text in ("2024-05-01T12:00:00Z", "2024-05-01T00:00:00Z")
    (berlin,), _ = standard(values, "Europe/Berlin")
    assert berlin in ("2024-05-01T10:00:00Z", "2024-04-30T22:00:00Z")


def test_a_zone_in_the_value_comes_before_the_declared_one() -> None:
    values = ["2024-05-01T12:00:00+05:30", "2024-05-01T12:00:00", "2024-05-01"]
    wanted = ["2024-05-01T06:30:00Z", "2024-05-01T10:00:00Z", "2024-04-30T22:00:00Z"]
    assert standard(values, "Europe/Berlin") == (wanted, [])


def test_hours_that_a_clock_skips_or_repeats_are_refused() -> None:
    fault = the_fault(["2024-03-31T02:30:00", "2024-05-01", "2024-10-27 02:30"], "Europe/Berlin")
    assert (fault.code, fault.n, fault.first) == ("datetime-local", 2, ("row k0", "row k2"))


def test_what_is_no_point_in_time_is_refused_with_its_first_five_rows() -> None:
    wrong = [
        "2024-02-30T00:00:00Z", "2016-12-31T23:59:60Z", "0000-12-31T00:00:00Z",
        "10000-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "yesterday", "2024-01-01T25:00:00Z",
    ]  # fmt: skip
    fault = the_fault(["2024-01-01T00:00:00Z", *wrong, None])
    assert (fault.code, fault.n) == ("datetime-value", 7)
    assert fault.first == tuple(f"row k{row}" for row in range(1, 6))
    assert fault.found == "'2024-02-30T00:00:00Z' is not a point in time"


def test_nothing_finer_than_a_microsecond_is_cut() -> None:
    fine = pa.array([1_000, 1_001], pa.timestamp("ns", "UTC"))
    for values in (fine, pa.array(["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.1234567Z"])):
        fault = the_fault(values)
        assert (fault.code, fault.first) == ("datetime-precision", ("row k1",))
    assert standard(fine[:1]) == (["1970-01-01T00:00:00.000001Z"], [])


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_years_that_the_standard_form_does_not_reach_are_refused(unit: str) -> None:
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000}[unit]
    values = [0, 253_402_300_800 * per_second, -62_135_596_801 * per_second]
    for zone in ("UTC", None):
        fault = the_fault(pa.array(values, pa.timestamp(unit, zone)), None if zone else "UTC")
        assert (fault.code, fault.n) == ("datetime-value", 2)


@pytest.mark.parametrize("values", [[1.5], [20240101], [True], [datetime.time(1)]])
def test_values_of_other_types_are_refused(values: list[Any]) -> None:
    assert the_fault(values).code == "datetime-type"


def test_all_faults_of_a_column_come_at_once() -> None:
    _, faults = standard(["2024-05-01", "x", "2024-01-01T00:00:00.1234567Z"])
    assert [fault.code for fault in faults] == [
        "datetime-precision",
        "datetime-value",
        "datetime-zone",
    ]


def test_pandas_points_in_time_and_missing_ones_are_read() -> None:
    series = pd.to_datetime(pd.Series(["2024-05-01T12:00:00Z", None]), utc=True)
    for unit in ("ns", "us"):
        array = pa.Array.from_pandas(series.dt.as_unit(unit))
        assert standard(array) == (["2024-05-01T12:00:00Z", None], [])
    assert standard(pa.nulls(2)) == ([None, None], [])
    assert standard(pa.array([], pa.string())) == ([], [])


def test_dates_of_a_workbook_stay_dates_beside_texts_in_a_format() -> None:
    cells = pa.array(["03.04.2024", "2024-05-01", "2024-05-02T10:00:00", None, "n/a"])
    read = ["2024-04-03T00:00:00", "2024-05-01T00:00:00", "2024-05-02T10:00:00", None, None]
    assert cell_datetimes(cells, "dmy").to_pylist() == read
    wrong = pa.array(["03.04.2024", "2024-13-01"])
    assert cell_datetimes(wrong, "dmy").to_pylist() == wrong.to_pylist()
    counts = pa.array(["20240501"])
    assert cell_datetimes(counts, "%Y%d%m").to_pylist() == ["2024-01-05T00:00:00"]


def test_cells_of_files_are_stripped_and_words_for_nothing_are_missing() -> None:
    assert cell_datetimes(pa.array([" 2024-05-01 ", "n/a", "-", None])).to_pylist() == [
        "2024-05-01",
        None,
        None,
        None,
    ]
    found = cell_datetimes(pa.array(["31.12.2024", None]), "%d.%m.%Y")
    assert found.to_pylist() == ["2024-12-31T00:00:00", None]
    unread = pa.array(["31.12.2024", "2024-12-31"])
    assert cell_datetimes(unread, "%d.%m.%Y").to_pylist() == unread.to_pylist()


def test_times_with_fractions_and_zones_are_sorted_as_times() -> None:
    texts = ["2024-05-01T12:00:00.5Z", "2024-05-01T12:00:00Z", "2024-05-01T12:00:00+02:00"]
    found = order_of_times(pa.chunked_array([texts]), "toy").cast(pa.int64()).to_pylist()
    assert sorted(range(3), key=found.__getitem__) == [2, 1, 0]
    words = pa.chunked_array([["2024-W01", "2024-W02"]])
    assert order_of_times(words, "toy") is words
    with pytest.raises(TaskError) as caught:
        order_of_times(pa.chunked_array([[*texts, "2024-05-01T12:00:00"]]), "toy")
    (fault,) = caught.value.faults
    assert (fault.code, fault.n, fault.first) == ("time-zone", 1, ("2024-05-01T12:00:00",))
