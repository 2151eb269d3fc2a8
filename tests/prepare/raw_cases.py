"""What can be wrong with a definition, raw data or a converter, one entry a fault.

Each says what is broken in the sound task of a form, which code the fault has, where it is seen,
and often what its fix asks for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import openpyxl

from challenge.errors import ChallengeError, MissingRequirement, TaskError
from tests.prepare.raw_forms import Change, N, parquet, zipped

__all__ = ["CASES", "Case", "named", "sheet"]

TOML, CSV, CODE = "task.toml", "raw/rows.csv", "convert.py"
ZEROS = "0" * 64


def swap(*pairs: tuple[str, str]) -> Callable[[str], str]:
    def change(text: str) -> str:
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new, 1)
        return text

    return change


def add(end: str) -> Callable[[str], str]:
    return lambda text: text + end


def lines(keep: Callable[[int, list[str]], list[str] | None]) -> Callable[[str], str]:
    """Change the fields of each row of a CSV; None leaves the row out."""

    def change(text: str) -> str:
        head, *rows = text.splitlines()
        made = [keep(place, row.split(",")) for place, row in enumerate(rows)]
        return "\n".join([head, *(",".join(row) for row in made if row is not None)]) + "\n"

    return change


def put(column: int, value: str, rows: int = 1) -> Callable[[str], str]:
    """Write `value` into a column of the first rows of a CSV."""
    return lines(
        lambda place, row: [*row[:column], value, *row[column + 1 :]] if place < rows else row
    )


def split(by: str, more: str = "") -> Callable[[str], str]:
    return swap(('by = "row"', f'by = "{by}"\n{more}'))


def options(text: str, by: str = "row", more: str = "") -> Callable[[str], str]:
    return swap(("\n[split]", f"[raw.options]\n{text}\n[split]"), ('"row"', f'"{by}"\n{more}'))


def source(line: str) -> Callable[[str], str]:
    return swap(('path = "raw"', line))


def sheet(*rows: list[str]) -> bytes:
    target, book = io.BytesIO(), openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(target)
    return target.getvalue()


def hurt() -> bytes:
    """Return a Parquet file with sound metadata and damaged values."""
    names = ("nr", "words", "size", "photo", "kind")
    data = bytearray(parquet(**{name: [f"{name} {row}" for row in range(N)] for name in names}))
    data[4:60] = b"\xff" * 56
    return bytes(data)


def named(name: str) -> dict[str, Change]:
    return {TOML: swap(("rows.csv", name))}


def returns(words: str) -> str:
    """Return a convert.py whose converter returns this expression; `rows` is the sound table."""
    return (
        "import pyarrow as pa\nimport pyarrow.parquet as pq\n"
        "from challenge.prepare import RawRecords, RawTable, in_batches\n\n\n"
        "def convert(raw):\n    rows = pq.read_table(raw / 'rows.parquet')\n"
        f"    return {words}\n"
    )


def with_column(name: str, values: str, form: str = "RawTable") -> str:
    """Return a convert.py that sets a column to a Python expression of the row's number `n`."""
    made = f"[{values} for n in range(rows.num_rows)]"
    drop = f"rows.drop_columns([c for c in ['{name}'] if c in rows.column_names])"
    return returns(f"{form}(in_batches({drop}.append_column('{name}', pa.array({made}))), raw)")


def negatives(words: str) -> str:
    return returns(f"RawRecords(in_batches(rows), raw, candidates=lambda given: {words})")


@dataclass(frozen=True)
class Case:
    """What is broken in which form, the fault that says so, and what its fix asks for."""

    code: str
    form: str
    broken: Mapping[str, Change]
    where: str = ""
    fixd: Mapping[str, Change] | None = None
    kind: type[ChallengeError] = field(default=TaskError)
    first: str = ""


