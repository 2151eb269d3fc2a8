"""One reading or none: what `add` proposes and `convert` builds of raw tables that people bring."""

import codecs
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import TaskError
from challenge.prepare import build_task
from challenge.prepare.proposal.infer import propose_task
from challenge.prepare.proposal.proposal_text import Proposal
from challenge.prepare.readers.table_files import open_table
from challenge.task.columns import Column
from challenge.task.definition import Raw, read_definition
from challenge.task.raw_values import Faults, standard_numbers
from challenge.task.reading_report import report_lines
from challenge.task.task import Task

N = 90
ACCEPTED = '\n[accept]\n"near-identical-texts" = "made of few words"\n'
WEIGHTS = (34.0, 0.158, 4.118, 12.5)
WIDE = {ord("0") + digit: chr(0xFF10 + digit) for digit in range(10)}
WORDS = ["oak", "desk", "lamp", "pine", "brass", "steel", "glass", "amber", "round", "tall"]


def words(row: int) -> str:
    return " ".join(WORDS[(row * step + step) % 10] for step in (1, 3, 7, 9, 2)) + f" {row}"


def kind(row: int) -> str:
    return ("book", "film")[row * 7 % 11 % 2]


def table(values: Callable[[int], object], *, n: int = N, mark: str = ";", end: str = "\n") -> str:
    lines = [mark.join(("words", "x", "kind"))]
    lines += [mark.join((words(row), str(values(row)), kind(row))) for row in range(n)]
    return "".join(line + end for line in lines)


def proposed(folder: Path, content: str | bytes, name: str = "x.csv", **how: Any) -> Proposal:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    raw = Raw.model_validate({"format": "table", **how}) if how else None
    return propose_task("toy", path, label="kind", raw=raw)


def built(folder: Path, proposal: Proposal) -> Task:
    (folder / "toy").mkdir(exist_ok=True)
    (folder / "toy" / "task.toml").write_text(proposal.text + ACCEPTED, encoding="utf-8")
    return build_task(folder / "toy", cache=folder / "cache").task


def column(task: Task, name: str = "x") -> dict[str, Any]:
    """Return the values of a column by the number that ends the words of the row."""
    parts = [pq.read_table(task.public / f"{part}.parquet") for part in ("train", "test")]
    return {
        str(text).rsplit(" ", 1)[-1]: value
        for part in parts
        for text, value in zip(part["words"].to_pylist(), part[name].to_pylist(), strict=True)
    }


def as_built(folder: Path, values: Callable[[int], object], **how: Any) -> dict[int, Any]:
    found = column(built(folder, proposed(folder, table(values), **how)))
    return {int(row): value for row, value in found.items()}


def comma(number: float) -> str:
    return f"{number:.10g}".replace(".", ",")


@pytest.mark.parametrize(
    ("write", "value"),
    [
        # 34,0 or 0,158 prove the decimal comma of 4,118
        (lambda n: comma(WEIGHTS[n % 4]), lambda n: WEIGHTS[n % 4]),
        (lambda n: f"{1234 + n:,}.5", lambda n: 1234.5 + n),
        (lambda n: f"{1234 + n:,}.5".translate(str.maketrans(",.", ".,")), lambda n: 1234.5 + n),
        (lambda n: f"{1234567 + 8000 * n:,}".replace(",", "."), lambda n: 1234567 + 8000 * n),
        (lambda n: f"{1234 + n:,}.5".replace(",", "'"), lambda n: 1234.5 + n),
        (lambda n: f"{1234 + n:,}.5".replace(",", "\u2019"), lambda n: 1234.5 + n),
        (lambda n: f"{1234 + n:,},5".replace(",", "\u00a0", 1), lambda n: 1234.5 + n),
        (lambda n: f"{1234 + n:,},5".replace(",", "\u202f", 1), lambda n: 1234.5 + n),
        (lambda n: f"{1 + n},34,5{n:02}", lambda n: (1 + n) * 100_000 + 34_500 + n),
        (lambda n: f"{n}.5-" if n % 2 else f"{n}.5", lambda n: -n - 0.5 if n % 2 else n + 0.5),
        (lambda n: f"({n}.5)" if n % 2 else f"{n}.5", lambda n: -n - 0.5 if n % 2 else n + 0.5),
        (lambda n: f"\u2212{n}.5", lambda n: -n - 0.5),
        (lambda n: f"{n}.5 %", lambda n: n + 0.5),
        (lambda n: f"\u20ac {n},5", lambda n: n + 0.5),
        (lambda n: f"-${n}.5" if n % 2 else f"${n}.5", lambda n: -n - 0.5 if n % 2 else n + 0.5),
        (lambda n: f"+{n}.5" if n % 2 else f"-{n}.5", lambda n: n + 0.5 if n % 2 else -n - 0.5),
        (lambda n: f"{n}e-05", lambda n: float(f"{n}e-05")),
        (lambda n: f"{n}.25".translate(WIDE), lambda n: n + 0.25),
    ],
)  # fmt: skip
def test_numbers_are_what_the_whole_column_says(
    write: Callable[[int], str], value: Callable[[int], float], tmp_path: Path
) -> None:
    assert as_built(tmp_path, write) == {n: value(n) for n in range(N)}


