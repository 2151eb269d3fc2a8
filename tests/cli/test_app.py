"""The command line as a whole: exit codes, where errors go, how they look."""

from __future__ import annotations

import errno
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from challenge.cli.app import _COMMANDS, _name_of, app, load_commands
from challenge.cli.output import plain, print_table
from challenge.errors import machine_fault
from tests.cli.shell import shell


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "challenge", *words], cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("challenge")
    assert run("init", str(folder), cwd=folder).returncode == 0
    return folder


def test_a_folder_without_challenge_toml_is_wrong_use_with_a_fix(tmp_path: Path) -> None:
    done = run("tasks", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "no challenge.toml here or above" in done.stderr
    assert "fix: name the directory with -C DIR, or a task by its folder" in done.stderr


def test_a_directory_that_is_not_there_is_not_looked_for_above(fresh: Path) -> None:
    for words in (["tasks"], ["check", "parcels", "x.csv"], ["show", "parcels"]):
        done = run("-C", "nosuch", *words, cwd=fresh)
        assert done.returncode == 2
        assert "nosuch: no such folder" in done.stderr and "fix: correct" in done.stderr
    done = run("-C", "challenge.toml", "tasks", cwd=fresh)
    assert done.returncode == 2 and "challenge.toml: a file" in done.stderr
    for address in ("ftp://x", "nosuch"):
        done = run("--server", address, "tasks", cwd=fresh)
        assert done.returncode == 2 and "an address such as https://" in done.stderr


def test_a_participant_who_mistypes_a_task_is_not_told_to_start_a_challenge(
    tmp_path: Path,
) -> None:
    (tmp_path / "parcels").mkdir()
    (tmp_path / "parcels" / "task.json").write_text("{}")
    (tmp_path / "good.csv").write_text("id,label\n")
    near = run("run", "majority", "--task", "parcel", "--cv", cwd=tmp_path)
    far = run("check", "nosuch", "good.csv", cwd=tmp_path)
    assert near.returncode == far.returncode == 2
    assert "did you mean 'parcels'?" in near.stderr
    assert "no such folder, no such id" in far.stderr and "here: parcels" in far.stderr
    assert "name one of these; for another unzip" in far.stderr
    (tmp_path / "parcels" / "task.json").unlink()
    none = run("check", "nosuch", "good.csv", cwd=tmp_path)
    assert "`challenge download ID`" in none.stderr
    for done in (near, far, none):
        assert "init" not in done.stderr


def test_the_task_and_the_file_in_each_others_place_are_told(tmp_path: Path) -> None:
    (tmp_path / "parcels").mkdir()
    (tmp_path / "good.csv").write_text("id,label\n")
    for words in (["check"], ["score"], ["submit", "--method", "m"]):
        done = run(*words, "good.csv", "parcels", "--json", cwd=tmp_path)
        fault = json.loads(done.stdout)["faults"][0]
        assert (done.returncode, fault["code"]) == (2, "swapped")
        assert fault["fix"] == "swap the two: parcels good.csv"


@pytest.mark.parametrize("beside", ["parcels", ""])
def test_a_table_to_assess_that_is_not_there_is_a_missing_file(
    fresh: Path, tmp_path: Path, beside: str
) -> None:
    done = run("assess", "nix.xlsx", "--label", "K", cwd=fresh if beside else tmp_path)
    assert done.returncode == 1
    assert "nix.xlsx: no such file" in done.stderr


def test_an_unknown_command_names_the_nearest(tmp_path: Path) -> None:
    done = run("chek", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'check'?" in done.stderr


def test_an_unknown_task_names_the_nearest(fresh: Path) -> None:
    done = run("show", "parcel", cwd=fresh)
    assert done.returncode == 2
    assert "did you mean 'parcels'?" in done.stderr


def test_a_task_that_is_not_built_says_how_to_build_it(fresh: Path) -> None:
    done = run("show", "parcels", cwd=fresh)
    assert done.returncode == 1
    assert "run `challenge convert parcels`" in done.stderr


def test_faults_are_json_when_json_is_asked_for(fresh: Path) -> None:
    done = run("show", "parcel", "--json", cwd=fresh)
    assert done.returncode == 2
    answer = json.loads(done.stdout)
    assert answer["ok"] is False
    assert answer["faults"][0]["code"] == "unknown-task"


def test_the_directory_can_be_named_from_elsewhere(fresh: Path, tmp_path: Path) -> None:
    done = run("-C", str(fresh), "tasks", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert [task["id"] for task in json.loads(done.stdout)["tasks"]] == ["parcels"]


def test_init_writes_a_commented_challenge_toml_and_four_folders(fresh: Path) -> None:
    folders = {path.name for path in fresh.iterdir() if path.is_dir()}
    assert folders >= {"datasets", "inbox", "leaderboard", "submissions"}
    lines = (fresh / "challenge.toml").read_text().splitlines()
    for key in ("title", "opens", "closes", "per_day", "ladder_step", "finals", "prize_tie"):
        place = next(i for i, line in enumerate(lines) if line.lstrip("# ").startswith(f"{key} ="))
        assert "#" in "".join(lines[max(0, place - 3) : place + 1]), key


def test_init_refuses_a_folder_that_is_a_challenge_already(fresh: Path) -> None:
    before = (fresh / "challenge.toml").read_bytes()
    done = run("init", str(fresh), cwd=fresh)
    assert done.returncode == 2
    assert "already there" in done.stderr
    assert (fresh / "challenge.toml").read_bytes() == before


def test_a_broken_task_toml_names_file_key_and_nearest_word(tmp_path: Path) -> None:
    assert run("init", str(tmp_path), cwd=tmp_path).returncode == 0
    path = tmp_path / "datasets" / "parcels" / "task.toml"
    text = path.read_text().replace('metric = "macro_f1"', 'metrik = "macro_f1"')
    path.write_text(text.replace('by = "row"', 'by = "rows"'))
    assert run("convert", "parcels", cwd=tmp_path).returncode == 1
    done = run("tasks", cwd=tmp_path)
    assert done.returncode == 0, "the other tasks are listed"
    assert "task.toml, key metrik: unknown key 'metrik'" in done.stderr
    assert "did you mean 'metric'?" in done.stderr
    assert "did you mean 'row'?" in done.stderr


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "change owner or mode"),
        (errno.EROFS, "mount it writable"),
    ],
)
def test_what_the_machine_lacks_has_a_fix(number: int, words: str) -> None:
    fault = machine_fault(OSError(number, "…", "some/file"), "this machine")
    assert fault is not None
    assert fault.where == "some/file"
    assert words in fault.fix


