"""Whatever a method's process answers is a valid answer or a fault, never anything else."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenge.errors import ChallengeError, MissingRequirement
from challenge.methods import resolve_method
from challenge.methods.run.exchange import DeclareResult, PredictResult, parse_answer
from challenge.methods.run.handover import scratch_folder
from challenge.methods.run.runner import default_isolation
from challenge.methods.run.sandbox import sandbox_fault
from challenge.task import Task, dump_json
from tests.toy import build_toy

GOOD = {
    "details": {"seed": 1, "names": ["a", None, True, 0.5]},
    "summary": "",
    "fit_s": 0.5,
    "predict_s": 0.25,
    "cpu_s": 1.0,
    "peak_mb": 100,
}


def forged(**fields: object) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        forged(details=[]),
        forged(details={"x": nested(200)}),
        forged(details={"x": list(range(30_000))}),
        forged(details={"x": 10**30}),
        forged(details={"x": float("nan")}),
        forged().replace(b"0.25", b"1e999"),
        forged(details={"x": 1}).replace(b'"x": 1', b'"x": 1e999'),
        forged(details={"x": 1}).replace(b'"x": 1', b'"x": ' + b"9" * 5000),
        forged(fit_s="0.5"),
        forged(fit_s=-1),
        forged(fit_s=True),
        forged(peak_mb=1.5),
        forged(peak_mb=-(1 << 70)),
        forged(summary=None),
        forged(summary="x" * 501),
        forged(isolation="bwrap"),
        json.dumps({key: GOOD[key] for key in list(GOOD)[1:]}).encode(),
    ],
)
def test_a_forged_answer_is_a_fault_of_its_cell(data: bytes) -> None:
    with pytest.raises(ChallengeError) as error:
        parse_answer(data, PredictResult, "here")
    assert error.value.faults[0].code == "answer-invalid"


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(ChallengeError):
        parse_answer(data, PredictResult, "here")


def test_what_cannot_be_stored_or_shown_is_replaced() -> None:
    text = "\ud800 a\x00b\x1b[31m \u202e"
    answer = parse_answer(forged(summary=text, details={text: [text]}), PredictResult, "here")
    assert answer.summary == "? a�b�[31m �"
    assert answer.details == {"? a�b�[31m �": ["? a�b�[31m �"]}
    dump_json(answer.details).encode()
    assert parse_answer(forged(), PredictResult, "here").details == GOOD["details"]


@pytest.mark.parametrize(
    "space",
    [
        {"a b": {"type": "float", "low": 0, "high": 1, "log": False}},
        {"a": {"type": "float", "low": "0", "high": 1, "log": False}},
        {"a": {"type": "choice", "values": [[1], [2]]}},
        {"a": {"type": "tree"}},
        {"a": {"type": "float", "low": 0, "high": 10**400, "log": False}},
        {"a": {"type": "integer", "low": -(10**400), "high": 1, "log": False}},
        {"a": {"type": "choice", "values": ["\ud800", "b"]}},
        {"a": {"type": "choice", "values": ["\x1b[2J", "b"]}},
        {"a": {"type": "choice", "values": [10**400, 1]}},
    ],
)
def test_a_forged_space_is_a_fault(space: object) -> None:
    with pytest.raises(ChallengeError, match="answer that is not valid"):
        parse_answer(json.dumps({"space": space, "defaults": {}}).encode(), DeclareResult, "here")


def test_only_a_plain_file_of_its_own_is_taken(tmp_path: Path) -> None:
    (outside := tmp_path / "outside").write_text("secret")
    with scratch_folder() as scratch:
        home = scratch.path
        (home / "plain").write_text("mine")
        (home / "link").symlink_to(outside)
        (home / "dangling").symlink_to("nowhere")
        (home / "loop").symlink_to("loop")
        (home / "twice").write_text("mine")
        os.link(home / "twice", home / "again")
        os.mkfifo(home / "pipe")
        (home / "folder").mkdir()
        (home / "large").write_bytes(b"x" * 101)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(home / "socket"))
        assert scratch.take("here", "plain", 100) == b"mine"
        assert scratch.take("here", "nothing", 100) is None
        found = {}
        for name in ("link", "dangling", "loop", "twice", "pipe", "folder", "large", "socket"):
            with pytest.raises(ChallengeError) as error:
                scratch.take("here", name, 100)
            fault = error.value.faults[0]
            assert fault.code == "answer-invalid" and "secret" not in str(fault)
            found[name] = fault.found
    assert found == {
        "link": "a symbolic link",
        "dangling": "a symbolic link",
        "loop": "a symbolic link",
        "twice": "a file with 2 names",
        "pipe": "a named pipe",
        "folder": "a folder",
        "large": "101 bytes",
        "socket": "a socket",
    }
    assert not home.exists()


def test_what_lies_behind_a_replaced_folder_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("of another")
    with scratch_folder() as scratch:
        (moved := scratch.path.with_name(scratch.path.name + "-moved")).unlink(missing_ok=True)
        scratch.path.rename(moved)
        scratch.path.symlink_to(tmp_path)
        assert scratch.take("here", "result.json", 100) is None
    assert (tmp_path / "result.json").read_text() == "of another"
    moved.rmdir()


def test_a_method_of_strangers_is_isolated_where_that_works(tmp_path: Path) -> None:
    task = build_toy(tmp_path / "c", n=60, images=False)
    root = task.public.parents[2]

    def isolation(folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.py").write_text("")
        return default_isolation(resolve_method(f"{folder}/mine.py:Mine"), task)

    strongest = "none" if sandbox_fault() else "bwrap"
    assert default_isolation(resolve_method("linear"), task) == "none"
    assert isolation(root / "methods") == strongest, "a participant has no directory of their own"
    (root / "challenge.toml").write_text("")
    assert isolation(root / "methods") == "none"
    if not sandbox_fault():
        for folder in (tmp_path / "other", root / "inbox" / "owls", root / "submissions"):
            assert isolation(folder) == "bwrap"
        (root / "linked").symlink_to(tmp_path / "other")
        assert isolation(root / "linked") == "bwrap"


def _open_folder(root: Path) -> Path:
    (root / "open").mkdir()
    (root / "open").chmod(0o777)
    return root / "open"


def _linked_inbox(root: Path) -> Path:
    (root / "share" / "owls").mkdir(parents=True)
    (root / "inbox").symlink_to("share")
    return root / "share" / "owls"


def _raw_data(root: Path) -> Path:
    folder = root / "datasets" / "toy" / "raw"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("place", [_open_folder, _linked_inbox, _raw_data])
def test_a_method_where_strangers_write_is_isolated(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    task = build_toy(tmp_path / "c", n=60, images=False)
    root = task.public.parents[2]
    (root / "challenge.toml").write_text("")
    file = place(root) / "mine.py"
    file.write_text("")
    _require_isolated(file, task)


def test_a_method_that_imports_a_file_of_strangers_is_isolated(tmp_path: Path) -> None:
    task = build_toy(tmp_path / "c", n=60, images=False)
    root = task.public.parents[2]
    (root / "challenge.toml").write_text("")
    (root / "methods").mkdir()
    (root / "inbox" / "owls").mkdir(parents=True)
    (root / "inbox" / "owls" / "helper.py").write_text("")
    (file := root / "methods" / "mine.py").write_text("import helper\n")
    (root / "methods" / "helper.py").write_text("")
    assert default_isolation(resolve_method(f"{file}:Mine"), task) == "none"
    (root / "methods" / "helper.py").unlink()
    (root / "methods" / "helper.py").symlink_to(root / "inbox" / "owls" / "helper.py")
    _require_isolated(file, task)


def test_a_method_that_others_of_a_group_can_change_is_isolated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = build_toy(tmp_path / "c", n=60, images=False)
    root = task.public.parents[2]
    (root / "challenge.toml").write_text("")
    (file := root / "mine.py").write_text("")
    file.chmod(0o664)
    users = [SimpleNamespace(pw_uid=os.geteuid(), pw_gid=file.stat().st_gid)]
    monkeypatch.setattr("grp.getgrgid", lambda group: SimpleNamespace(gr_mem=[]))
    monkeypatch.setattr("pwd.getpwall", lambda: users)
    assert default_isolation(resolve_method(f"{file}:Mine"), task) == "none"
    users.append(SimpleNamespace(pw_uid=os.geteuid() + 1, pw_gid=file.stat().st_gid))
    _require_isolated(file, task)


def test_a_method_of_another_user_is_isolated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = build_toy(tmp_path / "c", n=60, images=False)
    root = task.public.parents[2]
    (root / "challenge.toml").write_text("")
    (file := root / "mine.py").write_text("")
    status = Path.stat

    def of_another(path: Path, **options: bool) -> os.stat_result:
        found = status(path, **options)
        return os.stat_result([*found[:4], 12345, *found[5:10]]) if path == file else found

    monkeypatch.setattr(Path, "stat", of_another)
    _require_isolated(file, task)


def _require_isolated(file: Path, task: Task) -> None:
    """Require `bwrap`, or the error that an organiser gets where there is no sandbox."""
    source = resolve_method(f"{file}:Mine")
    if sandbox_fault():
        with pytest.raises(MissingRequirement):
            default_isolation(source, task)
    else:
        assert default_isolation(source, task) == "bwrap"


def test_an_organiser_without_a_sandbox_must_ask_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = build_toy(tmp_path / "c", n=60, images=False)
    (task.public.parents[2] / "challenge.toml").write_text("")
    (file := tmp_path / "mine.py").write_text("")
    source = resolve_method(f"{file}:Mine")
    monkeypatch.setattr("challenge.methods.run.sandbox.sandbox_fault", lambda: "it fell")
    monkeypatch.setattr("challenge.methods.run.runner.sandbox_fault", lambda: "it fell")
    with pytest.raises(ChallengeError, match="it fell") as error:
        default_isolation(source, task)
    assert error.value.exit_code == 3 and "--isolation none" in str(error.value)
