"""Every fault of a definition or of raw data, provoked through the build and then cured.

A sound task of each raw form is built once. A test breaks a copy of it in one place: the build
refuses with the fault's code, leaves what was built before as it was, and leaves nothing behind
where nothing was. Then what the fix asks for is done, and the build goes through.
"""

from __future__ import annotations

import ast
import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from challenge.errors import ChallengeError, Fault, MissingRequirement, TaskError, WrongUse
from challenge.prepare import build_task
from challenge.prepare.init import start_challenge
from challenge.prepare.proposal.infer import propose_task
from challenge.task import find_challenge, read_task
from challenge.task.raw_values import Faults
from tests.prepare.raw_cases import CASES, Case, named, sheet
from tests.prepare.raw_forms import FORMS, apply


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the built folder of a sound task of a form."""
    root = tmp_path_factory.mktemp("sound")

    def folder(form: str) -> Path:
        if not (root / form).exists():
            FORMS[form](root / form)
            build_task(root / form, cache=root / "cache")
        return root / form

    return folder


KEPT = {"image-key", "images.csv"}
"""What a refused build leaves: the key of decoded images, and the list of bad ones."""


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("public", "private")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file() and path.name not in KEPT
    }


def fault_of(error: ChallengeError, code: str, kind: type[ChallengeError]) -> Fault:
    assert type(error) is kind
    for fault in error.faults:
        assert all((fault.where, fault.found, fault.expected, fault.fix)), fault
        assert fault.n >= len(fault.first)
    codes = [fault.code for fault in error.faults]
    assert code in codes
    return error.faults[codes.index(code)]


def names_of(cases: list[Case]) -> list[str]:
    return [f"{place}-{case.code}-{case.form}" for place, case in enumerate(cases)]


@pytest.mark.parametrize("case", CASES, ids=names_of(CASES))
def test_a_fault_is_told_in_four_parts_and_leaves_the_old_task(
    case: Case,
    sound: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if case.code == "client-missing":
        monkeypatch.setenv("PATH", str(tmp_path))
    folder, cache = tmp_path / case.form, tmp_path / "cache"
    shutil.copytree(sound(case.form), folder)
    before = content(folder)
    assert before
    apply(folder, case.broken)
    with pytest.raises(ChallengeError) as caught:
        build_task(folder, cache=cache)
    fault = fault_of(caught.value, case.code, case.kind)
    assert case.where in fault.where
    assert case.first == (fault.first[0] if case.first else "")
    assert content(folder) == before
    for name in ("public", "private"):
        shutil.rmtree(folder / name)
    with pytest.raises(ChallengeError):
        build_task(folder, cache=cache)
    assert not (folder / "public").exists()
    assert {path.name for path in folder.glob("private/*")} <= {"secret", *KEPT}
    assert not (folder / ".building").exists()
    if case.fixd is not None:
        apply(folder, case.fixd)
        built = build_task(folder, cache=cache)
        assert built.task.n_train and built.task.n_test


@pytest.mark.parametrize("form", FORMS)
def test_a_sound_task_of_each_form_builds(form: str, sound: Callable[[str], Path]) -> None:
    task = read_task(sound(form) / "public")
    assert task.n_train and task.n_test


def test_a_second_build_of_one_task_is_refused(sound: Callable[[str], Path]) -> None:
    folder = sound("rows")
    before = content(folder)
    other = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(MissingRequirement) as caught:
            build_task(folder, cache=folder.parent / "cache")
    finally:
        os.close(other)
    fault_of(caught.value, "build-running", MissingRequirement)
    assert content(folder) == before


def test_excel_without_its_package_is_refused(
    sound: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "table"
    shutil.copytree(sound("table"), folder)
    apply(folder, {**named("x.xlsx"), "raw/x.xlsx": sheet(["a"])})
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingRequirement) as caught:
        build_task(folder, cache=tmp_path / "cache")
    assert (
        "save the sheet as CSV" in fault_of(caught.value, "package-missing", MissingRequirement).fix
    )


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("task-not-built", None),
        ("task-damaged", "{"),
        ("task-damaged", '{"format": 1}'),
        ("task-format", "[]"),
        ("task-format", '{"format": 2}'),
    ],
)
def test_a_public_folder_that_is_no_task_is_refused(
    code: str, text: str | None, tmp_path: Path
) -> None:
    apply(tmp_path, {} if text is None else {"task.json": text})
    with pytest.raises(TaskError) as caught:
        read_task(tmp_path)
    assert "task.json" in fault_of(caught.value, code, TaskError).where


def test_challenges_and_tasks_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse) as caught:
        find_challenge(tmp_path)
    fault_of(caught.value, "no-challenge", WrongUse)
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    start_challenge(tmp_path, now)
    with pytest.raises(WrongUse) as caught:
        start_challenge(tmp_path, now)
    fault_of(caught.value, "challenge-exists", WrongUse)
    with pytest.raises(WrongUse) as caught:
        find_challenge(tmp_path).folder("parcel")
    assert "parcels" in fault_of(caught.value, "unknown-task", WrongUse).fix


@pytest.mark.parametrize(
    ("code", "text", "label"),
    [
        ("no-rows", "a,label\n", "label"),
        ("one-class", "a,label\n1,x\n2,x\n", None),
        ("column-missing", "a,label\n1,x\n2,y\n", "lable"),
        ("label-unknown", "a,b\n1.5,2.5\n2.5,3.5\n", None),
        ("raw-header", "", None),
        ("raw-file-missing", None, None),
    ],
)
def test_raw_data_that_cannot_be_proposed_is_refused(
    code: str, text: str | None, label: str | None, tmp_path: Path
) -> None:
    if text is not None:
        apply(tmp_path, {"x.csv": text})
    with pytest.raises(TaskError) as caught:
        propose_task("x", tmp_path / "x.csv", label=label)
    fault_of(caught.value, code, TaskError)


def codes_of(room: str) -> Iterator[str]:
    """Yield each code of the build that stands in a call of Fault, or of `add` of faults."""
    import challenge

    paths = (Path(challenge.__file__).parent / room).rglob("*.py")
    for path in [path for path in paths if not path.name.startswith(("infer", "guess"))]:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func)
            given = {word.arg: word.value for word in call.keywords}
            if name == "Fault":
                node = given.get("code", call.args[4] if len(call.args) > 4 else None)
            else:
                node = call.args[0] if name == "faults.add" else None
            # Faults of an image are told apart by their words.
            if isinstance(node, ast.Constant) and not str(node.value).startswith("image"):
                yield str(node.value)


@pytest.mark.parametrize("room", ["prepare", "task"])
def test_every_code_of_a_fault_is_named_by_a_test(room: str) -> None:
    tests = "\n".join(path.read_text("utf-8") for path in Path(__file__).parents[1].rglob("*.py"))
    codes = set(codes_of(room))
    assert len(codes) > 5
    assert sorted(code for code in codes if f'"{code}"' not in tests) == []


def test_rows_that_are_named_by_number_say_once_how_they_are_counted() -> None:
    faults = Faults("toy, raw table")
    for column, rows in (("a", ["k7"]), ("b", ["row 236: 'x'"]), ("c", ["row 2"])):
        faults.add("code", column, "x", "a number", "correct it", rows)
    with pytest.raises(TaskError) as caught:
        faults.stop()
    fixes = [fault.fix for fault in caught.value.faults]
    assert fixes[0] == fixes[2] == "correct it"
    assert "row 1 is the first row of data, and empty rows are not counted" in fixes[1]
