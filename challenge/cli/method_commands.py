"""Commands about methods: run any on any task, and the reference entry."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from challenge.cli.app import app, challenge_of, start_of
from challenge.cli.cell_progress import CellReport, GridProgress, print_reports
from challenge.cli.cross_validation import cross_validate
from challenge.cli.output import print_note, say
from challenge.cli.task_commands import chosen_tasks
from challenge.errors import ChallengeError, Fault, MissingRequirement, WrongUse, counted, meant
from challenge.task import Challenge, Task, find_task

if TYPE_CHECKING:
    from challenge.ledger import Ledger
    from challenge.methods.method_sources import MethodSource
    from challenge.methods.run.grid import Engine, GridCell, Outcome
    from challenge.methods.run.runner import Options
    from challenge.methods.run.sandbox import Isolation

__all__: list[str] = []

Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the method.")]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--time-limit", metavar="S", help="Seconds per fit; digits then depend on the load."
    ),
]
All = Annotated[bool, typer.Option("--all", help="All built tasks.")]
Preset = Annotated[str, typer.Option("--preset", help="fast, default or best.")]
Threads = Annotated[
    int, typer.Option("--threads", min=1, help="Threads of a cell; digits may depend on them.")
]


@app.command(
    epilog="Example: challenge run linear my_method.py:MyMethod --all --submit --team Owls"
)
def run(
    ctx: typer.Context,
    methods: Annotated[
        list[str],
        typer.Argument(metavar="METHOD", help="A built-in, an entry point, file.py:Class."),
    ],
    task: Annotated[
        list[str] | None, typer.Option("--task", help="A task; can be repeated.")
    ] = None,
    track: Annotated[str | None, typer.Option("--track", help="All tasks of a track.")] = None,
    every: All = False,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Keep the predictions files here.")
    ] = None,
    preset: Preset = "default",
    isolation: Annotated[
        str | None,
        typer.Option(
            "--isolation",
            help="bwrap: no network, sees public/ only; none (default: bwrap, but none for "
            "built-in methods and files of the challenge's directory).",
        ),
    ] = None,
    earlier: Annotated[
        Path | None,
        typer.Option(
            "--earlier",
            metavar="DIR",
            help="An earlier run to build on: what --to DIR kept with and without --cv.",
        ),
    ] = None,
    cv: Annotated[
        bool,
        typer.Option(
            "--cv",
            help="Predict train out of fold and score it, here; --to keeps out-of-fold.parquet.",
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Run again what is kept; needed after a data file of a method changed."
        ),
    ] = False,
    submit: Annotated[bool, typer.Option("--submit", help="Submit the predictions.")] = False,
    team: Annotated[
        str | None, typer.Option("--team", help="Who submits; built-in methods: the baselines.")
    ] = None,
    threads: Threads = 2,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=1, help="Cells at once on this machine (default: cores / threads)."
        ),
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help="local, or dask: a cluster.")] = "local",
    address: Annotated[
        str | None, typer.Option("--address", metavar="tcp://…", help="The scheduler of Dask.")
    ] = None,
    cap_seconds: Annotated[
        float | None,
        typer.Option("--cap-seconds", min=1, help="Time limit of a cell (default: 6 h)."),
    ] = None,
    cap_memory: Annotated[
        int | None,
        typer.Option(
            "--cap-memory", metavar="MB", help="Memory of a cell (default: 80 % of the machine)."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False,
) -> None:
    """Run methods on tasks.

    Each method on each task is a cell: train, predict, check; with --submit also score and store.
    With --cv, `challenge score --on train TASK` scores the file again.
    """
    from challenge.methods.run.engines import engine_named

    if task and track is None and not every and not submit:
        # A participant has no challenge directory: the public folder of a task is enough.
        chosen = [find_task(name, start_of(ctx)) for name in task]
        named = {one.id for one in chosen}
    else:
        chosen = _chosen(challenge_of(ctx), task, track, every, "--task")
        named = set(task or [])
    if submit and team is None:
        _refuse_without_team(methods)
    if cv:
        _refuse_with_cv(submit, engine)
    if earlier is not None:
        _refuse_with_earlier(engine)
    ledger = _ledger_of(ctx) if submit else None
    options = _options(seed, threads, preset, time_limit)
    caps = {"seconds": cap_seconds, "memory_mb": cap_memory}
    caps = {name: value for name, value in caps.items() if value is not None}
    if cv:
        with tempfile.TemporaryDirectory(prefix="challenge-cv-") as scratch:
            out = to or Path(scratch)
            cells = _cells(
                methods, chosen, options, _isolation(isolation), out, caps, earlier, named
            )
            cross_validate(cells, kept=to is not None, json=json)
        return
    _run_cells(
        methods,
        chosen,
        options,
        engine_named(engine, address, jobs, threads),
        ledger,
        isolation=_isolation(isolation),
        to=to,
        team=team,
        caps=caps,
        earlier=earlier,
        fresh=fresh,
        named=named,
        json=json,
    )


@app.command(epilog="Example: challenge baseline icon-tag --seed 0")
def baseline(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="TASK")] = None,
    every: All = False,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    preset: Preset = "default",
    threads: Threads = 2,
) -> None:
    """Run AutoGluon, the reference entry, and submit."""
    from challenge.methods.run.engines import engine_named

    chosen = _chosen(challenge_of(ctx), names, None, every)
    options = _options(seed, threads, preset, time_limit)
    engine = engine_named("local", None, None, threads)
    _run_cells(["autogluon"], chosen, options, engine, _ledger_of(ctx), named=set(names or []))


@app.command(epilog="Example: challenge init-method my_method.py")
def init_method(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The Python file to write.")],
) -> None:
    """Write a method to start from."""
    from challenge.methods.template import init_method as write_method

    write_method(file)
    say(f"{file} works as it is: `challenge run {file}:MyMethod --task TASK`")


def _options(seed: int, threads: int, preset: str, time_limit: float | None) -> Options:
    """Return how the cells of all methods are run."""
    from challenge.methods.run.runner import Options

    return Options(seed, threads, preset, time_limit)


def _isolation(name: str | None) -> Isolation | None:
    """Return the isolation that was asked for, None for the default of each method."""
    from challenge.methods.run.sandbox import Isolation

    if name is not None:
        _refuse_other("--isolation", name, get_args(Isolation))
    return cast("Isolation | None", name)


def _refuse_other(where: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        fix = meant(value, allowed, "name one")
        raise WrongUse(Fault(where, repr(value), " or ".join(allowed), fix, code=where.lstrip("-")))


def _refuse_without_team(methods: Sequence[str]) -> None:
    from challenge.methods import is_builtin

    if not all(map(is_builtin, methods)):
        raise WrongUse(
            Fault("--team", "nothing", "who submits", "add --team NAME", code="team-missing")
        )


def _refuse_with_cv(submit: bool, engine: str) -> None:
    """Raise WrongUse for options that have no meaning beside --cv."""
    if submit or engine != "local":
        raise WrongUse(
            Fault(
                "--cv",
                "--submit" if submit else f"--engine {engine}",
                "--cv alone: predictions of train are scored on this machine",
                "leave one of the two out",
                code="cv-alone",
            )
        )


def _refuse_with_earlier(engine: str) -> None:
    if engine != "local":
        raise WrongUse(
            Fault(
                "--earlier",
                f"--engine {engine}",
                "the local engine: workers do not have the files of an earlier run",
                "leave one of the two out",
                code="earlier-local",
            )
        )


def _ledger_of(ctx: typer.Context) -> Ledger:
    from challenge.ledger import open_ledger

    return open_ledger(challenge_of(ctx))


def _chosen(
    challenge: Challenge,
    names: list[str] | None,
    track: str | None,
    every: bool,
    option: str = "",
) -> list[Task]:
    """Return the built tasks that the command line names; report which are not built."""
    chosen = list(names or [])
    if track is not None:
        chosen += _tasks_of_track(challenge, track)
    built = challenge.built_ids()
    if every and (missing := sorted(set(challenge.task_ids()) - set(built))):
        print_note(f"note: not built, so skipped: {', '.join(missing)}")
    return [challenge.task(one) for one in chosen_tasks(challenge, chosen, every, built, option)]


def _tasks_of_track(challenge: Challenge, track_id: str) -> list[str]:
    from challenge.task.settings import read_settings

    tracks = {track.id: track for track in read_settings(challenge.root).track}
    if track_id not in tracks:
        raise WrongUse(
            Fault(
                "--track",
                repr(track_id),
                f"one of {', '.join(tracks) or '(no tracks)'}",
                meant(track_id, tracks, "name one of these, or declare it in challenge.toml"),
                code="unknown-track",
            )
        )
    return list(tracks[track_id].tasks)


def _run_cells(
    methods: Sequence[str],
    tasks: Sequence[Task],
    options: Options,
    engine: Engine,
    ledger: Ledger | None,
    *,
    isolation: Isolation | None = None,
    to: Path | None = None,
    team: str | None = None,
    caps: dict[str, Any] | None = None,
    earlier: Path | None = None,
    fresh: bool = False,
    named: Collection[str] = (),
    json: bool = False,
) -> None:
    """Train, predict and check in each cell, and submit where there is a ledger."""
    from challenge.methods.run.grid import run_grid
    from challenge.scoring import read_predictions

    reports: list[CellReport] = []
    with tempfile.TemporaryDirectory(prefix="challenge-run-") as scratch:
        out = to or Path(scratch)
        cells = _cells(methods, tasks, options, isolation, out, caps or {}, earlier, named)
        if ledger is not None:
            _refuse_hopeless(cells, ledger, team, fresh=fresh)
        titles = [f"{cell.source.name} on {cell.task.id}" for cell in cells]
        with GridProgress(titles) as progress:
            outcomes = run_grid(cells, engine, read_predictions, progress.show_state, fresh=fresh)
            try:
                with closing(outcomes):
                    for outcome in outcomes:
                        if ledger is not None and outcome.run is not None:
                            progress.show_state(outcome.index, "scoring")
                        report = _report(outcome, ledger, team, kept=to is not None)
                        reports.append(report)
                        line = report.line()
                        progress.done(outcome.index, line, failed=report.error is not None)
                        if report.error is not None:
                            progress.print_note(f"{titles[outcome.index]} failed:\n{report.error}")
            except KeyboardInterrupt:
                progress.print_note(
                    f"{len(reports)} of {counted(len(cells), 'cell')} ended and are kept: "
                    "the same command goes on from there"
                )
                raise
    print_reports(reports, json=json)
    if to is None and ledger is None and any(report.error is None for report in reports):
        print_note("note: no file was kept; add --to DIR to keep it, or --submit to hand it in")
    failures = [report.error for report in reports if report.error is not None]
    if failures:
        raise typer.Exit(max(error.exit_code for error in failures))


def _refuse_hopeless(
    cells: Sequence[GridCell], ledger: Ledger, team: str | None, *, fresh: bool
) -> None:
    """Raise before anything trains what would refuse the submissions of cells that must train."""
    from challenge.ledger import check_run
    from challenge.methods.run.saved_cells import kept_cell

    errors: list[ChallengeError] = []
    for cell in cells:
        if fresh or kept_cell(cell.task, cell.key) is None:
            try:
                check_run(ledger, cell.task, team or cell.source.title, baseline=team is None)
            except ChallengeError as error:
                errors.append(error)
    if errors:
        faults = dict.fromkeys(fault for error in errors for fault in error.faults)
        raise type(errors[0])(faults)


def _cells(
    methods: Sequence[str],
    tasks: Sequence[Task],
    options: Options,
    isolation: Isolation | None,
    out: Path,
    caps: dict[str, Any],
    earlier: Path | None,
    named: Collection[str],
) -> list[GridCell]:
    """Return the cells of the grid, each once, method by method.

    A task that is not `named` is left out where the method cannot do its kind. Raises with the
    faults of all files of earlier runs before anything trains.
    """
    from challenge.api.local_runs import earlier_folders
    from challenge.methods import Caps, resolve_method
    from challenge.methods.run.grid import GridCell
    from challenge.methods.run.runner import default_isolation

    sources = list({(source := resolve_method(value)).spec: source for value in methods}.values())
    pairs = _possible_pairs(sources, tasks, named)
    run_tasks = list({task.id: task for _, task in pairs}.values())
    folders = {} if earlier is None else earlier_folders(earlier, run_tasks)
    several = len(sources) > 1
    return [
        GridCell(
            source.on(task),
            task,
            replace(
                options,
                isolation=isolation or default_isolation(source, task),
                earlier=folders.get(task.id),
            ),
            out / source.name.replace(":", "-") / task.id if several else out / task.id,
            Caps(**caps),
        )
        for source, task in pairs
    ]


def _possible_pairs(
    sources: Sequence[MethodSource], tasks: Sequence[Task], named: Collection[str]
) -> list[tuple[MethodSource, Task]]:
    """Return each method with each task, less those of a kind that it cannot do; note these.

    Tasks that are `named` are kept, and all when none would be left: their cells say what is wrong.
    """
    once = list({task.public.resolve(): task for task in tasks}.values())
    possible = []
    notes = []
    for source in sources:
        left = []
        for task in once:
            if task.id in named or source.on(task).can_do(task.kind):
                possible.append((source, task))
            else:
                left.append(task.id)
        if left:
            notes.append(f"note: {source.name} cannot do the kind of {', '.join(left)}: left out")
    if not possible:
        return [(source, task) for source in sources for task in once]
    for note in notes:
        print_note(note)
    return possible


def _report(outcome: Outcome, ledger: Ledger | None, team: str | None, *, kept: bool) -> CellReport:
    """Submit what a cell predicted, if that is wished, and return what became of it."""
    if outcome.run is None:
        _remember_failure(outcome, ledger, team)
        return CellReport(outcome, error=outcome.error)
    kept_at = str(outcome.run.predictions) if kept else ""
    if ledger is None:
        return CellReport(outcome, kept_at)
    from challenge.ledger import submit

    try:
        receipt = submit(
            ledger,
            outcome.cell.task,
            outcome.run.predictions,
            team=team or outcome.run.title,
            method=outcome.run.method,
            note=outcome.run.note,
            details=outcome.run.details,
            baseline=team is None,
        )
    except ChallengeError as error:
        return CellReport(outcome, kept_at, error=error)
    return CellReport(outcome, kept_at, receipt=receipt)


def _remember_failure(outcome: Outcome, ledger: Ledger | None, team: str | None) -> None:
    """Store that a method failed, so that the matrix does not show its cell as never run.

    What a machine lacked says nothing about the method.
    """
    from challenge.ledger import record_failed_run
    from challenge.methods.run.runner import method_name

    cell, error = outcome.cell, outcome.error
    if ledger is None or error is None or isinstance(error, MissingRequirement):
        return
    record_failed_run(
        ledger,
        cell.task,
        team=team or cell.source.title,
        method=method_name(cell.source, cell.options),
        code=error.faults[0].code,
    )
