"""All attacks on a challenge, one kind after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence

from challenge.scoring.attacks import Attack
from challenge.task import Challenge, Task
from challenge.task.settings import Settings

__all__ = ["ATTACK_KINDS", "run_attacks"]

ATTACK_KINDS = {
    "guesses": "labels and subsets guessed from ids, order, shared records and constant answers",
    "ladder": "climbing the public board without knowledge, with one team and with many",
    "leaks": "leaks planted into a copy of each task, for its audit to find",
    "files": "broken and hostile files through check, submit and the inbox",
    "methods": "a hostile method in the sandbox: links, forged answers, floods, ways out",
}
"""The kinds of attacks, and what each does."""

_BASELINE_SECONDS = 120.0
"""For the runs of the method whose answers are inverted, all tasks together."""


def run_attacks(
    challenge: Challenge,
    settings: Settings,
    tasks: Sequence[str],
    kinds: Collection[str] = tuple(ATTACK_KINDS),
    *,
    progress: Callable[[str], None],
) -> Iterator[Attack]:
    """Yield the outcome of each attack of these kinds on these built tasks.

    Works on copies in temporary folders; the ledger, the inbox and built files are not changed.
    """
    from challenge.attack.file_attack import file_attacks
    from challenge.attack.ladder_climb import ladder_attacks
    from challenge.attack.method_attack import method_attacks
    from challenge.attack.planted_leaks import leak_attacks
    from challenge.attack.trivial_answers import trivial_attacks
    from challenge.scoring.attacks import attacks_on_task

    left = _BASELINE_SECONDS
    built = [challenge.task(name) for name in tasks]
    small = _smallest(built)
    for task in built:
        if "guesses" in kinds:
            progress(f"{task.id}: guesses")
            yield from attacks_on_task(task)
            started = time.monotonic()
            yield from trivial_attacks(task, max(left, 1.0))
            left -= time.monotonic() - started
        if "ladder" in kinds:
            progress(f"{task.id}: climbing the Ladder")
            yield from ladder_attacks(task, settings)
        if "leaks" in kinds:
            progress(f"{task.id}: planting leaks")
            yield from leak_attacks(task)
        if "files" in kinds and task in small.values():
            progress(f"{task.id}: handing in bad files")
            yield from file_attacks(task)
    if "methods" in kinds and small:
        progress("running hostile methods in the sandbox")
        yield from method_attacks(min(small.values(), key=_size))


def _smallest(tasks: Sequence[Task]) -> dict[str, Task]:
    """Return the smallest task of each kind: files and methods meet the same code on the others."""
    return {task.kind.name: task for task in sorted(tasks, key=_size, reverse=True)}


def _size(task: Task) -> int:
    return task.n_train + task.n_test
