"""The whole build on toys: what lies where, twice the same, never half done."""

import fcntl
import io
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from challenge.errors import MissingRequirement, TaskError
from challenge.prepare import build_task
from challenge.task import Task, read_task
from challenge.task.tables import read_csv, read_parquet, schema_of
from tests.toy import build_toy, declare_toy, toy_rows

PUBLIC = {
    "train.csv", "train.parquet", "test.csv", "test.parquet", "folds.csv", "folds.parquet",
    "sample_submission.csv", "images", "task.json", "card.json", "croissant.json",
}  # fmt: skip
KINDS = ("classification", "matching", "regression")


@pytest.fixture(scope="module", params=KINDS)
def task(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("build"), request.param, n=150)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "image-key"
    }


def table_of(n: int = 0, **columns: Sequence[object]) -> pa.Table:
    table = toy_rows(n or len(columns.get("label", range(60))), images=False)
    for name, values in columns.items():
        place = table.column_names.index(name) if name in table.column_names else None
        array = pa.array(values)
        table = (
            table.append_column(name, array)
            if place is None
            else table.set_column(place, name, array)
        )
    return table


def test_every_file_lies_where_it_belongs(task: Task) -> None:
    assert {path.name for path in task.public.iterdir()} == PUBLIC
    assert {path.name for path in task.private.iterdir()} == {
        "secret", "solution.parquet", "audit.csv", "audit.json", "build.json", "image-key",
    }  # fmt: skip
    assert task.private.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in task.private.iterdir())
    assert not list(task.folder.glob(".*"))


def test_csv_and_parquet_of_a_built_task_are_the_same_table(task: Task) -> None:
    for name, label in (("train", True), ("test", False)):
        schema = schema_of(task, label=label)
        parquet = read_parquet(task.public / f"{name}.parquet")
        assert parquet.schema.equals(schema, check_metadata=True)
        assert read_csv(task.public / f"{name}.csv", schema).to_pylist() == parquet.to_pylist()


def test_rows_stand_in_the_order_of_their_ids(task: Task) -> None:
    tables = {
        name: read_parquet(task.public / f"{name}.parquet") for name in ("train", "test", "folds")
    }
    for table in tables.values():
        ids = table["id"].to_pylist()
        assert ids == sorted(set(ids))
    assert tables["train"]["id"].equals(tables["folds"]["id"])
    assert not set(tables["train"]["id"].to_pylist()) & set(tables["test"]["id"].to_pylist())
    assert (tables["train"].num_rows, tables["test"].num_rows) == (task.n_train, task.n_test)
    sizes = np.bincount(tables["folds"]["fold"].to_numpy(), minlength=5)
    assert sizes.min() > 0.5 * sizes.max()


def test_the_solution_answers_the_test_rows(task: Task) -> None:
    solution = pq.read_table(task.private / "solution.parquet")
    test = read_parquet(task.public / "test.parquet")
    assert solution["id"].equals(test["id"])
    if task.kind.label == "number":
        assert solution["label"].type == pa.float64() and task.classes == ()
        assert np.isfinite(solution["label"].to_numpy()).all()
    else:
        assert {str(label) for label in solution["label"].to_pylist()} <= set(task.classes)
    subsets = solution["subset"].to_pylist()
    assert set(subsets) == {"public", "private"}
    assert not {"n_public", "n_private"} & task.document.keys()
    assert [str(solution.schema.field(name).type) for name in ("cluster", "other")] == ["int32"] * 2
    own = solution["cluster"].to_numpy() == solution["other"].to_numpy()
    if task.kind.name == "matching":
        assert own[solution["label"].to_numpy() == 1].all()
        assert not own.all()
    else:
        assert own.all()


def test_the_sample_submission_names_every_test_row(task: Task) -> None:
    lines = (task.public / "sample_submission.csv").read_text().splitlines()
    assert lines[0] == "id,label"
    ids = read_parquet(task.public / "test.parquet")["id"].to_pylist()
    assert [line.split(",")[0] for line in lines[1:]] == ids
    answers = {line.split(",")[1] for line in lines[1:]}
    if task.kind.label == "number":
        train = read_parquet(task.public / "train.parquet")["label"].to_numpy()
        assert answers == {repr(float(train.mean()))}
    else:
        assert answers <= set(task.classes)


def test_no_file_tells_the_secret_or_a_path_of_the_disk(task: Task) -> None:
    secret = (task.private / "secret").read_bytes()
    for name, data in content(task.public).items():
        assert secret not in data, name
        assert secret.hex().encode() not in data, name
        if name.endswith(".json"):
            for word in (b"seed", b"rows.parquet", str(task.folder).encode(), b'"raw"'):
                assert word not in data, (name, word)


