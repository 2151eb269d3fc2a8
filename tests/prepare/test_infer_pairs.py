"""`challenge add` for pairs: which table is which side, which columns are ids, label, answers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image

from challenge.errors import TaskError
from challenge.kinds import kind_of
from challenge.prepare.build.task_build import build_task
from challenge.prepare.proposal.infer import propose_task
from tests.prepare.test_infer import WORDS, read


def test_flat_pairs_become_a_matching_task(tmp_path: Path) -> None:
    chance = random.Random(1)
    lines = ["left_id,right_id,left_name,right_name,left_price,label"]
    for row in range(60):
        names = [" ".join(chance.choice(WORDS) for _ in range(5)) for _ in range(2)]
        lines.append(f"a{row},b{row},{names[0]},{names[1]},{row / 4},{row % 2}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    task = read(propose_task("x", tmp_path / "pairs.csv"), tmp_path / "x")
    assert (task.kind.name, task.metric, task.split.by) == ("matching", "f1", "entity")
    assert task.columns["name"].sides == "both"
    assert task.columns["price"].sides == "left"
    assert task.raw.options == {"left_key": "left_id", "right_key": "right_id"}


def _write_people(folder: Path, *names: str) -> None:
    chance = random.Random(2)
    for name in names:
        lines = [f"{name}{n},{' '.join(chance.choice(WORDS) for _ in range(5))}" for n in range(40)]
        (folder / f"{name}.csv").write_text("\n".join(["rec_id,words", *lines]) + "\n")
    pairs = [f"old{n},new{(n * 7) % 40},{n % 2}" for n in range(40)]
    (folder / "pairs.csv").write_text("\n".join(["ltable_id,rtable_id,label", *pairs]) + "\n")


def test_record_tables_and_their_ids_may_have_names_of_their_own(tmp_path: Path) -> None:
    _write_people(tmp_path, "new", "old")
    proposal = propose_task("x", tmp_path, kind=kind_of("matching"), pairs=tmp_path / "pairs.csv")
    task = read(proposal, tmp_path / "x")
    assert task.raw.options == {"tableA": "old", "tableB": "new"}
    assert task.raw.key == "rec_id"
    assert list(task.columns) == ["words"]
    assert not any(question.startswith("sides") for question in proposal.unsure)
    assert build_task(tmp_path / "x", cache=tmp_path / "cache").task.kind.name == "matching"


def _write_shops(folder: Path) -> None:
    """Shops with photos in a folder, pairs of them in another one, no usual name anywhere."""
    chance = random.Random(5)
    (folder / "shops" / "photos").mkdir(parents=True)
    (folder / "judged").mkdir()
    lines, pairs = ["ref;town;street;owner;photo"], ["a,b,seen,verdict"]
    for n in range(80):
        words = " ".join(chance.choice(WORDS) for _ in range(5))
        street = f"{chance.choice(WORDS)} {n % 60}"
        lines.append(f"s{n:03};{words};{street};{n // 2};p{n}.png")
        colour = (n % 9 * 25, n % 7 * 35, n % 5 * 50)
        Image.new("RGB", (8, 8), colour).save(folder / "shops" / "photos" / f"p{n}.png")
        other = n + 1 if n % 2 == 0 else (n * 7 + 4) % 80
        pairs.append(f"s{n:03},s{other:03},{n % 3 + 4},{int(n // 2 == other // 2)}")
    (folder / "shops" / "shops.csv").write_text("\n".join(lines) + "\n")
    (folder / "judged" / "pairs.csv").write_text("\n".join(pairs) + "\n")


def test_pairs_need_no_usual_names_and_may_lie_elsewhere(tmp_path: Path) -> None:
    _write_shops(tmp_path)
    proposal = propose_task(
        "x",
        tmp_path / "shops" / "shops.csv",
        images=tmp_path / "shops" / "photos",
        pairs=tmp_path / "judged" / "pairs.csv",
    )
    task = read(proposal, tmp_path / "x")
    assert (task.raw.file, task.raw.label, task.raw.key) == ("judged/pairs.csv", "verdict", "ref")
    assert task.raw.options == {"tableA": "shops/shops", "left_id": "a", "right_id": "b"}
    assert {name: words.modality for name, words in task.columns.items()} == {
        "town": "text",
        "street": "text",
        "photo": "image",
    }
    assert task.left_out["owner"].startswith("Equal on both sides")
    said = "\n".join(proposal.unsure)
    assert "label: taken to be verdict" in said
    assert "column owner: left out" in said
    built = build_task(tmp_path / "x", cache=tmp_path / "cache").task
    assert [column.name for column in built.columns if column.modality == "image"] == [
        "left_photo",
        "right_photo",
    ]


def test_pairs_without_ids_or_label_are_refused(tmp_path: Path) -> None:
    _write_shops(tmp_path)
    records, pairs = tmp_path / "shops" / "shops.csv", tmp_path / "pairs.csv"
    pairs.write_text("a,b,label\nx1,x2,1\nx3,x4,0\n")
    with pytest.raises(TaskError, match=r"no two columns of ids of shops\.csv"):
        propose_task("x", records, pairs=pairs)
    pairs.write_text("a,b,points\ns001,s002,7\ns003,s004,3\n")
    with pytest.raises(TaskError, match="no column that says which pairs match"):
        propose_task("x", records, pairs=pairs)
    with pytest.raises(TaskError, match="did you mean 'points'"):
        propose_task("x", records, pairs=pairs, label="point")


def test_three_tables_beside_the_pairs_are_refused(tmp_path: Path) -> None:
    _write_people(tmp_path, "new", "old", "older")
    with pytest.raises(TaskError, match=r"3 tables beside pairs\.csv"):
        propose_task("x", tmp_path, pairs=tmp_path / "pairs.csv")


def test_records_and_a_list_of_pairs_become_a_matching_task(tmp_path: Path) -> None:
    chance = random.Random(2)
    names = [" ".join(chance.choice(WORDS) for _ in range(5)) for _ in range(40)]
    (tmp_path / "products.csv").write_text(
        "id,name,price\n" + "".join(f"{n},{name},{n}.5\n" for n, name in enumerate(names))
    )
    pairs = "".join(f"{n},{(n * 7 + 1) % 40},{n % 2}\n" for n in range(40))
    (tmp_path / "pairs.csv").write_text("ltable_id,rtable_id,label\n" + pairs)
    proposal = propose_task("x", tmp_path / "products.csv", pairs=tmp_path / "pairs.csv")
    task = read(proposal, tmp_path / "x")
    assert (task.raw.format, task.raw.file) == ("deepmatcher", "pairs.csv")
    assert set(task.columns) == {"name", "price"}
    assert build_task(tmp_path / "x", cache=tmp_path / "cache").task.kind.name == "matching"
