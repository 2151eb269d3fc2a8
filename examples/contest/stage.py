"""The stage of a played contest: one challenge directory, a simulated clock, and the commands.

Commands run in this process through the entry point of the shell command, so that two hundred of
them take seconds. Their output and exit codes are kept.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from challenge.cli import main

__all__ = ["Answer", "Stage"]


@dataclass(frozen=True)
class Answer:
    """The result of a command: exit code, stdout and stderr."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Return what the command wrote as JSON."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def codes(self) -> set[str]:
        """Return the codes of the faults that a command with --json reported."""
        return {fault["code"] for fault in self.json().get("faults", [])}


@dataclass
class Stage:
    """Runs commands at the time of its clock; keeps every answer and every fact."""

    root: Path
    now: datetime
    answers: list[Answer] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    talk: bool = True

    def at(self, moment: datetime) -> None:
        """Set the clock; it only goes forward."""
        self.now = max(self.now, moment)

    def run(self, *words: str, code: int = 0, says: str = "") -> Answer:
        """Run `challenge -C ROOT WORDS…`; AssertionError for another exit code or text.

        A second passes with every command.
        """
        self.now += timedelta(seconds=1)
        answer = _run(("-C", str(self.root), *words), self.now)
        self.answers.append(answer)
        shown = f"challenge {' '.join(words)}\nexit code {answer.code}\n{answer.out}{answer.err}"
        assert answer.code == code, f"exit code {code} was expected:\n{shown}"
        assert says in answer.out + answer.err, f"{says!r} was expected:\n{shown}"
        assert "Traceback" not in answer.out + answer.err, shown
        return answer

    def refused(self, *words: str, fault: str, code: int = 1) -> Answer:
        """Run a command that must be refused with a fault of this code and all four parts."""
        answer = self.run(*words, "--json", code=code)
        assert fault in answer.codes(), f"{fault} was expected: {answer.out}"
        for one in answer.json()["faults"]:
            assert all(one[part] for part in ("where", "found", "expected", "fix")), one
        return answer

    def hold(self, fact: str, holds: bool) -> None:
        """Store a fact; AssertionError when it does not hold."""
        assert holds, f"does not hold: {fact}"
        self.facts.append(fact)
        if self.talk:
            print(f"{self.now:%d %b %H:%M}  {fact}", flush=True)


def _run(words: tuple[str, ...], now: datetime) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["challenge", *words]),
        mock.patch.dict(os.environ, {"CHALLENGE_NOW": now.isoformat()}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else int(done.code is not None)
    return Answer(words[2:], code, out.getvalue(), err.getvalue())
