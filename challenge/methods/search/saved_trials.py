"""Finished trials on disk, so that an interrupted search continues where it stopped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from challenge.errors import ChallengeError
from challenge.methods.method_sources import MethodSource
from challenge.methods.run.exchange import (
    Finite,
    Name,
    Seconds,
    StrictAnswer,
    Text,
    UsedValue,
    parse_answer,
)
from challenge.methods.run.handover import MOST_CHARACTERS, open_plain
from challenge.methods.search.declared import Declared
from challenge.methods.search.trial import Trial, trial_from_json
from challenge.methods.space import Space, holds_options
from challenge.task import Task, dump_json, write_atomically

__all__ = ["KeptTrials"]

_MOST_BYTES = 1 << 20


class _KeptTrial(StrictAnswer):
    """The content of the file of a trial."""

    format: Literal[1]
    number: int
    options: dict[Name, UsedValue]
    fold_scores: Annotated[list[Finite], Field(max_length=1000)]
    seconds: Seconds
    reason: Text
    figures: dict[Text, Finite | None]


@dataclass(frozen=True)
class KeptTrials:
    """The folder of one search, named by data, code, space, seed and threads.

    The number of trials and the stopping rule are not in the name, since each trial depends on
    earlier ones only.
    """

    folder: Path
    space: Space

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
        return cls(task.cache / "tuning" / digest, declared.space)

    def read(self) -> list[Trial]:
        """Return the trials from the first to the last before one that is missing or damaged.

        A file that is not a plain one, or not a trial of this space, is damaged.
        """
        found: list[Trial] = []
        while (trial := self._read(len(found) + 1)) is not None:
            found.append(trial)
        return found

    def keep(self, trial: Trial) -> None:
        """Store a finished or failed trial."""
        # A file with a longer reason would be refused when it is read.
        reason = trial.reason[:MOST_CHARACTERS]
        document = {**trial.as_json(), "reason": reason, "format": 1}
        write_atomically(self._file(trial.number), dump_json(document))

    def _read(self, number: int) -> Trial | None:
        try:
            with open_plain(self._file(number)) as opened:
                data = opened.read(_MOST_BYTES)
            kept = parse_answer(data, _KeptTrial, "a kept trial")
        except (OSError, ChallengeError):
            return None
        whole = kept.number == number and holds_options(self.space, kept.options)
        return trial_from_json(kept.model_dump()) if whole else None

    def _file(self, number: int) -> Path:
        return self.folder / f"trial-{number:04}.json"