def test_no_file_tells_when_it_was_written(task: Task) -> None:
    times = {path.stat().st_mtime for path in task.public.rglob("*") if path.is_file()}
    assert times == {315_532_800.0}


def test_images_are_named_by_their_content_and_all_are_used(task: Task) -> None:
    stored = {f"images/{path.name}" for path in (task.public / "images").iterdir()}
    named = {
        value
        for name in ("train", "test")
        for column in task.columns_of("image")
        for value in read_parquet(task.public / f"{name}.parquet")[column.name].to_pylist()
    }
    assert named - {None} == stored


def test_train_and_test_share_the_categories(task: Task) -> None:
    for column in task.columns_of("categorical"):
        found = [
            read_parquet(task.public / f"{name}.parquet")[column.name]
            .chunk(0)
            .dictionary.to_pylist()
            for name in ("train", "test")
        ]
        assert found[0] == found[1] == sorted(found[0])


def test_task_json_says_what_a_participant_needs(task: Task) -> None:
    document = json.loads((task.public / "task.json").read_text())
    assert document["format"] == 1
    assert set(document["digests"]) == {"data", "solution", "card"}
    assert document["n_folds"] == 5
    assert document["csv"]["pandas"]["keep_default_na"] is False
    assert document["sources"] == [
        {"attribution": "nobody", "kind": "path", "licence": "CC0-1.0", "name": None}
    ]
    assert document["audit"]["findings"] is not None
    assert document["datasheet"]["row"] == ""
    if task.kind.name == "matching":
        assert document["classes"] == ["0", "1"]
        assert document["record_ids"] is True
        assert document["split"]["unseen_share"] == 1.0


def test_card_json_says_what_a_page_needs(task: Task) -> None:
    card = json.loads((task.public / "card.json").read_text())
    train = read_parquet(task.public / "train.parquet")
    labels = [str(label) for label in train["label"].to_pylist()]
    if task.kind.label == "number":
        numbers = sorted(train["label"].to_pylist())
        shares, values = zip(*card["label_quantiles"], strict=True)
        assert shares == (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
        ranks = [max(1, math.ceil(share * len(numbers))) for share in shares]
        assert list(values) == [numbers[rank - 1] for rank in ranks]
    else:
        assert card["class_counts"] == {name: labels.count(name) for name in task.classes}
        assert sum(card["class_counts"].values()) == task.n_train
    by_name = {column["name"]: column for column in card["columns"]}
    prefix = "left_" if task.kind.name == "matching" else ""
    size = train[f"{prefix}size"]
    assert by_name[f"{prefix}size"]["missing_share"] == pytest.approx(
        size.null_count / len(size), abs=1e-6
    )
    assert by_name[f"{prefix}size"]["max"] == max(
        value for value in size.to_pylist() if value is not None
    )
    assert by_name[f"{prefix}colour"]["n_distinct"] == 4
    assert len(card["samples"]) == 8
    first = train.drop_columns(["left_id", "right_id"] if prefix else []).slice(0, 1)
    assert card["samples"][0]["values"] == first.to_pylist()[0]
    assert card["samples"][0]["thumbnails"][f"{prefix}image"].startswith("iVBOR")


def test_samples_stay_away_where_task_toml_says_so(tmp_path: Path) -> None:
    folder = declare_toy(tmp_path / "toy", raw=table_of())
    toml = folder / "task.toml"
    toml.write_text(toml.read_text().replace("samples = true\n", ""))
    task = build_task(folder, cache=tmp_path).task
    card = (task.public / "card.json").read_text()
    assert json.loads(card)["samples"] == []
    assert "oak" not in card


@pytest.mark.parametrize("kind", KINDS)
def test_building_twice_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        task = build_toy(tmp_path / name, kind, n=80)
    first, second = (tmp_path / name / "datasets" / f"toy-{kind}" for name in ("a", "b"))
    assert content(first / "public") == content(second / "public")
    one, two = content(first / "private"), content(second / "private")
    assert {name: one[name] for name in one if name != "build.json"} == {
        name: two[name] for name in two if name != "build.json"
    }
    assert task.kind.name == kind


def test_digests_are_the_same_on_every_version_of_our_libraries(tmp_path: Path) -> None:
    # Written by hand, so that no random stream of a library plays a part.
    n = 60
    image = io.BytesIO()
    Image.new("RGB", (3, 2), (200, 100, 50)).save(image, "PNG")
    table = pa.table(
        {
            "key": [f"key {place}" for place in range(n)],
            "label": [("yes", "no", "né")[place % 3] for place in range(n)],
            "words": [f"word {place * 7 % 13} é😀" for place in range(n)],
            "size": [None if place % 9 == 0 else place * 37 % 11 / 3 for place in range(n)],
            "count": [2**53 + place * 31 % 17 for place in range(n)],
            "colour": [("red", "007", "NA", None)[place * 5 % 7 % 4] for place in range(n)],
            "image": [image.getvalue() if place % 2 else None for place in range(n)],
        }
    )
    folder = declare_toy(tmp_path / "fixed", raw=table, split="seed = 42")
    accept = '\n[accept]\n"identical-rows" = "a test"\n'
    (folder / "task.toml").write_text((folder / "task.toml").read_text() + accept)
    task = build_task(folder, cache=tmp_path).task
    # The third digest, of the words, follows every change of the audit's wording.
    assert task.data_digest == "e8bb851680abe6470c61d28c5b0210effc940f951c1bc6aebe98d0a3c29d3fb8"
    assert task.solution_digest == (
        "7847d4e975a323f38521d395d6241f5755b0025a53636b7e8376721a97f9898a"
    )


def test_unchanged_inputs_are_left_alone(tmp_path: Path) -> None:
    folder = build_toy(tmp_path, n=80).folder
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    said: list[str] = []
    again = build_task(folder, cache=tmp_path / "cache", progress=said.append)
    assert again.unchanged and said == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    "lost", ["public/test.csv", "public/task.json", "private/solution.parquet"]
)
def test_a_lost_file_is_built_again(tmp_path: Path, lost: str) -> None:
    folder = build_toy(tmp_path, n=80, images=False).folder
    data = (folder / lost).read_bytes()
    (folder / lost).unlink()
    assert not build_task(folder, cache=tmp_path / "cache").unchanged
    assert (folder / lost).read_bytes() == data


