"""The reading report: its books balance, and page, text and JSON have the same counts."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from challenge.task.reading_report import report_lines
from tests.cli.shell import shell

N = 90
WORDS = ("oak", "elm", "fir", "ash", "yew", "bay", "fig")


def text(row: int) -> str:
    return " ".join(WORDS[row * step % 7] for step in (1, 3, 5)) + f" {row}"


def write_table(folder: Path) -> list[str]:
    """Write a table with dropped rows, missing words, a decimal comma and what is left out."""
    with (folder / "x.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["code", "text", "x", "day", "same", "kind"])
        for row in range(N):
            x = "n/a" if row % 9 == 0 else "" if row % 10 == 1 else f"{row * 7 % 50},5"
            day = f"{row % 28 + 1:02}.{row % 12 + 1:02}.2021"
            kind = "" if row < 4 else ("Large", "small", "LARGE")[row % 3]
            rows.writerow([f"c{row}", text(row), x, day, "one", kind])
    return ["--from", str(folder / "x.csv"), "--label", "kind", "--raw", "variants=join"]


def write_numbers(folder: Path) -> list[str]:
    """Write a table of typed columns whose label alone is text."""
    label = [f"{row * 37 % 101},{row % 10}" for row in range(N)]
    columns = {
        "text": [text(row) for row in range(N)],
        "x": [None if row % 9 == 0 else row * 7 % 50 + 0.25 for row in range(N)],
        "y": label,
    }
    pq.write_table(pa.table(columns), folder / "x.parquet")
    return ["--from", str(folder / "x.parquet"), "--label", "y", "--kind", "regression"]


def write_pairs(folder: Path) -> list[str]:
    """Write records of two tables and their pairs."""
    (folder / "raw").mkdir()
    for name in ("tableA.csv", "tableB.csv"):
        with (folder / "raw" / name).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "title", "price", "note"])
            for row in range(N):
                rows.writerow([row, text(row), "NA" if row % 6 == 0 else f"{row}.5", "one"])
    for part, start, end in (("train", 0, 60), ("valid", 60, 75), ("test", 75, 90)):
        with (folder / "raw" / f"{part}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["ltable_id", "rtable_id", "label"])
            for row in range(start, end):
                rows.writerow([row, row, 1])
                rows.writerow([row, (row + 1) % N, 0])
    return ["--from", str(folder / "raw")]


def balanced(reading: dict[str, Any]) -> None:
    rows = reading["rows"]
    assert rows["raw"] == rows["built"] + sum(rows["dropped"].values())
    for file in reading["files"]:
        columns = file["columns"]
        assert columns["raw"] == columns["built"] + columns["used"] + columns["left_out"]
    n_cells = {one["kept"] + one["parsed"] + one["missing"] for one in reading["columns"]}
    assert n_cells == {N}
    assert set(reading["left_out"].values()) <= {"One value only", "not named in task.toml"}


@pytest.mark.parametrize("write", [write_table, write_numbers, write_pairs])
def test_page_text_and_json_have_the_same_balanced_books(
    write: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    root, raw = tmp_path / "contest", tmp_path / "raw"
    raw.mkdir()
    assert shell(tmp_path, "init", str(root)).code == 0
    added = shell(root, "add", "toy", *write(raw))
    assert added.code == 0, added.err
    toml = root / "datasets" / "toy" / "task.toml"
    accepted = ["seen-records", "transitive-pairs"]
    accepted += (
        ["telling-agreement-title", "telling-agreement-price"] if write is write_pairs else []
    )
    lines = "".join(f'{name} = "a test"\n' for name in accepted)
    toml.write_text(f"{toml.read_text()}\n[accept]\n{lines}")
    converted = shell(root, "convert", "toy")
    assert converted.code == 0, converted.err

    shown = json.loads(shell(root, "show", "toy", "--json").out)
    reading, expected = shown["reading"], report_lines(shown["reading"])
    balanced(reading)
    assert reading["rows"]["built"] == shown["n_train"] + shown["n_test"]
    printed = [line.removeprefix("  ") for line in converted.out.splitlines()[1:]]
    assert printed == expected
    told = shell(root, "show", "toy").out.split("\nreading:\n")[1].splitlines()
    assert [line.removeprefix("  ") for line in told[: len(expected)]] == expected
    assert shell(root, "leaderboard").code == 0
    page = (root / "leaderboard" / "task" / "toy" / "index.html").read_text(encoding="utf-8")
    (block,) = re.findall(r"How the raw files were read</summary><ul>(.*?)</ul>", page, re.S)
    items = re.findall(r"<li>(.*?)</li>", block, re.S)
    assert [html.unescape(re.sub(r"<[^>]*>", "", item)) for item in items] == expected


def test_the_report_counts_what_the_file_has(tmp_path: Path) -> None:
    root, raw = tmp_path / "contest", tmp_path / "raw"
    raw.mkdir()
    shell(tmp_path, "init", str(root))
    shell(root, "add", "toy", *write_table(raw))
    converted = shell(root, "convert", "toy")
    assert converted.code == 0, converted.err
    reading = json.loads(shell(root, "show", "toy", "--json").out)["reading"]
    assert reading["rows"] == {"raw": N, "built": N - 4, "dropped": {"no label": 4}}
    (file,) = reading["files"]
    assert file["columns"] == {"raw": 6, "built": 3, "used": 2, "left_out": 1}
    with (raw / "x.csv").open(encoding="utf-8", newline="") as lines:
        cells = [row["x"] for row in csv.DictReader(lines, delimiter=";")]
    (x,) = [one for one in reading["columns"] if one["name"] == "x"]
    assert x["missing_words"] == {"n/a": cells.count("n/a")}
    assert x["missing"] == cells.count("n/a") + cells.count("")
    assert x["parsed"] == N - x["missing"] and x["kept"] == 0
    # Large and LARGE are one class; the rows of the rarer form are said.
    assert reading["joined"]["label"] == 28


def test_convert_prints_what_was_changed_of_the_images(tmp_path: Path) -> None:
    assert shell(tmp_path, "init", str(tmp_path / "x")).code == 0
    root, raw = tmp_path / "x", tmp_path / "raw"
    (raw / "photos").mkdir(parents=True)
    rows = []
    for row in range(60):
        random = np.random.default_rng(row)
        pixels = random.integers(0, 4096, (8, 8), dtype=np.uint16)
        Image.fromarray(pixels).save(raw / "photos" / f"scan {row}.png")
        kind = ("moving", "still")[row * 7 % 11 % 2]
        rows.append(f"scan {row}.png,oak {row} desk {row * 7 % 11},{kind}\n")
    (raw / "scans.csv").write_text("file,words,kind\n" + "".join(rows))
    words = ("--from", str(raw / "scans.csv"), "--images", str(raw / "photos"), "--label", "kind")
    made = shell(root, "add", "scans", *words)
    assert made.code == 0, made.err
    answer = shell(root, "convert", "scans")
    note = "60 images have more than 8 bits a channel: their values, of 12 bits, were scaled to 8."
    assert f"note: {note}" in answer.err
    images = root / "datasets" / "scans" / "public" / "images"
    built = [np.asarray(Image.open(path)) for path in images.iterdir()]
    assert max(len(np.unique(pixels)) for pixels in built) > 32
