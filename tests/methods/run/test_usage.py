"""What a cell uses is read while its processes come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from challenge.methods.run.supervisor import _living_thread


def test_a_process_that_ends_while_its_threads_are_listed_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def glob(path: Path, pattern: str) -> Iterator[Path]:
        # As `os.scandir` raises for a folder of /proc that was there a moment before.
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "glob", glob)
    assert _living_thread(1) is None