def test_a_word_in_the_description_touches_no_score(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=80, images=False)
    toml = task.folder / "task.toml"
    toml.write_text(toml.read_text().replace("A toy", "The toy"))
    again = build_task(task.folder, cache=tmp_path / "cache")
    assert not again.unchanged
    assert again.task.data_digest == task.data_digest
    assert again.task.solution_digest == task.solution_digest
    assert again.task.card_digest != task.card_digest


def test_the_secret_and_prepared_files_outlive_a_rebuild(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=80, images=False, split="test = 0.3")
    secret = (task.private / "secret").read_bytes()
    (task.private / "clusters-all.bin").write_bytes(b"made once")
    shutil.rmtree(task.public)
    again = build_task(task.folder, cache=tmp_path / "cache").task
    assert (again.private / "secret").read_bytes() == secret
    assert (again.private / "clusters-all.bin").read_bytes() == b"made once"
    assert again.data_digest == task.data_digest


def test_another_secret_gives_other_ids_and_another_split(tmp_path: Path) -> None:
    one, two = (
        build_toy(tmp_path / name, n=80, images=False, split="test = 0.3") for name in ("a", "b")
    )
    ids = [
        set(read_parquet(task.public / "train.parquet")["id"].to_pylist()) for task in (one, two)
    ]
    assert not ids[0] & ids[1]
    assert one.solution_digest != two.solution_digest


def test_a_void_row_keeps_its_id_and_counts_for_nothing(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=80, images=False)
    bad = read_parquet(task.public / "test.parquet")["id"][3].as_py()
    toml = task.folder / "task.toml"
    toml.write_text(toml.read_text().replace("seed = 1", f'seed = 1\nvoid = ["{bad}"]'))
    again = build_task(task.folder, cache=tmp_path / "cache").task
    solution = pq.read_table(again.private / "solution.parquet")
    assert solution["subset"].to_pylist().count("void") == 1
    assert solution["subset"][3].as_py() == "void"
    assert again.data_digest == task.data_digest
    assert again.solution_digest != task.solution_digest


def test_an_unknown_void_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"split\.void: ids that are not test rows \(first: r00\)"):
        build_toy(tmp_path, n=80, images=False, split='seed = 1\nvoid = ["r00"]')


def test_what_follows_from_few_clusters_and_missing_classes_is_said(tmp_path: Path) -> None:
    table = table_of(label=["rare", *["a", "b"] * 30][:60])
    folder = declare_toy(tmp_path / "toy", raw=table, split="seed = 1")
    notes = build_task(folder, cache=tmp_path).notes
    few = "The clusters of the public subset are worth fewer than 12 independent ones: its scores"
    assert few in " ".join(notes) and "private subset" not in " ".join(notes)
    said = "Absent from test, so averages over classes leave them out: 1 of 3 classes."
    assert said in notes


