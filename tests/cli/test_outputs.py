"""Where commands write: nothing that they did not make in that call is replaced or removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.task import Challenge
from tests.cli.shell import refused, shell
from tests.ledger.toy import BENCHMARK, make_challenge
from tests.toy import declare_toy, toy_rows

TOML = """
format = 1
title = "Outputs"
closes = 2026-02-01T00:00:00Z

[[track]]
id = "classes"
title = "Classes"
kind = "classification"
metric = "macro_f1"
tasks = ["toy"]
"""
METHODS = """
class Constant:
    def fit(self, train, task):
        self.label = sorted(train["label"])[0]

    def predict(self, test):
        return test[["id"]].assign(label=self.label)


class Slow(Constant):
    def fit(self, train, task):
        (__import__("pathlib").Path(__file__).parent / "trained").touch()
        super().fit(train, task)
"""


@pytest.fixture
def challenge(tmp_path: Path) -> Challenge:
    root = tmp_path / "c"
    (root / "datasets").mkdir(parents=True)
    (root / "challenge.toml").write_text(TOML)
    (root / "methods.py").write_text(METHODS)
    declare_toy(root / "datasets" / "toy", raw=toy_rows(80, images=False))
    assert shell(root, "convert", "toy").code == 0
    return Challenge(root.resolve())


def test_a_run_keeps_the_file_of_an_earlier_one(challenge: Challenge, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    first = f"{challenge.root / 'methods.py'}:Constant"
    again = ("run", first, "--task", "toy", "--to", str(mine))
    assert shell(challenge.root, *again).code == 0
    file = mine / "toy" / "predictions.parquet"
    before = file.read_bytes()
    assert shell(challenge.root, *again).code == 0, "the same cell has the same file"
    other = f"{challenge.root / 'methods.py'}:Slow"
    done = shell(challenge.root, "run", other, "--task", "toy", "--to", str(mine))
    assert done.code == 2 and "predictions.parquet: already there" in done.err
    assert file.read_bytes() == before
    assert not (challenge.root / "trained").exists(), "refused before it trains"


def test_out_of_fold_predictions_are_written_for_score(
    challenge: Challenge, tmp_path: Path
) -> None:
    run = ("run", "majority", "--task", "toy", "--cv", "--to", str(tmp_path / "mine"))
    done = shell(challenge.root, *run)
    assert done.code == 0, done.err
    file = tmp_path / "mine" / "toy" / "out-of-fold.parquet"
    score = shell(challenge.root, "score", "--on", "train", "toy", str(file), "--json")
    value = score.json()["metrics"]["macro_f1"]["value"]
    assert f"{value:.3f}".lstrip("0") in done.out
    refused(shell(challenge.root, *run), 2, "out-of-fold.parquet", "already there")
    refused(shell(challenge.root, *run[:-2], "--submit"), 2, "--cv")


def test_a_run_that_cannot_be_submitted_does_not_train(challenge: Challenge) -> None:
    method = f"{challenge.root / 'methods.py'}:Slow"
    run = ("run", method, "--all", "--submit", "--team", "Ada")
    late = shell(challenge.root, *run, now="2026-03-01T00:00:00Z")
    assert late.code == 1 and "it ended at 2026-02-01" in late.err
    assert not (challenge.root / "trained").exists()
    assert shell(challenge.root, *run).code == 0
    assert (challenge.root / "trained").exists()


@pytest.mark.slow
def test_a_draft_may_change_until_a_team_has_submitted(challenge: Challenge) -> None:
    toml = challenge.root / "challenge.toml"

    def edit(old: str, new: str) -> None:
        toml.write_text(toml.read_text().replace(old, new))

    assert shell(challenge.root, "run", "majority", "--all", "--submit").code == 0
    edit('id = "classes"', 'id = "kinds"')
    edit('title = "Outputs"', 'title = "Outputs"\nreveal = "all"')
    noted = shell(challenge.root, "leaderboard")
    assert noted.code == 0, "baselines freeze nothing"
    assert "run `challenge rescore toy`" in noted.err
    assert "1 submission scored again, stored" in shell(challenge.root, "rescore").out
    board = shell(challenge.root, "leaderboard", "--json").json()["tracks"][0]
    assert [row["team"] for row in board["rows"] if row["value"] is not None] == ["Majority"]
    edit('reveal = "all"', 'reveal = "contest"')
    method = f"{challenge.root / 'methods.py'}:Constant"
    shell(challenge.root, "rescore")
    assert shell(challenge.root, "run", method, "--all", "--submit", "--team", "Ada").code == 0
    edit('id = "kinds"', 'id = "classes"')
    frozen = shell(challenge.root, "leaderboard")
    assert frozen.code == 1 and "no change of this after the contest opened" in frozen.err


def test_a_task_in_no_track_is_named(tmp_path: Path) -> None:
    toml = BENCHMARK.partition("[[track]]")[0]
    done = shell(make_challenge(tmp_path / "c", toml).root, "leaderboard")
    assert done.code == 0 and "in no track, so without a place below: toy" in done.err


def test_a_past_board_is_written_beside_the_published_one(tmp_path: Path) -> None:
    root = make_challenge(tmp_path / "c").root
    assert shell(root, "leaderboard").code == 0
    site = root / "leaderboard" / "index.html"
    before = site.read_bytes()
    done = shell(root, "leaderboard", "--as-of", "2026-01-02")
    assert done.code == 0 and "as of 2026-01-02T23:59:59Z" in done.out
    assert site.read_bytes() == before
    (past,) = root.glob("leaderboard-as-of-*")
    for page in ("index.html", "about.html", "matrix/index.html"):
        assert "not the current one" in (past / page).read_text(encoding="utf-8")
    assert shell(root, "leaderboard", "--as-of", "2026-01-02", "--to", str(site.parent)).code == 0
    assert site.read_bytes() != before, "told to"
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    other = shell(root, "leaderboard", "--to", str(tmp_path / "notes"))
    refused(other, 2, "notes: already there")
    assert (tmp_path / "notes" / "mine.txt").read_text() == "mine"


def test_a_comparison_replaces_no_file(tmp_path: Path) -> None:
    from challenge.ledger import open_ledger, submit
    from tests.ledger.toy import write_hits

    challenge = make_challenge(tmp_path / "c")
    task, ledger = challenge.task("toy"), open_ledger(challenge)
    for team, hits in (("Ada", 50), ("Bo", 40)):
        submit(ledger, task, write_hits(task, tmp_path / "x.csv", hits), team=team, method="m")
    page = tmp_path / "page.html"
    page.write_text("mine")
    done = shell(challenge.root, "compare", "1", "2", "--html", str(page))
    assert done.code == 2 and "already there" in done.err
    assert page.read_text() == "mine"