TABLE = [
    Case("raw-file-missing", "table", {CSV: None}, "rows.csv"),
    Case("raw-file-missing", "table", {TOML: swap(('file = "rows.csv"\n', "")), "raw/b.csv": "a\n"},
         "raw", {TOML: swap(("[raw]", '[raw]\nfile = "rows.csv"'))}),
    Case("raw-header", "table", {CSV: ""}, "rows.csv"),
    Case("raw-header", "table",
         {CSV: swap(("shop", " "))}, "rows.csv", {CSV: swap((" ,", "shop,"))}),
    Case("raw-header", "table", {**named("x.json"), "raw/x.json": "[]"}, "x.json"),
    Case("raw-header", "table", {**named("x.xlsx"), "raw/x.xlsx": sheet()}, "x.xlsx"),
    Case("raw-header", "table",
         {**named("x.xlsx"), "raw/x.xlsx": sheet(["a", "", "b"], ["1", "2", "3"])}, "x.xlsx"),
    Case("raw-ragged", "table", {CSV: add("60,one, two,1\n")}, f"rows.csv, line {N + 2}"),
    Case("raw-ragged", "table", {CSV: add('60,"one",1\n')}, f"rows.csv, line {N + 2}"),
    Case("raw-unreadable", "table", {CSV: add('60,"one\n')}, "rows.csv"),
    Case("raw-unreadable", "table",
         {TOML: swap(("[raw]", '[raw]\nencoding = "utf-8"')),
          CSV: b"nr,words,size,photo,kind\n1,\xff,1,,a\n"}, "rows.csv"),
    Case("raw-unreadable", "table",
         {TOML: swap(("[raw]", '[raw]\nencoding = "utf-9"'))}, "rows.csv",
         {TOML: swap(("utf-9", "utf-8"))}),
    Case("raw-unreadable", "table",
         {TOML: swap(("[raw]", '[raw]\nencoding = "utf-16"'))}, "rows.csv"),
    Case("raw-unreadable", "table", {**named("x.json"), "raw/x.json": "[" * 100_000}, "x.json"),
    Case("raw-unreadable", "table",
         {**named("x.json"), "raw/x.json": '[{"a": "\\ud800"}]'}, "x.json"),
    Case("raw-unreadable", "table",
         {**named("x.jsonl"), "raw/x.jsonl": '{"a": 1}\n{"a":'}, "x.jsonl"),
    Case("raw-unreadable", "table", {**named("x.xlsx"), "raw/x.xlsx": b"PK\3\4"}, "x.xlsx"),
    Case("raw-unreadable", "table", {**named("x.parquet"), "raw/x.parquet": b"PAR1"}, "x.parquet"),
    Case("raw-unreadable", "table", {**named("x.parquet"), "raw/x.parquet": hurt()}, "x.parquet"),
    Case("column-twice", "table", {CSV: swap(("shop", "size"))}, "rows.csv"),
    Case("column-missing", "table", {CSV: swap(("words", "word"))}, "rows.csv",
         {CSV: swap(("word", "words"))}),
    Case("no-rows", "table", {CSV: lines(lambda place, row: None)}, "raw table"),
    Case("one-class", "table", {CSV: put(8, "tea", N)}, "raw table"),
    Case("class-name", "table", {CSV: put(8, "label", 30)}, "column label",
         {CSV: lambda text: text.replace(",label\n", ",a label\n")}),
    Case("key-missing", "table", {CSV: put(0, "")}, "column key", {CSV: put(0, "new")}),
    Case("key-twice", "table", {CSV: put(0, "5")}, "column key", {CSV: put(0, "new")},
         first="row 5"),
    Case("number-type", "table", {CSV: put(2, "2 kg")}, "column size", {CSV: put(2, "2")},
         first="row 0"),
    Case("number-infinite", "table", {CSV: put(2, "1e+999")}, "column size", {CSV: put(2, "")}),
    Case("text-nul", "table", {CSV: put(1, "a\0b")}, "column words", {CSV: put(1, "a b")},
         first="row 0"),
    Case("time-missing", "table",
         {TOML: split("time", 'time = "day"'), CSV: put(5, "")}, "column time",
         {CSV: put(5, "2024-01-31")}),
    Case("time-value", "table",
         {TOML: split("time", 'time = "day"'), CSV: put(5, "31.01.2024", N - 1)}, "column day"),
    Case("time-value", "table",
         {TOML: options('date_day = "%d.%m.%Y"', "time", 'time = "day"')}, "column day",
         {TOML: swap(("%d.%m.%Y", "%Y-%m-%d"))}),
    Case("split-word", "table",
         {TOML: options('split = "part"', "official"), CSV: put(6, "dev")}, "column split",
         {CSV: put(6, "train")}),
    Case("split-one-sided", "table",
         {TOML: options('split = "part"', "official"), CSV: put(6, "train", N)}, "column split",
         {CSV: put(6, "test", 20)}),
    Case("subset-word", "table",
         {TOML: options('split = "part"\nsubset = "half"', "official"), CSV: put(7, "both")},
         "column subset", {CSV: put(7, "public")}),
    Case("giant-component", "table",
         {TOML: split("group", 'group = "shop"'), CSV: put(4, "s0", 20)}, "raw table",
         {TOML: swap(('by = "group"', 'by = "row"'))}),
    Case("side-empty", "table",
         {CSV: lines(lambda n, row: [*row[:8], f"kind {n}"] if n < 3 else None)}, "split"),
    Case("void-unknown", "table", {TOML: swap(("seed = 1", 'seed = 1\nvoid = ["r00"]'))},
         "split.void", {TOML: swap(('"r00"', ""))}),
    Case("images-missing", "table", {TOML: swap(("photos.zip", "fotos.zip"))}, "fotos.zip",
         {TOML: swap(("fotos.zip", "photos.zip"))}),
    Case("images-unreadable", "table",
         {"raw/photos.zip": b"PK\3\4, but not for long"}, "photos.zip"),
    Case("image: no file", "table", {CSV: put(3, "q.png", 2)}, "column photo",
         {CSV: put(3, "", 2)}, first="row 0: 'q.png'"),
    Case("image: an empty file", "table",
         {"raw/photos.zip": zipped(p0=b""), CSV: put(3, "p0.png", N)},
         "column photo", {CSV: put(3, "", N)}, first="row 0: 'photos.zip/p0.png'"),
]  # fmt: skip