def test_a_coarse_number_of_clusters_is_not_above_the_rows(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=200, images=False, split="test = 0.4")
    assert task.document["split"]["n_clusters"] == task.document["n_test"] == 80


def test_a_large_cluster_and_a_class_of_one_cluster_are_warnings(tmp_path: Path) -> None:
    block = ["big"] * 60 + [f"b{place}" for place in range(140)]
    label = ["rare"] * 30 + ["a", "b"] * 85
    table = table_of(label=label, block=block)
    folder = declare_toy(tmp_path / "toy", raw=table, split='seed = 1\nblock = "brand"')
    notes = build_task(folder, cache=tmp_path).notes
    said = " ".join(notes)
    assert re.search("Warning: (2[1-9]|3[0-9])% of the test rows depend on each other", said)
    assert "In 1 of 3 classes one cluster has most of the test rows." in said
    folder = declare_toy(tmp_path / "plain", raw=table_of(label=label), split="seed = 1")
    plain = " ".join(build_task(folder, cache=tmp_path).notes)
    assert "Warning" not in plain and "one cluster" not in plain


def test_a_class_absent_from_train_is_said(tmp_path: Path) -> None:
    label = ["a", "b"] * 25 + ["late"] * 10
    table = table_of(label=label, split=["train"] * 40 + ["test"] * 20)
    folder = declare_toy(tmp_path / "toy", raw=table, split='by = "official"\nseed = 1')
    accept = '\n[accept]\n"class-missing-train" = "a test"\n'
    (folder / "task.toml").write_text((folder / "task.toml").read_text() + accept)
    notes = build_task(folder, cache=tmp_path).notes
    assert "Absent from train, so nobody can learn it: 'late'." in notes


def test_dropped_rows_are_said(tmp_path: Path) -> None:
    table = table_of(label=[None] * 10 + ["a", "b"] * 25)
    folder = declare_toy(tmp_path / "toy", raw=table)
    assert "10 rows without a label were dropped." in build_task(folder, cache=tmp_path).notes


def test_bad_images_are_reported_with_row_and_column(tmp_path: Path) -> None:
    good = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3) * 89).save(good, "PNG")
    names = ["good.png", "missing.png", "cut.png", "../task.toml", "liar.jpg", "evil.svg"] * 10
    folder = declare_toy(tmp_path / "toy", raw=table_of(image=list(names)))
    raw = folder / "raw"
    (raw / "good.png").write_bytes(good.getvalue())
    (raw / "cut.png").write_bytes(good.getvalue()[:60])
    (raw / "liar.jpg").write_bytes(good.getvalue())
    (raw / "evil.svg").write_text('<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///a">]><svg>&x;</svg>')
    with pytest.raises(TaskError) as caught:
        build_task(folder, cache=tmp_path)
    text = str(caught.value)
    assert (
        "toy, raw table, column image: names of files that are not in the raw folder "
        "(first: row 1: 'missing.png'; row 7: 'missing.png'; " in text
    )
    assert "row 25: 'missing.png' and 5 more)" in text
    assert "column image: a damaged image" in text
    assert "'../task.toml' leaves the raw folder" in text
    assert "an SVG that declares entities" in text
    assert "liar" not in text
    assert not (folder / "public").exists()
    assert not list(folder.glob(".building"))


def test_the_folder_and_the_id_agree(tmp_path: Path) -> None:
    folder = declare_toy(tmp_path / "toy", raw=table_of())
    folder.rename(tmp_path / "other")
    with pytest.raises(TaskError, match="key id: 'toy'\n  expected: the folder's name, 'other'"):
        build_task(tmp_path / "other", cache=tmp_path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "no file 'convert.py' beside task.toml"),
        ("def convert(raw):\n    return 7\n", "convert returned a int"),
        ("def convert(raw):\n    return {}['x']\n", "line 2: KeyError: 'x'"),
        (
            "from challenge.prepare import RawTable\n\ndef rows():\n    yield 1 / 0\n\n"
            "def convert(raw):\n    return RawTable(rows, raw)\n",
            "line 4: ZeroDivisionError",
        ),
    ],
)
def test_a_converter_that_gives_no_table_is_refused(
    tmp_path: Path, code: str | None, message: str
) -> None:
    folder = declare_toy(tmp_path / "toy", raw=table_of())
    (folder / "convert.py").unlink()
    if code:
        (folder / "convert.py").write_text(code)
    with pytest.raises(TaskError, match=message):
        build_task(folder, cache=tmp_path)


