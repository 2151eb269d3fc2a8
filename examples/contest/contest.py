"""The played contest: dates, teams, tasks, and one day of attempts."""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
from field import Player, Truth, predict, read_truth, write_labels, write_scores
from numpy.typing import NDArray
from stage import Answer, Stage

from challenge.task import Challenge

__all__ = ["CLOSES", "DAYS", "NOON", "OPENS", "PLAYERS", "Contest", "hashes_of"]

OPENS = datetime(2026, 3, 2, tzinfo=timezone.utc)
DAYS = 21
CLOSES = OPENS + timedelta(days=DAYS)
NOON = timedelta(hours=18)
"""When the act of a day begins, after its attempts."""

PLAYERS = (
    Player("Owls", 1.02, 0.016, 0.30, "images and text, stacked"),
    Player("Herons", 0.98, 0.018, 0.30, "boosted trees on embeddings"),
    Player("Füchse", 0.97, 0.014, 0.25, "TF-IDF + LR"),
    Player("狸", 0.90, 0.020, 0.20, "a small network"),
    Player("Otters", 0.80, 0.016, 0.25, "nearest neighbours"),
    Player("Bees", 0.70, 0.010, 0.20, "a forest"),
    Player("Wolves", 0.60, 0.012, 0.15, "rules by hand"),
    Player("Swifts", 0.92, 0.015, 0.30, "text only"),
    Player("Lynxes", 0.55, 0.020, 0.20, '=HYPERLINK("x")'),
)
"""Teams with daily attempts; the acts add a prober, a late team and one that withdraws."""

OTHERS = ("Magpies", "Moths", "Sloths")
_SEED = 20260302


class Contest:
    """A contest on a stage: its submissions, and the site of each day."""

    def __init__(self, stage: Stage, scratch: Path, *, small: bool) -> None:
        self.stage = stage
        self.scratch = scratch
        self.small = small
        self.challenge = Challenge(stage.root)
        self.tracks: dict[str, list[str]] = {}
        self.truths: dict[str, Truth] = {}
        self.files: dict[int, Path] = {}
        self.owners: dict[int, tuple[str, str]] = {}
        self.sites: dict[str, tuple[datetime, dict[str, str]]] = {}
        self._draw = np.random.default_rng(_SEED)
        self._number = 0

    @property
    def site(self) -> Path:
        """The folder of the leaderboard."""
        return self.challenge.leaderboard

    @property
    def tasks(self) -> list[str]:
        """All tasks, track by track."""
        return [task for tasks in self.tracks.values() for task in tasks]

    def read_truths(self) -> None:
        """Read the hidden labels of the tasks."""
        for number, task in enumerate(self.tasks):
            self.truths[task] = read_truth(self.challenge.task(task), _SEED + number)

    def seed(self) -> int:
        """Return a seed that was not used before."""
        self._number += 1
        return _SEED + self._number

    def new_path(self, ending: str) -> Path:
        """Return the path of a new file."""
        self._number += 1
        folder = self.scratch / "files"
        folder.mkdir(exist_ok=True)
        return folder / f"predictions-{self._number}{ending}"

    def hand_in(
        self, team: str, task: str, path: Path, *, method: str = "by hand", note: str = ""
    ) -> Answer:
        """Submit a file that must be accepted, and remember it."""
        words = ("submit", task, str(path), "--team", team, "--method", method, "--note", note)
        answer = self.stage.run(*words, "--json")
        document = answer.json()
        if document["identical_to"] is None:
            self.remember(document["submission"]["id"], team, task, path)
        return answer

    def remember(self, submission: int, team: str, task: str, path: Path) -> None:
        """Store the team, task and file of a submission."""
        self.files[submission] = path
        self.owners[submission] = (team, task)

    def codes(self, task: str, skill: float) -> NDArray[np.int64]:
        """Return predicted codes of a team of this skill, new chance every time."""
        return predict(self.truths[task], skill, self.seed())[0]

    def decisions(self, task: str, skill: float) -> Path:
        """Write a file of decisions by a team of this skill."""
        return write_labels(self.truths[task], self.codes(task, skill), self.new_path(".csv"))

    def play_day(self, day: int) -> None:
        """Play the attempts of all teams; Swifts leave one task out."""
        rush = (1.6 if day >= DAYS - 4 else 1.0) * (0.5 if self.small else 1.0)
        tries = [
            (float(self._draw.uniform(6, 16)), player, task)
            for player in PLAYERS
            for index, task in enumerate(self.tasks)
            if not (player.name == "Swifts" and index == 1)
            for _ in range(int(self._draw.poisson(player.tries_a_day * rush)))
        ]
        for hour, player, task in sorted(tries, key=lambda one: one[0]):
            self.stage.at(OPENS + timedelta(days=day, hours=hour))
            self._try(player, task, day)

    def _try(self, player: Player, task: str, day: int) -> None:
        skill = player.skill + player.growth * day + float(self._draw.normal(scale=0.12))
        truth = self.truths[task]
        codes, confidence = predict(truth, skill, self.seed())
        form = self._number % 3
        if form == 0:
            path = write_scores(truth, codes, confidence, self.new_path(".parquet"))
        else:
            path = write_labels(truth, codes, self.new_path(".csv" if form == 1 else ".csv.gz"))
        method = f"{player.method}, version {self._number}"
        self.hand_in(player.name, task, path, method=method, note=f"day {day + 1}")

    def build_site(self, name: str) -> Answer:
        """Write the site and remember its bytes under a name."""
        answer = self.stage.run("leaderboard", "--json")
        self.sites[name] = (self.stage.now, hashes_of(self.site))
        return answer

    def copy_task(self, source: Path) -> None:
        """Copy a built task into this challenge."""
        target = self.challenge.datasets / source.name
        for part in ("public", "private"):
            shutil.copytree(source / part, target / part)
        for file in ("task.toml", "convert.py"):
            if (source / file).is_file():
                shutil.copy2(source / file, target / file)


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
