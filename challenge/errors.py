"""Everything that can be the user's or the machine's fault, in one tree.

    ChallengeError            one or more faults, each: where, found, expected, fix
    ├── WrongUse              the command line names something that is not there     exit 2
    ├── TaskError             a task.toml, challenge.toml or raw table is at fault   exit 1
    ├── SubmissionError       a predictions file, or the rules, refuse a submission  exit 1
    ├── LedgerError           the ledger or its files cannot be read or written      exit 3
    └── MissingRequirement       a client, package or permission is missing             exit 3

Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "ChallengeError",
    "Fault",
    "LedgerError",
    "MissingRequirement",
    "SubmissionError",
    "TaskError",
    "WrongUse",
    "counted",
    "nearest",
]

_SHOWN = 5


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where it is, what was found, what was expected, and its fix.

    `code` is a stable kebab-case name, `n` how many rows or values are affected, `first` up to
    five of them as text (never a label of the solution).
    """

    where: str
    found: str
    expected: str
    fix: str
    code: str = "fault"
    n: int = 1
    first: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = ""
        if self.first:
            rest = self.n - len(self.first[:_SHOWN])
            more = f" and {rest:,} more" if rest > 0 else ""
            shown = f" (first: {'; '.join(self.first[:_SHOWN])}{more})"
        # A file may be named so that a line of it reads like a message of ours.
        where = self.where.replace("\n", "\\n")
        return f"{where}: {self.found}{shown}\n  expected: {self.expected}\n  fix: {self.fix}"

    def as_json(self) -> dict[str, object]:
        """Return the fault as plain values, keys as the attribute names."""
        return {
            "code": self.code,
            "where": self.where,
            "found": self.found,
            "expected": self.expected,
            "fix": self.fix,
            "n": self.n,
            "first": list(self.first[:_SHOWN]),
        }


class ChallengeError(Exception):
    """Root of the tree: carries at least one fault; its text is all of them."""

    exit_code: ClassVar[int] = 1

    def __init__(self, first: Fault | Iterable[Fault], *more: Fault) -> None:
        faults = (first,) if isinstance(first, Fault) else tuple(first)
        self.faults: tuple[Fault, ...] = faults + more
        super().__init__("\n".join(str(fault) for fault in self.faults))


class WrongUse(ChallengeError):
    """The command line names something that is not there."""

    exit_code = 2


class TaskError(ChallengeError):
    """A task.toml, a challenge.toml or a raw table is at fault."""


class SubmissionError(ChallengeError):
    """A predictions file, or the rules of the challenge, refuse a submission."""


class LedgerError(ChallengeError):
    """The ledger or its files cannot be read or written."""

    exit_code = 3


class MissingRequirement(ChallengeError):
    """A client, a package, a permission or disk space is missing."""

    exit_code = 3


def counted(n: int, noun: str) -> str:
    """Return a count with its noun; all counts in messages and pages are written by this.

    >>> counted(1, "row"), counted(2160, "row"), counted(2, "class"), counted(0, "entry")
    ('1 row', '2,160 rows', '2 classes', '0 entries')
    """
    if n == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{n:,} {noun[:-1]}ies"
    return f"{n:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word most like `word` (case ignored), or None when none is near.

    >>> nearest("macro-f1", ["macro_f1", "accuracy"])
    'macro_f1'
    """
    import difflib

    by_folded = {candidate.casefold(): candidate for candidate in allowed}
    close = difflib.get_close_matches(word.strip().casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None