def test_a_high_finding_stops_the_build_until_it_is_accepted(tmp_path: Path) -> None:
    table = table_of(n=200)
    label = table["label"].to_pylist()
    table = table.set_column(
        table.column_names.index("colour"), "colour", pa.array([f"is {name}" for name in label])
    )
    folder = declare_toy(tmp_path / "toy", raw=table)
    with pytest.raises(TaskError, match="telling-column-colour"):
        build_task(folder, cache=tmp_path)
    assert not (folder / "public").exists()
    toml = folder / "task.toml"
    toml.write_text(
        toml.read_text()
        + '\n[accept]\n"telling-column-colour" = "known"\n"label-in-colour" = "too"\n'
    )
    task = build_task(folder, cache=tmp_path).task
    accepted = {f["name"]: f["accepted"] for f in task.document["audit"]["findings"]}
    assert accepted["telling-column-colour"] == "known"


def test_a_failed_build_leaves_the_old_task(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=80, images=False)
    before = content(task.folder)
    pq.write_table(table_of(label=["one"] * 60), task.folder / "raw" / "rows.parquet")
    with pytest.raises(TaskError, match="only one class"):
        build_task(task.folder, cache=tmp_path / "cache")
    after = content(task.folder)
    assert {name for name in after if after[name] != before[name]} == {"raw/rows.parquet"}


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4])
def test_a_killed_swap_is_finished_by_the_next_call(tmp_path: Path, step: int) -> None:
    old = build_toy(tmp_path / "a", n=80, images=False)
    new = build_toy(tmp_path / "b", n=80, images=False, seed=1)
    staging = old.folder / ".building"
    staging.mkdir()
    for name in ("public", "private"):
        shutil.copytree(new.folder / name, staging / name)
    (staging / "complete").touch()
    moves = [
        (old.private, staging / "old-private"), (staging / "private", old.private),
        (old.public, staging / "old-public"), (staging / "public", old.public),
    ]  # fmt: skip
    for source, target in moves[:step]:
        source.rename(target)
    shutil.copy(new.folder / "raw" / "rows.parquet", old.folder / "raw")
    again = build_task(old.folder, cache=tmp_path / "cache").task
    assert again.data_digest == new.data_digest
    assert content(again.public) == content(new.public)
    assert not staging.exists()


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.2])
def test_a_killed_build_leaves_a_task_that_works(tmp_path: Path, delay_s: float) -> None:
    task = build_toy(tmp_path, n=80, images=False)
    toml = task.folder / "task.toml"
    toml.write_text(toml.read_text().replace("A toy", "The toy"))
    code = (
        "import sys; from pathlib import Path; from challenge.prepare import build_task; "
        "folder, cache = map(Path, sys.argv[1:]); "
        "build_task(folder, cache=cache, progress=lambda said: print(said, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(task.folder), str(tmp_path / "cache")],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay_s)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert read_task(task.public).data_digest == task.data_digest
    again = build_task(task.folder, cache=tmp_path / "cache").task
    assert again.title == "The toy"
    assert again.data_digest == task.data_digest
    assert not (task.folder / ".building").exists()


def test_two_builds_of_one_task_do_not_mix(tmp_path: Path) -> None:
    task = build_toy(tmp_path)
    folder = task.public.parent
    (folder / "public" / "train.csv").unlink()
    other = os.open(folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(MissingRequirement, match="another process is building this task"):
            build_task(folder, cache=tmp_path / "cache")
        assert not (folder / "public" / "train.csv").exists()
    finally:
        os.close(other)
    build_task(folder, cache=tmp_path / "cache")
    assert (folder / "public" / "train.csv").exists()


def test_a_spilled_build_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = content(build_toy(tmp_path / "a", n=150).public)
    monkeypatch.setattr("challenge.prepare.build.raw_rows.HELD_BYTES", 1000)
    assert content(build_toy(tmp_path / "b", n=150).public) == one


def test_matching_rows_split_by_entity_drop_what_crosses(tmp_path: Path) -> None:
    from tests.prepare.test_rows import pair_rows

    folder = declare_toy(
        tmp_path / "toy",
        "matching",
        raw=pair_rows(),
        split='by = "entity"\nseed = 1',
        records=False,
    )
    built = build_task(folder, cache=tmp_path)
    crossing = built.task.document["split"]["n_crossing"]
    assert f"{crossing:,} pairs between the two sides of the split were dropped." in built.notes
    assert built.task.n_train + built.task.n_test == 200 - crossing
