"""The matrix of teams and tasks: one score a cell, all else about it where it is pointed at.

Each track has a page of its tasks, and another page has one row a method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from challenge.board.exports import csv_export, json_export
from challenge.board.html_tables import Column, Table, table_of
from challenge.board.markup import (
    bytes_text,
    count_text,
    folder_name,
    interval_text,
    number_text,
    seconds_text,
    user_html,
)
from challenge.board.pages.page_frame import root_of
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.plots.shares import heat_class
from challenge.board.rules.method_matrix import Matrix, MatrixCell, MatrixRow, method_matrix
from challenge.board.rules.swap import Swap
from challenge.errors import counted
from challenge.task.settings import Track

__all__ = ["matrix_files"]

_ALL, _METHODS = "matrix/index.html", "matrix/methods.html"
_FAULTS = {
    "method-raised": "raised an error",
    "method-crashed": "crashed",
    "method-time": "ran out of time",
    "method-memory": "ran out of memory",
    "method-output": "printed too much",
}


def matrix_files(context: SiteContext) -> Iterator[File]:
    """Yield the exports of the matrices, then their pages, that of all tracks last."""
    methods = method_matrix(context.snapshot)
    teams = method_matrix(context.snapshot, by_team=True)
    for name, matrix in (("matrix", methods), ("teams", teams)):
        yield f"matrix/{name}.json", json_export(matrix.as_json())
        yield f"matrix/{name}.csv", csv_export(matrix.csv_header(), matrix.csv_rows())
    tracks = context.settings.track if len(context.settings.track) > 1 else ()
    links = [("All tracks", _ALL), *((track.title, _address(track)) for track in tracks)]
    several = methods.n_rows > teams.n_rows
    if several:
        links.append(("Each method", _METHODS))
        yield _METHODS, _matrix_html(context, _METHODS, methods, links)
    for track in tracks:
        path = _address(track)
        yield path, _matrix_html(context, path, teams.of_tasks(track.tasks), links)
    swap = [_swap_text(one) for one in methods.swap]
    yield _ALL, _matrix_html(context, _ALL, teams, links, swap)


def _address(track: Track) -> str:
    return f"matrix/{folder_name(track.id)}/index.html"


def _matrix_html(
    context: SiteContext,
    path: str,
    matrix: Matrix,
    links: Sequence[tuple[str, str]],
    swap: Sequence[dict[str, Any]] = (),
) -> str:
    """Return a page of the matrix; `links` are the titles and addresses of all its pages."""
    shown = next(title for title, address in links if address == path)
    return context.frame.page(
        "matrix.html",
        path,
        title="Methods × tasks" if path == _ALL else f"Methods × tasks, {shown}",
        summary="Every team and method on every task: what if a team used another team’s method?",
        section="matrix",
        links=links if len(links) > 1 else [],
        current=path,
        by_team=path != _METHODS,
        export={_ALL: "teams", _METHODS: "matrix"}.get(path, ""),
        n_shown=len(matrix.rows),
        n_rows=matrix.n_rows,
        swap=swap,
        table=_table(context, matrix, root_of(path), by_team=path != _METHODS),
    )


def _table(context: SiteContext, matrix: Matrix, root: str, *, by_team: bool) -> Table:
    whose = "team" if by_team else "method"
    return table_of(
        _columns(context, matrix, root, by_team),
        matrix.rows,
        name="matrix",
        caption=f"Best score of each {whose} on each task; point at a cell, or go to it, for more",
        row_class=lambda row: "base" if row.baseline else "",
        classes="board heat matrix",
    )


def _swap_text(one: Swap) -> dict[str, Any]:
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


def _columns(
    context: SiteContext, matrix: Matrix, root: str, by_team: bool
) -> list[Column[MatrixRow]]:
    def head(row: MatrixRow) -> str:
        base = ' <span class="tag">baseline</span>' if row.baseline else ""
        below = row.team_name
        if by_team:
            used = {cell.method for cell in row.cells if cell.method is not None}
            below = row.method if row.method else counted(len(used), "method")
        name = user_html(row.team_name if by_team else row.method or "no name", 64)
        return (
            f'<a class="team" href="{root}team/{row.slug}/index.html">{name}</a>{base}'
            f'<span class="method">{user_html(below, 64)}</span>'
        )

    return [
        Column("team", "Team" if by_team else "Method", head, header=True),
        *(_task_column(context, matrix, root, index) for index in range(len(matrix.tasks))),
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


def _task_column(context: SiteContext, matrix: Matrix, root: str, index: int) -> Column[MatrixRow]:
    task, best = matrix.tasks[index], matrix.bests[index]
    baseline_score = matrix.baseline_scores[index]
    decimals = context.decimals(task)
    metric = context.metric(task)

    def html(row: MatrixRow) -> str:
        cell = row.cells[index]
        if cell.state != "scored":
            return _empty_html(cell)
        kind = heat_class(cell.value, baseline_score, baseline_score if best is None else best)
        value = number_text(cell.value, decimals)
        mark = "best of the task" if cell.best else "tied with the best" if cell.tied else ""
        lines = [interval_text(cell.low, cell.high, decimals), mark, _cost(cell)]
        return (
            f'<a class="cell {kind}{" tied" if cell.tied else ""}" '
            f'href="{root}submission/{cell.submission}.html">'
            f"{f'<b>{value}</b>' if cell.best else value}"
            f'<span class="detail">{user_html(cell.method or "no name", 60)}'
            f"{''.join(f'<small>{line}</small>' for line in lines if line)}</span></a>"
        )

    return Column(
        f"task-{task}",
        context.title(task),
        html,
        "number",
        lambda row: row.values[index],
        head_html=f'<a href="{root}task/{folder_name(task)}/index.html">'
        f"{user_html(context.title(task), 60)}</a><small>{metric.title}</small>",
        low_first=not metric.higher_is_better,
    )


def _empty_html(cell: MatrixCell) -> str:
    if cell.state != "failed":
        short = "–" if cell.state == "not run" else "no score"
        message = f'<span class="hidden">{cell.state}</span>' if short == "–" else ""
        return f'<span class="cell none" title="{cell.state}">{short}{message}</span>'
    fault = _FAULTS.get(cell.fault or "", "wrong file")
    return f'<span class="cell none" tabindex="0">failed<span class="detail">{fault}</span></span>'


def _cost(cell: MatrixCell) -> str:
    parts = []
    if cell.seconds is not None:
        parts.append(seconds_text(cell.seconds))
    if cell.peak_mb is not None:
        parts.append(bytes_text(cell.peak_mb * 1e6))
    return " · ".join(parts)
