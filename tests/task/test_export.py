import os
import zipfile
from pathlib import Path

import pytest

from challenge.errors import WrongUse
from challenge.task import Task, find_task
from challenge.task.export import export_task
from tests.toy import build_toy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("export"), n=120)


def test_the_same_files_give_the_same_bytes(task: Task, tmp_path: Path) -> None:
    said: list[str] = []
    one = export_task(task, tmp_path / "one.zip", progress=said.append)
    for file in task.public.iterdir():
        os.utime(file)
    two = export_task(task, tmp_path / "two.zip")
    assert one == two
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_what_was_unzipped_is_the_task(task: Task, tmp_path: Path) -> None:
    export_task(task, tmp_path / "task.zip")
    with zipfile.ZipFile(tmp_path / "task.zip") as archive:
        archive.extractall(tmp_path)
        names = archive.namelist()
    assert all(name.startswith("toy-classification/") for name in names)
    assert not [name for name in names if "secret" in name or "solution" in name]
    unzipped = find_task(str(tmp_path / "toy-classification"), tmp_path)
    assert unzipped.data_digest == task.data_digest
    for file in task.public.rglob("*"):
        if file.is_file():
            copy = unzipped.public / file.relative_to(task.public)
            assert copy.read_bytes() == file.read_bytes()


def test_links_are_not_followed(task: Task, tmp_path: Path) -> None:
    link = task.public / "link"
    link.symlink_to(task.private / "secret")
    try:
        export_task(task, tmp_path / "task.zip")
    finally:
        link.unlink()
    with zipfile.ZipFile(tmp_path / "task.zip") as archive:
        assert "toy-classification/link" not in archive.namelist()


def test_nothing_is_replaced_and_the_same_zip_stays(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "notes.toml"
    path.write_text("mine")
    with pytest.raises(WrongUse) as caught:
        export_task(task, path)
    assert caught.value.faults[0].code == "output-exists"
    assert path.read_text() == "mine"
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w"):
        pass
    with pytest.raises(WrongUse):
        export_task(task, other)
    older = tmp_path / "older.zip"
    assert export_task(task, older) == export_task(task, older)