@pytest.mark.parametrize(
    ("write", "form", "value"),
    [
        (lambda n: f"{n + 1},234", "1,234.5", lambda n: (n + 1) * 1000 + 234),
        (lambda n: f"{n + 1},234", "1234,5", lambda n: float(f"{n + 1}.234")),
        (lambda n: f"{n + 1}.234", "1.234,5", lambda n: (n + 1) * 1000 + 234),
        (lambda n: f"{n + 1}.234", "1234.5", lambda n: float(f"{n + 1}.234")),
        (lambda n: f"0{1 + n % 9}/0{1 + n % 7}/2024", "dmy", None),
        (lambda n: f"0{1 + n % 9}/0{1 + n % 7}/2024", "mdy", None),
        (lambda n: f"{10 + n % 9}-0{1 + n % 7}-1{(n + 3) % 9}", "ymd", None),
    ],
)
def test_a_column_with_two_readings_is_asked_about_and_the_answer_taken(
    write: Callable[[int], str],
    form: str,
    value: Callable[[int], float] | None,
    tmp_path: Path,
) -> None:
    proposal = proposed(tmp_path, table(write))
    assert any(f'with format = "{form}"' in one for one in proposal.unsure)
    with pytest.raises(TaskError, match=r"can be read in several ways") as refused:
        built(tmp_path, proposal)
    (fault,) = refused.value.faults
    assert fault.code == "format-open" and f'format = "{form}"' in fault.fix
    answered = proposal.text.replace("\n[columns.x]", f'\n[columns.x]\nformat = "{form}"')
    (tmp_path / "toy" / "task.toml").write_text(answered)
    found = column(build_task(tmp_path / "toy", cache=tmp_path / "cache").task)
    if value is not None:
        assert found == {str(n): value(n) for n in range(N)}


def test_the_decimal_sign_of_all_columns_can_be_stated(tmp_path: Path) -> None:
    text = proposed(tmp_path, table(lambda n: f"{n + 1},234")).text
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "task.toml").write_text(text.replace("\n[raw]", '\n[raw]\ndecimal = ","'))
    task = build_task(tmp_path / "toy", cache=tmp_path / "cache").task
    assert column(task)["3"] == 4.234


