"""The method × task matrix as a heat map that is also a table, with a summary above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from challenge.board.exports import csv_export, json_export
from challenge.board.html_tables import Column, table_of
from challenge.board.markup import (
    bytes_text,
    count_text,
    folder_name,
    interval_text,
    number_text,
    seconds_text,
    user_html,
)
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.plots.shares import heat_class
from challenge.board.rules.method_matrix import Matrix, MatrixCell, MatrixRow, method_matrix
from challenge.board.rules.swap import Swap
from challenge.errors import counted

__all__ = ["matrix_files"]

_FAULTS = {
    "method-raised": "raised an error",
    "method-crashed": "crashed",
    "method-time": "ran out of time",
    "method-memory": "ran out of memory",
    "method-output": "printed too much",
}


def matrix_files(context: SiteContext) -> Iterator[File]:
    """Yield the exports of the matrix, then its page."""
    matrix = method_matrix(context.snapshot)
    yield "matrix/matrix.json", json_export(matrix.as_json())
    yield "matrix/matrix.csv", csv_export(matrix.csv_header(), matrix.csv_rows())
    table = table_of(
        _columns(context, matrix),
        matrix.rows,
        name="matrix",
        caption="Best score of each method on each task, with interval and cost",
        row_class=lambda row: "base" if row.baseline else "",
        classes="board heat",
    )
    path = "matrix/index.html"
    yield (
        path,
        context.frame.page(
            "matrix.html",
            path,
            title="Methods × tasks",
            summary="Every method on every task: what if a team used another team’s method?",
            section="matrix",
            n_shown=len(matrix.rows),
            n_rows=matrix.n_rows,
            swap=[_swap_text(one) for one in matrix.swap],
            table=table,
        ),
    )


def _swap_text(one: Swap) -> dict[str, object]:
    """Return what the best method of another team would change for a team."""
    n, change = one.n_shared, number_text(one.change, 3)
    parts = [
        f"{text} on {len(tasks)}"
        for text, tasks in (
            ("significantly better", one.better),
            ("significantly worse", one.worse),
            ("not distinguished", one.alike),
        )
        if tasks
    ]
    sign = "+" if one.change is not None and one.change > 0 else ""
    verdict = f"of {counted(n, 'task')}, {', '.join(parts)}; mean change {sign}{change}."
    return {"swap": one, "verdict": verdict if n else "no task was run by both."}


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
    task, best = matrix.tasks[index], matrix.bests[index]
    baseline_score = matrix.baseline_scores[index]
    decimals = context.decimals(task)
    metric = context.metric(task)

    def html(row: MatrixRow) -> str:
        cell = row.cells[index]
        if cell.state != "scored":
            return _empty_html(cell)
        kind = heat_class(cell.value, baseline_score, baseline_score if best is None else best)
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
        f"{user_html(context.title(task), 60)}</a><small>{metric.title}</small>",
        low_first=not metric.higher_is_better,
    )


def _empty_html(cell: MatrixCell) -> str:
    text = str(cell.state)
    if cell.state == "failed":
        text = f"failed<small>{_FAULTS.get(cell.fault or '', 'wrong file')}</small>"
    return f'<span class="cell none">{text}</span>'


def _cost(cell: MatrixCell) -> str:
    parts = []
    if cell.seconds is not None:
        parts.append(seconds_text(cell.seconds))
    if cell.peak_mb is not None:
        parts.append(bytes_text(cell.peak_mb * 1e6))
    return " · ".join(parts)
