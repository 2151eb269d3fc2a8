"""Commands about methods: run any on any task, and the reference entry."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from challenge.cli.app import app, challenge_of
from challenge.cli.output import Progress, print_table, remark
from challenge.cli.tasks import chosen_tasks
from challenge.errors import ChallengeError, Fault, WrongUse, nearest
from challenge.task import Challenge

__all__: list[str] = []

Seed = Annotated[int, typer.Option("--seed", help="Seed of the method.")]
TimeLimit = Annotated[
    float | None,
    typer.Option("--time-limit", metavar="S", help="Seconds a fit; digits then depend on load."),
]
All = Annotated[bool, typer.Option("--all", help="All built tasks.")]


@app.command(
    epilog="Example: challenge run my_method.py:MyMethod --task icon-tag --submit --team Owls"
)
def run(
    ctx: typer.Context,
    method: Annotated[
        str,
        typer.Argument(metavar="METHOD", help="A built-in name, an entry point, file.py:Class."),
    ],
    task: Annotated[list[str] | None, typer.Option("--task", help="A task; may repeat.")] = None,
    track: Annotated[str | None, typer.Option("--track", help="All tasks of a track.")] = None,
    every: All = False,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Keep the predictions files here.")
    ] = None,
    submit: Annotated[bool, typer.Option("--submit", help="Submit the predictions.")] = False,
    team: Annotated[
        str | None, typer.Option("--team", help="Who submits; built-in methods: the baselines.")
    ] = None,
) -> None:
    """Run a method on tasks.

    Train, predict, check, and with --submit score and store.
    """
    challenge = challenge_of(ctx)
    names = list(task or [])
    if track is not None:
        names += _tasks_of_track(challenge, track)
    chosen = chosen_tasks(challenge, names, every, challenge.built_ids())
    _run_cells(
        challenge,
        method,
        chosen,
        seed=seed,
        time_limit=time_limit,
        to=to,
        submit=submit,
        team=team,
    )


@app.command(epilog="Example: challenge baseline icon-tag --seed 0")
def baseline(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[TASK]...")] = None,
    every: All = False,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
) -> None:
    """Run and submit AutoGluon, the reference."""
    challenge = challenge_of(ctx)
    chosen = chosen_tasks(challenge, names, every, challenge.built_ids())
    _run_cells(
        challenge,
        "autogluon",
        chosen,
        seed=seed,
        time_limit=time_limit,
        to=None,
        submit=True,
        team=None,
    )


def _tasks_of_track(challenge: Challenge, track_id: str) -> list[str]:
    from challenge.task.settings import read_settings

    tracks = {track.id: track for track in read_settings(challenge.root).track}
    if track_id not in tracks:
        guess = nearest(track_id, tracks)
        raise WrongUse(
            Fault(
                "--track",
                repr(track_id),
                f"one of {', '.join(tracks) or '(no tracks)'}",
                f"did you mean {guess!r}?" if guess else "see challenge.toml",
                code="unknown-track",
            )
        )
    return list(tracks[track_id].tasks)


def _run_cells(
    challenge: Challenge,
    method: str,
    task_ids: list[str],
    *,
    seed: int,
    time_limit: float | None,
    to: Path | None,
    submit: bool,
    team: str | None,
) -> None:
    from challenge.methods import is_builtin, run_method
    from challenge.scoring import read_predictions

    if submit and team is None and not is_builtin(method):
        raise WrongUse(
            Fault("--team", "nothing", "who submits", "add --team NAME", code="team-missing")
        )
    rows: list[list[str]] = []
    failures: list[ChallengeError] = []
    with tempfile.TemporaryDirectory(prefix="challenge-run-") as scratch:
        for number, task_id in enumerate(task_ids, 1):
            folder = (to or Path(scratch)) / task_id
            title = f"{Path(method).stem} on {task_id} ({number} of {len(task_ids)})"
            try:
                with Progress(title) as progress:
                    found = challenge.task(task_id)
                    done = run_method(
                        method, found, folder, seed=seed, time_limit=time_limit, progress=progress
                    )
                    read_predictions(found, done.predictions)
                    outcome = "predicted" if to is None else str(done.predictions)
                    if submit:
                        progress("scoring")
                        outcome = _submit(challenge, task_id, done, team)
            except ChallengeError as error:
                failures.append(error)
                remark(f"{task_id} failed:\n{error}")
                rows.append([task_id, "failed", "", ""])
                continue
            again = " (kept from an earlier run)" if done.reused else ""
            rows.append([task_id, done.method, f"{done.seconds:.1f}", outcome + again])
    print_table(["task", "method", "seconds", "outcome"], rows, right=(2,))
    if failures:
        raise typer.Exit(max(error.exit_code for error in failures))


def _submit(challenge: Challenge, task_id: str, done, team: str | None) -> str:  # type: ignore[no-untyped-def]
    from challenge.ledger import open_ledger
    from challenge.scoring.figures import figure

    receipt = open_ledger(challenge).submit(
        challenge.task(task_id),
        done.predictions,
        team=team or done.title,
        method=done.method,
        note=done.note,
        details=done.details,
        baseline=team is None,
    )
    if receipt.identical_to is not None:
        return f"unchanged: identical to submission {receipt.identical_to}"
    if receipt.score is None:
        return "accepted, no public score"
    score = receipt.score
    return f"{score.metric} {figure(score.value, score.low, score.high)}"
