"""Machine-learning challenges on multimodal tables.

>>> import challenge as ch
>>> task = ch.load_task("icon-tag")  # doctest: +SKIP
>>> task.train, task.images.open(task.train["image"][0])  # doctest: +SKIP
>>> ch.run("linear", task, cv=True).score  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.version import __version__

if TYPE_CHECKING:
    from challenge.api.challenge_board import Board, Receipt, Standings
    from challenge.api.check_report import CheckReport
    from challenge.api.loaded_task import LoadedTask, load_task
    from challenge.api.local_runs import LocalRun, run
    from challenge.api.two_compared import Compared, compare
    from challenge.errors import (
        ChallengeError,
        Fault,
        LedgerError,
        MissingRequirement,
        SubmissionError,
        TaskError,
        WrongUse,
    )

_MODULES = {
    "api.challenge_board": ("Board", "Receipt", "Standings"),
    "api.check_report": ("CheckReport",),
    "api.loaded_task": ("LoadedTask", "load_task"),
    "api.local_runs": ("LocalRun", "run"),
    "api.two_compared": ("Compared", "compare"),
    "errors": (
        *("ChallengeError", "Fault", "LedgerError", "MissingRequirement"),
        *("SubmissionError", "TaskError", "WrongUse"),
    ),
}

__all__ = [
    "Board",
    "ChallengeError",
    "CheckReport",
    "Compared",
    "Fault",
    "LedgerError",
    "LoadedTask",
    "LocalRun",
    "MissingRequirement",
    "Receipt",
    "Standings",
    "SubmissionError",
    "TaskError",
    "WrongUse",
    "__version__",
    "compare",
    "load_task",
    "run",
]


def __getattr__(name: str) -> Any:
    # The command line starts here too, and must not wait for what it may never use.
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"challenge.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
