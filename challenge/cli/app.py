"""The command line as a whole: global options, one place for errors and exit codes.

0 done, 1 faults found, 2 wrong use, 3 the environment lacks something, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.models import CommandInfo

from challenge.errors import ChallengeError, MissingRequirement, WrongUse, machine_fault
from challenge.task import Challenge, find_challenge, require_folder
from challenge.version import __version__

if TYPE_CHECKING:
    from challenge.client.connection import Server

__all__ = ["Commands", "app", "challenge_of", "load_commands", "main", "server_for", "start_of"]

_WHOLE_SENTENCE = 200
"""Characters of a command's line in the help; its first sentence has fewer."""


class Commands(TyperGroup):
    """A group whose help lists the commands under the headings of their panels.

    A value has the name of its option, as in `--seed SEED`, not a type of Python.
    """

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a name, or None."""
        command = super().get_command(ctx, cmd_name)
        for value in command.params if command else ():
            if not (value.metavar or getattr(value, "is_flag", False)):
                value.metavar = str(value.name).upper().replace("_", "-")
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each panel, in the order of the commands."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            row = (name, command.get_short_help_str(_WHOLE_SENTENCE))
            panels.setdefault(getattr(command, "rich_help_panel", "") or "Commands", []).append(row)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=Commands,
    add_completion=True,
    # Help and usage errors are plain text: rich alone takes longer to import than all the rest.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: challenge check icon-tag predictions.csv",
)

_INTERRUPTED = 130
_PANELS = {
    "Take part": {
        "task": "tasks show",
        "score": "check score submit submissions compare",
        "contest": "select withdraw",
    },
    "Organise": {
        "task": "init add convert audit export",
        "assess": "assess",
        "board": "leaderboard matrix publish",
    },
    "Run methods": {"method": "run baseline init-method", "tuning": "tune"},
    "Contest": {"contest": "collect similar rename rescore close"},
    "Over the network": {
        "client": "login download",
        "server": "serve",
        "team": "team token",
        "mcp": "mcp",
    },
    "Safekeeping": {"attack": "attack", "contest": "verify backup restore"},
}
"""The commands as help lists them, by the module of their subject."""

_COMMANDS = {
    name: (panel, f"challenge.cli.{subject}_commands")
    for panel, subjects in _PANELS.items()
    for subject, names in subjects.items()
    for name in names.split()
}


@dataclass(frozen=True)
class _Where:
    """The global options: a directory and a server; what is None is found."""

    directory: Path | None
    server: str | None


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"challenge {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    directory: Annotated[
        Path | None,
        typer.Option(
            "-C", metavar="DIR", help="The challenge directory (default: nearest parent)."
        ),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="A server (default: that of `login`)."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Challenges on tables of text, numbers, categories, times and images.

    Exit codes: 0 done, 1 faults found, 2 wrong use, 3 the environment lacks something.
    """
    ctx.obj = _Where(directory, server)


def start_of(ctx: typer.Context, *, new: bool = False) -> Path:
    """Return the folder where the search for a challenge directory starts.

    Raises WrongUse where -C names no folder; with `new` the command makes it.
    """
    where: _Where = ctx.obj
    if where.directory is None:
        return Path.cwd()
    if not new:
        require_folder(where.directory)
    return where.directory


def challenge_of(ctx: typer.Context) -> Challenge:
    """Return the challenge directory of this call; raise WrongUse when there is none."""
    return find_challenge(start_of(ctx))


def server_for(ctx: typer.Context) -> Server | None:
    """Return the server of this call: that of --server, or of the folder; None for a directory."""
    where: _Where = ctx.obj
    from challenge.client.workspace import server_at, server_of

    if where.server is not None:
        return server_at(where.server)
    try:
        root = challenge_of(ctx).root
    except WrongUse:
        # The command itself reports that there is no challenge.
        return None
    return server_of(root)


def load_commands(name: str | None = None) -> None:
    """Register the command of a name and those beside it, or all, in the panels of the help."""
    for module in {module for one, (_, module) in _COMMANDS.items() if name in (None, one)}:
        importlib.import_module(module)
    order = list(_COMMANDS)
    for command in app.registered_commands:
        command.rich_help_panel, _ = _COMMANDS[_name_of(command)]
    for group in app.registered_groups:
        group.rich_help_panel, _ = _COMMANDS[str(group.name)]
    # Not the order in which their modules happened to be imported.
    app.registered_commands.sort(key=lambda command: order.index(_name_of(command)))


def _named_command(words: Iterable[str]) -> str | None:
    """Return the command that a plain command line names; None where only the parser can tell.

    >>> _named_command(["-C", "show", "check", "--json"]), _named_command(["--help", "check"])
    ('check', None)
    """
    rest = iter(words)
    for word in rest:
        if word not in ("-C", "--server"):
            return word if word in _COMMANDS else None
        next(rest, None)
    return None


def _name_of(command: CommandInfo) -> str:
    assert command.callback is not None
    return command.name or command.callback.__name__.replace("_", "-")


def main() -> None:
    """Run the command line and exit with the code of its outcome."""
    # A polite end by another process goes the way of Ctrl-C: children are stopped, files removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # To import the other commands takes longer than some of them.
    load_commands(_named_command(sys.argv[1:]))
    try:
        app()
    except ChallengeError as error:
        _report(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does: no fault, and nothing to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        fault = machine_fault(error, "this machine")
        if fault is None:
            raise
        lack = MissingRequirement(fault)
        _report(lack)
        sys.exit(lack.exit_code)
    except KeyboardInterrupt:
        typer.echo("interrupted; no change is half done", err=True)
        sys.exit(_INTERRUPTED)


def _report(error: ChallengeError) -> None:
    from challenge.cli.output import plain, print_json

    if "--json" in sys.argv:
        print_json({"ok": False, "faults": [fault.as_json() for fault in error.faults]})
    else:
        typer.echo("\n".join(plain(str(fault), keep="\n") for fault in error.faults), err=True)
