"""The method × task matrix as a heat map that is also a table, and in words above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from challenge.board.exports import csv_export, json_export
from challenge.board.html_tables import Column, table_html
from challenge.board.markup import (
    bytes_text,
    count_text,
    interval_text,
    number_text,
    seconds_text,
    user_html,
)
from challenge.board.pages.page_frame import folder_name, render, trusted
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.plots import heat_class
from challenge.board.rules.method_matrix import Matrix, MatrixCell, MatrixRow, method_matrix
from challenge.board.rules.swap import Swap
from challenge.kinds import metric_title

__all__ = ["matrix_files"]

_FAULTS = {
    "method-raised": "raised an error",
    "method-crashed": "crashed",
    "method-time": "ran out of time",
    "method-memory": "ran out of memory",
    "method-output": "said too much",
}


def matrix_files(context: SiteContext) -> Iterator[File]:
    """Yield the exports of the matrix, then its page."""
    matrix = method_matrix(context.snapshot)
    yield "matrix/matrix.json", json_export(matrix.as_json())
    yield "matrix/matrix.csv", csv_export(matrix.csv_header(), matrix.csv_rows())
    content = render(
        "matrix.html",
        n_shown=len(matrix.rows),
        n_rows=matrix.n_rows,
        n_tasks=len(matrix.tasks),
        swap=[trusted(_sentence(one)) for one in matrix.swap],
        table=trusted(
            table_html(
                _columns(context, matrix),
                matrix.rows,
                name="matrix",
                caption="Best score of each method on each task, with interval and cost",
                row_class=lambda row: "base" if row.baseline else "",
                classes="board heat",
            )
        ),
    )
    words = "Every method on every task: what if they used the other team’s method on their data?"
    path = "matrix/index.html"
    yield path, context.frame.page(path, "Methods × tasks", words, content, place="matrix")


def _sentence(one: Swap) -> str:
    """Say as HTML what the best method of another team would change for a team."""
    start = (
        f"<b>{user_html(one.team_name, 48)}</b>, with {user_html(one.other_method, 60)} "
        f"of {user_html(one.other_team_name, 48)} instead of its {user_html(one.method, 60)}: "
    )
    if not one.n_shared:
        return f"{start}no task was run by both."
    n_tasks = f"{one.n_shared} task{'s' if one.n_shared > 1 else ''}"
    parts = [
        f"{words} on {len(tasks)}"
        for words, tasks in (
            ("significantly better", one.better),
            ("significantly worse", one.worse),
            ("not told apart", one.alike),
        )
        if tasks
    ]
    change = number_text(one.change, 3)
    sign = "+" if one.change is not None and one.change > 0 else ""
    return f"{start}of {n_tasks}, {', '.join(parts)}; mean change {sign}{change}."


def _columns(context: SiteContext, matrix: Matrix) -> list[Column[MatrixRow]]:
    def method(row: MatrixRow) -> str:
        base = ' <span class="tag">baseline</span>' if row.baseline else ""
        return (
            f'<span class="team">{user_html(row.method or "no name", 90)}</span>{base}'
            f'<a class="method" href="../team/{row.slug}/index.html">'
            f"{user_html(row.team_name, 64)}</a>"
        )

    return [
        Column("method", "Method", method, header=True),
        *(_task_column(context, matrix, index) for index in range(len(matrix.tasks))),
        _count("run", "Run", lambda row: row.n_run),
        _count("best", "Best", lambda row: row.n_best),
        _count("tied", "Best or tied", lambda row: row.n_tied),
        Column(
            "normalised",
            "Normalised mean",
            lambda row: number_text(row.normalised, 2),
            "number",
            lambda row: row.normalised,
        ),
        Column(
            "seconds",
            "Time",
            lambda row: "–" if row.seconds is None else seconds_text(row.seconds),
            "number",
            lambda row: row.seconds,
        ),
    ]


def _count(name: str, title: str, of: Callable[[MatrixRow], int]) -> Column[MatrixRow]:
    return Column(name, title, lambda row: count_text(of(row)), "number", of)


def _task_column(context: SiteContext, matrix: Matrix, index: int) -> Column[MatrixRow]:
    task, floor, best = matrix.tasks[index], matrix.baseline_scores[index], matrix.bests[index]
    decimals = context.decimals(task)
    metric = metric_title(str(context.card(task).task["metric"]))

    def html(row: MatrixRow) -> str:
        cell = row.cells[index]
        if cell.state != "scored":
            return _empty_html(cell)
        kind = heat_class(cell.value, floor, floor if best is None else best)
        mark = "best" if cell.best else "tied" if cell.tied else ""
        value = number_text(cell.value, decimals)
        lines = [interval_text(cell.low, cell.high, decimals), mark, _cost(cell)]
        return (
            f'<a class="cell {kind}" href="../submission/{cell.submission}.html">'
            f"{f'<b>{value}</b>' if cell.best else value}"
            f"{''.join(f'<small>{line}</small>' for line in lines if line)}</a>"
        )

    return Column(
        f"task-{task}",
        context.title(task),
        html,
        "number",
        lambda row: row.values[index],
        head_html=f'<a href="../task/{folder_name(task)}/index.html">'
        f"{user_html(context.title(task), 60)}</a><small>{metric}</small>",
    )


def _empty_html(cell: MatrixCell) -> str:
    words = str(cell.state)
    if cell.state == "failed":
        words = f"failed<small>{_FAULTS.get(cell.fault or '', 'wrong file')}</small>"
    return f'<span class="cell none">{words}</span>'


def _cost(cell: MatrixCell) -> str:
    parts = []
    if cell.seconds is not None:
        parts.append(seconds_text(cell.seconds))
    if cell.peak_mb is not None:
        parts.append(bytes_text(cell.peak_mb * 1e6))
    return " · ".join(parts)
