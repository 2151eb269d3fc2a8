"""Findings name raw rows and image files of both partners, also where the audit stops the build."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from challenge.errors import TaskError
from challenge.prepare import build_task
from challenge.prepare.audit.report import AuditReport, Finding
from challenge.prepare.build.finding_rows import find_raw_rows
from challenge.prepare.raw import RawRecords, in_batches
from challenge.task.definition import read_definition
from challenge.task.tables import read_parquet
from tests.cli.shell import shell
from tests.prepare.test_planted_leaks import ACCEPTED, pair_table
from tests.toy import declare_toy, toy_records, toy_rows

N = 80


def copied(tmp_path: Path) -> Path:
    """Declare a task in which each of the last 40 rows repeats one of the first 40."""
    (folder := tmp_path / "datasets" / "toy").mkdir(parents=True)
    random = np.random.default_rng(2)
    half = toy_rows(N // 2, images=False)
    keys = pa.array([f"shelf {row}" for row in range(N)])
    table = pa.concat_tables([half, half]).set_column(0, "key", keys)
    table = table.append_column("photo", pa.array([f"{row}.png" for row in range(N)]))
    folder = declare_toy(folder, raw=table)
    toml = folder / "task.toml"
    toml.write_text(toml.read_text() + '\n[columns.photo]\nmodality = "image"\n')
    for row in range(N // 2):
        pixels = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        for copy in (row, row + N // 2):
            Image.fromarray(pixels).save(folder / "raw" / f"{copy}.png")
    return folder


def lines(path: Path, finding: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["finding"] == finding]


def test_a_stopped_build_names_the_raw_rows_of_both_partners(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    with pytest.raises(TaskError, match=r"its rows: .*private/stopped/private/audit\.csv"):
        build_task(folder, cache=tmp_path)
    assert not (folder / "public").exists() and not (folder / ".building").exists()
    private = folder / "private" / "stopped" / "private"
    found = lines(private / "audit.csv", "identical-rows")
    assert found
    for line in found:
        one, other = int(line["row"]), int(line["partner_row"])
        assert abs(one - other) == N // 2
        assert (line["key"], line["partner_key"]) == (f"shelf {one - 1}", f"shelf {other - 1}")
        assert (line["images"], line["partner_images"]) == (f"{one - 1}.png", f"{other - 1}.png")
    report = json.loads((private / "audit.json").read_text())
    (finding,) = [one for one in report["findings"] if one["name"] == "identical-rows"]
    assert [[line["id"], line["partner_id"]] for line in found] == finding["rows"]
    assert report["raw_rows"][found[0]["id"]]["key"] == found[0]["key"]


def test_audit_works_on_a_stopped_build_and_a_good_one_replaces_it(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (tmp_path / "challenge.toml").write_text('title = "A test"\n')
    with pytest.raises(TaskError):
        build_task(folder, cache=tmp_path)
    ids = lines(folder / "private/stopped/private/audit.csv", "identical-rows")
    answer = shell(tmp_path, "audit", "toy")
    assert answer.code == 1
    assert "the build that the audit stopped" in answer.out
    assert "fix: drop the copies" in answer.out
    toml = folder / "task.toml"
    accepted = "".join(
        f'"{name}" = "a test"\n'
        for name in ("identical-rows", "near-identical-texts", "near-identical-images")
    )
    toml.write_text(f"{toml.read_text()}\n[accept]\n{accepted}")
    build_task(folder, cache=tmp_path)
    assert not (folder / "private" / "stopped").exists()
    # The same secret, so what was found in the stopped build is what is accepted.
    assert lines(folder / "private" / "audit.csv", "identical-rows") == ids
    assert shell(tmp_path, "audit", "toy").code == 0
    public = b"".join(path.read_bytes() for path in (folder / "public").glob("*.*"))
    assert b"shelf 1" not in public


def test_pairs_of_a_table_are_named(tmp_path: Path) -> None:
    folder = declare_toy(
        tmp_path / "toy", "matching", raw=pair_table(), split="seed = 1", records=False
    )
    toml = folder / "task.toml"
    toml.write_text(toml.read_text() + ACCEPTED)
    build_task(folder, cache=tmp_path)
    found = lines(folder / "private" / "audit.csv", "transitive-pairs")
    raw = pair_table()
    for line in found:
        records = [
            {raw[f"{side}_key"][int(line[row]) - 1].as_py() for side in ("left", "right")}
            for row in ("row", "partner_row")
        ]
        assert records[0] & records[1]
    assert found


def test_pairs_of_records_are_named_by_both(tmp_path: Path) -> None:
    raw = toy_records(90)
    folder = declare_toy(
        tmp_path / "toy", "matching", raw=raw, split='by = "entity"\nseed = 1', records=True
    )
    task = build_task(folder, cache=tmp_path).task
    pair = read_parquet(task.public / "test.parquet").slice(0, 1).to_pylist()[0]
    finding = Finding("seen-records", "low", 1, 1, "one", ((pair["id"], ""),))
    rows = find_raw_rows(
        AuditReport("toy", (finding,)),
        RawRecords(in_batches(raw, 7), folder / "raw"),
        read_definition(folder),
        (task.private / "secret").read_bytes(),
        task.public,
    )
    numbers = rows[pair["id"]].number.split(" + ")
    words = [raw["words"][int(number) - 1].as_py() for number in numbers]
    assert words == [pair["left_words"], pair["right_words"]]
    assert rows[pair["id"]].key == " + ".join(raw["key"][int(n) - 1].as_py() for n in numbers)


def test_a_converter_of_another_task_counts_as_input(tmp_path: Path) -> None:
    lender = declare_toy(tmp_path / "lender", raw=toy_rows(60, images=False))
    borrower = declare_toy(tmp_path / "borrower", raw=toy_rows(60, images=False))
    (borrower / "convert.py").write_text(
        "from pathlib import Path\n\nfrom challenge.prepare import load_converter\n\n\n"
        "def convert(raw):\n"
        "    other = Path(__file__).parents[1] / 'lender' / 'convert.py'\n"
        "    return load_converter(other).convert(raw)\n"
    )
    assert not build_task(borrower, cache=tmp_path).unchanged
    assert build_task(borrower, cache=tmp_path).unchanged
    path = lender / "convert.py"
    path.write_text(path.read_text() + "\n# another reading\n")
    assert not build_task(borrower, cache=tmp_path).unchanged
    assert build_task(borrower, cache=tmp_path).unchanged
    path.unlink()
    with pytest.raises(TaskError):
        build_task(borrower, cache=tmp_path)


@pytest.mark.parametrize(
    "name",
    ["seen-records", "transitive-pairs", "contradictory-labels", "class-missing-train",
     "shifted-sides", "licence-unstated", "telling-id-test", "telling-file-size-photo"],
)  # fmt: skip
def test_each_finding_has_a_fix(name: str) -> None:
    assert len(Finding(name, "low", 1, 2, "x").fix.split()) > 3


def test_a_record_paired_with_itself_is_no_pair_that_follows_from_train(tmp_path: Path) -> None:
    raw = pair_table()
    own = raw.take(list(range(0, raw.num_rows, raw.num_rows // 24)))
    n = own.num_rows
    for name in raw.column_names:
        if name.startswith("right_"):
            left = own[name.replace("right_", "left_", 1)]
            own = own.set_column(own.column_names.index(name), name, left)
    own = own.set_column(own.column_names.index("label"), "label", pa.array([1] * n))
    keys = pa.array([f"own {row}" for row in range(n)])
    own = own.set_column(own.column_names.index("key"), "key", keys)
    folder = declare_toy(
        tmp_path / "toy", "matching", raw=pa.concat_tables([raw, own]), records=False,
        split='by = "entity"\nseed = 1',
    )  # fmt: skip
    toml = folder / "task.toml"
    toml.write_text(toml.read_text() + ACCEPTED)
    build_task(folder, cache=tmp_path)
    assert lines(folder / "private" / "audit.csv", "self-pairs")
    assert not lines(folder / "private" / "audit.csv", "transitive-pairs")
