import csv
import io
import json
import math
import struct
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import TaskError
from challenge.kinds import kind_of
from challenge.task.columns import Column
from challenge.task.tables import (
    ROWS_PER_GROUP,
    TableWriter,
    csv_bytes,
    csv_options,
    modalities_of,
    read_csv,
    read_parquet,
    table_schema,
)

COLUMNS = (
    Column("a text", "text"),
    Column("n", "numeric"),
    Column("i", "numeric", integer=True),
    Column("c", "categorical"),
)
HARD = [
    "NA", "None", "null", "nan", "007", "1e3", "True", " x ", '"', '""', "a,b", "a\nb", "a\r\nb",
    "\r", "\n", "😀", "é", "\ufeff", "'", "#", "\\", '\\"', "\t", "=1+1", "-0", "\u2028", "\x1f",
]  # fmt: skip
LABELS = st.one_of(
    st.sampled_from(HARD),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
)
TEXTS = st.one_of(st.none(), LABELS)
DOUBLES = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 0.1, 1e308, 5e-324, 2.0**53 + 2, 1 / 3, 1e22, 123456789012345680.0]),
)
INTEGERS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.just(2**53 + 1))
ROWS = st.lists(st.tuples(TEXTS, DOUBLES, INTEGERS, TEXTS, LABELS), max_size=30)


def write(folder: Path, rows: list[tuple[Any, ...]]) -> pa.Schema:
    schema = table_schema(COLUMNS, kind_of("classification"), record_ids=False, label=True)
    text, number, integer, category, label = zip(*rows, strict=True) if rows else ([],) * 5
    categories = sorted({value for value in category if value is not None})
    with TableWriter(folder, "train", schema, {"c": pa.array(categories, pa.string())}) as writer:
        writer.write(
            pa.table(
                {
                    "id": pa.array([f"r{place:016x}" for place in range(len(rows))], pa.string()),
                    "a text": pa.array(text, pa.string()),
                    "n": pa.array(number, pa.float64()),
                    "i": pa.array(integer, pa.int64()),
                    "c": pa.array(category, pa.string()),
                    "label": pa.array(label, pa.string()),
                }
            )
        )
    return schema


