"""Pages drawn in several processes: the same bytes, and no fault is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from challenge.board import page_processes
from challenge.board.page_processes import Group, n_processes, write_groups
from challenge.board.site import write_site
from challenge.board.writer import open_site
from challenge.errors import MissingRequirement
from tests.board.showcase import showcase


def contents(site: Path) -> dict[str, bytes]:
    return {str(file.relative_to(site)): file.read_bytes() for file in files_of(site)}


def files_of(site: Path) -> list[Path]:
    return sorted(path for path in site.rglob("*") if path.is_file())


def names(job: str) -> Iterator[Group]:
    yield job, "mark", [(f"{job}.txt", f"{job} by {os.getpid()}")]


def test_several_processes_write_the_bytes_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = showcase("closed", n_teams=9, n_each=2)
    one = write_site(snapshot, tmp_path / "one")
    monkeypatch.setattr("challenge.board.site.n_processes", lambda n: 3 if n else 1)
    several = write_site(snapshot, tmp_path / "several")
    assert (several.pages, several.written) == (one.pages, one.written)
    assert contents(tmp_path / "several") == contents(tmp_path / "one")
    again = write_site(snapshot, tmp_path / "several")
    assert (again.pages, again.written, again.removed) == (one.pages, 0, 0)


def test_each_job_is_done_once_by_another_process(tmp_path: Path) -> None:
    with open_site(tmp_path) as writer:
        write_groups(writer, iter("abcdefg"), names, 2)
        writer.finish()
        assert writer.n_written == 7
    texts = [(tmp_path / f"{name}.txt").read_text().split(" by ") for name in "abcdefg"]
    assert [name for name, _ in texts] == list("abcdefg")
    processes = [int(process) for _, process in texts]
    assert len(set(processes)) == 2
    assert os.getpid() not in processes
    assert not (tmp_path / ".building").exists()


def test_what_a_process_raises_is_raised_here(tmp_path: Path) -> None:
    def full(job: str) -> Iterator[Group]:
        raise OSError(28, "No space left on device", job)
        yield

    with pytest.raises(MissingRequirement, match="cannot write the site"), open_site(tmp_path) as w:
        write_groups(w, iter("ab" * 100), full, 2)


def test_a_process_that_is_killed_is_a_fault_with_a_fix(tmp_path: Path) -> None:
    def killed(job: str) -> Iterator[Group]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield from names(job)

    with pytest.raises(MissingRequirement) as caught, open_site(tmp_path) as writer:
        write_groups(writer, iter("ab" * 100), killed, 2)
    (fault,) = caught.value.faults
    assert fault.code == "site-process-ended"


def test_few_teams_are_drawn_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_processes, "_MANY", 10)
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    assert (n_processes(9), n_processes(10)) == (1, 3)
    monkeypatch.setattr("threading.active_count", lambda: 2)
    assert n_processes(10) == 1
