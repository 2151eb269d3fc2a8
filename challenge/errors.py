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

import errno
import re
import unicodedata
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
    "machine_fault",
    "meant",
    "nearest",
    "plain_form",
    "require_unix",
]

_SHOWN = 5
_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*)|,0{1,2})?(?:e([+-]?[0-9]{1,3}))?")
_LOOKS = str.maketrans({**dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
                        **dict.fromkeys("\u2018\u2019\u00b4`", "'"),
                        **dict.fromkeys("\u201c\u201d\u201e", '"')})  # fmt: skip
"""Dashes and quotes, and what typesetting makes of them."""
_ROOM = ("free space", "free some space or name another disk, then repeat")
_LACKS = {
    errno.ENOSPC: ("no room: the disk is full", *_ROOM),
    errno.EDQUOT: ("no room: the disk quota is used up", *_ROOM),
    errno.EFBIG: ("no room: a file reached the size limit of this user or disk", *_ROOM),
    errno.EROFS: ("cannot be written: the disk is read-only", "a writable folder",
                  "mount it writable or name another folder"),
    errno.EACCES: ("permission denied", "access for this user", "change owner or mode"),
    errno.EPERM: ("not permitted", "access for this user", "change owner or mode"),
    errno.EIO: ("the disk reports an input/output error", "a disk that can be read and written",
                "repair the disk or name another folder"),
    errno.ENAMETOOLONG: ("name too long", "a name that the disk takes", "shorten it"),
    errno.ELOOP: ("a link to itself", "a file or folder", "correct the link"),
    errno.ENOTDIR: ("a file where a folder is expected", "a folder", "correct the path"),
    errno.EEXIST: ("a file where a folder or nothing is expected", "a folder, or a free name",
                   "move it away or name another path"),
    errno.EISDIR: ("a folder", "a file", "correct the path"),
}  # fmt: skip


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


def counted(n: int, noun: str, verb: str = "", verbs: str = "") -> str:
    """Return a count with its noun; all counts in messages and pages are written by this.

    `verb` follows one thing, `verbs` several or none.

    >>> counted(1, "row"), counted(2160, "row"), counted(2, "class"), counted(0, "entry")
    ('1 row', '2,160 rows', '2 classes', '0 entries')
    >>> counted(1, "row", "has", "have"), counted(2, "row", "has", "have")
    ('1 row has', '2 rows have')
    """
    if n == 1:
        return f"1 {noun} {verb}".rstrip()
    if noun.endswith("y") and noun[-2] not in "aeiou":
        nouns = f"{noun[:-1]}ies"
    else:
        nouns = f"{noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"
    return f"{n:,} {nouns} {verbs}".rstrip()


def machine_fault(error: OSError, where: str, *, code: str = "environment") -> Fault | None:
    """Return what the machine lacks: room, permission, a folder; None for an error of ours.

    `where` is used when the error names no file.
    """
    if error.errno == errno.ENOENT and "usable temporary directory" in str(error):
        # This is how `tempfile` reports that all its folders are full or closed.
        found = "no room or permission in any folder for temporary files"
        expected = "a folder with free space that this user may write"
        fix = "free some space or name another folder with TMPDIR, then repeat"
        return Fault(where, found, expected, fix, code=code)
    if error.errno not in _LACKS:
        return None
    return Fault(str(error.filename or where), *_LACKS[error.errno], code=code)


def require_unix(where: str) -> None:
    """Raise MissingRequirement on a system that cannot limit a process (Windows)."""
    try:
        import resource
    except ImportError:
        raise MissingRequirement(
            Fault(
                where,
                "this system limits no process: Python has no module `resource`",
                "Linux or macOS",
                "on Windows use WSL 2 or a Linux container; show, check and score work as they are",
                code="system-unsupported",
            )
        ) from None
    del resource


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word most like `word` (case ignored), or None when none is near.

    >>> nearest("macro-f1", ["macro_f1", "accuracy"])
    'macro_f1'
    """
    import difflib

    by_folded = {candidate.casefold(): candidate for candidate in allowed}
    close = difflib.get_close_matches(word.strip().casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def meant(word: str, allowed: Iterable[str], otherwise: str) -> str:
    """Return the fix of an unknown name: the allowed one most like it, or `otherwise`.

    >>> meant("lokal", ["local", "dask"], "name one"), meant("x", ["local", "dask"], "name one")
    ("did you mean 'local'?", 'name one')
    """
    guess = nearest(word, allowed)
    return f"did you mean {guess!r}?" if guess else otherwise


def plain_form(text: str) -> str:
    """Return a text without what is only its form, so that equal results mean the same value.

    Forms differ in blanks, case, the normal form of Unicode, invisible characters, dashes and
    quotes, and in how the same number is written.

    >>> plain_form(" Red  Oak "), plain_form("07.0"), plain_form("7.50"), plain_form("-0")
    ('red oak', '7', '7.5', '0')
    >>> plain_form("1e0"), plain_form("+1200"), plain_form("1.2E3"), plain_form("0,0")
    ('1', '1200', '1200', '0')
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_LOOKS)
    if not plain.isascii():
        plain = "".join(one for one in plain if unicodedata.category(one) != "Cf")
    plain = " ".join(plain.split())
    number = _NUMBER.fullmatch(plain)
    return plain if number is None else _plain_number(*number.groups())


def _plain_number(sign: str, whole: str, fraction: str | None, exponent: str | None) -> str:
    """Return one form of a decimal number; exact, and linear in the number of digits."""
    digits = (whole + (fraction or "")).lstrip("0")
    n_before = len(whole) + int(exponent or 0) - (len(whole + (fraction or "")) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    if n_before <= 0:
        plain = "0." + "0" * -n_before + digits
    elif n_before >= len(digits):
        plain = digits + "0" * (n_before - len(digits))
    else:
        plain = f"{digits[:n_before]}.{digits[n_before:]}"
    return f"-{plain}" if sign == "-" else plain