def exact(value: object) -> object:
    """Tell -0.0 from 0.0, and missing from everything else."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return struct.pack("<d", value) if isinstance(value, float) else value


def exact_rows(table: pa.Table) -> list[list[object]]:
    return [[exact(value) for value in row.values()] for row in table.to_pylist()]


@settings(deadline=None, max_examples=150)
@given(ROWS)
def test_csv_and_parquet_read_back_as_the_same_table(rows: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        schema = write(folder, rows)
        from_parquet = read_parquet(folder / "train.parquet")
        from_csv = read_csv(folder / "train.csv", schema)
        wanted = [[exact(value) for value in row] for row in rows]
        assert [row[1:] for row in exact_rows(from_parquet)] == wanted
        assert exact_rows(from_csv) == exact_rows(from_parquet)
        assert from_csv.schema.equals(from_parquet.schema, check_metadata=True)


@settings(deadline=None, max_examples=60)
@given(ROWS)
@pytest.mark.filterwarnings("ignore:The 'float_precision'")
def test_pandas_reads_the_csv_with_the_stated_options(rows: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        schema = write(folder, rows)
        options = json.loads(json.dumps(csv_options(schema)["pandas"]))
        frame = pd.read_csv(folder / "train.csv", **options)
        wanted = exact_rows(read_parquet(folder / "train.parquet"))
        found = [[exact(value) for value in row] for row in frame.itertuples(index=False)]
        assert found == wanted
        assert frame["i"].dtype == "Int64"


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_pyarrow_reads_the_csv_with_the_stated_options(rows: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = json.loads(json.dumps(csv_options(write(folder, rows))["pyarrow"]))
        table = pyarrow.csv.read_csv(
            folder / "train.csv",
            convert_options=pyarrow.csv.ConvertOptions(**options["convert_options"]),
            parse_options=pyarrow.csv.ParseOptions(**options["parse_options"]),
        )
        assert exact_rows(table) == exact_rows(read_parquet(folder / "train.parquet"))


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_python_reads_the_csv_as_rfc_4180(rows: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), rows)
        text = (Path(name) / "train.csv").read_bytes().decode()
        found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert found[0] == ["id", "a text", "n", "i", "c", "label"]
        assert [row[1] for row in found[1:]] == [row[0] or "" for row in rows]
        assert [row[5] for row in found[1:]] == [row[4] for row in rows]
        for row, (_, number, integer, _, _) in zip(found[1:], rows, strict=True):
            assert exact(float(row[2]) if row[2] else None) == exact(number)
            assert (int(row[3]) if row[3] else None) == integer


@settings(deadline=None, max_examples=300)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_shortest_decimal_that_reads_back(number: float) -> None:
    text = csv_bytes(pa.table({"n": [number]})).decode().split("\n")[1]
    assert exact(float(text)) == exact(number)
    digits = [char for char in text.lower().split("e")[0] if char.isdigit()]
    shortest = [char for char in repr(number).lower().split("e")[0] if char.isdigit()]
    assert len("".join(digits).strip("0")) == len("".join(shortest).strip("0"))


def test_the_csv_quotes_only_what_it_must(tmp_path: Path) -> None:
    write(tmp_path, [('say "hi", you', -0.0, 7, "x y", "l"), (None, None, None, None, "l")])
    assert (tmp_path / "train.csv").read_bytes() == (
        b'id,a text,n,i,c,label\nr0000000000000000,"say ""hi"", you",-0,7,x y,l\n'
        b"r0000000000000001,,,,,l\n"
    )


def test_every_parquet_field_carries_its_modality(tmp_path: Path) -> None:
    write(tmp_path, [("a", 1.0, 1, "c", "l")])
    schema = read_parquet(tmp_path / "train.parquet").schema
    assert modalities_of(schema) == {
        "id": "id", "a text": "text", "n": "numeric", "i": "numeric", "c": "categorical",
        "label": "label",
    }  # fmt: skip
    assert pa.types.is_dictionary(schema.field("c").type)


def test_a_matching_table_has_record_ids_and_a_small_label() -> None:
    columns = (Column("left_x", "text"), Column("right_x", "text"))
    schema = table_schema(columns, kind_of("matching"), record_ids=True, label=True)
    assert schema.names == ["id", "left_id", "right_id", "left_x", "right_x", "label"]
    assert schema.field("label").type == pa.int8()
    assert modalities_of(schema)["left_id"] == "id"


def test_every_unknown_modality_is_a_fault_that_names_the_nearest() -> None:
    columns: list[Any] = [Column(name, "text") for name in ("a", "b", "c")]
    object.__setattr__(columns[1], "modality", "numerc")
    object.__setattr__(columns[2], "modality", "xyzzy")
    with pytest.raises(TaskError) as caught:
        table_schema(columns, kind_of("classification"), record_ids=False, label=False)
    near, far = caught.value.faults
    assert (near.where, near.code) == ("column b", "modality-unknown")
    assert near.found == "unknown modality 'numerc'"
    assert near.expected == "one of text, numeric, categorical, image, datetime"
    assert near.fix == "did you mean 'numeric'?"
    assert (far.where, far.fix) == ("column c", "write one of these")


def test_the_bytes_do_not_depend_on_how_rows_were_cut(tmp_path: Path) -> None:
    n = 2 * ROWS_PER_GROUP + 17
    schema = table_schema(
        (Column("n", "numeric"),), kind_of("classification"), record_ids=False, label=False
    )
    table = pa.table(
        {"id": [f"r{place:016x}" for place in range(n)], "n": [0.5 * p for p in range(n)]}
    )
    for name, cuts in (("a", [n]), ("b", [1, 1000, ROWS_PER_GROUP, n])):
        (tmp_path / name).mkdir()
        with TableWriter(tmp_path / name, "test", schema, {}) as writer:
            for start, end in zip([0, *cuts[:-1]], cuts, strict=True):
                writer.write(table.slice(start, end - start))
    for form in ("csv", "parquet"):
        assert (tmp_path / f"a/test.{form}").read_bytes() == (
            tmp_path / f"b/test.{form}"
        ).read_bytes()
    assert read_csv(tmp_path / "a/test.csv", schema).equals(
        read_parquet(tmp_path / "b/test.parquet")
    )


def test_a_text_larger_than_a_block_is_read(tmp_path: Path) -> None:
    long = "word " * 5_000_000
    schema = write(tmp_path, [(long, 1.0, 1, "c", "l"), ("short", 1.0, 1, "c", "l")])
    assert read_csv(tmp_path / "train.csv", schema)["a text"].to_pylist() == [long, "short"]
