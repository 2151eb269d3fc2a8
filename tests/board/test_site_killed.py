"""A build that is killed for good: whole pages at every moment, and the next build ends it."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import time
from pathlib import Path

import pytest

from challenge.board.site import write_site
from tests.board.showcase import showcase


@pytest.mark.slow
def test_pages_are_whole_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    states = [showcase(n_teams=n, n_each=2, seed=n) for n in (8, 9)]
    whole: list[dict[str, bytes]] = []
    for place, state in enumerate(states):
        write_site(state, tmp_path / str(place))
        whole.append(_files(tmp_path / str(place)))
    allowed = {*whole[0].items(), *whole[1].items()}
    site, dice, longest_s, killed = tmp_path / "site", random.Random(3), 1.0, 0
    write_site(states[0], site)
    context = multiprocessing.get_context("fork")
    for number in range(1, 9):
        child = context.Process(target=write_site, args=(states[number % 2], site))
        began = time.monotonic()
        child.start()
        child.join(dice.random() * longest_s)
        if child.is_alive():
            child.kill()
            child.join()
        else:
            longest_s = time.monotonic() - began
        killed += child.exitcode != 0
        for name, data in _files(site).items():
            assert name == "manifest.json" or (name, data) in allowed, name
    assert killed
    for state, files in zip(states, whole, strict=True):
        write_site(state, site)
        assert _files(site) == files


def _files(out: Path) -> dict[str, bytes]:
    """Return the files that a visitor can ask for; hidden ones are unfinished."""
    found = {}
    for path in out.rglob("*"):
        name = path.relative_to(out)
        with contextlib.suppress(IsADirectoryError):
            if not any(part.startswith(".") for part in name.parts):
                found[name.as_posix()] = path.read_bytes()
    return found
