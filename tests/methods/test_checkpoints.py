"""Checkpoints are found in named folders, tell runs apart, and are seen behind the sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from challenge.errors import MissingRequirement, WrongUse
from challenge.methods import Caps, resolve_method
from challenge.methods.builtin.autogluon_multimodal import AutoGluonMultimodal
from challenge.methods.builtin.checkpoints import Needs, checkpoint_needs, find_checkpoint
from challenge.methods.run.handover import scratch_folder
from challenge.methods.run.sandbox import sandbox_fault
from challenge.methods.run.supervisor import run_process

METHOD = "autogluon-multimodal"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (folder / name).write_text(name)
    monkeypatch.setenv("CHALLENGE_TEXT_CHECKPOINT", str(folder))
    monkeypatch.delenv("CHALLENGE_IMAGE_CHECKPOINT", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return folder


def test_a_named_folder_is_taken_before_any_hub(folder: Path) -> None:
    found = find_checkpoint("text", "owner/name")
    assert (found.folder, found.name) == (folder, "tiny")
    digests = found.as_json()["sha256"]
    assert isinstance(digests, dict)
    assert sorted(digests) == ["config.json", "model.safetensors", "vocab.txt"]
    # `printf config.json | sha256sum`
    assert digests["config.json"].startswith("587cb980af76fdc7")


@pytest.mark.parametrize(
    ("file", "lack"),
    [("config.json", "config.json"), ("model.safetensors", "weights"), ("vocab.txt", "tokenizer")],
)
def test_a_folder_that_is_not_whole_is_refused_with_what_it_lacks(
    folder: Path, file: str, lack: str
) -> None:
    (folder / file).unlink()
    with pytest.raises(MissingRequirement) as error:
        find_checkpoint("text", "owner/name")
    (fault,) = error.value.faults
    assert (fault.where, fault.code) == ("CHALLENGE_TEXT_CHECKPOINT", "checkpoint-folder")
    assert "no " in fault.found and lack in fault.found
    assert "docs/multimodal.md" in fault.fix


def test_a_vision_network_that_is_not_of_timm_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config.json").write_text('{"architectures": ["ViTModel"]}')
    monkeypatch.setenv("CHALLENGE_IMAGE_CHECKPOINT", str(folder))
    with pytest.raises(MissingRequirement, match=r"no architecture in config\.json") as error:
        find_checkpoint("image", "owner/name")
    assert "weights of timm" in str(error.value)
    (folder / "config.json").write_text('{"architecture": "lcnet_035", "pretrained_cfg": {}}')
    assert find_checkpoint("image", "owner/name").folder == folder


def test_another_checkpoint_is_another_question(folder: Path) -> None:
    before, plain = resolve_method(METHOD).digest, resolve_method("linear").digest
    assert resolve_method(METHOD).digest == before
    (folder / "model.safetensors").write_text("trained further")
    assert resolve_method(METHOD).digest != before
    assert resolve_method("linear").digest == plain


def test_the_same_checkpoint_elsewhere_is_the_same_question(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = resolve_method(METHOD).digest
    shutil.copytree(folder, tmp_path / "elsewhere", copy_function=shutil.copy)
    monkeypatch.setenv("CHALLENGE_TEXT_CHECKPOINT", str(tmp_path / "elsewhere"))
    assert resolve_method(METHOD).digest == before


def test_only_who_needs_checkpoints_is_given_them(folder: Path, tmp_path: Path) -> None:
    assert resolve_method("linear").needs == Needs()
    needs = resolve_method(METHOD).needs
    assert needs.readable == (folder,)  # the hub's cache is not there yet
    assert needs.environment["CHALLENGE_TEXT_CHECKPOINT"] == str(folder)
    assert "HOME" not in needs.environment and "HF_TOKEN" not in needs.environment
    (tmp_path / "cache").mkdir()
    assert checkpoint_needs().readable == (folder, tmp_path / "cache")


@pytest.mark.skipif(sandbox_fault() != "", reason="bubblewrap may not make its sandbox here")
def test_behind_the_sandbox_a_checkpoint_can_be_read_and_not_written(folder: Path) -> None:
    code = (
        "import os, pathlib\n"
        "folder = pathlib.Path(os.environ['CHALLENGE_TEXT_CHECKPOINT'])\n"
        "print((folder / 'vocab.txt').read_text())\n"
        "try:\n    (folder / 'new').touch()\nexcept OSError:\n    print('read-only')\n"
    )
    needs = checkpoint_needs()
    heard: list[str] = []
    with scratch_folder() as scratch:
        ended = run_process(
            ["-c", code],
            scratch,
            threads=1,
            caps=Caps(),
            isolation="bwrap",
            readable=needs.readable,
            environment=needs.environment,
            on_line=heard.append,
        )
    assert ended.code == 0, ended.log
    assert heard == ["vocab.txt", "read-only"]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "challenge.methods.builtin.autogluon_multimodal.has_packages", lambda *_: False
    )
    with pytest.raises(
        MissingRequirement, match=r"pip install 'multimodal-challenge\[multimodal\]'"
    ):
        AutoGluonMultimodal()


def test_an_unknown_preset_gets_the_nearest_name() -> None:
    with pytest.raises(WrongUse, match="did you mean 'best'"):
        AutoGluonMultimodal(preset="bset")
