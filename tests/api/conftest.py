"""A contest with one small built task, as the working directory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import challenge as ch
from challenge.task.export import export_task
from tests.toy import build_parcels


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("contest")
    export_task(build_parcels(root), root / "parcels.zip")
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    """A contest of its own for each test: none depends on what another one submitted."""
    return shutil.copytree(built, tmp_path / "contest")


@pytest.fixture
def task(root: Path, monkeypatch: pytest.MonkeyPatch) -> ch.LoadedTask:
    monkeypatch.setenv("CHALLENGE_CACHE", str(root / "downloads"))
    monkeypatch.chdir(root)
    return ch.load_task("parcels")
