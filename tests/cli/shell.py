"""Commands as users type them, run in this process through the entry point of the shell."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from challenge.cli import main


@dataclass(frozen=True)
class Answer:
    """Exit code, stdout and stderr of a command."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    def fault(self) -> str:
        """Return the name of the first fault of an answer in JSON."""
        code: str = self.json()["faults"][0]["code"]
        return code


def shell(root: Path, *words: str, now: str = "2026-01-05T12:00:00Z") -> Answer:
    """Run `challenge -C ROOT WORDS…` at a time; anything but an exit is a bug and is raised."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["challenge", "-C", str(root), *words]),
        mock.patch.dict(os.environ, {"CHALLENGE_NOW": now}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else int(done.code is not None)
    return Answer(code, out.getvalue(), err.getvalue())


def refused(answer: Answer, code: int, *words: str) -> None:
    """Assert that a command was refused in four parts, with these words, and said no result."""
    assert answer.code == code, answer
    assert answer.out == ""
    assert "expected: " in answer.err and "fix: " in answer.err, answer.err
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err
