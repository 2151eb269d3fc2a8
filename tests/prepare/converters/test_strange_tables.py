"""Tables as other programs write them: nested and mixed JSON, blanks after the separators."""

from __future__ import annotations

import gzip
import io
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from challenge.errors import TaskError
from challenge.prepare.build.task_build import build_task
from challenge.prepare.proposal.infer import propose_task
from challenge.prepare.readers.table_files import open_table
from challenge.task.definition import read_definition
from challenge.task.frames import read_train

WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "harbour", "ivory"]


def things(n: int = 60) -> list[dict[str, object]]:
    chance = random.Random(6)
    return [
        {
            "words": " ".join(chance.choice(WORDS) for _ in range(5)),
            "size": {"wide": chance.randint(1, 400), "in": {"unit": "cm" if row % 3 else "inch"}},
            "tags": [WORDS[row % 4], WORDS[row % 5]],
            "stock": chance.randint(20, 900) if row % 6 else "n/a",
            "kind": "abc"[row % 3],
        }
        for row in range(n)
    ]


def write(path: Path, records: list[dict[str, object]]) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(records))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(one) + "\n" for one in records))
    else:
        texts = [one | {"stock": str(one["stock"])} for one in records]
        pq.write_table(pa.Table.from_pylist(texts), path)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
def test_nested_and_mixed_values_make_a_task(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"things{suffix}"
    write(path, things())
    folder = tmp_path / "datasets" / "x"
    folder.mkdir(parents=True)
    proposal = propose_task("x", path, label="kind", folder=folder)
    (folder / "task.toml").write_text(proposal.text)
    assert {name: one.modality for name, one in read_definition(folder).columns.items()} == {
        "words": "text",
        "size.wide": "numeric",
        "size.in.unit": "categorical",
        "tags": "categorical",
        "stock": "numeric",
    }
    assert any("'n/a' is read as missing" in question for question in proposal.unsure)
    train = read_train(build_task(folder, cache=tmp_path / "cache").task)
    assert train["stock"].isna().sum() > 0
    assert train["size.wide"].between(1, 400).all()


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for line, words in (
        ("{oops}", "line 2: Expecting property name"),
        ("[1]", "line 2: not an object"),
    ):
        path.write_text(f'{{"a": 1, "b": "x"}}\n{line}\n')
        with pytest.raises(TaskError, match=words):
            open_table(path)


@pytest.mark.parametrize("quote", ["", '"'])
def test_blanks_after_the_separators_belong_to_nothing(quote: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = [f"r{row}, {quote}{row} st. mary{quote}, , {'ab'[row % 2]}\n" for row in range(40)]
    path.write_text("nr, street, town, kind\n" + "".join(rows))
    table = open_table(path)
    assert table.names == ("nr", "street", "town", "kind")
    (batch,) = table.batches()
    assert batch.slice(1, 1).to_pylist() == [
        {"nr": "r1", "street": "1 st. mary", "town": None, "kind": "b"}
    ]
    assert any("blanks after the separators" in note for note in table.notes)


def test_images_in_the_table_itself_make_a_column(tmp_path: Path) -> None:
    rows = []
    for row in range(40):
        content = io.BytesIO()
        noise = random.Random(row).randbytes(3 * 12 * 12)
        Image.frombytes("RGB", (12, 12), noise).save(content, "PNG")
        image = {"bytes": content.getvalue(), "path": f"{row}.png"}
        rows.append({"photo": image, "grams": row * 37 % 90 / 4, "kind": "ab"[row % 2]})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    folder = tmp_path / "datasets" / "x"
    folder.mkdir(parents=True)
    proposal = propose_task("x", tmp_path / "x.parquet", label="kind", folder=folder)
    (folder / "task.toml").write_text(proposal.text)
    columns = read_definition(folder).columns
    assert {name: one.modality for name, one in columns.items()} == {
        "photo": "image",
        "grams": "numeric",
    }
    task = build_task(folder, cache=tmp_path / "cache").task
    assert task.image_path(str(read_train(task)["photo"].iloc[0])).is_file()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"a,label\n1,x\n", mtime=0), "packed with gzip"),
        (b"PK\x03\x04 and so on", "a zip archive"),
        (b"\xd0\xcf\x11\xe0 and so on", "an old Excel workbook"),
    ],
    ids=["gzip", "zip", "excel"],
)
def test_packed_tables_are_named_as_such(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv.gz").write_bytes(content)
    with pytest.raises(TaskError, match=f"{words}.*\n.*\n.*unpack it"):
        open_table(tmp_path / "x.csv.gz")


def test_the_index_that_pandas_writes_is_a_column_of_its_own(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row * 7 % 31 / 4},{'ab'[row % 2]}\n" for row in range(60))
    (tmp_path / "x.csv").write_text(",grams,kind\n" + rows)
    table = open_table(tmp_path / "x.csv")
    assert table.names == ("index", "grams", "kind")
    proposal = propose_task("x", tmp_path / "x.csv", label="kind")
    assert "the first column of x.csv has no name and was named index" in proposal.unsure
    assert 'index = "Identifies the row"' in proposal.text