SOURCES = [
    Case("source-missing", "table", {TOML: source('path = "row"')}, "path = 'row'",
         {TOML: swap(('path = "row"', 'path = "raw"'))}),
    Case("source-unavailable", "table",
         {TOML: source(f'url = "http://127.0.0.1:1/a.csv"\nsha256 = "{ZEROS}"')}, "127.0.0.1"),
    Case("source-unpinned", "table", {TOML: source(f'npm = "icons"\nsha256 = "{ZEROS}"')}, "icons"),
    Case("client-missing", "table",
         {TOML: source(f'npm = "icons==1"\nsha256 = "{ZEROS}"')}, "icons",
         kind=MissingRequirement),
    Case("source-sha256", "table",
         {TOML: source(f'path = "raw/photos.zip"\nsha256 = "{ZEROS}"')}, "raw/photos.zip"),
    Case("archive-path", "table",
         {TOML: source('path = "a.zip"'), "a.zip": zipped(**{"../../evil": b"x"})}, "a.zip"),
    Case("archive-damaged", "table", {TOML: source('path = "a.zip"'), "a.zip": b"none"}, "a.zip"),
]  # fmt: skip

DEFINITIONS = [
    Case("toml-missing", "table", {TOML: None}, "task.toml"),
    Case("toml-unreadable", "table", {TOML: b"title = '\xff'"}, "task.toml"),
    Case("toml-syntax", "table", {TOML: add("[[")}, "task.toml"),
    Case("toml-missing-key", "table", {TOML: swap(('title = "A toy"\n', ""))}, "key title",
         {TOML: swap(("format = 1", 'format = 1\ntitle = "A toy"'))}),
    Case("toml-unknown-key", "table", {TOML: swap(("licence", "license"))}, "key source.1.license",
         {TOML: swap(("license", "licence"))}),
    Case("toml-value", "table", {TOML: swap(('"accuracy"', '"acuracy"'))}, "task.toml",
         {TOML: swap(("acuracy", "accuracy"))}),
    Case("toml-value", "table", {TOML: swap(("[raw]", '[raw]\ndelimiter = "||"'))},
         "key raw.delimiter", {TOML: swap(("||", ","))}),
    Case("id-folder", "table", {TOML: swap(('id = "table"', 'id = "tables"'))}, "key id",
         {TOML: swap(('id = "tables"', 'id = "table"'))}),
]  # fmt: skip

