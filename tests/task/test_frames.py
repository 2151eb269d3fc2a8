import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import challenge
from challenge.errors import WrongUse
from challenge.task import Task
from challenge.task.frames import load_task
from tests.toy import build_toy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    root = tmp_path_factory.mktemp("frames")
    (root / "challenge.toml").write_text("")
    return build_toy(root, n=120)


def test_a_task_is_loaded_in_one_line(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(task.folder)
    loaded = challenge.load_task("toy-classification")
    assert list(loaded.train) == ["id", "words", "size", "count", "colour", "image", "label"]
    assert list(loaded.test) == list(loaded.train)[:-1]
    assert len(loaded.train) == task.n_train == len(loaded.folds)
    assert set(loaded.folds["fold"]) == {0, 1, 2, 3, 4}
    assert loaded.folds["id"].tolist() == loaded.train["id"].tolist()


def test_frames_have_the_types_of_the_columns(task: Task) -> None:
    train = load_task(str(task.folder)).train
    assert train["size"].dtype == "float64"
    assert train["count"].dtype == "int64"
    assert isinstance(train["colour"].dtype, pd.CategoricalDtype)
    assert train["colour"].cat.categories.tolist() == ["amber", "blue", "green", "red"]
    assert pd.api.types.is_string_dtype(train["words"].dropna())


def test_a_image_is_decoded(task: Task) -> None:
    loaded = load_task(str(task.public))
    path = loaded.train["image"].dropna().iloc[0]
    assert loaded.image(path).size == (8, 8)
    assert task.image_path(path).is_file()


def test_an_unknown_task_names_the_nearest(task: Task) -> None:
    with pytest.raises(WrongUse, match="did you mean 'toy-classification'"):
        load_task("toy-clasification", task.folder)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import challenge, sys; print(sorted({'pandas', 'pyarrow', 'PIL'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_an_unknown_name_of_the_package_is_an_attribute_error(tmp_path: Path) -> None:
    with pytest.raises(AttributeError, match="no attribute 'lode_task'"):
        challenge.lode_task  # noqa: B018
