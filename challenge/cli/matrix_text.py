"""The method × task matrix on a terminal: the methods, then each task, then sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from challenge.cli.output import print_table, say

if TYPE_CHECKING:
    from challenge.board.rules.method_matrix import Matrix, MatrixCell
    from challenge.board.rules.swap import Swap

__all__ = ["print_matrix"]


def print_matrix(matrix: Matrix) -> None:
    """Write which method carries over, how each did on each task, and what a change would do."""
    from challenge.scoring.figures import figure

    print_table(
        ["team", "method", "normalised", "best", "best or tied", "tasks", "seconds"],
        [
            [
                row.team_name,
                row.method,
                figure(row.normalised),
                row.n_best,
                row.n_tied,
                f"{row.n_run}/{len(matrix.tasks)}",
                "" if row.seconds is None else f"{row.seconds:,.0f}",
            ]
            for row in matrix.rows
        ],
        right=(2, 3, 4, 5, 6),
    )
    for index, task in enumerate(matrix.tasks):
        say(f"\n{task}")
        ordered = sorted(
            matrix.rows,
            key=lambda row: -2.0 if (value := row.values[index]) is None else value,
            reverse=True,
        )
        print_table(
            ["team", "method", "score [95 % interval]", "", "seconds", "peak MB"],
            [[row.team_name, row.method, *_cells(row.cells[index])] for row in ordered],
            right=(4, 5),
        )
    if matrix.swap:
        say("\nwith another team's method")
    for one in matrix.swap:
        say(f"  {_sentence(one)}")


def _cells(cell: MatrixCell) -> list[str]:
    from challenge.scoring.figures import figure

    if cell.state != "scored":
        return [f"{cell.state} ({cell.fault})" if cell.fault else cell.state, "", "", ""]
    return [
        figure(cell.value, cell.low, cell.high),
        "best" if cell.best else "tied" if cell.tied else "",
        "" if cell.seconds is None else f"{cell.seconds:,.0f}",
        "" if cell.peak_mb is None else f"{cell.peak_mb:,.0f}",
    ]


def _sentence(one: Swap) -> str:
    from challenge.scoring.figures import figure

    judged = (
        f"significantly better on {len(one.better)}, significantly worse on "
        f"{len(one.worse)}, no significant difference on "
        f"{len(one.alike)} of {one.n_shared}; mean change {figure(one.change)}"
    )
    return (
        f"{one.team_name}, with {one.other_method} of {one.other_team_name} instead of "
        f"{one.method}: {judged if one.n_shared else 'no task was run by both'}"
    )