PAIRS = [
    Case("raw-file-missing", "deepmatcher",
         {"raw/train.csv": None, "raw/test.csv": None}, "raw"),
    Case("column-missing", "deepmatcher", {"raw/tableB.csv": swap(("words", "word"))},
         "tableB.csv", {"raw/tableB.csv": swap(("word", "words"))}),
    Case("record-missing", "deepmatcher", {"raw/test.csv": add("3,999,0\n")}, "test.csv",
         {"raw/tableB.csv": add("999,a record\n")}),
    Case("key-twice", "deepmatcher", {"raw/tableA.csv": put(0, "5")}, "tableA.csv",
         {"raw/tableA.csv": put(0, "0")}),
    Case("match-label", "deepmatcher", {"raw/train.csv": put(2, "yes")}, "column label",
         {"raw/train.csv": put(2, "1")}),
    Case("one-class", "deepmatcher",
         {"raw/train.csv": put(2, "0", 40), "raw/test.csv": put(2, "0", 20)}, "raw table"),
    Case("raw-file-missing", "ditto", {"raw/train.txt": None, "raw/test.txt": None}, "raw"),
    Case("column-missing", "ditto", {TOML: swap(("columns.words", "columns.word"))},
         "train.txt", {TOML: swap(("columns.word", "columns.words"))}),
    Case("ditto-line", "ditto", {"raw/train.txt": add("\nCOL words VAL a\t1\n")},
         "train.txt, line 42", {"raw/train.txt": swap(("VAL a\t1", "VAL a\tCOL words VAL a\t1"))}),
    Case("raw-unreadable", "ditto", {"raw/test.txt": b"COL words VAL \xe9\tCOL words VAL e\t1\n"},
         "test.txt, line 1", {"raw/test.txt": "COL words VAL \u00e9\tCOL words VAL e\t1\n"}),
    Case("no-rows", "ditto", {"raw/train.txt": "", "raw/test.txt": "\n"}, "train.txt"),
]  # fmt: skip

SOLUTION = "raw/solution.csv"
CONTESTS = [
    Case("raw-file-missing", "competition", {SOLUTION: None}, "raw"),
    Case("answer-missing", "competition", {"raw/test.csv": add("99,oak\n")}, "solution.csv",
         {SOLUTION: add("99,class 1,Public\n")}),
    Case("key-twice", "competition", {SOLUTION: add("41,class 1,Public\n")}, "solution.csv",
         {SOLUTION: lines(lambda place, row: row if place < 20 else None)}),
    Case("subset-word", "competition", {SOLUTION: put(2, "both")}, "column Usage",
         {SOLUTION: put(2, "Ignored")}),
    Case("column-missing", "competition",
         {TOML: swap(("seed = 1", 'seed = 1\ngroup = "shop"'))}, "train.csv"),
]  # fmt: skip