def test_a_command_that_cannot_write_exits_with_3(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("init", str(tmp_path / "file" / "below"), cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "a file where a folder is expected" in done.stderr and "Traceback" not in done.stderr


def test_another_os_error_is_a_bug_and_keeps_its_traceback() -> None:
    assert machine_fault(OSError(errno.EINVAL, "…"), "this machine") is None


def test_escape_sequences_of_strangers_do_not_reach_the_terminal() -> None:
    assert plain("a\x1b[2Jb\u202e") == "a\\x1b[2Jb\\u202e"
    assert plain("Ünï çødé 名前") == "Ünï çødé 名前"


def test_tables_align_also_with_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["team", "n"], [["名前", 1], ["ab", 12]], right=(1,))
    assert capsys.readouterr().out.splitlines() == [
        "team   n",
        "----  --",
        "名前   1",
        "ab    12",
    ]


@pytest.mark.slow
def test_arguments_that_no_disk_and_no_database_takes_are_told_without_a_traceback(
    fresh: Path, tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for words in (
        ("check", "a" * 5000, "file.csv"),
        ("-C", "b" * 5000, "tasks"),
        ("-C", str(tmp_path / "loop"), "tasks"),
        ("withdraw", "9" * 30, "--yes"),
        ("compare", "9" * 30, "1"),
        ("rename", "Owls\udcff", "Bears"),
        ("submissions", "--team", "Owls\udcff"),
        ("leaderboard", "--as-of", "9999-12-31T23:59:59-14:00"),
    ):
        done = run(*words, cwd=fresh)
        assert done.returncode in (2, 3), (words[0], done.stderr)
        assert "Traceback" not in done.stderr, words[0]
        assert "fix" in done.stderr, words[0]


def test_help_lists_every_command_in_a_panel(tmp_path: Path) -> None:
    shown = shell(tmp_path, "--help").out
    panels = ["Take part", "Organise", "Run methods", "Contest", "Safekeeping"]
    assert all(shown.index(a) < shown.index(b) for a, b in itertools.pairwise(panels))
    listed = set(re.findall(r"^  ([a-z][a-z-]+)  +[A-Z]", shown, re.MULTILINE))
    assert listed == _COMMANDS.keys()
    assert "..." not in shown.replace("[ARGS]...", ""), "each sentence is whole"


@pytest.mark.parametrize("command", [*_COMMANDS, "team add", "token new"])
def test_help_names_the_values_of_options_in_words(command: str, tmp_path: Path) -> None:
    answer = shell(tmp_path, *command.split(), "--help")
    assert answer.code == 0
    assert not re.findall(r"^ +-.*<.*>", answer.out, re.MULTILINE)


def test_each_command_is_in_the_module_that_is_loaded_for_it() -> None:
    load_commands()
    modules = {
        _name_of(one): getattr(one.callback, "__module__", "") for one in app.registered_commands
    }
    groups = {str(group.name) for group in app.registered_groups}
    assert modules.keys() | groups == _COMMANDS.keys()
    assert all(_COMMANDS[name][1] == module for name, module in modules.items())
    assert {_COMMANDS[name][1] for name in groups} == {"challenge.cli.team_commands"}


def test_version_needs_no_command(tmp_path: Path) -> None:
    answer = shell(tmp_path, "--version")
    assert (answer.code, answer.out.split()[0]) == (0, "challenge")


def test_no_help_loses_a_word_in_square_brackets() -> None:
    """Rich takes `[raw]` in a help text for markup, and shows nothing."""
    load_commands()
    texts: dict[str, str] = {}

    def collect(command: Any, name: str) -> None:
        texts[name] = command.help or ""
        for parameter in command.params:
            texts[f"{name} {parameter.name}"] = getattr(parameter, "help", None) or ""
        for inner, child in getattr(command, "commands", {}).items():
            collect(child, f"{name} {inner}")

    collect(typer.main.get_command(app), "challenge")
    assert len(texts) > 100
    assert not {name for name, text in texts.items() if re.search(r"(?<!\\)\[[a-z/]", text)}
