"""Nothing that is published counts the rows, clusters or labels of a subset."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from challenge.board.site import build_site
from challenge.ledger import (
    Ledger,
    close,
    compare,
    history,
    open_ledger,
    read_snapshot,
    refresh,
    submit,
)
from challenge.task.coarse import coarse
from challenge.task.export import export_task
from tests.ledger.toy import CONTEST, make_challenge, make_task, subsets_of, truth_of, write_hits

N = 1997
_NUMBER = re.compile(r"(?<![\w.#-])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Return a contest that runs, of one task with 739 public rows and three submissions."""
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    toml = CONTEST.format(per_day=5).replace("closes = 2026-02-01", "closes = 2026-01-09")
    challenge = make_challenge(tmp_path / "c", toml)
    make_task(challenge, "toy", n=N, public=0.37)
    return open_ledger(challenge)


def counts_of(ledger: Ledger) -> dict[float, str]:
    """Return the exact counts of each subset, and what one row of it is worth."""
    task = ledger.challenge.task("toy")
    subsets = subsets_of(task)
    counts = {float(n): f"{name} rows" for name, n in Counter(subsets).items()}
    for (name, label), n in Counter(zip(subsets, truth_of(task), strict=True)).items():
        counts[float(n)] = f"{name} rows of {label}"
    return counts


def found_in(text: str, counts: dict[float, str]) -> list[str]:
    """Return the counts that a text names as numbers, or as the reciprocals of numbers."""
    text = re.sub(r"<(style|script|svg).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL)
    found = []
    for token in _NUMBER.findall(text):
        value = float(token.replace(",", ""))
        if value in counts:
            found.append(f"{token}: {counts[value]}")
        for count, what in counts.items():
            if 0 < value < 0.5 and len(token) > 4 and round(1 / value, 1) == count:
                found.append(f"{token}: 1 / {what}")
    return found


def published(ledger: Ledger, folder: Path, said: list[object]) -> dict[str, str]:
    """Return all texts that a contest publishes or sends to teams."""
    build_site(ledger, folder / "site")
    texts = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((folder / "site").rglob("*"))
        if path.suffix in (".html", ".json", ".csv") and path.name != "manifest.json"
    }
    export_task(ledger.challenge.task("toy"), folder / "toy.zip")
    with zipfile.ZipFile(folder / "toy.zip") as zipped:
        for name in zipped.namelist():
            if name.endswith(".json"):
                texts[f"export {name}"] = zipped.read(name).decode()
    said += [row.as_json() for row in history(ledger)]
    said.append(ledger.challenge.task("toy").document)
    snapshot = read_snapshot(ledger)
    said += [score and score.as_json() for _, score in snapshot.entries_of(1)]
    texts["answers"] = json.dumps(said, default=str)
    return texts


def hand_in(ledger: Ledger, folder: Path) -> list[object]:
    """Submit under two names; return what is answered."""
    task, said = ledger.challenge.task("toy"), list[object]()
    for number, (team, hits) in enumerate((("Ada", 300), ("Ada", 420), ("Bob", 380))):
        path = write_hits(task, folder / "x.csv", hits, subset="public", salt=number)
        receipt = submit(ledger, task, path, team=team, method=f"m{number}")
        said += [receipt.as_json(), *receipt.lines()]
    refresh(ledger)
    return said


def test_a_running_contest_publishes_no_exact_count(ledger: Ledger, tmp_path: Path) -> None:
    counts = counts_of(ledger)
    assert 739.0 in counts and len(counts) == 8
    said = hand_in(ledger, tmp_path)
    said.append(compare(ledger, 1, 2).as_json())
    leaks = {
        name: found
        for name, text in published(ledger, tmp_path, said).items()
        if (found := found_in(text, counts))
    }
    assert leaks == {}


def test_a_closed_contest_publishes_no_exact_count(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = counts_of(ledger)
    said = hand_in(ledger, tmp_path)
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-09T12:00:00Z")
    close(ledger)
    leaks = {
        name: found
        for name, text in published(ledger, tmp_path, said).items()
        if (found := found_in(text, counts))
    }
    assert leaks == {}


def test_a_benchmark_keeps_the_exact_size_of_the_test_set(tmp_path: Path) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c", n=101))
    task = ledger.challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", 50)
    receipt = submit(ledger, task, path, team="Ada", method="m")
    assert receipt.score is not None
    assert receipt.score.n == 101
    assert receipt.score.resolution == pytest.approx(1 / 101)


@pytest.mark.parametrize("n", [2, 7, 37, 345, 739, 12_345])
def test_many_counts_share_one_coarse_figure(n: int) -> None:
    alike = [other for other in range(1, 4 * n) if coarse(other) == coarse(n)]
    assert len(alike) > 0.4 * n or n < 4
    assert max(alike) <= 2.6 * min(alike)