@pytest.mark.parametrize(
    "write",
    [
        lambda n: f"894902000000000{n:05}",
        lambda n: f"{n:04}",
        lambda n: f"+4930{1000 + n}",
        lambda n: f"{n}e{n % 7 + 1}",
        lambda n: f"{n}.5 %" if n else "0.5",
        lambda n: f"${n}.5" if n % 2 else f"\u20ac{n}.5",
        lambda n: f"{n}.5" if n % 2 else f"{n},5 or so",
    ],
)
def test_what_is_no_number_of_one_unit_stays_text(
    write: Callable[[int], str], tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(table(lambda n: write(n % 40)))
    proposal = propose_task("toy", path, label="kind")
    task = built(tmp_path, proposal)
    assert column(task) == {str(n): write(n % 40) for n in range(N)}
    numeric = proposal.text.split("[columns.x]")
    first = numeric[1].split("\n", 2)[1]
    text = proposal.text.replace(first, 'modality = "numeric"')
    (tmp_path / "toy" / "task.toml").write_text(text)
    with pytest.raises(TaskError) as refused:
        build_task(tmp_path / "toy", cache=tmp_path / "cache")
    assert {one.code for one in refused.value.faults} <= {
        "number-code",
        "number-type",
        "format-none",
    }
    assert "column x" in refused.value.faults[0].where


def test_a_converter_of_ones_own_cannot_round_codes(tmp_path: Path) -> None:
    for text in ("89490200000000000399", "007"):
        faults = Faults("here")
        keys = pa.array(["row 1", "row 2"])
        standard_numbers(pa.array([text, "2.5"]), keys, Column("x", "numeric"), faults)
        with pytest.raises(TaskError, match="is a code of digits") as refused:
            faults.stop()
        assert refused.value.faults[0].code == "number-code"


def test_formats_that_each_break_elsewhere_are_named_with_their_cells(tmp_path: Path) -> None:
    text = table(lambda n: "1,5" if n == 3 else "1.234.567" if n == 5 else f"{n}.5")
    proposal = proposed(tmp_path, text)
    (tmp_path / "toy").mkdir()
    first = proposal.text.split("[columns.x]")[1].split("\n", 2)[1]
    asked = proposal.text.replace(first, 'modality = "numeric"')
    (tmp_path / "toy" / "task.toml").write_text(asked)
    with pytest.raises(TaskError, match=r"'1,5' is not written 1234\.5") as refused:
        build_task(tmp_path / "toy", cache=tmp_path / "cache")
    assert refused.value.faults[0].code == "format-none"


@pytest.mark.parametrize(
    ("write", "third"),
    [
        (lambda n: f"10/{1 + n % 28:02}/2024 0{1 + n % 9}:00 PM", "2024-10-04T16:00:00"),
        (lambda n: f"{1 + n % 28:02}.10.24", "2024-10-04T00:00:00"),
        (lambda n: f"2024-10-{1 + n % 28:02}" if n % 2 else "0000-00-00", "2024-10-04T00:00:00"),
        (lambda n: f"2024{'-/'[n % 2]}10{'-/'[n % 2]}{1 + n % 28:02}", "2024-10-04T00:00:00"),
        (lambda n: f"2024-10-{1 + n % 28:02} 24:00", "2024-10-05T00:00:00"),
        (lambda n: f"{1 + n % 28} October 2024", "2024-10-04T00:00:00"),
        (lambda n: f"Oct {1 + n % 28}, 2024", "2024-10-04T00:00:00"),
        (lambda n: f"2024-10-{1 + n % 28:02}T12:00:00+02:00", "2024-10-04T10:00:00"),
        (lambda n: f"202410{1 + n % 28:02}", "2024-10-04T00:00:00"),
    ],
)  # fmt: skip
def test_dates_are_read_whatever_stands_between_their_parts(
    write: Callable[[int], str], third: str, tmp_path: Path
) -> None:
    found = as_built(tmp_path, write)
    assert found[3].isoformat()[:19] == third


@pytest.mark.parametrize(
    ("form", "write"),
    [
        ("unix-seconds", lambda n: 1_700_000_000 + n * 86_400),
        ("unix-milliseconds", lambda n: (1_700_000_000 + n * 86_400) * 1000),
        ("excel-days", lambda n: 45_244.925925925925 + n),
        ("%d|%m|%Y", lambda n: f"{15 + n % 9}|11|2023"),
    ],
)
def test_a_count_of_days_or_seconds_is_a_date_if_task_toml_says_so(
    form: str, write: Callable[[int], object], tmp_path: Path
) -> None:
    text = proposed(tmp_path, table(write)).text
    head, _, tail = text.partition("[columns.x]\n")
    rest = tail[tail.index("\ndescription") :]
    stated = f'{head}[columns.x]\nmodality = "datetime"\nformat = "{form}"\ntimezone = "UTC"{rest}'
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "task.toml").write_text(stated)
    task = build_task(tmp_path / "toy", cache=tmp_path / "cache").task
    assert column(task)["0"].isoformat()[:10] in ("2023-11-14", "2023-11-15")


def test_times_finer_than_a_microsecond_stay_texts_and_are_no_key(tmp_path: Path) -> None:
    proposal = proposed(
        tmp_path,
        table(
            lambda n: (
                f"20{n:02}-{1 + n % 12:02}-{1 + n % 28:02}T{n % 24:02}:07:07.{123456789 + n * 7919}"
            )
        ),
    )
    assert any("finer than a microsecond" in one for one in proposal.unsure)
    assert column(built(tmp_path, proposal))["4"] == "2004-05-05T04:07:07.123488465"


def test_a_split_by_time_sorts_dates_of_two_separators(tmp_path: Path) -> None:
    def day(n: int) -> str:
        return f"2024{'-/'[n % 2]}{1 + n * 12 // N:02}{'-/'[n % 2]}{1 + n % 28:02}"

    text = proposed(tmp_path, table(day)).text
    text = text.replace('by = "row"', 'by = "time"\ntime = "x"')
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "task.toml").write_text(text)
    task = build_task(tmp_path / "toy", cache=tmp_path / "cache").task
    train, test = (pq.read_table(task.public / f"{one}.parquet")["x"] for one in ("train", "test"))
    assert max(train.to_pylist()) <= min(test.to_pylist())
    undeclared = text.replace('modality = "datetime"', 'modality = "text"').replace(
        'timezone = "UTC"', ""
    )
    (tmp_path / "toy" / "task.toml").write_text(undeclared)
    task = build_task(tmp_path / "toy", cache=tmp_path / "cache").task
    train, test = (pq.read_table(task.public / f"{one}.parquet")["x"] for one in ("train", "test"))
    plain = [sorted(one.replace("/", "-") for one in part.to_pylist()) for part in (train, test)]
    assert plain[0][-1] <= plain[1][0]