CONVERTERS = [
    Case("no-converter", "rows", {CODE: None}, "raw.convert"),
    Case("no-converter", "rows", {CODE: "rows = 1\n"}, CODE),
    Case("no-converter", "rows", {CODE: "def convert():\n    return 1\n"}, CODE),
    Case("converter-failed", "rows", {CODE: "def convert(raw:\n"}, f"{CODE}, line 1"),
    Case("converter-failed", "rows", {CODE: returns("1 / 0")}, f"{CODE}, line 8"),
    Case("converter-failed", "rows", {CODE: "def convert(raw):\n    raise SystemExit(3)\n"},
         f"{CODE}, line 2"),
    Case("converter-result", "rows", {CODE: returns("rows")}, CODE,
         {CODE: returns("RawTable(in_batches(rows), raw)")}),
    Case("converter-result", "rows",
         {CODE: returns("RawTable(rows.to_batches(), raw)")}, "raw table",
         {CODE: returns("RawTable(lambda: iter(rows.to_batches()), raw)")}),
    Case("converter-result", "rows", {CODE: returns("RawTable(in_batches(rows), str(raw))")},
         "raw table"),
    Case("converter-result", "rows", {CODE: returns("RawTable(lambda: iter([rows]), raw)")},
         "raw table"),
    Case("converter-result", "rows",
         {CODE: returns("RawTable(lambda: iter([*rows.to_batches(), "
                        "*rows.drop_columns(['size']).to_batches()]), raw)")}, "raw table"),
    Case("column-twice", "rows",
         {CODE: returns("RawTable(in_batches(rows.append_column('size', rows['size'])), raw)")},
         "raw table"),
    Case("text-type", "rows", {CODE: with_column("label", "float(n % 2)")}, "column label",
         {CODE: with_column("label", "str(n % 2)")}),
    Case("text-type", "rows", {CODE: with_column("words", "{'a': n}")}, "column words"),
    Case("no-rows", "rows", {CODE: with_column("label", "None")}, "raw table"),
    Case("time-missing", "rows",
         {TOML: swap(("seed = 1", 'seed = 1\nby = "time"\ntime = "day"')),
          CODE: with_column("time", "float('nan') if n == 3 else float(n)")}, "column time",
         {CODE: with_column("time", "float(n)")}),
    Case("records-use", "rows",
         {CODE: returns("RawRecords(in_batches(rows), raw)")}, "raw records",
         {CODE: returns("RawTable(in_batches(rows), raw)")}),
    Case("key-missing", "records",
         {CODE: with_column("key", "n or None", "RawRecords")}, "column key"),
    Case("key-twice", "records", {CODE: with_column("key", "n // 2", "RawRecords")}, "column key"),
    Case("entity-missing", "records", {CODE: with_column("entity", "n // 2 or None", "RawRecords")},
         "column entity"),
    Case("text-type", "records", {CODE: with_column("entity", "n / 2", "RawRecords")},
         "column entity"),
    Case("table-word", "records", {CODE: with_column("table", "'middle'", "RawRecords")},
         "column table",
         {CODE: with_column("table", "'left' if n % 2 else 'right'", "RawRecords")}),
    Case("giant-component", "records", {CODE: with_column("entity", "max(n, 20)", "RawRecords")},
         "raw records", {CODE: with_column("entity", "n // 2", "RawRecords")}),
    Case("candidate-range", "records", {CODE: negatives("[[0, 999]]")}, "candidates"),
    Case("candidate-range", "records", {CODE: negatives("[[-1, 0]]")}, "candidates"),
    Case("candidate-range", "records", {CODE: negatives("[0, 1, 2]")}, "candidates",
         {CODE: negatives("[[0, n] for n in range(1, given.num_rows)]")}),
    Case("no-rows", "records", {CODE: returns("RawRecords(in_batches(rows.slice(0, 0)), raw)")},
         "raw records"),
]  # fmt: skip

CASES = [*TABLE, *SOURCES, *DEFINITIONS, *PAIRS, *CONTESTS, *CONVERTERS]
