"""Commands about predictions: check, submit, list, score offline, compare."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from challenge.cli.app import app, challenge_of, server_for, start_of
from challenge.cli.output import Progress, plain, print_json, print_note, print_table, say
from challenge.errors import Fault, WrongUse, counted
from challenge.task import find_task

if TYPE_CHECKING:
    from challenge.client.connection import Server
    from challenge.ledger.submissions.compare import ReleasedDifference
    from challenge.scoring import Comparison, Score

__all__: list[str] = []

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]
TaskName = Annotated[str, typer.Argument(metavar="TASK", help="An id, or a task's folder.")]
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV (.gz, .zst) or Parquet.", readable=False)
]


@app.command(epilog="Example: challenge check icon-tag predictions.csv")
def check(ctx: typer.Context, task: TaskName, file: File, json: Json = False) -> None:
    """Report every fault of a predictions file.

    All at once; exit 1 when there is one. Needs only the public folder. `submit` runs the same
    check.
    """
    from challenge.scoring import read_predictions

    _refuse_swapped(task, file)
    found = find_task(task, start_of(ctx))
    predictions = read_predictions(found, file)
    if json:
        print_json(
            {
                "ok": True,
                "task": found.id,
                "rows": found.n_test,
                "form": predictions.form,
                "sha256": predictions.sha256,
                "notes": list(predictions.notes),
                "faults": [],
            }
        )
        return
    say(f"{plain(str(file))}: no faults; {counted(found.n_test, 'row')}, {predictions.form}")
    for line in predictions.notes:
        print_note(f"note: {line}")


def _refuse_swapped(task: str, file: Path) -> None:
    """Raise WrongUse where the predictions file stands in the place of the task."""
    if Path(task).is_file() and Path(task).suffix.lower() != ".zip" and not file.is_file():
        raise WrongUse(
            Fault(
                "TASK FILE",
                f"{task!r}, a file, in the place of the task",
                "the task first, then the file",
                f"swap the two: {shlex.join([str(file), task])}",
                code="swapped",
            )
        )


@app.command(
    epilog='Example: challenge submit icon-tag predictions.csv --team Owls --method "TF-IDF + LR"'
)
def submit(
    ctx: typer.Context,
    task: TaskName,
    file: File,
    method: Annotated[str, typer.Option("--method", help="Name of the method.")],
    team: Annotated[
        str | None, typer.Option("--team", help="Who submits; a server knows it by the token.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Anything a reader should know.")] = "",
    json: Json = False,
) -> None:
    """Check, score and store a predictions file.

    Answers with score, interval, rank and quota left.
    """
    from challenge.board.rules.task_board import rank_of
    from challenge.ledger import open_ledger
    from challenge.ledger import submit as submit_file

    _refuse_swapped(task, file)
    if (server := server_for(ctx)) is not None:
        _submit_to(server, ctx, task, file, team=team, method=method, note=note, json=json)
        return
    if team is None:
        raise WrongUse(
            Fault("--team", "nothing", "who submits", "add --team NAME", code="team-missing")
        )
    challenge = challenge_of(ctx)
    ledger = open_ledger(challenge)
    with Progress(f"submit {task}") as progress:
        progress("checking and scoring")
        receipt = submit_file(
            ledger, challenge.task(task), file, team=team, method=method, note=note
        )
    rank = rank_of(ledger, receipt)
    if json:
        print_json({"ok": True, "rank": rank, **receipt.as_json()})
        return
    for line in receipt.lines():
        say(line)
    if rank is not None:
        say(f"   rank: {rank}")


def _submit_to(
    server: Server,
    ctx: typer.Context,
    task: str,
    file: Path,
    *,
    team: str | None,
    method: str,
    note: str,
    json: bool,
) -> None:
    """Check a file here where the task was downloaded, then send it."""
    from challenge.api.challenge_board import hand_in

    with Progress(f"submit {task}") as progress:
        receipt = hand_in(
            server,
            task,
            file,
            start_of(ctx),
            team=team,
            method=method,
            note=note,
            progress=progress,
            warn=lambda text: print_note(f"note: {text}"),
        )
    if json:
        print_json(receipt.document)
        return
    for line in receipt.lines():
        say(line)


@app.command(epilog="Example: challenge submissions --task icon-tag --team Owls")
def submissions(
    ctx: typer.Context,
    task: Annotated[str | None, typer.Option("--task", help="Only this task.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="Only this team.")] = None,
    json: Json = False,
) -> None:
    """List submissions and their scores."""
    from challenge.ledger import history, open_ledger

    if (server := server_for(ctx)) is not None:
        rows = list(server.submissions(task, team))
    else:
        challenge = challenge_of(ctx)
        if task is not None:
            challenge.folder(task)
        found = history(open_ledger(challenge), task=task, team=team)
        rows = [row.as_json() for row in found]
    if json:
        print_json({"submissions": rows})
        return
    if not rows:
        say("no submissions yet")
        return
    print_table(
        ["id", "at (UTC)", "team", "task", "method", "score", "state"],
        [
            [
                row["id"],
                str(row["at"]).replace("T", " ").removesuffix("Z"),
                row["team"],
                row["task"],
                row["method"],
                row["figure"],
                row["state"],
            ]
            for row in rows
        ],
        right=(0,),
    )


@app.command(epilog="Example: challenge score --on train icon-tag out-of-fold.csv")
def score(
    ctx: typer.Context,
    task: TaskName,
    file: File,
    on: Annotated[
        str, typer.Option("--on", help="What to score on: train, or folds (the same).")
    ] = "train",
    json: Json = False,
) -> None:
    """Score out-of-fold predictions, offline.

    Needs public data only. Every train row is predicted by a model that did not see its fold
    (`folds.csv`).
    """
    from challenge.scoring import require_train, score_on_train

    require_train(on)
    _refuse_swapped(task, file)
    result = score_on_train(find_task(task, start_of(ctx)), file)
    if json:
        print_json(result.as_json())
    else:
        _print_score(result)


def _print_score(result: Score) -> None:
    from challenge.scoring.figures import figure

    print_table(
        ["metric", "value [95 % interval]", ""],
        [
            [
                name + (" *" if name == result.metric else ""),
                figure(value.value, value.low, value.high),
                value.reason or "",
            ]
            for name, value in result.metrics.items()
        ],
    )
    worth = f"one row is worth {result.resolution:.2g}; "
    say(f"* primary; {'' if math.isnan(result.resolution) else worth}{counted(result.n, 'row')}")
    for sentence in result.notes:
        say(sentence)


@app.command(epilog="Example: challenge compare 17 23")
def compare(
    ctx: typer.Context,
    a: Annotated[int, typer.Argument(metavar="A", help="A submission's id.")],
    b: Annotated[int, typer.Argument(metavar="B", help="Another submission to the same task.")],
    json: Json = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a self-contained page."),
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Also show what changes when B replaces A.")
    ] = False,
) -> None:
    """Compare two submissions of one task.

    The paired difference with its interval. Where rows may be compared, also McNemar's exact test,
    wins and losses, by class and by slice.
    With --upgrade also negative flips: rows that A has right and B has wrong.
    """
    from challenge.ledger import compare as compare_submissions
    from challenge.ledger import compared, open_ledger, verdict

    ledger = open_ledger(challenge_of(ctx))
    result = compare_submissions(ledger, a, b)
    kind, sides = compared(ledger, a, b)
    if html is not None:
        from challenge.board.pages.comparison_page import comparison_page
        from challenge.task.files import new_file

        with new_file(html) as file:
            file.write(comparison_page(result, kind, *sides).encode())
    if json:
        print_json(result.as_json())
        return
    for name, side in zip("ab", sides, strict=True):
        say(f"{name}: {side.title}")
    for line in result.lines():
        say(line)
    if upgrade:
        _say_upgrade(result)
    say(verdict(result, kind.metric(result.metric), *(side.title for side in sides)))
    if html is not None:
        print_note(f"page: {html}")


def _say_upgrade(result: Comparison | ReleasedDifference) -> None:
    from challenge.ledger.submissions.compare import ReleasedDifference

    if isinstance(result, ReleasedDifference):
        say("flips of rows are shown after the close")
    elif result.upgrade is None:
        say("flips: undefined, as answers are neither right nor wrong")
    else:
        for line in result.upgrade.lines():
            say(line)
        for name, part in result.worst_slices():
            say(f"worse in {name}: {part.wins:,} negative and {part.losses:,} positive flips")