def test_a_split_by_time_of_no_one_order_is_refused(tmp_path: Path) -> None:
    text = proposed(tmp_path, table(lambda n: "31.01.2024" if n % 2 else "2024-01-31")).text
    (tmp_path / "toy").mkdir()
    text = text.replace('by = "row"', 'by = "time"\ntime = "x"')
    text = text.replace('modality = "categorical"', 'modality = "text"')
    (tmp_path / "toy" / "task.toml").write_text(text)
    with pytest.raises(TaskError, match="no time that can be sorted") as refused:
        build_task(tmp_path / "toy", cache=tmp_path / "cache")
    assert refused.value.faults[0].code == "time-value"


SHAPES: Mapping[str, tuple[str | bytes, dict[str, Any]]] = {
    "sep": ("sep=;\n" + table(lambda n: n * 3), {"skip": 1}),
    "comments": ("#key=_id\n#left=A\n" + table(lambda n: n * 3, mark=","), {"skip": 2}),
    "title": ("Stock list 2024\n\n" + table(lambda n: n * 3), {"skip": 2}),
    "padded title": ("Stock list;;\n" + table(lambda n: n * 3), {"skip": 1}),
    "end of file mark": (table(lambda n: n * 3, end="\r\n") + "\x1a", {}),
    "carriage returns": (table(lambda n: n * 3, end="\r"), {}),
    "mark and quotes": ("\ufeff" + table(lambda n: n * 3).replace("words;", '"words";'), {}),
    "trailing delimiters": (table(lambda n: n * 3, end=";\n"), {}),
    "utf-16": (table(lambda n: n * 3).encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "utf-16 with a mark": (codecs.BOM_UTF16_BE + table(lambda n: n * 3).encode("utf-16-be"), {}),
    "utf-32": (table(lambda n: n * 3).encode("utf-32-be"), {"encoding": "utf-32-be"}),
    "utf-32 with a mark": (table(lambda n: n * 3).encode("utf-32"), {"encoding": "utf-32"}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_table_as_a_spreadsheet_user_saves_it(shape: str, tmp_path: Path) -> None:
    content, stated = SHAPES[shape]
    proposal = proposed(tmp_path, content)
    task = built(tmp_path, proposal)
    assert column(task) == {str(n): n * 3 for n in range(N)}
    raw = read_definition(tmp_path / "toy").raw.model_dump()
    assert {name: raw[name] for name in stated} == stated
    assert task.document["reading"]["rows"] == {"raw": N, "built": N, "dropped": {}}


def test_names_of_rows_without_a_name_of_their_own_are_an_index(tmp_path: Path) -> None:
    rows = "".join(f'"{n}",{words(n)},{n * 3},{kind(n)}\n' for n in range(N))
    task = built(tmp_path, proposed(tmp_path, "words,x,kind\n" + rows))
    assert column(task) == {str(n): n * 3 for n in range(N)}


def test_a_file_without_a_header_loses_no_row(tmp_path: Path) -> None:
    (tmp_path / "iris.data").write_text(
        "".join(f"{n}.5,{n * 2}.25,{kind(n)}\n" for n in range(1, N + 1))
    )
    proposal = propose_task("toy", tmp_path / "iris.data")
    assert any("has no header" in one for one in proposal.unsure)
    task = built(tmp_path, proposal)
    assert task.n_train + task.n_test == N and len(task.columns) == 2


def test_years_as_names_are_doubted_and_kept(tmp_path: Path) -> None:
    text = "country,2019,2020,kind\n"
    text += "".join(f"land {n},{n}.5,{n * 2}.5,{kind(n)}\n" for n in range(N))
    assert len(built(tmp_path, proposed(tmp_path, text)).columns) == 3


def test_fields_between_blanks(tmp_path: Path) -> None:
    lines = (f"S{n}   0.{n:02}  0.{99 - n:02}  {kind(n)}\n" for n in range(N))
    (tmp_path / "yeast.data").write_text("".join(lines))
    task = built(tmp_path, propose_task("toy", tmp_path / "yeast.data"))
    assert task.n_train + task.n_test == N and len(task.columns) == 2


def quoted(row: int) -> str:
    """Return a title that begins a quote in one row and ends it in another."""
    return {20: '"pale', 30: 'oak"'}.get(row, "plain")


def test_quotes_that_may_join_lines_are_asked_about(tmp_path: Path) -> None:
    lines = [f"{words(n)}\t{quoted(n)}\t{kind(n)}" for n in range(N)]
    text = "words\tx\tkind\n" + "\n".join(lines) + "\n"
    with pytest.raises(TaskError, match="one meaning of quotes") as refused:
        proposed(tmp_path, text, "x.tsv")
    assert refused.value.faults[0].code == "quote-open"
    task = built(tmp_path, proposed(tmp_path, text, "x.tsv", quote="none"))
    assert column(task) == {str(n): quoted(n) for n in range(N)}


def test_quotes_inside_fields_between_tabs_are_characters(tmp_path: Path) -> None:
    text = table(lambda n: '"Hi" said' if n % 2 else '5" pipe', mark="\t")
    task = built(tmp_path, proposed(tmp_path, text, "x.tsv"))
    assert column(task) == {str(n): '"Hi" said' if n % 2 else '5" pipe' for n in range(N)}


def test_an_export_of_mysql(tmp_path: Path) -> None:
    lines = [
        f'"{words(n)} \\"quoted\\", C:\\\\temp {n}",'
        + ("\\N" if n % 5 == 0 else f"{n}.5")
        + f',"{kind(n)}"\n'
        for n in range(N)
    ]
    task = built(tmp_path, proposed(tmp_path, '"words","x","kind"\n' + "".join(lines)))
    assert column(task) == {str(n): None if n % 5 == 0 else n + 0.5 for n in range(N)}
    read = pq.read_table(task.public / "train.parquet")["words"].to_pylist()
    assert all('"quoted", C:\\temp ' in text for text in read)


def test_one_bad_byte_does_not_turn_a_file_into_another_encoding(tmp_path: Path) -> None:
    lines = table(lambda n: f"K\u00e4se {n % 7}").encode().split(b"\n")
    lines[40] = lines[40].replace(b";", b"\xa0;", 1)
    with pytest.raises(
        TaskError, match=r"line 41: byte 0xa0 at position \d+, in '.*oak"
    ) as refused:
        proposed(tmp_path, b"\n".join(lines))
    assert "write these characters anew in UTF-8" in refused.value.faults[0].fix
    half = [line.decode().encode("cp1252") if n > 50 else line for n, line in enumerate(
        table(lambda n: f"K\u00e4se {n % 7}").encode().split(b"\n"))]  # fmt: skip
    with pytest.raises(TaskError, match="lines are UTF-8"):
        proposed(tmp_path, b"\n".join(half))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("mac_roman", "r\u00e9sum\u00e9 na\u00efve \u00fcber"),
        ("cp850", "caf\u00e9 na\u00efve \u00fcber"),
        ("cp1252", "r\u00e9sum\u00e9 na\u00efve \u00fcber"),
        (
            "cp1251",
            "\u0441\u0442\u043e\u043b \u0437\u0435\u043b\u0451\u043d\u044b\u0439 \u0434\u0443",
        ),
        ("cp932", "\u6771\u4eac \u6728 \u6905\u5b50 \u9752\u3044"),
        ("gb18030", "\u6905\u5b50 \u4e0a\u6d77 \u6728\u5934 \u84dd\u8272"),
    ],
)
def test_an_old_encoding_is_guessed_with_a_cell_to_judge_by(
    encoding: str, text: str, tmp_path: Path
) -> None:
    content = table(lambda n: f"{text} {n % 40}").encode(encoding)
    proposal = proposed(tmp_path, content)
    (doubt,) = [one for one in proposal.unsure if "is not UTF-8" in one]
    assert text.split()[0] in doubt
    assert column(built(tmp_path, proposal))["3"] == f"{text} 3"


def test_a_stated_encoding_is_taken(tmp_path: Path) -> None:
    content = table(lambda n: f"na\u00efve {n % 40}").encode("cp850")
    task = built(tmp_path, proposed(tmp_path, content, encoding="cp850"))
    assert column(task)["3"] == "na\u00efve 3"


def test_what_begins_late_or_is_sorted_is_seen_in_all_rows(tmp_path: Path) -> None:
    n = 45_000
    lines = [
        f"{words(row)};{'' if row < 44_000 else row % 5};{'ab'[row > n // 2]}" for row in range(n)
    ]
    proposal = proposed(tmp_path, "words;x;kind\n" + "\n".join(lines) + "\n")
    assert "[columns.x]" in proposal.text and "2 different" not in proposal.text
    assert "[left_out]" not in proposal.text


def workbook(folder: Path, fill: Callable[[Any], None], *, hidden: bool = False) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    if hidden:
        sheet.title, sheet.sheet_state = "Lists", "hidden"
        sheet.append(["a", "kind"])
        sheet.append(["x", "y"])
        sheet = book.create_sheet("Data")
    sheet.append(["words", "x", "kind"])
    for row in range(N):
        sheet.append([words(row), row + 0.5, kind(row)])
    fill(sheet)
    book.save(folder / "x.xlsx")
    return folder / "x.xlsx"


def test_formulas_without_values_are_named(tmp_path: Path) -> None:
    def formulas(sheet: Any) -> None:
        for row in range(2, N + 2):
            sheet.cell(row, 2).value = f"={row}*2"

    proposal = propose_task("toy", workbook(tmp_path, formulas), label="kind")
    assert any("90 formulas without a stored value" in one for one in proposal.unsure)
    with pytest.raises(TaskError, match="formulas without a stored value"):
        propose_task("toy", tmp_path / "x.xlsx", label="x")


def test_error_cells_are_missing(tmp_path: Path) -> None:
    def errors(sheet: Any) -> None:
        sheet.cell(2, 2).value, sheet.cell(5, 2).value = "#DIV/0!", "#N/A"

    task = built(tmp_path, propose_task("toy", workbook(tmp_path, errors), label="kind"))
    found = column(task)
    assert [row for row, value in found.items() if value is None] and found["1"] == 1.5
    assert sorted(row for row, value in found.items() if value is None) == ["0", "3"]


def test_the_first_visible_sheet_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path, lambda sheet: None, hidden=True)
    proposal = propose_task("toy", path, label="kind")
    assert any("'Lists' (hidden)" in one for one in proposal.unsure)
    assert column(built(tmp_path, proposal))["7"] == 7.5
    raw = Raw(format="table", sheet="Nothing")
    with pytest.raises(TaskError, match=r"no sheet 'Nothing'") as refused:
        propose_task("toy", path, label="kind", raw=raw)
    assert refused.value.faults[0].code == "raw-sheet"
    with pytest.raises(TaskError, match=r"at least (one feature|two classes)") as refused:
        propose_task("toy", path, label="kind", raw=Raw(format="table", sheet="Lists"))
    assert refused.value.faults[0].code in ("no-features", "one-class")


