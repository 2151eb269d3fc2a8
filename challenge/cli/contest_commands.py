"""Commands of a contest: inbox, selection, close, rescore, and care for the ledger."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from challenge.cli.app import app, challenge_of, server_for, start_of
from challenge.cli.output import Progress, print_json, print_note, print_table, say
from challenge.errors import Fault, LedgerError, WrongUse, counted
from challenge.task import Challenge

if TYPE_CHECKING:
    from challenge.ledger import Ledger
    from challenge.ledger.contest.rehearsal import Rehearsal
    from challenge.ledger.inbox.collector import CollectReport
    from challenge.ledger.submissions.rescore import RescoreReport

__all__: list[str] = []

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]
SubmissionId = Annotated[int, typer.Argument(metavar="SUBMISSION", help="See `submissions`.")]


def _confirm(question: str) -> None:
    """Ask a person; raise WrongUse when nobody can answer."""
    if not sys.stdin.isatty():
        raise WrongUse(
            Fault(
                "standard input",
                "no terminal to ask for confirmation",
                "a terminal, or the option --yes",
                "repeat the command with --yes",
                code="not-confirmed",
            )
        )
    typer.confirm(question, abort=True, err=True)


def _ledger(ctx: typer.Context, *, bring_over: bool = False) -> Ledger:
    from challenge.ledger import open_ledger

    return open_ledger(challenge_of(ctx), bring_over=bring_over)


@app.command(epilog="Example: challenge collect --watch")
def collect(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Repeat until interrupted.")] = False,
    json: Json = False,
) -> None:
    """Check and score the files in the inbox.

    Files are in inbox/TEAM/TASK/. A receipt is written beside each: the score, or every fault.
    """
    from challenge.ledger.inbox import collector as inbox

    ledger = _ledger(ctx)
    if watch:

        def report(done: CollectReport) -> None:
            _print_collected(done, json=json)
            _note_similar(ledger, done)

        inbox.watch(ledger, report=report)
        return
    with Progress("collect") as progress:
        done = inbox.collect(ledger, progress=progress)
    if not json and not done.collected:
        say("nothing new in the inbox")
    _print_collected(done, json=json)
    _note_similar(ledger, done)


def _print_collected(done: CollectReport, *, json: bool) -> None:
    if json:
        rows = [
            {"file": str(path), "status": one.status, "message": one.message, "known": one.known}
            for path, one in done.collected
        ]
        print_json({"collected": rows, "notes": list(done.notes)})
        return
    for path, one in done.collected:
        status = "" if one.message.startswith(one.status) else f"{one.status}, "
        say(f"{path}: {status}{one.message}")
    for line in done.notes:
        print_note(f"note: {line}")


def _note_similar(ledger: Ledger, done: CollectReport) -> None:
    """Add a note for each pair of teams that a new submission makes look like copies."""
    from challenge.ledger import similar_pairs

    new = {
        int(one.receipt["submission"]["id"])
        for _, one in done.collected
        if one.status == "accepted" and one.receipt is not None
    }
    tasks = {path.parent.name for path, one in done.collected if one.status == "accepted"}
    for pair in similar_pairs(ledger, tasks=tasks) if new else ():
        if {pair.a, pair.b} & new:
            print_note(f"note, for the organiser only: {pair.line()}")


@app.command(epilog="Example: challenge similar --task icon-tag")
def similar(
    ctx: typer.Context,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only this task; can be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Show identical and nearly identical predictions of different teams.

    For the organiser only. Nearly identical are two submissions that share more wrong answers than
    their error rates explain, at a false discovery rate of 5 %. It is a reason to ask, no proof.
    """
    from challenge.ledger import similar_pairs

    challenge = challenge_of(ctx)
    for name in task or []:
        challenge.folder(name)
    with Progress("similar") as progress:
        pairs = similar_pairs(_ledger(ctx), tasks=task, progress=progress)
    if json:
        print_json({"pairs": [pair.as_json() for pair in pairs]})
        return
    for pair in pairs:
        say(pair.line())
    if not pairs:
        say("no similar predictions of different teams")


