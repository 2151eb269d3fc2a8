"""The template works as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import WrongUse
from challenge.methods import init_method, run_method
from challenge.scoring import read_predictions
from tests.toy import build_toy


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classification", "matching"])
def test_the_template_predicts_any_task(kind: str, tmp_path: Path) -> None:
    task = build_toy(tmp_path, kind, n=90, images=False)
    init_method(tmp_path / "my_method.py")
    done = run_method(f"{tmp_path / 'my_method.py'}:MyMethod", task, tmp_path / "out", threads=1)
    assert read_predictions(task, done.predictions).n == task.n_test
    assert done.details["seed"] == 0


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious")
    with pytest.raises(WrongUse, match="there is something"):
        init_method(tmp_path / "mine.py")
    with pytest.raises(WrongUse, match="not the name of a Python file"):
        init_method(tmp_path / "mine.txt")
    assert (tmp_path / "mine.py").read_text() == "precious"
