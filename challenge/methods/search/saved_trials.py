"""Finished trials on disk, so that a search which was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from challenge.methods.method_sources import MethodSource
from challenge.methods.search.declared import Declared
from challenge.methods.search.trial import Trial, trial_from_json
from challenge.task import Task, dump_json, read_json, write_atomically

__all__ = ["KeptTrials"]


@dataclass(frozen=True)
class KeptTrials:
    """The folder of one search: this data, this code, this space, this seed and these threads.

    Neither the number of trials nor the rule that stops belongs to it: each trial depends on those
    before it alone.
    """

    folder: Path

    @classmethod
    def of(
        cls, task: Task, source: MethodSource, declared: Declared, seed: int, threads: int
    ) -> KeptTrials:
        """Return the folder of a search in the task's cache."""
        space = {name: dimension.as_json() for name, dimension in declared.space.items()}
        question = {
            "task": task.data_digest,
            "method": source.digest,
            "space": space,
            "defaults": dict(declared.defaults),
            "seed": seed,
            "threads": threads,
        }
        digest = hashlib.sha256(dump_json(question).encode()).hexdigest()[:32]
        return cls(task.cache / "tuning" / digest)

    def read(self) -> list[Trial]:
        """Return the trials from the first to the last before one that is missing or damaged."""
        found: list[Trial] = []
        while True:
            try:
                document: Any = read_json(self._file(len(found) + 1))
                if document["format"] != 1:
                    return found
                found.append(trial_from_json(document))
            except (OSError, ValueError, KeyError, TypeError):
                return found

    def keep(self, trial: Trial) -> None:
        """Store a finished or failed trial."""
        document = {**trial.as_json(), "format": 1}
        write_atomically(self._file(trial.number), dump_json(document))

    def _file(self, number: int) -> Path:
        return self.folder / f"trial-{number:04}.json"
