"""A search's two requests to a method: its search space, and a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from challenge.errors import WrongUse
from challenge.methods.method_sources import MethodSource
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.exchange import (
    DeclareResult,
    Request,
    TrialResult,
    ask,
    invalid_answer,
)
from challenge.methods.run.sandbox import Isolation
from challenge.methods.run.supervisor import Caps
from challenge.methods.space import Space, Value, dimension_from_json, holds_options
from challenge.task import Task

__all__ = ["Declared", "read_space", "run_trial"]


@dataclass(frozen=True)
class Declared:
    """The search space of a method on a task, and its default options."""

    space: Space
    defaults: Mapping[str, Value] = field(default_factory=dict)


def read_space(source: MethodSource, task: Task, isolation: Isolation = "none") -> Declared:
    """Read the search space of the method on the task, in a separate process.

    Raises WrongUse when it declares nothing, or names unknown parameters of its `__init__`.
    """
    request = Request("declare", source, task, isolation=isolation)
    result: DeclareResult = ask(request, DeclareResult).result
    try:
        space = {
            name: dimension_from_json(entry.model_dump()) for name, entry in result.space.items()
        }
    except WrongUse:
        raise invalid_answer(request.where, "space: a range that holds no number") from None
    defaults = result.defaults
    if defaults and not holds_options(space, defaults):
        raise invalid_answer(request.where, "defaults: not in the space") from None
    return Declared(space, defaults)


def run_trial(
    source: MethodSource,
    task: Task,
    options: Mapping[str, Value],
    *,
    seed: int,
    threads: int = 2,
    isolation: Isolation = "none",
    caps: Caps | None = None,
    progress: Progress = silent,
) -> bytes:
    """Fit and predict; return the file of out-of-fold predictions, as Parquet.

    Raises MissingRequirement when a requirement of the method is not installed, ChallengeError when
    it crashed, was stopped at a cap or wrote nothing.
    """
    chosen = {"seed": seed, "threads": threads, **options}
    request = Request("trial", source, task, chosen, threads, isolation, caps or Caps())
    return ask(request, TrialResult, progress).predictions
