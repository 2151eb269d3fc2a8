"""The tasks of this repository: well declared, and the sizes that their pages promise."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest

from challenge.methods import resolve_method
from challenge.methods.returned import write_table
from challenge.prepare.build.task_build import build_task
from challenge.prepare.sources.fetch import cache_folder
from challenge.scoring import read_predictions, score_predictions
from challenge.scoring.attacks import MOST_GAIN
from challenge.task.definition import TaskDefinition, read_definition
from challenge.task.frames import read_test, read_train
from challenge.task.task import Task
from tests.prepare.subset_attackers import gains

ROOT = Path(__file__).resolve().parents[2]
TASKS = sorted(path.parent.name for path in (ROOT / "datasets").glob("*/task.toml"))

SIZES = {
    # rows in all (None: made after the split), classes (0: labels are numbers or things)
    "crossfire-objects": (3876, 30),
    "crossfire-offers": (8892, 10),
    "crossfire-prices": (671, 0),
    "emoji-match": (None, 2),
    "emoji-subgroup": (3433, 67),
    "fashion-clicks": (20_000, 34),
    "fodors-zagats": (None, 2),
    "icon-again": (7447, 0),
    "icon-tag": (3835, 46),
    "icon-variants": (None, 2),
    "inventor-mentions": (10_143, 2),
    "patent-class": (119_827, 72),
    "patent-class-small": (3600, 72),
}


def test_every_task_is_known_here() -> None:
    assert sorted(SIZES) == TASKS


@pytest.mark.parametrize("name", TASKS)
def test_a_task_says_what_a_reader_asks(name: str) -> None:
    task = read_definition(ROOT / "datasets" / name)
    assert task.id == name
    assert len(task.description) > 300
    for source in task.source:
        assert source.kind != "path"
        assert source.sha256
        assert source.licence
        assert source.attribution
        assert source.unpack
    assert all(words.description for words in task.columns.values())
    assert task.left_out
    assert all(task.left_out.values())
    answered = {key for key, answer in task.datasheet.model_dump().items() if answer}
    assert answered >= {"row", "labelled_by", "certainty", "not_for", "weaknesses"}
    assert all(len(reason) > 30 for reason in task.accept.values())
    # A log repeats its contexts, and hides what it showed.
    families = "nothing of one family is on both sides"
    assert task.kind.log_columns or task.split.by in ("group", "entity"), families


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"test_{file.parent.name}_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


Built = Callable[[str], tuple[TaskDefinition, Task]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build copies of declared tasks, each once: the folders of the repository stay as they are."""
    folder = tmp_path_factory.mktemp("tasks")
    for name in TASKS:
        (folder / name).mkdir()
        for name_of_file in ("task.toml", "convert.py", "reference.py"):
            if (file := ROOT / "datasets" / name / name_of_file).is_file():
                shutil.copy2(file, folder / name)

    @cache
    def build(name: str) -> tuple[TaskDefinition, Task]:
        result = build_task(folder / name, cache=cache_folder(ROOT))
        return read_definition(folder / name), result.task

    return build


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_task_builds_with_the_size_it_promises(name: str, built: Built, tmp_path: Path) -> None:
    task_definition, task = built(name)
    rows, classes = SIZES[name]
    assert len(task.classes) == classes
    n = task.n_train + task.n_test
    assert n == rows if rows is not None else n > 800
    findings = task.document["audit"]["findings"]
    grave = {finding["name"] for finding in findings if finding["severity"] == "high"}
    assert grave <= set(task_definition.accept)
    copies = {"seen-records", "transitive-pairs", "identical-rows"}
    assert task.kind.log_columns or not copies & grave
    if task.kind.has_things:
        assert_a_naive_model_does_not_fit_the_old_gallery(task, tmp_path)


def assert_a_naive_model_does_not_fit_the_old_gallery(task: Task, folder: Path) -> None:
    method = resolve_method("naive-vectors").make()
    method.fit(read_train(task), task)
    write_table(method.predict(read_test(task)), task, folder / "naive.parquet")
    score = score_predictions(task, read_predictions(task, folder / "naive.parquet"), "all")
    found = {name: one.value or 0.0 for name, one in score.metrics.items()}
    assert found["cross_map"] < 0.1 < 0.3 < found["old_self_map"] < found["new_self_map"]
    assert score.diagnostics["compatible"] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fodors-zagats", "icon-variants"])
def test_nobody_guesses_the_subset_of_a_pair(name: str, built: Built) -> None:
    _, task = built(name)
    found = gains(task)
    assert {attack: gain for attack, gain in found.items() if gain > MOST_GAIN} == {}


@pytest.mark.slow
def test_the_releases_of_patentsview_answer_every_test_pair(built: Built, tmp_path: Path) -> None:
    _, task = built("inventor-mentions")
    reference = load(task.folder / "reference.py")
    written = reference.write_references(tmp_path / "out")
    assert len(written) == 15
    truth = pq.read_table(task.private / "solution.parquet").to_pydict()
    label_of = dict(zip(truth["id"], truth["label"], strict=True))
    for release, path in written.items():
        rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
        assert [row[0] for row in rows] == truth["id"]
        hits = sum(row[1] == "1" and label_of[row[0]] == 1 for row in rows)
        told = sum(row[1] == "1" for row in rows)
        f1 = 2 * hits / (told + sum(truth["label"]))
        # The releases of 2020 and later cover nearly all mentions.
        assert f1 > (0.7 if release >= "20200630" else 0.4), release


def test_a_game_catalogue_is_read_object_by_object(tmp_path: Path) -> None:
    module = load(ROOT / "datasets" / "crossfire-objects" / "convert.py")
    (tmp_path / "archetypes").write_text(
        "Object sword\nname sword\nmsg\nSharp.\nVery.\nendmsg\nweight 5\nend\n"
        "Object big\nface big.111\nend\nMore\nObject big_2\nface big.112\nend\n"
        "Object last\nend\n"
    )
    objects = list(module.read_objects(tmp_path / "archetypes"))
    assert [found["arch"] for found in objects] == ["sword", "big", "last"]
    assert objects[0] == {"arch": "sword", "name": "sword", "msg": "Sharp. Very.", "weight": "5"}
    (tmp_path / "crossfire.0").write_bytes(b"IMAGE 3 ./a/b.111\nabcIMAGE 2 ./c.112\nde")
    assert module.read_images(tmp_path / "crossfire.0") == {"b.111": b"abc", "c.112": b"de"}


def test_a_family_of_emoji_shares_a_code_without_tone_and_sign() -> None:
    module = load(ROOT / "datasets" / "emoji-match" / "convert.py")
    waving = {"1F44B", "1F44B-1F3FB", "1F44B-1F3FF"}
    assert {module._family(code) for code in waving} == {"1F44B"}
    assert module._family("1F3C3-200D-2640-FE0F") == module._family("1F3C3-1F3FD-200D-2642")
    assert module._family("1F468-200D-2695") == module._family("1F9D1-200D-2695")
