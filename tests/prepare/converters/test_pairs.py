"""Pairs of records: the deepmatcher form, ditto's text, and the classic sets."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from challenge.errors import TaskError
from challenge.prepare.audit import audit_task
from challenge.prepare.build.task_build import build_task
from challenge.prepare.converters import deepmatcher, ditto
from challenge.task.definition import TaskDefinition


def definition(form: str, *columns: str, **raw: Any) -> TaskDefinition:
    return TaskDefinition.model_validate(
        {
            "format": 1,
            "id": "toy",
            "kind": "matching",
            "title": "Toy",
            "metric": "f1",
            "source": [{"path": "."}],
            "raw": {"format": form, **raw},
            "columns": {name: {"modality": "text"} for name in columns},
        }
    )


def all_rows(batches: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = pa.Table.from_batches(list(batches())).to_pydict()
    return found


def write_tables(folder: Path, second: bool = True) -> None:
    (folder / "tableA.csv").write_text("id,name\n1,ant\n2,bee\n3,cat\n")
    if second:
        (folder / "tableB.csv").write_text("id,name\n1,Ant\n2,dog\n")
    (folder / "train.csv").write_text("ltable_id,rtable_id,label\n1,1,1\n2,2,0\n")
    (folder / "valid.csv").write_text("ltable_id,rtable_id,label\n3,1,0\n")
    (folder / "test.csv").write_text("ltable_id,rtable_id,label\n2,1,0\n")


def test_two_tables_and_lists_of_pairs(tmp_path: Path) -> None:
    write_tables(tmp_path)
    found = all_rows(deepmatcher.convert(tmp_path, definition("deepmatcher", "name")).batches)
    assert found["left_name"] == ["ant", "bee", "cat", "bee"]
    assert found["right_name"] == ["Ant", "dog", "Ant", "Ant"]
    assert found["label"] == ["1", "0", "0", "0"]
    assert found["split"] == ["train", "train", "valid", "test"]
    assert found["left_key"] == ["l:1", "l:2", "l:3", "l:2"]
    assert found["right_key"] == ["r:1", "r:2", "r:1", "r:1"]
    assert len(set(found["key"])) == 4


def test_one_table_is_both_sides_and_one_namespace(tmp_path: Path) -> None:
    write_tables(tmp_path, second=False)
    found = all_rows(deepmatcher.convert(tmp_path, definition("deepmatcher", "name")).batches)
    assert found["right_name"] == ["ant", "bee", "ant", "ant"]
    assert found["right_key"] == ["l:1", "l:2", "l:1", "l:1"]


@pytest.mark.parametrize("prefix", [("left_", "right_"), ("ltable_", "rtable_")])
def test_the_flat_form(prefix: tuple[str, str], tmp_path: Path) -> None:
    header = f"_id,{prefix[0]}name,{prefix[1]}name,gold\n"
    (tmp_path / "pairs.csv").write_text(header + "5,ant,Ant,1\n6,bee,dog,0\n")
    task = definition("deepmatcher", "name", file="pairs.csv")
    found = all_rows(deepmatcher.convert(tmp_path, task).batches)
    assert found["left_name"] == ["ant", "bee"]
    assert found["right_name"] == ["Ant", "dog"]
    assert found["label"] == ["1", "0"]
    assert "left_key" not in found


def test_a_pair_without_its_record_is_named(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "test.csv").write_text("ltable_id,rtable_id,label\n2,9,0\n")
    table = deepmatcher.convert(tmp_path, definition("deepmatcher", "name"))
    with pytest.raises(TaskError, match=r"right ids without a record in tableB\.csv \(first: 9\)"):
        list(table.batches())


def test_wrong_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no train, valid or test"):
        deepmatcher.convert(tmp_path, definition("deepmatcher", "name"))
    write_tables(tmp_path)
    with pytest.raises(TaskError, match="did you mean 'name'"):
        deepmatcher.convert(tmp_path, definition("deepmatcher", "nam"))
    (tmp_path / "tableA.csv").write_text("id,name\n1,a\n1,b\n")
    with pytest.raises(TaskError, match="1 repeated id"):
        deepmatcher.convert(tmp_path, definition("deepmatcher", "name"))


LINE = "COL name VAL ant COL price VAL  \tCOL name VAL Ant VAL COL price VAL 3 \t1\n"


def test_dittos_text_form(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(LINE)
    (tmp_path / "test.txt").write_text(LINE.replace("\t1\n", "\t0\n"))
    found = all_rows(ditto.convert(tmp_path, definition("ditto", "name", "price")).batches)
    assert found["left_name"] == ["ant", "ant"]
    assert found["left_price"] == [None, None]
    assert found["right_name"] == ["Ant VAL", "Ant VAL"]
    assert found["right_price"] == ["3", "3"]
    assert found["label"] == ["1", "0"]
    assert found["split"] == ["train", "test"]


def test_a_faulty_line_of_ditto_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(LINE + "COL name VAL x\t1\n")
    with pytest.raises(TaskError, match=r"train\.txt, line 2: 2 fields"):
        ditto.convert(tmp_path, definition("ditto", "name"))
    (tmp_path / "train.txt").write_text(LINE)
    with pytest.raises(TaskError, match="did you mean"):
        ditto.convert(tmp_path, definition("ditto", "names"))


SETS = {
    # test pairs, matches, test pairs that stand in train, of these with another label,
    # contents with both labels, test matches of which both records stand in train
    "Amazon-Google": (2293, 234, 159, 7, 18, 147),
    "Walmart-Amazon": (2049, 193, 2, None, None, None),
    "Abt-Buy": (1916, 206, 24, 10, 13, 151),
    "DBLP-ACM": (2473, 444, 63, None, 7, None),
    "iTunes-Amazon": (109, 27, 13, None, None, None),
    "Beer": (91, 14, 0, None, None, None),
    "Fodors-Zagats": (189, 22, 0, None, None, None),
}


def classic_set(name: str) -> Path:
    beside = Path(__file__).resolve().parents[4] / "shared" / "data" / "er_magellan"
    folder = Path(os.environ.get("CHALLENGE_CLASSIC_SETS", beside)) / name
    if not folder.is_dir():
        assert not os.environ.get("CI"), "the classic sets are missing"
        pytest.skip("the classic sets are not here")
    return folder


def declare(folder: Path, source: Path, by: str) -> None:
    line = (source / "train.txt").read_text(encoding="utf-8").split("\t", 1)[0]
    names = re.findall(r"COL (\S+) VAL", line)
    accepted = ["identical-rows", "seen-records", "transitive-pairs", "near-identical-texts",
                *(f"telling-agreement-{name}" for name in names)]  # fmt: skip
    folder.mkdir()
    (folder / "task.toml").write_text(
        f'format = 1\nid = "classic"\nkind = "matching"\ntitle = "Classic"\nmetric = "f1"\n'
        f'[[source]]\npath = "{source}"\n[raw]\nformat = "ditto"\n'
        f'[split]\nby = "{by}"\nseed = 1\n'
        + "".join(f'[columns.{name}]\nmodality = "text"\n' for name in names)
        + "[accept]\n"
        + "".join(f'{name} = "published so"\n' for name in accepted)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SETS))
def test_a_classic_set_keeps_its_official_split_and_shows_its_faults(
    name: str, tmp_path: Path
) -> None:
    declare(tmp_path / "classic", classic_set(name), "official")
    task = build_task(tmp_path / "classic", cache=tmp_path / "cache").task
    n_test, n_matches, copied, other, torn, seen = SETS[name]
    assert task.n_test == n_test
    report = audit_task(task.public, task.private)
    counts = {finding.name: finding for finding in report.findings}
    identical = counts.get("identical-rows")
    assert (identical.count if identical else 0) == copied
    if other is not None:
        assert identical is not None
        assert f"{other} of them with another label" in identical.message
    if torn is not None:
        assert counts["contradictory-labels"].count == torn
    if seen is not None:
        assert (counts["seen-records"].count, counts["seen-records"].of) == (seen, n_matches)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Beer", "iTunes-Amazon", "Fodors-Zagats"])
def test_the_entity_split_of_a_classic_set_leaves_nothing_to_memory(
    name: str, tmp_path: Path
) -> None:
    declare(tmp_path / "classic", classic_set(name), "entity")
    task = build_task(tmp_path / "classic", cache=tmp_path / "cache").task
    names = {finding.name for finding in audit_task(task.public, task.private).findings}
    assert not names & {"identical-rows", "seen-records", "transitive-pairs"}


@pytest.mark.slow
def test_all_classic_sets_convert(tmp_path: Path) -> None:
    for name, (n_test, n_matches, *_) in SETS.items():
        folder = classic_set(name)
        line = (folder / "train.txt").read_text(encoding="utf-8").split("\t", 1)[0]
        task = definition("ditto", *re.findall(r"COL (\S+) VAL", line))
        found = all_rows(ditto.convert(folder, task).batches)
        sides = Counter(zip(found["split"], found["label"], strict=True))
        assert (sides["test", "0"], sides["test", "1"]) == (n_test - n_matches, n_matches), name
