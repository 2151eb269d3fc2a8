"""Commands about predictions: what they say, in words and as JSON, and how they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.task import Challenge
from tests.cli.shell import refused, shell
from tests.ledger.toy import make_challenge, write_hits


@pytest.fixture(scope="module")
def challenge(tmp_path_factory: pytest.TempPathFactory) -> Challenge:
    """Return a benchmark in which Ada has two submissions, 1 and 2, and Bo one, 3."""
    folder = tmp_path_factory.mktemp("scores")
    challenge = make_challenge(folder / "c")
    for hits, team in ((45, "Ada"), (40, "Ada"), (30, "Bo")):
        path = write_hits(challenge.task("toy"), folder / f"{hits}.csv", hits, salt=hits)
        done = shell(challenge.root, "submit", "toy", str(path), "--team", team, "--method", "m")
        assert done.code == 0, done.err
    return challenge


def file_of(challenge: Challenge, hits: int, name: str = "new.csv") -> str:
    folder = challenge.root.parent
    return str(write_hits(challenge.task("toy"), folder / name, hits, salt=hits))


def test_check_says_that_there_are_no_faults(challenge: Challenge) -> None:
    done = shell(challenge.root, "check", "toy", file_of(challenge, 20))
    assert (done.code, done.out.endswith("no faults; 60 rows, labels\n")) == (0, True)
    answer = shell(challenge.root, "check", "toy", file_of(challenge, 20), "--json").json()
    assert (answer["ok"], answer["rows"], answer["faults"]) == (True, 60, [])


def test_check_tells_every_fault_at_once(challenge: Challenge, tmp_path: Path) -> None:
    lines = Path(file_of(challenge, 20)).read_text().splitlines()
    path = tmp_path / "bad.csv"
    path.write_text("\n".join([*lines[:-2], "r0000000000000000,bird", lines[1]]) + "\n")
    done = shell(challenge.root, "check", "toy", str(path))
    refused(done, 1, "ids that the task does not have", "ids have no row")
    assert len(shell(challenge.root, "check", "toy", str(path), "--json").json()["faults"]) >= 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("check", "toys", "x.csv"), 2, "did you mean 'toy'?"),
        (("check", "toy", "nowhere.csv"), 1, "nowhere.csv"),
        (("submit", "toy", "nowhere.csv", "--team", "Ada", "--method", "m"), 1, "nowhere.csv"),
        (("submissions", "--team", "Nobody"), 2, "Nobody"),
        (("submissions", "--task", "toys"), 2, "did you mean 'toy'?"),
        (("compare", "1", "99"), 2, "99"),
        (("score", "toy", "x.csv", "--on", "test"), 2, "challenge submit"),
        (("leaderboard", "--as-of", "yesterday"), 2, "ISO 8601"),
    ],
)
def test_wrong_words_are_refused_with_a_fix(
    challenge: Challenge, words: tuple[str, ...], code: int, said: str
) -> None:
    refused(shell(challenge.root, *words), code, said)


@pytest.mark.parametrize("team", ["", ".", "a" * 65, "\u202eevil"])
def test_a_team_name_that_cannot_be_shown_is_refused(challenge: Challenge, team: str) -> None:
    path = file_of(challenge, 21)
    done = shell(challenge.root, "submit", "toy", path, "--team", team, "--method", "m")
    refused(done, 1, "team")


def test_a_folder_as_a_file_is_refused(challenge: Challenge, tmp_path: Path) -> None:
    refused(shell(challenge.root, "check", "toy", str(tmp_path)), 1, str(tmp_path.name))


def test_submit_answers_with_score_rank_and_quota(challenge: Challenge) -> None:
    path = file_of(challenge, 50)
    words = ("submit", "toy", path, "--team", "Cy", "--method", "m", "--json")
    answer = shell(challenge.root, *words).json()
    assert answer["ok"] is True
    assert answer["score"]["value"] == pytest.approx(50 / 60)
    assert answer["rank"].startswith("1 of ")
    assert answer["quota_left"] == 4
    again = shell(challenge.root, *words[:-1])
    assert "identical" in again.out


def test_submissions_lists_scores_and_states(challenge: Challenge) -> None:
    rows = shell(challenge.root, "submissions", "--team", "ada", "--json").json()["submissions"]
    assert [(row["id"], row["state"]) for row in rows] == [(1, "on the board"), (2, "counted")]
    table = shell(challenge.root, "submissions", "--task", "toy").out.splitlines()
    assert table[0].split()[0] == "id"
    assert ".7500" in table[2] or ".750" in table[2]


def test_a_challenge_without_submissions_says_so(tmp_path: Path) -> None:
    root = make_challenge(tmp_path / "c").root
    assert shell(root, "submissions").out == "no submissions yet\n"
    assert shell(root, "submissions", "--json").json() == {"submissions": []}


def test_compare_tells_the_difference(challenge: Challenge) -> None:
    done = shell(challenge.root, "compare", "1", "3")
    assert done.code == 0
    assert done.out.startswith("a: submission 1 (Ada, m)\nb: submission 3 (Bo, m)\n")
    assert "Significantly better is submission 1 (Ada, m)" in done.out
    answer = shell(challenge.root, "compare", "1", "3", "--json")
    assert answer.code == 0
    assert answer.json()


def test_compare_shows_what_an_upgrade_breaks(challenge: Challenge) -> None:
    plain = shell(challenge.root, "compare", "1", "3").out
    assert "flip" not in plain
    done = shell(challenge.root, "compare", "1", "3", "--upgrade")
    assert done.code == 0
    assert "negative flips (a right, b wrong)" in done.out
    assert "relative negative flip rate:" in done.out
    assert [line for line in done.out.splitlines() if line not in plain.splitlines()]
    rates = shell(challenge.root, "compare", "1", "3", "--json").json()["upgrade"]["rates"]
    assert set(rates) >= {"negative_flip_rate", "backward_trust", "error_compatibility"}


def test_compare_writes_a_page_that_stands_alone(challenge: Challenge, tmp_path: Path) -> None:
    page = tmp_path / "new" / "compare.html"
    plain = shell(challenge.root, "compare", "1", "3")
    done = shell(challenge.root, "compare", "1", "3", "--html", str(page))
    assert (done.code, done.out, done.err) == (0, plain.out, f"page: {page}\n")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "Submissions 1 and 3 on" in text
    answer = shell(challenge.root, "compare", "1", "3", "--json", "--html", str(page))
    assert answer.json() and page.read_text(encoding="utf-8") == text
    refused(shell(challenge.root, "compare", "1", "3", "--html", str(tmp_path)), 2, "already there")


def test_out_of_fold_predictions_are_scored_offline(challenge: Challenge, tmp_path: Path) -> None:
    path = tmp_path / "oof.csv"
    labels = [*challenge.task("toy").classes] * 2
    rows = "".join(f"t{place:016x},{label}\n" for place, label in enumerate(labels))
    path.write_text("id,label\n" + rows)
    done = shell(challenge.root, "score", "--on", "train", "toy", str(path))
    assert done.code == 0, done.err
    assert "accuracy *" in done.out
    answer = shell(challenge.root, "score", "--on", "train", "toy", str(path), "--json").json()
    assert answer["metrics"]["accuracy"]["value"] == 1.0
