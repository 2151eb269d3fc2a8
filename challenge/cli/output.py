"""How answers look: aligned tables and JSON on stdout, notes and progress on stderr."""

from __future__ import annotations

import json
import sys
import threading
import time
import unicodedata
from collections.abc import Sequence
from types import TracebackType

import typer

from challenge.task import dump_json

__all__ = ["Progress", "plain", "print_json", "print_note", "print_table", "say"]

_HEARTBEAT_S = 10.0


def say(text: str = "") -> None:
    """Write a result; what the terminal cannot show is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    shown = plain(text, keep="\n").encode(encoding, "backslashreplace").decode(encoding)
    typer.echo(shown)


def print_note(text: str) -> None:
    """Write something beside the result."""
    typer.echo(plain(text, keep="\n"), err=True)


def print_json(value: object) -> None:
    """Write a result for scripts: valid JSON whatever the names in it and the terminal."""
    text = dump_json(value)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, sort_keys=True, indent=2) + "\n"
    typer.echo(text, nl=False)


def plain(text: str, keep: str = "") -> str:
    r"""Return the text with control and direction characters made visible.

    Names are given by users: an escape sequence must not reach the terminal.

    >>> plain("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(
        character
        if character in keep or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else character.encode("unicode_escape").decode()
        for character in text
    )


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()
) -> None:
    """Write an aligned table; columns whose positions are in `right` are set to the right."""
    cells = [[plain(str(cell)) for cell in row] for row in rows]
    widths = [
        max([_width(header), *(_width(row[i]) for row in cells)])
        for i, header in enumerate(headers)
    ]
    for row in [list(headers), ["-" * width for width in widths], *cells]:
        padded = [
            " " * (widths[i] - _width(cell)) + cell
            if i in right
            else cell + " " * (widths[i] - _width(cell))
            for i, cell in enumerate(row)
        ]
        typer.echo("  ".join(padded).rstrip())


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


class Progress:
    """Tells on stderr what is being done, how far it is and how long it has taken.

    On a terminal one live line; elsewhere a line a step, and one every ten seconds in between, so
    that a log shows life.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._text = ""
        self._started = self._spoken = time.monotonic()
        self._live = sys.stderr.isatty()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __call__(self, text: str) -> None:
        """Say what is being done now."""
        with self._lock:
            changed, self._text = text != self._text, text
            if self._live or changed:
                self._write()

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._live:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()

    def _beat(self) -> None:
        while not self._done.wait(0.5 if self._live else 1.0):
            with self._lock:
                if self._live or time.monotonic() - self._spoken > _HEARTBEAT_S:
                    self._write()

    def _write(self) -> None:
        self._spoken = time.monotonic()
        line = f"[{self._spoken - self._started:4.0f} s] {self._title}: {plain(self._text)}"
        if self._live:
            sys.stderr.write(f"\r\x1b[2K{line[:100]}")
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
