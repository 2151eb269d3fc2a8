"""Commands about standings: the leaderboard site, the matrix, and results for others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from challenge.cli.app import app, challenge_of, server_for
from challenge.cli.attack_commands import print_attack_line
from challenge.cli.matrix_text import print_matrix
from challenge.cli.output import Progress, print_json, print_note, print_table, say
from challenge.errors import Fault, WrongUse, counted, meant

if TYPE_CHECKING:
    from challenge.client.connection import Server

__all__ = ["print_track"]


@app.command(epilog="Example: challenge leaderboard --as-of 2026-03-01 --open")
def leaderboard(
    ctx: typer.Context,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The board as of this date (UTC).")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="Where the site goes (default: leaderboard/, with --as-of a folder beside it).",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the home page in a browser.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False,
) -> None:
    """Write the site and show the standings.

    A past board has a banner and does not replace the published site, unless --to names it.
    """
    from challenge.board.rules.track_board import track_board
    from challenge.board.site import build_site
    from challenge.ledger import open_ledger, read_snapshot, refresh
    from challenge.ledger.store.clock import iso, read_time

    if (server := server_for(ctx)) is not None:
        _remote_leaderboard(server, as_of=as_of, to=to, show=show, json=json)
        return
    challenge = challenge_of(ctx)
    ledger = open_ledger(challenge)
    at = read_time(as_of, "--as-of") if as_of is not None else None
    if at is None:
        for line in refresh(ledger):
            print_note(f"note: {line}")
    with Progress("leaderboard") as progress:
        banner = "" if at is None else f"The board as of {iso(at)}, not the current one."
        out = to or (challenge.leaderboard if at is None else _beside(challenge.leaderboard, at))
        if to is not None:
            _refuse_other_folder(to)
        report = build_site(ledger, out, as_of=at, banner=banner, progress=progress)
    snapshot = read_snapshot(ledger, at)
    boards = [
        track_board(snapshot, track.id, snapshot.vectors).as_json()
        for track in snapshot.settings.track
    ]
    if at is None:
        print_attack_line(challenge)
        ranked = {task for track in snapshot.settings.track for task in track.tasks}
        if alone := [task for task in challenge.built_ids() if task not in ranked]:
            print_note(f"note: in no track, so without a place below: {', '.join(alone)}")
    if json:
        print_json({"index": str(report.index), "tracks": boards})
    if banner and not json:
        say(banner)
    for board in [] if json else boards:
        print_track(board)
    if not json:
        say(f"\n{report.written} of {counted(report.pages, 'file')} written: {report.index}")
    if show:
        typer.launch(report.index.as_uri())


def _remote_leaderboard(
    server: Server, *, as_of: str | None, to: Path | None, show: bool, json: bool
) -> None:
    """Show the standings of a server, which writes its site itself."""
    if as_of is not None or to is not None:
        raise WrongUse(
            Fault(
                "--as-of, --to",
                "options of the organiser",
                "a challenge directory with its ledger",
                "leave them out",
                code="organiser-only",
            )
        )
    boards = [server.track(track["id"]) for track in server.info()["tracks"]]
    if json:
        print_json({"index": f"{server.url}/", "tracks": boards})
    for board in [] if json else boards:
        print_track(board)
    if show:
        typer.launch(f"{server.url}/")


def _beside(site: Path, at: datetime) -> Path:
    """Return the folder of a past board: `leaderboard-as-of-2026-03-01T000000Z`."""
    from challenge.ledger.store.clock import iso

    return site.with_name(f"{site.name}-as-of-{iso(at).replace(':', '')}")


def _refuse_other_folder(folder: Path) -> None:
    """Raise WrongUse for a folder with files that are no site: a build removes them."""
    from challenge.board.manifest import MANIFEST
    from challenge.task.files import output_exists

    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise output_exists(folder)


def print_track(board: Mapping[str, Any]) -> None:
    """Write the standings of a track, as a board's `as_json` has them."""
    from challenge.scoring.figures import figure

    say(f"\n{board['title']}: mean {board['metric']} over {counted(len(board['tasks']), 'task')}")
    print_table(
        ["rank", "team", "mean [95 % interval]", "tied with first", "tasks"],
        [
            [
                "" if row["rank"] is None else row["rank"],
                row["team"] + (" (baseline)" if row["baseline"] else ""),
                figure(row["value"], row["low"], row["high"]),
                "yes" if row["tied_first"] else "",
                row["coverage"],
            ]
            for row in board["rows"]
        ],
        right=(0,),
    )
    if not board["rows"]:
        waiting = [f"{task}: {reason}" for task, reason in board["left_out"].items()]
        say(f"no scores yet: {'; '.join(waiting) or 'no team has submitted'}")
    for line in board["notes"]:
        print_note(f"note: {line}")


@app.command(epilog="Example: challenge matrix --json")
def matrix(
    ctx: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False,
) -> None:
    """Show every method on every task.

    Scores and costs, which method is best or tied with the best, and what another team's method
    would change. `normalised` is 0 at the baseline score of a task, 1 at its best.
    """
    from challenge.board.rules.method_matrix import method_matrix
    from challenge.ledger import open_ledger, read_snapshot

    found = method_matrix(read_snapshot(open_ledger(challenge_of(ctx))))
    if json:
        print_json(found.as_json())
        return
    print_matrix(found)


@app.command(epilog="Example: challenge publish --format archive --to results.zip")
def publish(
    ctx: typer.Context,
    form: Annotated[
        str,
        typer.Option("--format", help="frictionless, every-eval-ever, croissant-tasks or archive."),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="PATH",
            help="Where the folder or the zip goes (default: results-FORMAT).",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False,
) -> None:
    """Write the standings in a form that others read.

    A Data Package of Frictionless, records of Every Eval Ever with intervals, Croissant Tasks, or
    an archive with the whole site, ready for a DOI. Only figures that the leaderboard shows.
    """
    from challenge.board.publish.published import ARCHIVE, FORMATS, publish_results
    from challenge.ledger import open_ledger, read_snapshot, refresh

    challenge = challenge_of(ctx)
    if form not in FORMATS:
        raise WrongUse(
            Fault(
                "--format",
                repr(form),
                f"one of {', '.join(FORMATS)}",
                meant(form, FORMATS, "take one of these"),
                code="unknown-name",
            )
        )
    ledger = open_ledger(challenge)
    for line in refresh(ledger):
        print_note(f"note: {line}")
    path = to or Path(f"results-{form}{'.zip' if form == ARCHIVE else ''}")
    with Progress(f"publish {form}") as progress:
        done = publish_results(read_snapshot(ledger), form, path, challenge.root, progress=progress)
    if json:
        print_json(done.as_json())
    else:
        end = f"  sha256 {done.sha256}" if done.sha256 else ""
        say(f"{done.path}: {counted(done.n_files, 'file')}{end}")
