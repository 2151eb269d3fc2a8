"""Leaks that a split or a file would plant: none passes the build, each is seen by the audit."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from challenge.prepare import build_task
from challenge.prepare.audit import audit_task
from challenge.prepare.build.plan import TRAIN, UNUSED
from challenge.prepare.build.raw_rows import plan_rows
from challenge.prepare.raw import RawTable, in_batches
from challenge.task import Task
from challenge.task.definition import read_definition
from challenge.task.image_store import ImageStore
from challenge.task.tables import read_parquet
from tests.prepare.test_audit import (
    MODALITIES,
    Rows,
    audited_pairs,
    clean_rows,
    cut,
    drawing,
    found,
    imaged,
    matching_rows,
    with_images,
    write_task,
)
from tests.toy import declare_toy, toy_rows

ACCEPTED = "\n[accept]\n" + "".join(
    f'"{name}" = "a test"\n'
    for name in ("transitive-pairs", "seen-records", "identical-rows", "telling-agreement-count")
)


def test_the_bytes_of_a_file_that_tell_the_label_are_found(tmp_path: Path) -> None:
    train, test, first, second = imaged(160)
    noise = np.random.default_rng(5)
    first = [
        Image.fromarray(noise.integers(0, 255, (64, 64, 3), dtype=np.uint8))
        if label == "class1"
        else image
        for image, label in zip(first, train["label"], strict=True)
    ]
    with_images(tmp_path, train, first)
    with_images(tmp_path, test, second)
    report = write_task(tmp_path, train, test, {**MODALITIES, "photo": "image"})
    assert found(report, "telling-file-size-photo").severity == "high"
    assert report.named("telling-file-shape-photo") is None


def test_what_raw_order_names_and_dates_tell_does_not_pass_the_build(tmp_path: Path) -> None:
    table = toy_rows(150, images=False).sort_by("label")
    keys = [f"{place:05}" for place in range(150)]
    table = table.set_column(0, "key", pa.array(keys))
    random = np.random.default_rng(1)
    drawings = []
    for place in range(150):
        target = io.BytesIO()
        pixels = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        # What a camera writes beside the image tells the place of the row.
        exif = Image.Exif()
        exif[0x010E] = f"row {place}"
        Image.fromarray(pixels).save(target, "JPEG", exif=exif)
        drawings.append(target.getvalue())
    table = table.append_column("image", pa.array(drawings, pa.binary()))
    folder = declare_toy(tmp_path / "toy", raw=table)
    task = build_task(folder, cache=tmp_path / "cache").task
    names = {finding.name for finding in audit_task(task.public, task.private).findings}
    # The words of the toy help; with three of them, they help much.
    assert {name for name in names if name.startswith("telling")} <= {"telling-characters-words"}
    for path in (task.public / "images").iterdir():
        with Image.open(path) as image:
            assert not image.getexif()
    train = read_parquet(task.public / "train.parquet")["label"].to_pylist()
    assert train != sorted(train)


def links_of(pairs: Mapping[str, list[object]], content: NDArray[np.int64]) -> dict[int, int]:
    """Return the component of each record by plain union-find, the slow way."""
    parent = {place: place for place in range(len(content))}

    def root(place: int) -> int:
        while parent[place] != place:
            place = parent[place]
        return place

    for left, right, label in zip(pairs["left"], pairs["right"], pairs["label"], strict=True):
        if label:
            parent[root(int(str(left)))] = root(int(str(right)))
    for place, same in enumerate(content):
        parent[root(place)] = root(int(np.flatnonzero(content == same)[0]))
    return {place: root(place) for place in parent}


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**16), st.integers(60, 200), st.sampled_from([2, 3, 5]), st.booleans())
def test_no_component_of_links_and_contents_straddles_the_split(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, size: int, keyed: bool
) -> None:
    random = np.random.default_rng(seed)
    n_records = 60
    # Some records have the content of another one: they are tied without a link.
    content = np.where(random.random(n_records) < 0.1, random.integers(0, 60, n_records), -1)
    content = np.where(content < 0, np.arange(n_records), content)
    left, right = random.integers(0, n_records, (2, n))
    label = (left // size == right // size) & (left != right)
    label[:2], left[:2], right[:2] = [True, False], [0, 0], [1, n_records - 1]
    columns = {
        "words": [f"record {code}" for code in content],
        "size": content.astype(float).tolist(),
        "count": content.tolist(),
        "colour": ["red"] * n_records,
    }
    raw: dict[str, object] = {"key": [str(row) for row in range(n)], "label": label.astype(int)}
    for side, places in (("left", left), ("right", right)):
        if keyed:
            raw[f"{side}_key"] = [str(place) for place in places]
        raw |= {f"{side}_{name}": [v[place] for place in places] for name, v in columns.items()}
    table = pa.table(raw)
    component = links_of(
        {"left": left.tolist(), "right": right.tolist(), "label": label.tolist()}, content
    )
    largest = max(np.unique(list(component.values()), return_counts=True)[1])
    if largest > 0.15 * n_records:
        return
    folder = declare_toy(
        tmp_path_factory.mktemp("links") / "toy",
        "matching",
        raw=table,
        split='by = "entity"\nseed = 1',
        records=False,
    )
    for name in ("public", "spill"):
        (folder / name).mkdir()
    plan = plan_rows(
        RawTable(in_batches(table, 31), folder / "raw"),
        read_definition(folder),
        seed.to_bytes(32, "big"),
        ImageStore(folder / "public", folder / "raw", lambda _: None),
        folder / "spill",
        lambda _: None,
    )
    home: dict[int, int] = {}
    for row in np.flatnonzero(plan.side != UNUSED):
        a, b = component[int(left[row])], component[int(right[row])]
        for one in (a, b):
            assert home.setdefault(one, int(plan.side[row])) == plan.side[row]
        assert (plan.cluster[row] == plan.other[row]) == (a == b)
    assert all(
        component[int(left[row])] == component[int(right[row])] for row in np.flatnonzero(label)
    )
    assert not (plan.side[label] == UNUSED).any()
    for cluster in np.unique(plan.cluster[plan.side == TRAIN]):
        rows = (plan.side == TRAIN) & (plan.cluster == cluster)
        assert len(set(plan.fold[rows].tolist())) == 1


def closed(task: Task) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which test pairs the links of train decide to be matches, and which are matches.

    Reads what a participant has, and the solution to judge it.
    """
    train, test = (read_parquet(task.public / f"{name}.parquet") for name in ("train", "test"))
    group: dict[str, set[str]] = {}
    for left, right, label in zip(
        *(train[name].to_pylist() for name in ("left_id", "right_id", "label")), strict=True
    ):
        if label == 1:
            joined = group.get(left, {left}) | group.get(right, {right})
            group |= dict.fromkeys(joined, joined)
    told = [
        right in group.get(left, ())
        for left, right in zip(
            test["left_id"].to_pylist(), test["right_id"].to_pylist(), strict=True
        )
    ]
    truth = read_parquet(task.private / "solution.parquet")["label"].to_numpy() == 1
    return np.array(told), truth


