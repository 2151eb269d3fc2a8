"""From names to methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import WrongUse
from challenge.methods import is_builtin, method_names, resolve_method
from challenge.methods.builtin.trivial import Trivial
from challenge.methods.estimator import EstimatorMethod

MINE = """
class Mine:
    def __init__(self, *, seed, threads=1):
        self.seed, self.threads = seed, threads
    def fit(self, train, task): ...
    def predict(self, test): ...

def build(seed):
    return Mine(seed=seed + 1)

nothing = 3
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return file


def test_a_builtin_is_found_and_has_a_team() -> None:
    source = resolve_method("majority")
    assert (source.title, source.builtin) == ("Majority", True)
    assert isinstance(source.make(seed=3, threads=2), Trivial)
    assert is_builtin("linear") and not is_builtin("linear.py:Linear")
    assert method_names()[:5] == ("trivial", "majority", "mean", "linear", "autogluon")


def test_a_typing_error_gets_the_nearest_name() -> None:
    with pytest.raises(WrongUse, match="did you mean 'autogluon'"):
        resolve_method("autoglun")


def test_a_class_of_a_file_gets_the_options_that_it_asks_for(mine: Path) -> None:
    made = resolve_method(f"{mine}:Mine").make(seed=5, threads=2, preset="best", time_limit=None)
    assert (made.seed, made.threads) == (5, 2)  # type: ignore[attr-defined]


def test_a_function_of_a_file_builds_a_method(mine: Path) -> None:
    assert resolve_method(f"{mine}:build").make(seed=5).seed == 6  # type: ignore[attr-defined]


def test_what_is_no_method_is_refused(mine: Path) -> None:
    with pytest.raises(WrongUse, match="an object of type int, without fit and predict"):
        resolve_method(f"{mine}:nothing").make(seed=0)
    with pytest.raises(WrongUse, match="did you mean 'Mine'"):
        resolve_method(f"{mine}:Mines").make(seed=0)
    with pytest.raises(WrongUse, match="no such file"):
        resolve_method(f"{mine.parent}/other.py:Mine")
    with pytest.raises(WrongUse, match="no name after the file"):
        resolve_method(str(mine))


def test_a_pipeline_is_a_method(tmp_path: Path) -> None:
    file = tmp_path / "trees.py"
    file.write_text(
        "from sklearn.tree import DecisionTreeClassifier\npipeline = DecisionTreeClassifier()\n"
    )
    assert isinstance(resolve_method(f"{file}:pipeline").make(seed=1), EstimatorMethod)


def test_another_text_of_the_file_is_another_method(mine: Path) -> None:
    before = resolve_method(f"{mine}:Mine").digest
    assert resolve_method(f"{mine}:Mine").digest == before
    mine.write_text(MINE + "\n# changed\n")
    assert resolve_method(f"{mine}:Mine").digest != before
