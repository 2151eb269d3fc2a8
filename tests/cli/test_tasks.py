"""Commands about tasks: start, list, show, build, audit, hand out; how they refuse."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from challenge.task import Challenge
from tests.cli.shell import refused, shell
from tests.toy import declare_toy, toy_rows

TOML = """format = 1
title = "Toys"
reveal = "all"
"""


@pytest.fixture(scope="module")
def challenge(tmp_path_factory: pytest.TempPathFactory) -> Challenge:
    """Return a challenge with one task that `convert` builds in a moment."""
    root = tmp_path_factory.mktemp("tasks") / "c"
    (root / "datasets").mkdir(parents=True)
    (root / "challenge.toml").write_text(TOML)
    declare_toy(root / "datasets" / "toy", "classification", raw=toy_rows(80, images=False))
    done = shell(root, "convert", "toy")
    assert done.code == 0, done.err
    assert "toy: built, " in done.out
    return Challenge(root.resolve())


def test_a_second_convert_leaves_the_task_alone(challenge: Challenge) -> None:
    assert "toy: unchanged, " in shell(challenge.root, "convert", "--all").out


def test_tasks_lists_what_is_built(challenge: Challenge) -> None:
    row = shell(challenge.root, "tasks", "--json").json()["tasks"][0]
    assert (row["id"], row["built"], row["kind"]) == ("toy", True, "classification")
    assert "built" in shell(challenge.root, "tasks").out.splitlines()[2]


def test_a_challenge_without_tasks_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(TOML)
    assert shell(tmp_path, "tasks").out.startswith("no tasks yet")


def test_a_task_without_columns_is_named_and_the_others_are_listed(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(TOML)
    declare_toy(tmp_path / "datasets" / "good", "classification", raw=toy_rows(80, images=False))
    text = (tmp_path / "datasets" / "good" / "task.toml").read_text()
    (tmp_path / "datasets" / "bad").mkdir()
    (tmp_path / "datasets" / "bad" / "task.toml").write_text(text.split("[columns")[0])
    done = shell(tmp_path, "tasks")
    assert done.code == 0 and "good" in done.out and "bad" in done.out
    assert "bad: task.toml, key columns" in done.err


def test_what_add_asks_is_answered_on_its_command_line(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(TOML)
    lines = "".join(f"{'ab'[n % 2]} {n};{n},5;{'ab'[n // 3 % 2]}\n" for n in range(60))
    (tmp_path / "x.csv").write_text("words;size;kind\n" + lines)
    add = ("add", "toy", "--from", str(tmp_path / "x.csv"), "--label", "kind")
    refused(shell(tmp_path, *add, "--raw", "nothing=1"), 2, "--raw nothing")
    done = shell(tmp_path, *add, "--raw", "delimiter=;", "--raw", "skip=0")
    assert done.code == 0, done.err
    assert "numeric written 1234,5: size" in done.out
    assert 'delimiter = ";"' in (tmp_path / "datasets" / "toy" / "task.toml").read_text()


def test_show_tells_schema_sizes_and_licence(challenge: Challenge) -> None:
    out = shell(challenge.root, "show", "toy").out
    for word in ("metric", "licence: CC0-1.0", "colour", "categorical"):
        assert word in out
    assert shell(challenge.root, "show", "toy", "--json").json()["id"] == "toy"


def test_the_audit_answers_in_words_and_as_json(challenge: Challenge) -> None:
    assert shell(challenge.root, "audit", "toy").code in (0, 1)
    assert "findings" in shell(challenge.root, "audit", "toy", "--json").json()


def test_an_export_holds_the_public_folder_alone(challenge: Challenge, tmp_path: Path) -> None:
    path = tmp_path / "toy.zip"
    assert "sha256" in shell(challenge.root, "export", "toy", "--to", str(path)).out
    names = zipfile.ZipFile(path).namelist()
    assert any(name.endswith("train.parquet") for name in names)
    assert not any("solution" in name or "secret" in name for name in names)
    assert shell(challenge.root, "export", "toy", "--to", str(path)).code == 0
    toml = challenge.root / "challenge.toml"
    before = toml.read_bytes()
    refused(shell(challenge.root, "export", "toy", "--to", str(toml)), 2, "already there")
    assert toml.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("convert",), 2, "nothing named"),
        (("convert", "toy", "--all"), 2, "both names and --all"),
        (("convert", "toys"), 2, "did you mean 'toy'?"),
        (("show", "toys"), 2, "did you mean 'toy'?"),
        (("show", ""), 2, "task"),
        (("show", "../../etc"), 2, "task"),
        (("audit", "toys"), 2, "did you mean 'toy'?"),
        (("export", "toys"), 2, "did you mean 'toy'?"),
    ],
)
def test_wrong_words_are_refused_with_a_fix(
    challenge: Challenge, words: tuple[str, ...], code: int, said: str
) -> None:
    refused(shell(challenge.root, *words), code, said)


def test_a_challenge_toml_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text("title = \n")
    refused(shell(tmp_path, "leaderboard"), 1, "challenge.toml")


def test_a_task_that_cannot_be_built_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(TOML)
    good = toy_rows(80, images=False)
    declare_toy(tmp_path / "datasets" / "good", "classification", raw=good)
    declare_toy(tmp_path / "datasets" / "bad", "classification", raw=good.drop_columns("label"))
    done = shell(tmp_path, "convert", "--all")
    assert done.code in (1, 3)
    assert "good: built" in done.out
    assert "bad was skipped" in done.err


def test_a_rebuild_says_which_submissions_were_scored_on_other_data(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(TOML)
    rows = toy_rows(80, images=False)
    declare_toy(tmp_path / "datasets" / "toy", "classification", raw=rows)
    assert "scored on the data before" not in shell(tmp_path, "convert", "toy").err
    assert shell(tmp_path, "run", "majority", "--all", "--submit").code == 0
    shutil.rmtree(tmp_path / "datasets" / "toy")
    declare_toy(tmp_path / "datasets" / "toy", "classification", raw=toy_rows(90, images=False))
    rebuilt = shell(tmp_path, "convert", "toy")
    assert "1 submission was scored on the data before" in rebuilt.err
    assert "with its label" in rebuilt.err
    noted = shell(tmp_path, "leaderboard").err
    assert "their files do not fit" in noted or "rescore toy" in noted
    shell(tmp_path, "rescore")
    assert "teams whose files do not fit must submit again" in shell(tmp_path, "leaderboard").err


def test_a_damaged_ledger_does_not_keep_a_task_from_being_built(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(TOML)
    declare_toy(tmp_path / "datasets" / "toy", "classification", raw=toy_rows(80, images=False))
    (tmp_path / "submissions").mkdir()
    (tmp_path / "submissions" / "ledger.db").write_text("no database")
    done = shell(tmp_path, "convert", "toy")
    assert done.code == 0 and "toy: built" in done.out
    assert "is not known" in done.err


def test_an_unknown_key_of_raw_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(TOML)
    (tmp_path / "a.csv").write_text("words,label\na,x\nb,y\n")
    done = shell(tmp_path, "add", "a", "--from", str(tmp_path / "a.csv"), "--raw", "sheets=x")
    refused(done, 2, "did you mean 'sheet'?")


def test_the_zip_of_a_task_is_answered_with_how_to_unpack_it(challenge: Challenge) -> None:
    archive = challenge.root / "toy.zip"
    assert shell(challenge.root, "export", "toy", "--to", str(archive)).code == 0
    done = shell(challenge.root, "show", str(archive), "--json")
    assert done.fault() == "zip-unpacked"
    assert "python -m zipfile -e" in done.out
