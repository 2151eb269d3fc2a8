r"""The tables of a task on disk: the same content as CSV and as Parquet.

Missing is null in Parquet and an empty field in CSV; an empty text is missing. CSV is RFC 4180,
UTF-8, comma, `\n`, with a header; a field is quoted only if necessary. Read with the options
of `csv_options`, the CSV gives the values of the Parquet, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from challenge.errors import Fault, TaskError
from challenge.kinds import Kind
from challenge.task.columns import Column, vector_columns
from challenge.task.digests import text_bytes
from challenge.task.modalities import MODALITIES, modality_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from challenge.task.task import Task

__all__ = [
    "MODALITY_KEY",
    "ROWS_PER_GROUP",
    "TableWriter",
    "csv_bytes",
    "csv_options",
    "folds_schema",
    "modalities_of",
    "read_csv",
    "read_parquet",
    "schema_of",
    "table_schema",
]

MODALITY_KEY = b"modality"
ROWS_PER_GROUP = 65_536
_CSV_BLOCK = 16 << 20


def table_schema(
    columns: Sequence[Column], kind: Kind, *, record_ids: bool, label: bool, dimensions: int = 0
) -> pa.Schema:
    """Return the Arrow schema of `train` (with label) or `test`; fields carry their modality.

    The numbers that a log has beside the label go with it. Rows of a task with things have a role
    and, in so many dimensions, the vector of the old model.
    Raises TaskError with every column whose modality is unknown.
    """
    import pyarrow as pa

    fields = [_field("id", pa.string(), "id")]
    if record_ids:
        fields += [_field(name, pa.string(), "id") for name in ("left_id", "right_id")]
    faults: list[Fault] = []
    for column in columns:
        try:
            type_ = modality_of(column.modality, f"column {column.name}").arrow_type(column)
        except TaskError as error:
            faults += error.faults
        else:
            fields.append(_field(column.name, type_, column.modality))
    if faults:
        raise TaskError(faults)
    if kind.has_things:
        fields.append(_field("role", pa.string(), "role"))
        fields += [_field(name, pa.float64(), "numeric") for name in vector_columns(dimensions)]
    if label:
        fields += [_field(name, pa.float64(), "numeric") for name in kind.log_columns]
        labels = {
            "class": pa.string(),
            "match": pa.int8(),
            "number": pa.float64(),
            "thing": pa.string(),
        }
        fields.append(_field("label", labels[kind.label], "label"))
    return pa.schema(fields)


def folds_schema() -> pa.Schema:
    """Return the Arrow schema of `folds`."""
    import pyarrow as pa

    return pa.schema([_field("id", pa.string(), "id"), _field("fold", pa.int8(), "fold")])


def _field(name: str, type_: pa.DataType, modality: str) -> pa.Field:
    import pyarrow as pa

    return pa.field(name, type_, metadata={MODALITY_KEY: modality.encode()})


def modalities_of(schema: pa.Schema) -> dict[str, str]:
    """Return the modality of each field, `id`, `label` and `fold` included."""
    return {field.name: field.metadata[MODALITY_KEY].decode() for field in schema}


class TableWriter:
    """Writes `<name>.parquet` and `<name>.csv` into a folder, in row groups of one size.

    Categorical columns are passed as strings. `categories` has the sorted distinct values of each:
    every row group, and train and test, have the same dictionary.
    """

    def __init__(
        self, folder: Path, name: str, schema: pa.Schema, categories: Mapping[str, pa.Array]
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.schema = schema
        self._categories = categories
        self._stack = ExitStack()
        self._parquet: pq.ParquetWriter = self._stack.enter_context(
            pq.ParquetWriter(
                folder / f"{name}.parquet",
                schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=[
                    field.name for field in schema if pa.types.is_dictionary(field.type)
                ],
            )
        )
        self._csv: BinaryIO = self._stack.enter_context((folder / f"{name}.csv").open("wb"))
        self._csv.write(",".join(_quoted(column) for column in schema.names).encode() + b"\n")
        self._held: list[pa.Table] = []
        self._n_held = 0

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *problem: object) -> None:
        with self._stack:
            if kind is None and self._n_held:
                self._write_groups(self._n_held)

    def write(self, table: pa.Table) -> None:
        """Add rows; columns in any order, extra ones are ignored.

        The bytes of the files do not depend on how the rows are divided into tables.
        """
        self._held.append(table.select(self.schema.names))
        self._n_held += table.num_rows
        if self._n_held >= ROWS_PER_GROUP:
            self._write_groups(self._n_held - self._n_held % ROWS_PER_GROUP)

    def _write_groups(self, n_rows: int) -> None:
        import pyarrow as pa

        whole = pa.concat_tables(self._held)
        for start in range(0, n_rows, ROWS_PER_GROUP):
            self._write_group(whole.slice(start, min(ROWS_PER_GROUP, n_rows - start)))
        self._held, self._n_held = [whole.slice(n_rows)], self._n_held - n_rows

    def _write_group(self, group: pa.Table) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        arrays = {name: _one_chunk(group[name]) for name in self.schema.names}
        stored = []
        for field in self.schema:
            array = arrays[field.name]
            if pa.types.is_dictionary(field.type):
                values = self._categories[field.name]
                codes = pc.index_in(array, value_set=values)
                array = pa.DictionaryArray.from_arrays(codes, values)
            stored.append(array)
        self._parquet.write_table(
            pa.Table.from_arrays(stored, schema=self.schema), row_group_size=max(1, len(stored[0]))
        )
        modalities = modalities_of(self.schema)
        self._csv.write(
            _csv_rows(
                [
                    MODALITIES[modalities[name]].csv_text(array)
                    if modalities[name] in MODALITIES
                    else array
                    for name, array in arrays.items()
                ]
            )
        )


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def csv_bytes(table: pa.Table) -> bytes:
    """Return a whole small table as CSV, with its header."""
    header = ",".join(_quoted(name) for name in table.column_names).encode() + b"\n"
    rows = _csv_rows([_one_chunk(column) for column in table.columns])
    return header + (rows if isinstance(rows, bytes) else rows.to_pybytes())


def _quoted(text: str) -> str:
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _csv_rows(arrays: Sequence[pa.Array]) -> pa.Buffer | bytes:
    """Return the lines of a block, each with its newline, as one buffer."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fields = [_csv_field(array) for array in arrays]
    fields[-1] = pc.binary_join_element_wise(
        fields[-1], pa.scalar("\n"), "", null_handling="replace"
    )
    lines = pc.binary_join_element_wise(*fields, ",", null_handling="replace")
    return text_bytes(lines)[1]