def f1(told: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * (told & truth).sum() / (told.sum() + truth.sum()))


def pair_table(n_entities: int = 60, size: int = 4, seed: int = 3) -> pa.Table:
    """Every pair of the records of an entity, and as many of two entities."""
    random = np.random.default_rng(seed)
    n = n_entities * size
    first, second = np.triu_indices(size, 1)
    base = np.repeat(np.arange(n_entities) * size, len(first))
    left = base + np.tile(first, n_entities)
    right = base + np.tile(second, n_entities)
    apart = random.integers(0, n, (2, len(left)))
    apart = apart[:, apart[0] // size != apart[1] // size]
    label = np.repeat([1, 0], [len(left), apart.shape[1]])
    left, right = np.concatenate([left, apart[0]]), np.concatenate([right, apart[1]])
    raw: dict[str, object] = {"key": [str(row) for row in range(len(left))], "label": label}
    words = [
        " ".join(random.choice(list("abcdefghijklmnop"), 8)) + f" {place}" for place in range(n)
    ]
    for side, places in (("left", left), ("right", right)):
        raw[f"{side}_key"] = [str(place) for place in places]
        raw[f"{side}_words"] = [words[place] for place in places]
        raw[f"{side}_size"] = random.normal(0, 1, len(places))
        raw[f"{side}_count"] = random.integers(0, 9, len(places))
        raw[f"{side}_colour"] = random.choice(["red", "blue"], len(places))
    return pa.table(raw)


def test_closing_training_links_gains_much_on_a_row_split_and_nothing_by_entity(
    tmp_path: Path,
) -> None:
    gain = {}
    for by in ("row", "entity"):
        folder = declare_toy(
            tmp_path / by,
            "matching",
            raw=pair_table(),
            split=f'by = "{by}"\nseed = 1',
            records=False,
        )
        toml = folder / "task.toml"
        toml.write_text(toml.read_text() + ACCEPTED)
        task = build_task(folder, cache=tmp_path / "cache").task
        told, truth = closed(task)
        assert truth.any() and not truth.all()
        gain[by] = f1(told, truth)
        names = {finding.name for finding in audit_task(task.public, task.private).findings}
        assert ("transitive-pairs" in names) == (by == "row")
    assert gain["row"] > 0.8
    assert gain["entity"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_clean_pairs_raise_no_high_finding(seed: int, tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        train.update(matching_rows(2 * seed, 0, 200))
        test.update(matching_rows(2 * seed + 1, 1000, 80))

    assert audited_pairs(tmp_path, plant).high() == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_clean_images_raise_no_high_finding(seed: int, tmp_path: Path) -> None:
    train, test = cut(clean_rows(seed, n=120, k=2))
    random = np.random.default_rng(seed)
    for rows in (train, test):
        with_images(tmp_path, rows, [drawing(random) for _ in rows["id"]])
    report = write_task(tmp_path, train, test, {**MODALITIES, "photo": "image"})
    assert report.high() == ()
