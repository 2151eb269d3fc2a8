"""`challenge run --cv`: out-of-fold predictions of train, their files and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from challenge.cli.output import Progress, print_json, print_note, print_table
from challenge.errors import ChallengeError
from challenge.task.files import output_exists

if TYPE_CHECKING:
    from challenge.methods.run.grid import GridCell
    from challenge.scoring import Score

__all__ = ["cross_validate"]


def cross_validate(cells: Sequence[GridCell], *, kept: bool, json: bool) -> None:
    """Run each cell out of fold, and show the scores of train; a failed cell is reported.

    Raises WrongUse, before anything runs, where a file would be replaced.
    """
    from challenge.api.local_runs import out_of_fold
    from challenge.methods.earlier import OUT_OF_FOLD

    taken = [path for cell in cells if (path := cell.folder / OUT_OF_FOLD).exists()]
    if taken:
        raise output_exists(taken[0])
    scores: list[tuple[GridCell, Score]] = []
    failures: list[ChallengeError] = []
    for cell in cells:
        name = f"{cell.source.name} on {cell.task.id}"
        with Progress(name) as progress:
            try:
                scores.append((cell, out_of_fold(cell, progress)))
            except ChallengeError as error:
                failures.append(error)
                print_note(f"{name} failed:\n{error}")
    _print_scores(scores, failures, kept=kept, json=json)
    if failures:
        raise typer.Exit(max(error.exit_code for error in failures))


def _print_scores(
    scores: Sequence[tuple[GridCell, Score]],
    failures: Sequence[ChallengeError],
    *,
    kept: bool,
    json: bool,
) -> None:
    from challenge.methods.earlier import OUT_OF_FOLD
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