def _csv_field(array: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(array.type):
        return pc.cast(array, pa.string())
    must = pc.match_substring_regex(array, '[,"\r\n]')
    if not pc.any(must).as_py():
        return array
    doubled = pc.replace_substring(array, '"', '""')
    quoted = pc.binary_join_element_wise(pa.scalar('"'), doubled, pa.scalar('"'), "")
    return pc.if_else(pc.fill_null(must, False), quoted, array)


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table of a task; categorical columns are dictionaries."""
    import pyarrow.parquet as pq

    names = list(columns) if columns is not None else None
    # Idle Arrow threads can abort the exit, and pq.read_table always starts some.
    table = pq.ParquetFile(path).read(names, use_threads=False)
    return table if names is None else table.select(names)


def read_csv(path: Path, schema: pa.Schema) -> pa.Table:
    """Read the CSV of a table; values and types equal those of the Parquet file."""
    import pyarrow as pa
    import pyarrow.csv

    plain = {
        field.name: pa.string() if pa.types.is_dictionary(field.type) else field.type
        for field in schema
    }
    block = _CSV_BLOCK
    while True:
        try:
            table = pyarrow.csv.read_csv(
                path,
                read_options=pyarrow.csv.ReadOptions(block_size=block, use_threads=False),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=plain,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )
            break
        except pa.ArrowInvalid as problem:
            # One row longer than a block is legal CSV, but not for this reader.
            if "straddl" not in str(problem) or block > path.stat().st_size:
                raise
            block *= 8
    arrays = [
        table[field.name].dictionary_encode().cast(field.type)
        if pa.types.is_dictionary(field.type)
        else table[field.name]
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def csv_options(schema: pa.Schema) -> dict[str, Any]:
    """Return, for each reader, the arguments with which it reads the CSV value for value.

    pandas: keywords of `read_csv`. polars: keywords of `read_csv`, type names as in `polars`.
    pyarrow: keywords of `csv.ConvertOptions` and `csv.ParseOptions`, type names as `type_for_alias`
    takes them. Columns that a file lacks (`label` in test) are ignored.
    """
    import pyarrow as pa

    in_pandas: dict[str, str] = {}
    in_polars: dict[str, str] = {}
    in_pyarrow: dict[str, str] = {}
    for field in schema:
        # pandas reads a `category` of numerals as numbers: categories are read as strings.
        types = ("string", "String", "string")
        if pa.types.is_floating(field.type):
            types = ("float64", "Float64", "float64")
        elif field.type == pa.int64():
            types = ("Int64", "Int64", "int64")
        elif field.type == pa.int8():
            types = ("int8", "Int8", "int8")
        elif pa.types.is_timestamp(field.type):
            # pandas has no such type for the years 1 to 9999, pyarrow no alias of it.
            types = ("string", "Datetime", "string")
        in_pandas[field.name], in_polars[field.name], in_pyarrow[field.name] = types
    return {
        "pandas": {
            "dtype": in_pandas,
            "encoding": "utf-8",
            "float_precision": "round_trip",
            "keep_default_na": False,
            "na_values": [""],
        },
        "polars": {"schema_overrides": in_polars},
        "pyarrow": {
            "convert_options": {
                "column_types": in_pyarrow,
                "null_values": [""],
                "quoted_strings_can_be_null": True,
                "strings_can_be_null": True,
            },
            "parse_options": {"newlines_in_values": True},
        },
    }


def schema_of(task: Task, *, label: bool) -> pa.Schema:
    """Return the schema of a built task's `train` (with label) or `test`."""
    return table_schema(
        task.columns,
        task.kind,
        record_ids=task.record_ids,
        label=label,
        dimensions=task.dimensions,
    )
