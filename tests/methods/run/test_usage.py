"""What a cell uses is read while its processes come and go."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from challenge.methods.run.supervisor import _living_thread, _tree


def test_a_process_that_ends_while_its_threads_are_listed_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def glob(path: Path, pattern: str) -> Iterator[Path]:
        # As `os.scandir` raises for a folder of /proc that was there a moment before.
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "glob", glob)
    assert _living_thread(1) is None


def test_any_process_may_end_while_those_of_a_cell_are_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look, listed = os.stat, [entry.name for entry in Path("/proc").iterdir()]

    def stat(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        # As the kernel answers for a process that has just ended.
        if str(path).startswith("/proc/") and str(path).endswith("/stat"):
            raise ProcessLookupError(errno.ESRCH, "No such process", str(path))
        return look(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    monkeypatch.setattr(os, "listdir", lambda path: [*listed, "99999999"])
    seen, _, n_threads = _tree(os.getpid())
    assert os.getpid() in seen and n_threads > 0
