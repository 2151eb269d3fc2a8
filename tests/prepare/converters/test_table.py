"""The table converter: what people save, read as it stands, with faults that name the place."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from challenge.errors import TaskError
from challenge.prepare.converters.table import convert
from challenge.prepare.readers.table_files import open_table
from challenge.task.definition import TaskDefinition
from challenge.task.number_texts import read_number


def definition(
    columns: dict[str, str], raw: dict[str, Any] | None = None, **more: Any
) -> TaskDefinition:
    return TaskDefinition.model_validate(
        {
            "format": 1,
            "id": "toy",
            "kind": "classification",
            "title": "Toy",
            "metric": "accuracy",
            "source": [{"path": "."}],
            "raw": {"format": "table", **(raw or {})},
            "columns": {name: {"modality": modality} for name, modality in columns.items()},
            **more,
        }
    )


def rows(folder: Path, task: TaskDefinition) -> dict[str, list[Any]]:
    table = convert(folder, task)
    first: dict[str, list[Any]] = pa.Table.from_batches(list(table.batches())).to_pydict()
    again = pa.Table.from_batches(list(table.batches())).to_pydict()
    assert first == again, "the batches can be opened again"
    return first


TEXT = 'name,size,label\n"Knife, blunt",12.5,tool\nBr\u00f6tchen,7,food\n,"",\n'


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(",", "utf-8"), (";", "utf-8"), ("\t", "utf-8-sig"), ("|", "utf-16"), (";", "cp1252")],
)
def test_delimiter_and_encoding_are_detected(delimiter: str, encoding: str, tmp_path: Path) -> None:
    text = TEXT.replace("Knife, blunt", "Knife blunt").replace(",", delimiter)
    # Detecting an old encoding takes more than one umlaut.
    more = [f"Gr\u00fc\u00dfe aus K\u00f6ln, \u00c4pfel {n}".replace(",", "") for n in range(40)]
    text += "".join(f"{word}{delimiter}1{delimiter}food\n" for word in more)
    (tmp_path / "x.csv").write_bytes(text.encode(encoding))
    found = rows(tmp_path, definition({"name": "text", "size": "numeric"}))
    assert found["name"][:3] == ["Knife blunt", "Br\u00f6tchen", None]
    assert found["size"][:3] == [12.5, 7, None]
    assert found["label"][:3] == ["tool", "food", None]
    notes = " ".join(open_table(tmp_path / "x.csv").notes)
    assert ("separated" in notes) == (delimiter != ",")
    assert ("was read as" in notes) == (encoding == "cp1252")


def test_words_that_look_like_nothing_survive_as_text(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("code,kind,label\n007,NA,a\n1e3,None,b\nTrue,null,a\n")
    found = rows(tmp_path, definition({"code": "categorical", "kind": "text"}))
    assert found["code"] == ["007", "1e3", "True"]
    assert found["kind"] == ["NA", "None", "null"]


@pytest.mark.parametrize("form", ["parquet", "jsonl", "xlsx", "tsv"])
def test_other_forms_give_the_same_rows(form: str, tmp_path: Path) -> None:
    values = {"name": ["a b", "c", None], "size": [1.5, None, 3.0], "label": ["x", "y", "x"]}
    path = tmp_path / f"t.{form}"
    if form == "parquet":
        pq.write_table(pa.table(values), path)
    elif form == "jsonl":
        lines = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    elif form == "xlsx":
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        sheet.append(list(values))
        for row in zip(*values.values(), strict=True):
            sheet.append(list(row))
        book.save(path)
    else:
        path.write_text("name\tsize\tlabel\na b\t1.5\tx\nc\t\ty\n\t3\tx\n")
    found = rows(tmp_path, definition({"name": "text", "size": "numeric"}))
    assert {name: found[name] for name in values} == values
    assert found["key"] == ["row 1", "row 2", "row 3"]


def test_key_group_time_and_official_split_come_from_the_columns_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "id,text,label,who,day,part\n7,a,x,p,02.01.2020,train\n8,b,y,q,03.01.2020,test\n"
    )
    task = definition(
        {"text": "text", "number": "categorical"},
        {
            "key": "id",
            "options": {"split": "part", "from_number": "id", "date_day": "%d.%m.%Y"},
        },
        split={"by": "group", "group": "who", "time": "day"},
    )
    found = rows(tmp_path, task)
    assert found["key"] == found["number"] == ["7", "8"]
    assert found["group"] == ["p", "q"]
    assert found["split"] == ["train", "test"]
    assert found["time"][1] - found["time"][0] == 1


def test_a_missing_column_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("titel,label\na,b\n")
    task = definition({"title": "text"}, {"key": "nr"}, split={"by": "group", "group": "who"})
    with pytest.raises(TaskError) as caught:
        rows(tmp_path, task)
    assert len(caught.value.faults) == 3
    assert "did you mean 'titel'?" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,label,a\n1,2,3\n", "column 'a' occurs more than once"),
        ("", "nothing"),
        ("a,,label\n1,2,3\n", "an empty name in the header"),
        ("a,label\n1,2\n1,2,3\n", "line 3: 3 fields"),
        ('a,label\n1,"2\n3,4\n', "unexpected end of data"),
        ('a,label\n1,"2"\n3\n', "line 3: 1 field"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(TaskError, match=words):
        rows(tmp_path, definition({"a": "text"}))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(TaskError):
        rows(tmp_path, definition({"a": "text"}))


def test_several_tables_ask_which_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,label\n1,2\n")
    (tmp_path / "b.csv").write_text("a,label\n1,2\n")
    with pytest.raises(TaskError, match=r"a\.csv, b\.csv"):
        rows(tmp_path, definition({"a": "text"}))
    assert rows(tmp_path, definition({"a": "text"}, {"file": "b.csv"}))["a"] == ["1"]


def image(path: Path, colour: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), colour).save(path)


def test_images_are_found_by_path_name_address_and_key(tmp_path: Path) -> None:
    for name in ("one.png", "sub/two.JPG", "three.jpeg"):
        image(tmp_path / "photos" / name)
    (tmp_path / "x.csv").write_text(
        "id,front,back,label\n"
        "three,photos/one.png,https://example.org/a/two.jpg?size=3,x\n"
        "four,one,photos/missing.png,y\n"
    )
    task = definition(
        {"front": "image", "back": "image", "own": "image"},
        {"key": "id", "images": "photos", "file": "x.csv"},
    )
    found = rows(tmp_path, task)
    assert found["front"] == ["photos/one.png"] * 2
    assert found["back"] == ["photos/sub/two.JPG", "photos/missing.png"]
    assert found["own"] == ["photos/three.jpeg", None]


def test_images_in_a_zip_are_read_from_it(tmp_path: Path) -> None:
    image(tmp_path / "one.png")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(tmp_path / "one.png", "deep/one.png")
    (tmp_path / "x.csv").write_text("photo,label\none.png,x\n,y\n")
    task = definition({"photo": "image"}, {"images": "photos.zip"})
    assert rows(tmp_path, task)["photo"] == ["photos.zip/deep/one.png", None]


def test_images_outside_the_raw_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "x.csv").write_text("photo,label\na,b\n")
    with pytest.raises(TaskError, match="no such folder or zip"):
        rows(tmp_path / "raw", definition({"photo": "image"}, {"images": ".."}))


def test_what_is_no_number_stays_for_the_build_to_name(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("size,label\n12,a\ntwelve,b\n")
    assert rows(tmp_path, definition({"size": "numeric"}))["size"] == ["12", "twelve"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$ 1299.00", 1299.0),
        ("(3.5)", -3.5),
        ("50 %", 50),
        (" -7 ", -7),
        ("N/A", None),
        ("1e-3", 0.001),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_numbers_as_people_write_them(text: str, number: float | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["12 kg", "1,2,3", "twelve", "1.2.3", "0x10", "inf", "1_000"])
def test_other_words_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_number(text)


def test_typed_files_keep_dates_booleans_and_lists(tmp_path: Path) -> None:
    table = pa.table(
        {
            "day": [date(1970, 1, 3), None],
            "flag": [True, False],
            "words": [["a", "b"], None],
            "code": pa.array([7.0, None], pa.float64()),
            "label": ["x", "y"],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = rows(
        tmp_path,
        definition({"day": "numeric", "flag": "categorical", "words": "text", "code": "text"}),
    )
    assert found["day"] == [2.0, None]
    assert found["flag"] == ["true", "false"]
    assert found["words"] == ["a, b", None]
    assert found["code"] == ["7", None]
