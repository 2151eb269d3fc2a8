"""The played contest: the small form holds all its facts; its search finds what is planted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from challenge.scoring import read_predictions, score_predictions
from examples.contest.search import find_leaks, hidden_words, loose_figures
from tests.ledger.toy import CONTEST, make_challenge, write_hits

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "contest" / "play.py"


@pytest.mark.slow
def test_the_small_contest_holds_all_its_facts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--small", "--to", str(tmp_path / "contest")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "facts held" in done.stdout
    assert (tmp_path / "contest" / "leaderboard" / "index.html").is_file()


def test_the_search_finds_a_private_score_that_is_planted(tmp_path: Path) -> None:
    task = make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800).task("toy")
    path = write_hits(task, tmp_path / "x.csv", 301)
    words = hidden_words(task, {1: path})
    score = score_predictions(task, read_predictions(task, path), "private")
    site = tmp_path / "site"
    site.mkdir()
    (site / "clean.html").write_text("<p>.825 [.800, .850]</p>")
    assert find_leaks(words, [site], {}) == []
    (site / "leak.html").write_text(f"<p>{score.metrics['macro_f1'].value}</p>")
    assert "private subset" in find_leaks(words, [site], {})[0]
    secret = (task.private / "secret").read_bytes().hex()
    assert find_leaks(words, [], {"answer": secret}) == ["answer: the secret of toy"]


def test_the_search_finds_figures_that_are_not_rounded() -> None:
    board = {"subset": "public", "rows": [{"value": 0.825, "step": 0.024056}, {"value": 0.9135}]}
    assert loose_figures("board", board) == []
    assert loose_figures("board", {"rows": [{"value": 0.82543}]}) == ["board, rows.value: 0.82543"]
    assert loose_figures("board", {"subset": "private"}) == ["board, subset: private"]
