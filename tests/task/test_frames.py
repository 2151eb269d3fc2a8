import pandas as pd
import pytest

import challenge
from challenge.errors import WrongUse
from challenge.task import Task
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
    train = challenge.load_task(str(task.folder)).train
    assert train["size"].dtype == "float64"
    assert train["count"].dtype == "int64"
    assert isinstance(train["colour"].dtype, pd.CategoricalDtype)
    assert train["colour"].cat.categories.tolist() == ["amber", "blue", "green", "red"]
    assert pd.api.types.is_string_dtype(train["words"].dropna())


def test_a_image_is_decoded(task: Task) -> None:
    loaded = challenge.load_task(str(task.public))
    path = loaded.train["image"].dropna().iloc[0]
    assert loaded.images.open(path).size == (8, 8)
    assert task.image_path(path).is_file()


def test_an_unknown_task_names_the_nearest(task: Task) -> None:
    with pytest.raises(WrongUse, match="did you mean 'toy-classification'"):
        challenge.load_task("toy-clasification", task.folder)