@app.command(epilog="Example: challenge select 17")
def select(
    ctx: typer.Context,
    submission: SubmissionId,
    undo: Annotated[bool, typer.Option("--undo", help="Undo the selection.")] = False,
) -> None:
    """Select a submission as a final.

    Without a selection the best public submission counts, or else the latest.
    """
    from challenge.ledger import select as select_final

    if (server := server_for(ctx)) is not None:
        chosen: Sequence[int] = server.select(submission, undo=undo)
    else:
        chosen = select_final(_ledger(ctx), submission, chosen=not undo)
    shown = ", ".join(str(one) for one in chosen)
    say(f"selected now: {shown or 'none (the best public submission counts)'}")


@app.command(epilog="Example: challenge withdraw 17 --yes")
def withdraw(
    ctx: typer.Context,
    submission: SubmissionId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Take a submission off the board.

    The team's next best submission counts. The used quota stays used.
    """
    from challenge.ledger import check_withdrawable
    from challenge.ledger import withdraw as withdraw_submission

    if (server := server_for(ctx)) is not None:
        if not yes:
            _confirm(f"Withdraw submission {submission}?")
        taken = server.withdraw(submission)
    else:
        ledger = _ledger(ctx)
        one = check_withdrawable(ledger, submission)
        if not yes:
            _confirm(f"Withdraw submission {submission} on {one.task}, {one.method!r}?")
        taken = withdraw_submission(ledger, submission).as_json()
    say(f"submission {taken['id']} on {taken['task']} is withdrawn")


@app.command(epilog="Example: challenge close --dry-run --seed 1")
def close(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Rehearse on simulated labels; change nothing.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the simulated labels.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    json: Json = False,
) -> None:
    """End the contest and compute the private scores. This cannot be undone.

    In a terminal it asks first.
    """
    from challenge.ledger import check_closable, rehearse
    from challenge.ledger import close as close_contest

    ledger = _ledger(ctx)
    if dry_run:
        with Progress("rehearsal") as progress:
            rehearsal = rehearse(ledger, seed=seed, progress=progress)
        _print_rehearsal(rehearsal, json=json)
        return
    if not yes and sys.stdin.isatty():
        check_closable(ledger)
        _confirm("Close the contest and compute the private scores? This cannot be undone.")
    with Progress("close") as progress:
        report = close_contest(ledger, progress)
    if json:
        print_json(report.as_json())
    else:
        say(
            f"closed: {counted(report.n_finals, 'final')} of"
            f" {counted(report.n_teams, 'team')} scored on"
            f" {', '.join(report.tasks) or 'no task'}; now `challenge leaderboard`"
        )


def _print_rehearsal(rehearsal: Rehearsal, *, json: bool) -> None:
    from challenge.board.rules.shake_up import shake_up
    from challenge.board.rules.track_board import track_board
    from challenge.cli.board_commands import print_track

    snapshot = rehearsal.snapshot
    boards = [
        track_board(snapshot, track.id, snapshot.vectors) for track in snapshot.settings.track
    ]
    if json:
        print_json({**rehearsal.as_json(), "tracks": [board.as_json() for board in boards]})
        return
    report = rehearsal.report
    say(
        f"rehearsal on simulated labels, seed {rehearsal.seed}: nothing was stored, the private"
        f" subset was not opened; {counted(report.n_finals, 'final')} of"
        f" {counted(report.n_teams, 'team')}"
    )
    for board in boards:
        print_track(board.as_json())
        moves = shake_up(snapshot, board.track)
        if moves is not None and moves.moves:
            say("\nshake-up, public rank against final rank:")
            print_table(
                ["public", "final", "team"],
                [[move.public_rank, move.final_rank, move.team_name] for move in moves.moves],
                right=(0, 1),
            )


@app.command(epilog="Example: challenge rescore icon-tag --dry-run")
def rescore(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="TASK")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the result, store nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Score again after a task or the scorer changed.

    Shows old and new ranks side by side. The old scores stay in the ledger. A ledger of the format
    before gets the tables of the present one, except with --dry-run.
    """
    from challenge.ledger import rescore as rescore_tasks

    challenge = challenge_of(ctx)
    for name in names or []:
        challenge.folder(name)
    ledger, tasks = _ledger(ctx, bring_over=not dry_run), tuple(names or ())
    with Progress("rescore") as progress:
        reports = rescore_tasks(ledger, tasks, dry_run=dry_run, progress=progress)
    if json:
        print_json({"tasks": [report.as_json() for report in reports]})
        return
    for report in reports:
        _print_rescore(report)


def _print_rescore(report: RescoreReport) -> None:
    from challenge.scoring.figures import figure

    if report.unchanged:
        say(f"{report.task}: unchanged, {counted(report.n_submissions, 'submission')}")
        return
    state = "stored" if report.stored else "not stored (dry run)"
    say(f"\n{report.task}: {counted(report.n_submissions, 'submission')} scored again, {state}")
    print_table(
        ["old rank", "new rank", "team", "old score", "new score"],
        [
            [
                "–" if row.old_rank is None else row.old_rank,
                "–" if row.new_rank is None else row.new_rank,
                row.team,
                figure(row.old_value),
                figure(row.new_value),
            ]
            for row in report.rows
        ],
        right=(0, 1),
    )
    for number, reason in report.unscorable.items():
        print_note(f"note: submission {number} has no rank now: {reason}")


@app.command(epilog='Example: challenge rename "Owls" "Night Owls"')
def rename(ctx: typer.Context, old: str, new: str) -> None:
    """Give a team another name. Its history stays."""
    from challenge.ledger import rename_team

    team = rename_team(_ledger(ctx), old, new)
    say(f"{old} is now {team.name}; no other team can take the old name")


@app.command(epilog="Example: challenge verify --json")
def verify(
    ctx: typer.Context,
    head: Annotated[
        bool, typer.Option("--head", help="Print only the head of the hash chain, to publish it.")
    ] = False,
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="HEAD", help="A head published earlier.")
    ] = None,
    json: Json = False,
) -> None:
    """Hash everything again and report damage."""
    from challenge.ledger import verify as verify_ledger

    with Progress("verify") as progress:
        report = verify_ledger(_ledger(ctx), progress, expected_head=expect)
    if json:
        print_json(report.as_json())
    elif head and not report.faults:
        say(report.head)
    elif not head:
        say(
            f"{counted(report.n_submissions, 'submission')}, "
            f"{counted(report.n_files, 'predictions file')}"
        )
        say("no damage" if not report.faults else "")
    if report.faults:
        if json:
            raise typer.Exit(LedgerError.exit_code)
        raise LedgerError(report.faults)


@app.command(epilog="Example: challenge backup contest.tar")
def backup(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="Written.")]
) -> None:
    """Write ledger, files and secrets into one archive.

    Submissions may continue during the backup. The archive is checked. Keep it private: it holds
    the solutions.
    """
    from challenge.ledger import backup as write_backup

    with Progress("backup") as progress:
        n_files, n_bytes = write_backup(_ledger(ctx), file, progress)
    say(
        f"{file}: {counted(n_files, 'file')}, {n_bytes / 1e6:.1f} MB; it holds solutions, "
        "keep it private"
    )


@app.command(epilog="Example: challenge restore contest.tar")
def restore(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")]
) -> None:
    """Restore a backup into an empty folder, or into this challenge directory.

    Nothing is overwritten.
    """
    from challenge.ledger import restore as read_backup

    try:
        challenge = challenge_of(ctx)
    except WrongUse:
        # The archive brings the challenge.toml that makes the folder a challenge directory.
        challenge = Challenge(start_of(ctx, new=True).resolve())
    with Progress("restore") as progress:
        n_files = read_backup(file, challenge, progress)
    say(f"{counted(n_files, 'file')} restored")
