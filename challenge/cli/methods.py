"""Commands about methods: run any on any task, and the reference entry."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from challenge.cli.app import app, challenge_of, start_of
from challenge.cli.output import Progress, print_table, remark, say
from challenge.cli.tasks import chosen_tasks
from challenge.errors import ChallengeError, Fault, WrongUse, nearest
from challenge.task import Challenge, Task, find_task

if TYPE_CHECKING:
    from challenge.ledger import Ledger
    from challenge.methods import MethodRun

    RunCell = partial[MethodRun]

__all__: list[str] = []

Seed = Annotated[int, typer.Option("--seed", help="Seed of the method.")]
TimeLimit = Annotated[
    float | None,
    typer.Option("--time-limit", metavar="S", help="Seconds a fit; digits then depend on load."),
]
All = Annotated[bool, typer.Option("--all", help="All built tasks.")]
Preset = Annotated[str, typer.Option("--preset", help="fast, default or best.")]


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
    preset: Preset = "default",
    isolation: Annotated[
        str,
        typer.Option("--isolation", help="bwrap: no network, sees public/ only; none: own code."),
    ] = "none",
    submit: Annotated[bool, typer.Option("--submit", help="Submit the predictions.")] = False,
    team: Annotated[
        str | None, typer.Option("--team", help="Who submits; built-in methods: the baselines.")
    ] = None,
) -> None:
    """Run a method on tasks.

    Train, predict, check, and with --submit score and store.
    """
    if task and track is None and not every and not submit:
        # A participant has no challenge directory: the public folder of a task is enough.
        chosen = [find_task(name, start_of(ctx)) for name in task]
    else:
        chosen = _chosen(challenge_of(ctx), task, track, every)
    ledger = _ledger_of(ctx) if submit else None
    run_cell = _cell(method, seed, time_limit, preset, isolation)
    _run_cells(run_cell, chosen, ledger, to=to, team=team)


@app.command(epilog="Example: challenge baseline icon-tag --seed 0")
def baseline(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[TASK]...")] = None,
    every: All = False,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    preset: Preset = "default",
) -> None:
    """Run and submit AutoGluon, the reference."""
    chosen = _chosen(challenge_of(ctx), names, None, every)
    run_cell = _cell("autogluon", seed, time_limit, preset, "none")
    _run_cells(run_cell, chosen, _ledger_of(ctx), to=None, team=None)


@app.command(epilog="Example: challenge init-method my_method.py")
def init_method(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Python file; written.")],
) -> None:
    """Write a method to begin with."""
    from challenge.methods.template import init_method as write_method

    write_method(file)
    say(f"{file} works as it is: `challenge run {file}:MyMethod --task TASK`")


def _cell(method: str, seed: int, time_limit: float | None, preset: str, isolation: str) -> RunCell:
    """Return the call that runs the method on one task; raise WrongUse for an unknown word."""
    from challenge.methods import run_method
    from challenge.methods.isolation import Isolation

    allowed = get_args(Isolation)
    if isolation not in allowed:
        raise WrongUse(
            Fault("--isolation", repr(isolation), " or ".join(allowed), "name one", "isolation")
        )
    return partial(
        run_method,
        method,
        seed=seed,
        time_limit=time_limit,
        preset=preset,
        isolation=cast("Isolation", isolation),
    )


def _ledger_of(ctx: typer.Context) -> Ledger:
    from challenge.ledger import open_ledger

    return open_ledger(challenge_of(ctx))


def _chosen(
    challenge: Challenge, names: list[str] | None, track: str | None, every: bool
) -> list[Task]:
    """Return the built tasks that the words of the command line mean; say which are not built."""
    words = list(names or [])
    if track is not None:
        words += _tasks_of_track(challenge, track)
    built = challenge.built_ids()
    if every and (missing := sorted(set(challenge.task_ids()) - set(built))):
        remark(f"note: not built, so left alone: {', '.join(missing)}")
    return [challenge.task(task_id) for task_id in chosen_tasks(challenge, words, every, built)]


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
    run_cell: RunCell,
    tasks: list[Task],
    ledger: Ledger | None,
    *,
    to: Path | None,
    team: str | None,
) -> None:
    """Train, predict and check on each task, and submit where there is a ledger."""
    from challenge.methods import is_builtin
    from challenge.scoring import read_predictions

    method: str = run_cell.args[0]
    if ledger is not None and team is None and not is_builtin(method):
        raise WrongUse(
            Fault("--team", "nothing", "who submits", "add --team NAME", code="team-missing")
        )
    rows: list[list[str]] = []
    failures: list[ChallengeError] = []
    with tempfile.TemporaryDirectory(prefix="challenge-run-") as scratch:
        for number, task in enumerate(tasks, 1):
            folder = (to or Path(scratch)) / task.id
            title = f"{Path(method).stem} on {task.id} ({number} of {len(tasks)})"
            try:
                with Progress(title) as progress:
                    done = run_cell(task, folder, progress=progress)
                    progress("checking and scoring")
                    read_predictions(task, done.predictions)
                    outcome = "predicted" if to is None else str(done.predictions)
                    if ledger is not None:
                        outcome = _submit(ledger, task, done, team)
            except ChallengeError as error:
                failures.append(error)
                remark(f"{task.id} failed:\n{error}")
                rows.append([task.id, "failed", "", ""])
                continue
            again = ", run kept from before" if done.reused else ""
            rows.append([task.id, done.method, f"{done.seconds:.1f}", outcome + again])
    print_table(["task", "method", "seconds", "outcome"], rows, right=(2,))
    if failures:
        raise typer.Exit(max(error.exit_code for error in failures))


def _submit(ledger: Ledger, task: Task, done: MethodRun, team: str | None) -> str:
    from challenge.scoring.figures import figure

    receipt = ledger.submit(
        task,
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
        return receipt.message
    score = receipt.score
    return f"{score.metric} {figure(score.value, score.low, score.high)}"
