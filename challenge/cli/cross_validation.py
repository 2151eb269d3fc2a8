"""`challenge run --cv`: out-of-fold predictions of train, their files and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from challenge.cli.output import Progress, print_json, print_note, print_table
from challenge.errors import ChallengeError
from challenge.task.files import new_file, output_exists

if TYPE_CHECKING:
    from challenge.methods.run.grid import GridCell
    from challenge.scoring import Score

__all__ = ["OUT_OF_FOLD", "cross_validate"]

OUT_OF_FOLD = "out-of-fold.parquet"
"""The file that `challenge score --on train` reads."""


def cross_validate(cells: Sequence[GridCell], *, kept: bool, json: bool) -> None:
    """Run each cell out of fold, and show the scores of train; a failed cell is reported.

    Raises WrongUse, before anything runs, where a file would be replaced.
    """
    taken = [path for cell in cells if (path := cell.folder / OUT_OF_FOLD).exists()]
    if taken:
        raise output_exists(taken[0])
    scores: list[tuple[GridCell, Score]] = []
    failures: list[ChallengeError] = []
    for cell in cells:
        name = f"{cell.source.name} on {cell.task.id}"
        with Progress(name) as progress:
            try:
                scores.append((cell, _score(cell, progress)))
            except ChallengeError as error:
                failures.append(error)
                print_note(f"{name} failed:\n{error}")
    _print_scores(scores, failures, kept=kept, json=json)
    if failures:
        raise typer.Exit(max(error.exit_code for error in failures))


def _score(cell: GridCell, progress: Progress) -> Score:
    from challenge.methods.search import run_trial
    from challenge.scoring import score_on_train

    options = cell.options
    chosen: dict[str, str | float] = {"preset": options.preset}
    if options.time_limit is not None:
        chosen["time_limit"] = options.time_limit
    predictions = run_trial(
        cell.source,
        cell.task,
        chosen,
        seed=options.seed,
        threads=options.threads,
        isolation=options.isolation,
        caps=cell.caps,
        progress=progress,
    )
    path = cell.folder / OUT_OF_FOLD
    with new_file(path) as file:
        file.write(predictions)
    try:
        return score_on_train(cell.task, path)
    except ChallengeError:
        path.unlink()
        raise


def _print_scores(
    scores: Sequence[tuple[GridCell, Score]],
    failures: Sequence[ChallengeError],
    *,
    kept: bool,
    json: bool,
) -> None:
    from challenge.scoring.figures import figure

    def file_of(cell: GridCell) -> str:
        return str(cell.folder / OUT_OF_FOLD) if kept else ""

    if json:
        cells = [
            {
                "method": cell.source.name,
                "task": cell.task.id,
                "file": file_of(cell) or None,
                "score": score.as_json(),
            }
            for cell, score in scores
        ]
        faults = [fault.as_json() for error in failures for fault in error.faults]
        print_json({"format": 1, "ok": not failures, "cells": cells, "faults": faults})
        return
    print_table(
        ["task", "method", "metric", "train, out of fold [95 % interval]", "file"],
        [
            [
                cell.task.id,
                cell.source.name,
                score.metric,
                figure(score.primary.value, score.primary.low, score.primary.high),
                file_of(cell),
            ]
            for cell, score in scores
        ],
    )
