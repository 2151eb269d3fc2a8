"""The command that searches the options of a method."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from challenge.cli.app import app, start_of
from challenge.cli.output import Progress, print_json, print_note, print_table, say
from challenge.errors import Fault, WrongUse, counted, meant
from challenge.task import Task, dump_json, find_task, write_atomically
from challenge.task.files import new_file, output_exists

if TYPE_CHECKING:
    from challenge.methods.method_sources import MethodSource
    from challenge.methods.search import Measured, Stop, Tuning
    from challenge.methods.space import Value

__all__: list[str] = []

_FILES = ("tuned.py", "tuning.html", "tuning.json")


@app.command(epilog="Example: challenge tune linear --task icon-tag --to found")
def tune(
    ctx: typer.Context,
    method: Annotated[
        str,
        typer.Argument(metavar="METHOD", help="A built-in name, an entry point, file.py:Class."),
    ],
    task: Annotated[list[str], typer.Option("--task", help="A task; can be repeated.")],
    trials: Annotated[int, typer.Option("--trials", metavar="N", min=1, help="At most.")] = 60,
    stop: Annotated[
        str,
        typer.Option(
            "--stop",
            help="regret: less to gain than the folds can measure; stagnation: 10 trials without "
            "a better one; none. Never before 20 trials.",
        ),
    ] = "regret",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of search and method.")] = 0,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of a trial.")] = 2,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help=f"Write DIR/TASK/ {', '.join(_FILES)}."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """Search the options of a method.

    Scores are means over the published folds of train. Trials are kept: an interrupted search goes
    on where it was.
    """
    from challenge.methods import resolve_method
    from challenge.methods.search import require_optuna, tuning_as_json

    rule = _rule(stop)
    require_optuna()
    source = resolve_method(method)
    tasks = [find_task(name, start_of(ctx)) for name in task]
    for path in [to / one.id / file for one in tasks for file in _FILES] if to is not None else []:
        if os.path.lexists(path):
            raise output_exists(path)
    found = [_tune(source, one, trials, rule, seed, threads) for one in tasks]
    for tuning in found:
        if to is not None:
            _write(tuning, to / tuning.task.id)
        if not as_json:
            _report(tuning, to)
    if as_json:
        print_json({"searches": [tuning_as_json(tuning) for tuning in found]})


def _rule(stop: str) -> Stop:
    from challenge.methods.search import Stop

    if stop not in (allowed := get_args(Stop)):
        fix = meant(stop, allowed, "name one")
        raise WrongUse(Fault("--stop", repr(stop), " or ".join(allowed), fix, "stop-rule"))
    return cast("Stop", stop)


def _tune(
    source: MethodSource, task: Task, n_trials: int, stop: Stop, seed: int, threads: int
) -> Tuning:
    from challenge.methods.run.runner import default_isolation
    from challenge.methods.search import KeptTrials, Tuning, read_space, run_trial, search

    with Progress(f"{source.name} on {task.id}") as progress:
        progress("asking for its options")
        isolation = default_isolation(source, task)
        declared = read_space(source, task, isolation)
        store = KeptTrials.of(task, source, declared, seed, threads)
        if kept := store.read():
            print_note(f"{task.id}: {counted(len(kept), 'trial')} kept from an earlier call")

        def measure(options: Mapping[str, Value]) -> Measured:
            predictions = run_trial(
                source, task, options, seed=seed, threads=threads, isolation=isolation
            )
            with tempfile.TemporaryDirectory(prefix="challenge-trial-") as folder:
                (file := Path(folder) / "predictions.parquet").write_bytes(predictions)
                return _measured(task, file)

        done = search(
            declared.space,
            measure,
            first=declared.defaults or None,
            n_trials=n_trials,
            stop=stop,
            seed=seed,
            kept=kept,
            keep=store.keep,
            progress=progress,
        )
    return Tuning(task, source, declared, stop, n_trials, seed, threads, done)


def _measured(task: Task, file: Path) -> Measured:
    """Return what out-of-fold predictions scored: in each fold, and all metrics of all rows.

    Fold scores of a metric where lower is better are negated, so that a search always climbs.
    """
    from challenge.methods.search import Measured
    from challenge.scoring import read_predictions, score_on_train
    from challenge.scoring.fold_scores import score_folds

    folds = score_folds(task, read_predictions(task, file, rows="train"))
    whole = score_on_train(task, file)
    merit = task.kind.metrics[task.metric].merit
    return Measured(
        tuple(map(merit, folds)), {name: metric.value for name, metric in whole.metrics.items()}
    )


def _write(tuning: Tuning, folder: Path) -> None:
    from challenge.board.pages.tuning_page import tuning_page
    from challenge.methods.search import tuned_file, tuning_as_json

    folder.mkdir(parents=True, exist_ok=True)
    document, metric = tuning_as_json(tuning), tuning.task.kind.metric(tuning.task.metric)
    texts = (tuned_file(tuning), tuning_page(document, metric), dump_json(document))
    for name, text in zip(_FILES, texts, strict=True):
        write_atomically(folder / name, text)
    # What the method imports from beside its file is beside the copy, too.
    for path in tuning.source.needs.readable if tuning.source.file is not None else ():
        assert tuning.source.file is not None
        with new_file(folder / path.relative_to(tuning.source.file.parent)) as file:
            file.write(path.read_bytes())


def _report(tuning: Tuning, to: Path | None) -> None:
    from challenge.methods.search import fold_error

    found, task, best = tuning.search, tuning.task, tuning.search.best
    gain = "" if tuning.gain is None else f", {tuning.gain:+.4f} against its defaults"
    say(
        f"{tuning.source.name} on {task.id}: {task.metric} {tuning.shown(best.value):.4f} out "
        f"of fold (error {fold_error(best.fold_scores):.4f}){gain}"
    )
    n_failed = sum(trial.failed for trial in found.trials)
    failed = f", {n_failed} failed" if n_failed else ""
    ended = f"stopped by {tuning.stop}" if found.stopped else "no rule stopped it"
    say(
        f"{len(found.trials)} of {counted(tuning.n_allowed, 'trial')}{failed}, "
        f"{tuning.seconds:,.0f} s; {ended}; {_would(tuning)}"
    )
    own = tuning.declared.defaults
    rows = [[name, value, own.get(name, "")] for name, value in sorted(best.options.items())]
    print_table(["option", "found", "own"], [[_shown(cell) for cell in row] for row in rows])
    if to is not None:
        file = to / task.id / _FILES[0]
        say(f"run it: challenge run {file}:tuned --task {task.id}")
        say(f"curves: {to / task.id / _FILES[1]}")


def _would(tuning: Tuning) -> str:
    from challenge.methods.search import RULES

    stops = [(rule, tuning.search.stop_of(rule)) for rule in RULES]
    return ", ".join(
        f"{rule} stops after {number}" if number else f"{rule} not yet" for rule, number in stops
    )


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
