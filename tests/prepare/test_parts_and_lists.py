"""Tables in several parts, cells that are lists, and tables whose columns differ: what is built."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from challenge.errors import TaskError
from challenge.prepare.build.task_build import build_task
from challenge.prepare.proposal.infer import propose_task
from challenge.prepare.readers.table_files import open_files
from challenge.task.cells import list_text
from challenge.task.definition import Raw
from tests.prepare.test_infer import WORDS, read
from tests.prepare.test_readings import N, built, column, kind, proposed, table, words

KANA = ("\u3042\u3044\u3046", "\u6771\u4eac\u90fd", "\u5f62\u5bb9\u8a5e", "\u540d\u8a5e")


def texts_of(folder: Path, raw: Raw | None = None) -> list[Any]:
    table = open_files(folder, "part-*.csv", raw)
    texts: list[Any] = pa.Table.from_batches(list(table.batches()))["x"].to_pylist()
    return texts


def test_the_encoding_of_parts_is_decided_on_all_of_them(tmp_path: Path) -> None:
    """A part of two lines alone fits GB 18030 as well, with another last character."""
    short = ["\u30d5\u30a3\u30e9\u30fc", "\u30a8\u30fc\u30c8"]
    long = [KANA[n % 4] * 3 for n in range(200)]
    for part, texts in enumerate((short, long)):
        rows = [f"{n},{text}" for n, text in enumerate(texts)]
        (tmp_path / f"part-{part}.csv").write_bytes("\n".join(["n,x", *rows]).encode("euc_jp"))
    table = open_files(tmp_path, "part-*.csv")
    assert table.stated["encoding"] == "euc_jp"
    assert texts_of(tmp_path) == short + long
    assert sum("euc_jp" in note for note in table.notes) == 1
    assert not any("gb18030: " in note for note in table.notes)


@pytest.mark.parametrize("order", [("cp1252", "utf-8"), ("utf-8", "cp1252")])
def test_what_one_part_shows_is_not_stated_for_the_others(
    order: tuple[str, str], tmp_path: Path
) -> None:
    texts = [f"caf\u00e9 cr\u00e8me \u00fcber {n}" for n in range(60)]
    for part, encoding in enumerate(order):
        rows = [f"{text};{kind(n)}" for n, text in enumerate(texts)]
        content = "\n".join(["x;kind", *rows]).encode(encoding)
        (tmp_path / f"part-{part}.csv").write_bytes(content)
    proposal = propose_task("toy", tmp_path, label="kind")
    stated = read(proposal, tmp_path / "toy").raw
    assert (stated.encoding, stated.delimiter) == (None, ";")
    assert texts_of(tmp_path, stated) == texts * 2


def test_what_is_stated_as_missing_is_missing_for_the_proposal(tmp_path: Path) -> None:
    rows = [f"{words(n)};{'to ask' if n % 9 == 0 else n};{kind(n)}" for n in range(N)]
    content = "\n".join(["words;x;kind", *rows]) + "\n"
    doubted = proposed(tmp_path, content)
    assert any(
        "'to ask' (row 1); correct them, or list them as `missing`" in one for one in doubted.unsure
    )
    proposal = proposed(tmp_path, content, missing=["to ask"])
    assert read(proposal, tmp_path / "x").columns["x"].modality == "numeric"
    found = column(built(tmp_path, proposal))
    assert found == {str(n): None if n % 9 == 0 else n for n in range(N)}


def test_what_is_stated_is_not_asked_again(tmp_path: Path) -> None:
    rows = [f"{words(n)};{n}.5;{kind(n)}{' ' * (n % 4 == 0)}" for n in range(N)]
    content = "\n".join(["words;x;kind", *rows]) + "\n"
    asked = "written in several forms"
    assert any(asked in one for one in proposed(tmp_path, content).unsure)
    proposal = proposed(tmp_path, content, variants="join")
    assert not any(asked in one for one in proposal.unsure)
    assert len(built(tmp_path, proposal).classes) == 2


def lines_of(write: Callable[[int], str], header: str = "words\tx\tkind") -> str:
    rows = [f"{words(n)}\t{write(n)}\t{kind(n)}" for n in range(N)]
    return "\n".join([header, *rows]) + "\n"


def test_a_backslash_before_a_quote_is_asked_about(tmp_path: Path) -> None:
    content = lines_of(lambda n: f'the \\"old\\" one {n * n}')
    with pytest.raises(TaskError, match="may escape it") as refused:
        proposed(tmp_path, content)
    assert "line 2" in str(refused.value)
    for quote, mark in (("backslash", '"'), ("double", '\\"')):
        assert f'quote = "{quote}"' in str(refused.value)
        found = column(built(tmp_path, proposed(tmp_path, content, quote=quote)))
        assert found["3"] == f"the {mark}old{mark} one 9"
    # With the fields in quotes, only one reading explains all lines.
    quoted = lines_of(lambda n: f'"{{""a"": ""say \\""hi\\"" {n * n}""}}"')
    assert column(built(tmp_path, proposed(tmp_path, quoted)))["3"] == '{"a": "say \\"hi\\" 9"}'


@pytest.mark.parametrize("row", [20, 1500])
def test_a_header_that_comes_again_is_no_row(row: int, tmp_path: Path) -> None:
    names = ["words,x,kind"]
    rows = [f"{words(n % N)} {n},{n},{kind(n)}" for n in range(2000)]
    (tmp_path / "x.csv").write_text("\n".join(names + rows[:row] + names + rows[row:]) + "\n")
    table = open_files(tmp_path, "x.csv")
    (batch,) = pa.Table.from_batches(list(table.batches())).combine_chunks().to_batches()
    assert batch["x"].to_pylist() == [str(n) for n in range(2000)]
    assert table.notes == ("x.csv: the header again, 1 time among the rows, was left out",)


def test_rows_that_recur_in_a_file_without_header_all_stay(tmp_path: Path) -> None:
    rows = [f"{words(n % 30)},{n % 30},{kind(n % 30)}" for n in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(rows) + "\n")
    table = open_files(tmp_path, "x.csv")
    assert sum(batch.num_rows for batch in table.batches()) == 60
    assert table.names == ("column_1", "column_2", "column_3")


def test_the_century_of_years_of_two_digits_is_said(tmp_path: Path) -> None:
    content = lines_of(lambda n: f"{1 + n % 28:02}.03.{n % 90:02}")
    proposal = proposed(tmp_path, content)
    assert any("'13.03.68' is in 2068" in one for one in proposal.unsure)
    (x,) = [
        one for one in built(tmp_path, proposal).document["reading"]["columns"] if one["parsed"]
    ]
    assert "years of two digits in 1969 to 2068" in x["reading"]
    whole = proposed(tmp_path, lines_of(lambda n: f"{1 + n % 28:02}.03.{1968 + n % 90}"))
    assert not any("two digits" in one for one in whole.unsure)


@pytest.mark.parametrize(("word", "asked"), [("-999", True), ("9999", True), ("99", False)])
def test_numbers_that_may_mean_missing_are_asked_about(
    word: str, asked: bool, tmp_path: Path
) -> None:
    content = lines_of(lambda n: word if n % 9 == 0 else f"{n}.5")
    proposal = proposed(tmp_path, content)
    assert any(f"10 rows have {word}, far" in one for one in proposal.unsure) is asked
    found = column(built(tmp_path, proposed(tmp_path, content, missing=[word])))
    assert found["9"] is None and found["10"] == 10.5


def test_a_text_late_among_numbers_is_named(tmp_path: Path) -> None:
    """It is the 700th distinct text, after those that are tried one by one."""
    rows = [f"{words(n % N)} {n},{n}.5,{kind(n)}" for n in range(699)]
    content = "\n".join(["words,x,kind", *rows, f"{words(1)} total,sum,{kind(1)}"]) + "\n"
    unsure = proposed(tmp_path, content).unsure
    assert any("column x: 1 of " in one and "numbers: 'sum' (row " in one for one in unsure)


@pytest.mark.parametrize("by", ["row", "column"])
def test_the_keys_of_an_object_of_rows_are_a_column(by: str, tmp_path: Path) -> None:
    rows = {f"k{n}": {"words": words(n), "x": n, "kind": kind(n)} for n in range(N)}
    names = ("words", "x", "kind")
    columns = {name: {key: row[name] for key, row in rows.items()} for name in names}
    (tmp_path / "x.json").write_text(json.dumps(rows if by == "row" else columns))
    table = open_files(tmp_path, "x.json")
    assert table.names == ("index", *names)
    (batch,) = table.batches()
    assert batch["index"].to_pylist() == list(rows) and batch["x"].to_pylist() == list(range(N))


def test_workbooks_with_an_index_or_with_the_table_on_another_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    first.title = "About"
    first.append(["made by hand"])
    data = book.create_sheet("Data")
    data.append([None, "words", "kind"])
    for n in range(N):
        data.append([n, words(n), kind(n)])
    book.save(tmp_path / "x.xlsx")
    with pytest.raises(TaskError, match="there are also: 'Data'") as refused:
        open_files(tmp_path, "x.xlsx")
    assert refused.value.faults[0].code == "raw-sheet"
    table = open_files(tmp_path, "x.xlsx", Raw(format="table", sheet="Data"))
    assert table.names == ("index", "words", "kind")
    assert "the first column of x.xlsx has no name and was named index" in table.notes


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["oak", "pine"], "oak, pine"),
        ([1, 2.5], "1, 2.5"),
        (["oak, pine"], '["oak, pine"]'),
        (["oak", None], '["oak", null]'),
        ([True], "[true]"),
        ([{"kind": "oak", "old": None}], '[{"kind": "oak"}]'),
        ([["oak"], []], '[["oak"], []]'),
    ],
)
def test_lists_that_differ_are_texts_that_differ(values: list[Any], text: str) -> None:
    assert list_text(values) == text


def test_the_books_count_empty_lists_and_texts_as_missing(tmp_path: Path) -> None:
    rows = [
        {
            "words": words(n),
            "more": f"{WORDS[n % 9]} {n}" if n % 5 else "",
            "tags": [] if n % 3 == 0 else ["oak", f"pine {n}"],
            "parts": [{"name": "oak", "new": n % 2 == 0}],
            "kind": kind(n),
        }
        for n in range(N)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    reading = built(tmp_path, proposed(tmp_path, lines, "x.jsonl")).document["reading"]
    of = {one["name"]: one for one in reading["columns"]}
    assert (of["more"]["kept"], of["more"]["missing"]) == (72, 18)
    assert (of["tags"]["parsed"], of["tags"]["missing"]) == (60, 30)
    assert of["tags"]["reading"] == "lists as text"


def test_a_group_that_would_hold_whole_classes_is_not_proposed(tmp_path: Path) -> None:
    """Each class lies in two groups of 20 rows at most, or in one: then no side learns it."""
    for folder, per_class in (("one", 1), ("three", 3)):
        (tmp_path / folder).mkdir()
        lines = ["words,shop_id,kind"]
        for n in range(400):
            shop = n // 20
            lines.append(f"{words(n)} {n * 7919 % 997},s{shop:02},k{shop // per_class}")
        path = tmp_path / folder / "x.csv"
        path.write_text("\n".join(lines) + "\n")
        split = read(propose_task("x", path, label="kind"), tmp_path / folder / "x").split
        assert (split.by, split.group) == (
            ("row", None) if per_class == 1 else ("group", "shop_id")
        )


def test_record_tables_may_have_columns_of_their_own(tmp_path: Path) -> None:
    for side, extra in (("old", "price"), ("new", "weight")):
        lines = [f"rec_id,words,size,{extra}"]
        for n in range(60):
            size = f"{n},5 cm" if side == "new" else n
            text = " ".join(WORDS[(n * step) % 9] for step in (1, 2, 4, 5))
            lines.append(f'{side}{n},{text} {n},"{size}",{n * 7 % 11}.5')
        (tmp_path / f"{side}.csv").write_text("\n".join(lines) + "\n")
    pairs = [f"old{n},new{(n * 7) % 60},{n % 2}" for n in range(60)]
    (tmp_path / "pairs.csv").write_text("\n".join(["left,right,same", *pairs]) + "\n")
    proposal = propose_task("x", tmp_path, pairs=tmp_path / "pairs.csv")
    task = read(proposal, tmp_path / "x")
    assert {name: one.sides for name, one in task.columns.items()} == {
        "words": "both", "size": "both", "price": "left", "weight": "right"
    }  # fmt: skip
    # The sizes of one table are numbers, those of the other are not.
    assert task.columns["size"].modality != "numeric"
    assert build_task(tmp_path / "x", cache=tmp_path / "cache").task.document["n_train"] > 20


def workbook(folder: Path, form: str, value: Callable[[int], object]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["words", "x", "kind"])
    for row in range(N):
        sheet.append([words(row), value(row), kind(row)])
        sheet.cell(row + 2, 2).number_format = form
    book.save(folder / "x.xlsx")
    return folder / "x.xlsx"


@pytest.mark.parametrize(
    ("form", "value", "shown"),
    [
        ("00000", lambda row: 7 * row % 45, lambda row: f"{7 * row % 45:05}"),
        ("000\\-00\\-0000", lambda row: 1000 + row % 45, lambda row: f"000-00-{1000 + row % 45}"),
        ("00000", lambda row: 123456 + row % 45, lambda row: 123456 + row % 45),
        ("0", lambda row: row % 45, lambda row: row % 45),
        ("0.00", lambda row: row % 45, lambda row: row % 45),
        ("#,##0", lambda row: 1000 + row % 45, lambda row: 1000 + row % 45),
    ],
)
def test_a_code_of_a_workbook_is_what_the_sheet_shows(
    form: str, value: Callable[[int], object], shown: Callable[[int], object], tmp_path: Path
) -> None:
    task = built(tmp_path, propose_task("toy", workbook(tmp_path, form, value), label="kind"))
    found = column(task)
    assert found == {str(row): shown(row) for row in range(N)}


def test_a_measurement_that_never_recurs_is_not_taken_for_a_key_in_silence(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, table(lambda row: f"{row}.5K"))
    assert "x = " in proposal.text.split("\n[left_out]")[1]
    assert any(one.startswith("key: x has a value of its own") for one in proposal.unsure)
    moved = proposal.text.replace("\n[left_out]", '\n[columns.x]\nmodality = "text"\n\n[left_out]')
    moved = "\n".join(line for line in moved.splitlines() if not line.startswith("x = "))
    task = built(tmp_path, replace(proposal, text=moved))
    assert column(task) == {str(row): f"{row}.5K" for row in range(N)}
    named = table(lambda row: f"{row}.5K").replace(";x;", ";row_id;", 1)
    assert not [one for one in proposed(tmp_path, named).unsure if one.startswith("key:")]


@pytest.mark.parametrize(
    ("far", "noted"), [("9999-12-31", True), ("1900-01-01", True), ("2023-09-30", False)]
)
def test_dates_that_may_mean_missing_are_asked_about(far: str, noted: bool, tmp_path: Path) -> None:
    content = table(lambda row: far if row % 5 == 0 else f"2023-0{1 + row % 9}-{10 + row % 18}")
    notes = [one for one in proposed(tmp_path, content).unsure if "far from all other dates" in one]
    assert bool(notes) == noted
    task = built(tmp_path, proposed(tmp_path, content, missing=[far]))
    assert column(task)["5"] is None


def test_times_of_which_some_name_a_zone_are_counted(tmp_path: Path) -> None:
    content = table(lambda row: f"2023-05-{1 + row % 28:02}T10:30:00{'Z' if row % 3 else ''}")
    (note,) = [one for one in proposed(tmp_path, content).unsure if "zone" in one]
    assert "30 of its 90 times name no zone" in note


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (lambda row: f"{words(row)},{row},5,{kind(row)}", "or '0,5' one value"),
        (lambda row: f"'{words(row)}, yes',{row}.5,{kind(row)}", ", yes'' one value"),
        (lambda row: f"{row % 7},{words(row)},{row}.5,{kind(row)}", "but its values recur"),
    ],
)
def test_a_field_more_than_the_header_is_no_index_unless_nothing_else_explains_it(
    write: Callable[[int], str], found: str, tmp_path: Path
) -> None:
    content = "words,x,kind\n" + "".join(write(row) + "\n" for row in range(N))
    with pytest.raises(TaskError) as refused:
        proposed(tmp_path, content)
    assert found in refused.value.faults[0].found.replace('"', "'")
    assert refused.value.faults[0].code == "raw-index"
    assert "double quotes around values" in refused.value.faults[0].fix


def test_names_of_rows_that_do_not_count_up_are_an_index(tmp_path: Path) -> None:
    rows = "".join(f"Fiat {row}x,{words(row)},{row}.5,{kind(row)}\n" for row in range(N))
    task = built(tmp_path, proposed(tmp_path, "words,x,kind\n" + rows))
    assert column(task) == {str(row): row + 0.5 for row in range(N)}


def test_a_table_of_one_column_asks_for_its_delimiter(tmp_path: Path) -> None:
    content = "words^x^kind\n" + "".join(f"{words(n)}^{n}.5^{kind(n)}\n" for n in range(N))
    with pytest.raises(TaskError, match="write `delimiter` under"):
        proposed(tmp_path, content)
    task = built(tmp_path, proposed(tmp_path, content, delimiter="^"))
    assert column(task)["7"] == 7.5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("book", "bo\u200bok"), ("e-book", "e\u2010book"), ("men's", "men\u2019s"), ("01", "1"),
        ("1,0", "1"), ("-0", "0"), ("box", "box\u00a0"),
    ],
)  # fmt: skip
def test_classes_that_look_alike_are_asked_about(one: str, other: str, tmp_path: Path) -> None:
    marks = (one, other, "film")
    lines = [f"{words(row)};{row}.5;{marks[row * 7 % 11 % 3]}\n" for row in range(N)]
    proposal = proposed(tmp_path, "words;x;kind\n" + "".join(lines))
    assert any("in several forms" in note for note in proposal.unsure)
    with pytest.raises(TaskError) as refused:
        built(tmp_path, proposal)
    assert refused.value.faults[0].code == "variants"


def test_a_class_whose_name_may_mean_missing_is_asked_about(tmp_path: Path) -> None:
    marks = ("nan", "book", "film")
    lines = [f"{words(row)};{row}.5;{marks[row * 7 % 11 % 3]}\n" for row in range(N)]
    content = "words;x;kind\n" + "".join(lines)
    assert any("label: 'nan' is a class" in one for one in proposed(tmp_path, content).unsure)
    assert built(tmp_path, proposed(tmp_path, content, missing=["nan"])).classes == ("book", "film")


def test_the_note_of_a_guessed_encoding_shows_a_word_that_tells_encodings_apart(
    tmp_path: Path,
) -> None:
    text = "za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144"
    content = table(lambda row: f"{text} {row % 40}").encode("iso-8859-2")
    proposal = proposed(tmp_path, content)
    (note,) = [one for one in proposal.unsure if "is not UTF-8" in one]
    assert "g\u0119\u015bl\u0105" in note and " in cp1250" in note
    assert column(built(tmp_path, proposal))["3"] == f"{text} 3"
