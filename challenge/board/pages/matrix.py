"""The method × task matrix as a heat map that is also a table."""

from __future__ import annotations

from collections.abc import Iterator

from challenge.board.markup import count_text, number_text, user_html
from challenge.board.matrix import Matrix, MatrixRow, method_matrix
from challenge.board.pages.frame import folder_name, render, trusted
from challenge.board.pages.material import File, Material, metric_words
from challenge.board.plots import heat_class
from challenge.board.tables import Column, table_html
from challenge.board.twins import csv_twin, json_twin

__all__ = ["matrix_files"]


def matrix_files(material: Material) -> Iterator[File]:
    """Yield the twins of the matrix, then its page."""
    matrix = method_matrix(material.snapshot)
    yield "matrix/matrix.json", json_twin(matrix.as_json())
    yield "matrix/matrix.csv", csv_twin(matrix.csv_header(), matrix.csv_rows())
    content = render(
        "matrix.html",
        n_shown=len(matrix.rows),
        n_rows=matrix.n_rows,
        n_tasks=len(matrix.tasks),
        table=trusted(
            table_html(
                _columns(material, matrix),
                matrix.rows,
                name="matrix",
                caption="Best score of each method on each task",
                row_class=lambda row: "base" if row.baseline else "",
                classes="board heat",
            )
        ),
    )
    words = "Every method on every task: what if they used the other team’s method on their data?"
    path = "matrix/index.html"
    yield path, material.frame.page(path, "Methods × tasks", words, content, place="matrix")


def _columns(material: Material, matrix: Matrix) -> list[Column[MatrixRow]]:
    def method(row: MatrixRow) -> str:
        base = ' <span class="tag">baseline</span>' if row.baseline else ""
        return (
            f'<span class="team">{user_html(row.method or "no name", 90)}</span>{base}'
            f'<a class="method" href="../team/{row.slug}/index.html">'
            f"{user_html(row.team_name, 64)}</a>"
        )

    return [
        Column("method", "Method", method, header=True),
        *(_task_column(material, matrix, index) for index in range(len(matrix.tasks))),
        Column("run", "Tasks", lambda row: count_text(row.n_run), "number", lambda row: row.n_run),
        Column(
            "normalised",
            "Normalised mean",
            lambda row: number_text(row.normalised, 2),
            "number",
            lambda row: row.normalised,
        ),
    ]


def _task_column(material: Material, matrix: Matrix, index: int) -> Column[MatrixRow]:
    task, floor, best = matrix.tasks[index], matrix.floors[index], matrix.bests[index]
    decimals = material.decimals(task)

    def html(row: MatrixRow) -> str:
        value, submission = row.values[index], row.submissions[index]
        kind = heat_class(value, floor, floor if best is None else best)
        if value is None:
            return '<span class="cell none">–<span class="hidden"> not run</span></span>'
        return (
            f'<a class="cell {kind}" href="../submission/{submission}.html">'
            f"{number_text(value, decimals)}</a>"
        )

    metric = metric_words(str(material.card(task).task["metric"]))
    return Column(
        f"task-{task}",
        material.title(task),
        html,
        "number",
        lambda row: row.values[index],
        head_html=f'<a href="../task/{folder_name(task)}/index.html">'
        f"{user_html(material.title(task), 60)}</a><small>{metric}</small>",
    )
