"""The examples of the page on methods run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from challenge.methods import run_method
from challenge.scoring import read_predictions
from tests.toy import build_toy

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize(("block", "name"), [(0, "Mine"), (1, "pipeline")])
def test_an_example_of_the_page_runs(block: int, name: str, tmp_path: Path) -> None:
    assert len(BLOCKS) == 2
    task = build_toy(tmp_path, n=60, images=False)
    (tmp_path / "example.py").write_text(BLOCKS[block])
    done = run_method(f"{tmp_path / 'example.py'}:{name}", task, tmp_path / "out", threads=1)
    assert read_predictions(task, done.predictions).form == ("labels", "probabilities")[block]