def test_a_title_above_the_header_and_values_without_a_name(tmp_path: Path) -> None:
    path = workbook(tmp_path, lambda sheet: sheet.insert_rows(1))
    book = openpyxl.load_workbook(path)
    book.worksheets[0].cell(1, 1).value = "Stock list"
    book.save(path)
    assert column(built(tmp_path, propose_task("toy", path, label="kind")))["7"] == 7.5
    book.worksheets[0].cell(9, 5).value = "stray"
    book.save(path)
    with pytest.raises(TaskError, match="a value in cell E9, whose column has no name"):
        propose_task("toy", path, label="kind")


def moment(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=timezone.utc)


T = [f"t {n % 9}" for n in range(N)]
SECONDS = [n * 86_400 for n in range(N)]
STRUCT = '[{"name": "a", "qty": 3}]'
PAIRS = [["a", str(n % 9)] for n in range(N)]
TYPES: Mapping[str, tuple[pa.Array, object]] = {
    "duration": (pa.array([n * 1500 for n in range(N)], pa.duration("ms")), 4.5),
    "large_list": (pa.array(PAIRS, pa.large_list(pa.string())), "a, 3"),
    "fixed_list": (pa.array(PAIRS, pa.list_(pa.string(), 2)), "a, 3"),
    "map": (pa.array([[("a", n)] for n in range(N)], pa.map_("string", pa.int8())), "('a', 3)"),
    "large_string": (pa.array(T, pa.large_string()), "t 3"),
    "string_view": (pa.array(T, pa.string_view()), "t 3"),
    "half": (pa.array([n + 0.5 for n in range(N)]).cast(pa.float16()), 3.5),
    "decimal": (pa.array([f"{n}.25" for n in range(N)]).cast(pa.decimal128(9, 2)), 3.25),
    "decimal256": (pa.array([f"{n}.25" for n in range(N)]).cast(pa.decimal256(40, 2)), 3.25),
    "dictionary": (pa.array(T).dictionary_encode(), "t 3"),
    "integers": (pa.array([n % 9 for n in range(N)]).dictionary_encode(), 3),
    "time": (pa.array([n * 61_000_000 for n in range(N)], pa.time64("us")), 183 / 86_400),
    "day": (pa.array(range(N), pa.int32()).cast(pa.date32()), moment(1970, 1, 4)),
    "far": (pa.array([datetime(3 + n, 1, 1) for n in range(N)], pa.timestamp("us")), moment(6)),
    "zoned": (pa.array(SECONDS, pa.timestamp("s", "America/New_York")), moment(1970, 1, 4)),
    "structs": (pa.array([[{"name": "a", "qty": n}] for n in range(N)]), STRUCT),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_a_type_of_arrow_is_built(name: str, tmp_path: Path) -> None:
    values, third = TYPES[name]
    content = {
        "words": [words(n) for n in range(N)], "x": values, "kind": [kind(n) for n in range(N)]
    }  # fmt: skip
    pq.write_table(pa.table(content), tmp_path / "x.parquet")
    task = built(tmp_path, propose_task("toy", tmp_path / "x.parquet", label="kind"))
    assert column(task)["3"] == third


def test_decimals_that_no_double_holds_stay_codes(tmp_path: Path) -> None:
    codes = pa.array([f"8949020000000000{n % 40:04}" for n in range(N)]).cast(pa.decimal128(38, 0))
    content = {
        "words": [words(n) for n in range(N)], "x": codes, "kind": [kind(n) for n in range(N)]
    }  # fmt: skip
    pq.write_table(pa.table(content), tmp_path / "x.parquet")
    task = built(tmp_path, propose_task("toy", tmp_path / "x.parquet", label="kind"))
    assert column(task)["3"] == "89490200000000000003"


ROWS = [{"words": words(n), "x": n * 3, "kind": kind(n)} for n in range(N)]
ORIENTS: Mapping[str, Any] = {
    "records": ROWS,
    "split": {"columns": list(ROWS[0]), "index": [], "data": [list(one.values()) for one in ROWS]},
    "index": {str(n): row for n, row in enumerate(ROWS)},
    "columns": {name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ROWS[0]},
    "lists": {name: [row[name] for row in ROWS] for name in ROWS[0]},
    "table": {"schema": {"fields": []}, "data": ROWS},
    "wrapped": {"count": N, "results": ROWS},
}  # fmt: skip


@pytest.mark.parametrize("orient", ORIENTS)
def test_an_orient_of_pandas_is_read(orient: str, tmp_path: Path) -> None:
    task = built(tmp_path, proposed(tmp_path, json.dumps(ORIENTS[orient]), "x.json"))
    assert column(task) == {str(n): n * 3 for n in range(N)}


def test_lines_in_a_json_file_and_values_without_names(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    assert column(built(tmp_path, proposed(tmp_path, lines, "x.json")))["4"] == 12
    values = json.dumps([list(row.values()) for row in ROWS])
    (tmp_path / "y.json").write_text(values)
    assert "column_2" in propose_task("toy", tmp_path / "y.json", label="column_3").text
    with pytest.raises(TaskError, match="has 'x' twice"):
        proposed(tmp_path, '[{"x": 1, "x": 2, "kind": "a"}]', "z.json")


def test_times_in_json_lines_keep_their_zone(tmp_path: Path) -> None:
    rows = [{**row, "x": f"2024-03-{1 + n % 28:02}T12:00:00+02:00"} for n, row in enumerate(ROWS)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    task = built(tmp_path, proposed(tmp_path, lines, "x.jsonl"))
    assert column(task)["4"].isoformat() == "2024-03-05T10:00:00+00:00"


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
def test_numbers_that_would_become_one_stay_texts(suffix: str, tmp_path: Path) -> None:
    codes = [f"1.0000000000000000{n:04}" for n in range(N)]
    rows = [
        json.dumps({**row, "x": 0.5}).replace("0.5", code)
        for row, code in zip(ROWS, codes, strict=True)
    ]
    text = "\n".join(rows)
    if suffix == "csv":
        cells = [
            f"{row['words']},{code},{row['kind']}" for row, code in zip(ROWS, codes, strict=True)
        ]
        text = "\n".join(["words,x,kind", *cells])
    elif suffix == "json":
        text = f"[{','.join(rows)}]"
    draft = proposed(tmp_path, text, f"x.{suffix}")
    assert any("more digits than a double holds" in one for one in draft.unsure)
    assert len(set(column(built(tmp_path, draft)).values())) == N


def test_digits_of_a_fraction_that_name_no_other_number_are_rounded(tmp_path: Path) -> None:
    digits = ".1234567890123456789"
    rows = [
        json.dumps({**row, "x": 0.5}).replace("0.5", f"{n}{digits}") for n, row in enumerate(ROWS)
    ]
    found = column(built(tmp_path, proposed(tmp_path, "\n".join(rows), "x.jsonl")))
    assert found["4"] == 4.1234567890123456789


def test_parts_of_a_table_are_read_as_one(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in (0, 1):
        rows = pa.Table.from_pylist(ROWS[part::2])
        pq.write_table(rows, folder / f"train-0000{part}-of-00002.parquet")
    task = built(tmp_path, propose_task("toy", folder, label="kind"))
    assert column(task) == {str(n): n * 3 for n in range(N)}
    renamed = pa.Table.from_pylist(ROWS[1::2]).rename_columns(["words", "y", "kind"])
    pq.write_table(renamed, folder / "train-00001-of-00002.parquet")
    with pytest.raises(TaskError, match="other columns than train-00000") as refused:
        propose_task("toy", folder, label="kind")
    assert refused.value.faults[0].code == "parts-differ"
    (folder / "train-00001-of-00002.parquet").unlink()
    pq.write_table(renamed, folder / "train-00002-of-00003.parquet")
    with pytest.raises(TaskError, match="2 parts of 3"):
        propose_task("toy", folder, label="kind")


@pytest.mark.parametrize(
    "other",
    [
        lambda text: f"{text}.0",
        lambda text: f"{text}e0",
        lambda text: text.replace("a", "\u0430"),
        lambda text: f" {text}",
        lambda text: {"7": "\u0037"}.get(text, text.upper()),
    ],
)
def test_classes_that_differ_only_in_form_are_asked_about(
    other: Callable[[str], str], tmp_path: Path
) -> None:
    names = ("7", "8") if other("7") in ("7.0", "7e0") else ("caf\u00e9", "tea")
    rows = [f"{words(n)};{n}.5;{names[n * 7 % 11 % 2]}" for n in range(N)]
    rows = [
        row if n % 4 else row.rsplit(";", 1)[0] + ";" + other(row.rsplit(";", 1)[1])
        for n, row in enumerate(rows)
    ]
    proposal = proposed(tmp_path, "words;x;kind\n" + "\n".join(rows) + "\n")
    assert any("written in several forms" in one for one in proposal.unsure)
    with pytest.raises(TaskError, match="values that differ only in blanks") as refused:
        built(tmp_path, proposal)
    assert refused.value.faults[0].code == "variants"
    for answer, n_classes in (("join", 2), ("keep", 4)):
        stated = proposal.text.replace("\n[raw]", f'\n[raw]\nvariants = "{answer}"')
        (tmp_path / "toy" / "task.toml").write_text(stated)
        task = build_task(tmp_path / "toy", cache=tmp_path / "cache").task
        assert len(task.classes) == n_classes


def test_the_books_balance(tmp_path: Path) -> None:
    lines = [
        f"{words(n)};{'n/a' if n % 9 == 0 else f'{n},5'};{kind(n) if n > 4 else ''};same"
        for n in range(N)
    ]
    proposal = proposed(tmp_path, "words;x;kind;note\n" + "\n".join(lines) + "\n")
    reading = built(tmp_path, proposal).document["reading"]
    assert reading["rows"] == {"raw": N, "built": N - 5, "dropped": {"no label": 5}}
    for one in reading["columns"]:
        assert one["kept"] + one["parsed"] + one["missing"] == N
    assert {one["name"] for one in reading["columns"]} == {"words", "x"}
    assert reading["left_out"] == {"note": "One value only"}
    (x,) = [one for one in reading["columns"] if one["name"] == "x"]
    assert (x["missing_words"], x["reading"]) == ({"n/a": 10}, "numbers written 1234,5")
    shown = "\n".join(report_lines(reading))
    assert "90 raw = 85 built + 5 dropped (no label)" in shown and "note (One value only)" in shown
    assert proposal.reading[-1] == "left out: note (one value only)"


def test_merged_and_mixed_cells_and_dates_of_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["words", "year", "x", "opens", "kind"])
    for row in range(N):
        year = 1960 + row % 40 if row % 2 else str(1960 + row % 40)
        day = datetime(2024, 1 + row % 12, 1 + row % 28)
        label = kind(row) if row % 3 else None
        sheet.append([words(row), year, day, day.time().replace(hour=row % 24), label])
    book.save(tmp_path / "x.xlsx")
    proposal = propose_task("toy", tmp_path / "x.xlsx", label="kind")
    assert "label: 30 rows have none and will be dropped" in proposal.unsure
    task = built(tmp_path, proposal)
    assert "30 rows without a label were dropped." in task.document["notes"]
    expected = {str(row): moment(2024, 1 + row % 12, 1 + row % 28) for row in range(N) if row % 3}
    assert column(task) == expected
    assert column(task, "year") == {row: 1960 + int(row) % 40 for row in expected}
    assert column(task, "opens")["4"] == "04:00:00"


def test_a_column_of_a_workbook_without_name_and_values_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "raw.xlsx"
    book = openpyxl.Workbook()
    for row in (["words", None, "label"], ["one", None, "a"], ["two", None, "b"]):
        book.active.append(row)
    book.save(path)
    found = open_table(path)
    assert found.names == ("words", "label")
    assert "column B of raw.xlsx has neither name nor values, left out" in found.notes
    assert [row["label"] for batch in found.batches() for row in batch.to_pylist()] == ["a", "b"]
    book.active["B3"] = "lost"
    book.save(path)
    with pytest.raises(TaskError, match="a value in cell B3, whose column has no name"):
        open_table(path)


def test_a_label_of_another_sheet_is_answered_with_the_sheets(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["words", "label"])
    book.active.append(["one", "a"])
    book.create_sheet("Outcomes").append(["Outcome"])
    book.save(tmp_path / "raw.xlsx")
    with pytest.raises(TaskError) as caught:
        propose_task("toy", tmp_path / "raw.xlsx", label="Outcome")
    assert "'Outcomes'" in caught.value.faults[0].fix
    assert "--raw sheet=" in caught.value.faults[0].fix
