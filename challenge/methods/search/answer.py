"""The result of a search: as JSON for scripts, and as a file that runs the best options."""

from __future__ import annotations

import importlib.metadata
import math
from dataclasses import dataclass
from typing import Any

from challenge.methods.installed import ENTRY_POINTS
from challenge.methods.method_sources import BUILTINS, MethodSource
from challenge.methods.search.declared import Declared
from challenge.methods.search.regret import fold_error
from challenge.methods.search.search_loop import RULES, Search, Stop
from challenge.methods.search.trial import Trial
from challenge.task import Task

__all__ = ["Tuning", "tuned_file", "tuning_as_json"]


@dataclass(frozen=True)
class Tuning:
    """A search with its task, its method and its stopping rule."""

    task: Task
    source: MethodSource
    declared: Declared
    stop: Stop
    n_allowed: int
    seed: int
    threads: int
    search: Search

    def shown(self, merit: float) -> float:
        """Return a value of the search in the unit of the task's metric."""
        return self.task.kind.metrics[self.task.metric].merit(merit)

    @property
    def seconds(self) -> float:
        """Seconds of all trials, including those kept from an earlier call."""
        return math.fsum(trial.seconds for trial in self.search.trials)

    @property
    def gain(self) -> float | None:
        """Gain of the best trial over the method's default options, None without those."""
        first = self.search.trials[0]
        if not self.declared.defaults or first.failed:
            return None
        return self.search.best.value - first.value


def tuning_as_json(tuning: Tuning) -> dict[str, Any]:
    """Return the search as plain values: the trials, the two curves, where each rule would stop."""
    found = tuning.search
    return {
        "format": 1,
        "task": tuning.task.id,
        "data_digest": tuning.task.data_digest,
        "metric": tuning.task.metric,
        "method": tuning.source.name,
        "method_digest": tuning.source.digest[:16],
        "seed": tuning.seed,
        "threads": tuning.threads,
        "space": {name: d.as_json() for name, d in tuning.declared.space.items()},
        "defaults": dict(tuning.declared.defaults),
        "stop": tuning.stop,
        "stopped": found.stopped,
        "n_allowed": tuning.n_allowed,
        "n_trials": len(found.trials),
        "n_failed": sum(trial.failed for trial in found.trials),
        "seconds": round(tuning.seconds, 1),
        "would_stop": {rule: found.stop_of(rule) for rule in RULES},
        "best": _trial_as_json(tuning, found.best)
        | {
            "value": tuning.shown(found.best.value),
            "error": fold_error(found.best.fold_scores),
        },
        "gain": tuning.gain,
        "looks": [vars(look) | {"best": tuning.shown(look.best)} for look in found.looks],
        "trials": [_trial_as_json(tuning, trial) for trial in found.trials],
    }


def _trial_as_json(tuning: Tuning, trial: Trial) -> dict[str, Any]:
    return trial.as_json() | {"fold_scores": [tuning.shown(score) for score in trial.fold_scores]}


def tuned_file(tuning: Tuning) -> str:
    """Return Python code in which `tuned` is the method with the options found best.

    The code of a method from a file is copied into it, so that one file determines the result.
    """
    best, source = tuning.search.best, tuning.source
    text = (
        f"{source.name} with the options that a search found best on {tuning.task.id}:\n"
        f"{tuning.task.metric} {tuning.shown(best.value):.4f} out of fold, trial {best.number} of "
        f"{len(tuning.search.trials)}."
    )
    options = "".join(f"    {name}={value!r},\n" for name, value in sorted(best.options.items()))
    if source.file is not None:
        name = source.spec.rpartition(":")[2]
        code = source.file.read_text(encoding="utf-8").rstrip("\n")
        comment = "".join(f"# {line}\n" for line in text.splitlines())
        return (
            f"{code}\n\n\n{comment}import functools  # noqa: E402\n\n"
            f"tuned = functools.partial(\n    {name},\n{options})\n"
        )
    module, name = BUILTINS.get(source.spec) or _offered(source.spec)
    return (
        f'"""{text}\n"""\n\nfrom functools import partial\n\nfrom {module} import {name}\n\n'
        f"tuned = partial(\n    {name},\n{options})\n"
    )


def _offered(name: str) -> tuple[str, str]:
    (entry,) = importlib.metadata.entry_points(group=ENTRY_POINTS, name=name)
    return entry.module, entry.attr
