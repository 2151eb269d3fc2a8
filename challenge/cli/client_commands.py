"""Commands of a participant of a server: sign in, download."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from challenge.cli.app import app, server_for, start_of
from challenge.cli.output import Progress, print_json, print_note, say
from challenge.cli.task_commands import require_names
from challenge.errors import Fault, WrongUse
from challenge.task import find_challenge

__all__: list[str] = []

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]


@app.command(epilog="Example: challenge login https://challenge.example.org")
def login(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="The address of the server.")],
) -> None:
    """Make this folder belong to a server.

    Asks for the token of your team and keeps it, readable for you only; CHALLENGE_TOKEN or
    standard input give it to a script. Other commands in this folder then speak to the server.
    """
    from challenge.client.connection import Server
    from challenge.client.workspace import clean_url, keep_token, make_workspace

    url = clean_url(url)
    if url.startswith("http://") and not url.startswith(("http://127.", "http://localhost")):
        print_note("note: without https others on the network can read the token")
    server = Server(url, _token())
    info = server.info()
    root = start_of(ctx, new=True)
    make_workspace(root, url, info)
    if not os.environ.get("CHALLENGE_TOKEN"):
        keep_token(url, server.token)
    holder = info["you"]["team"] or "the organiser"
    say(f"{info['title']}: signed in as {holder}; this folder belongs to {url}")
    if info["closes"]:
        say(f"it ends at {info['closes']}. {info['deadline']}")
    say("next: `challenge tasks`, then `challenge download TASK`")


def _token() -> str:
    if token := os.environ.get("CHALLENGE_TOKEN"):
        return token
    if sys.stdin.isatty():
        text: str = typer.prompt("Token", hide_input=True, err=True)
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise WrongUse(
            Fault(
                "standard input",
                "no token",
                "the token of your team",
                "type it, pipe it in, or set CHALLENGE_TOKEN",
                code="no-token",
            )
        )
    return text.strip()


@app.command(epilog="Example: challenge download icon-tag")
def download(
    ctx: typer.Context,
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="TASK", help="Ids of tasks; see `tasks`.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All tasks of the server.")] = False,
    json: Json = False,
) -> None:
    """Download the public files of a task.

    A cut download goes on where it ended. `check` and `run` then find the task by its id.
    """
    from challenge.client.downloads import download_task

    server = server_for(ctx)
    if server is None:
        raise WrongUse(
            Fault(
                str(start_of(ctx)),
                "no server",
                "a folder that belongs to one",
                "run `challenge login URL`, or name it with --server URL",
                code="no-server",
            )
        )
    require_names(tasks, every, "see `challenge tasks`")
    names = tasks or [str(row["id"]) for row in server.tasks()]
    root = _workspace(ctx)
    rows = []
    with Progress("download") as progress:
        for name in names:
            progress(name)
            task = download_task(server, root, name, partial(_show, progress, name))
            rows.append({"id": task.id, "folder": str(task.public), "data": task.data_digest})
    if json:
        print_json({"tasks": rows})
        return
    for row in rows:
        say(f"{row['id']}: {row['folder']}")


def _show(progress: Progress, name: str, text: str) -> None:
    progress(f"{name}: {text}")


def _workspace(ctx: typer.Context) -> Path:
    """Return the folder of the server around the start; it is made where there is none."""
    from challenge.client.workspace import make_workspace

    start = start_of(ctx, new=True)
    try:
        return find_challenge(start).root
    except WrongUse:
        server = server_for(ctx)
        assert server is not None
        make_workspace(start, server.url, server.info())
        return start
