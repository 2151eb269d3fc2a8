"""The columns of the boards: one entry a column, for the page, the JSON export and the CSV export.

Entries are in the order of the CSV export; `page` orders them on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Generic, Literal

from challenge.board.board_cells import (
    Look,
    behind_cell,
    coverage_cell,
    flips_cell,
    method_cell,
    plot_cell,
    prize_cell,
    public_cell,
    range_cell,
    rank_cell,
    score_cell,
    when_cell,
)
from challenge.board.html_tables import Column
from challenge.board.markup import (
    count_text,
    folder_name,
    number_text,
    user_html,
)
from challenge.board.plots.interval_plot import axis_svg
from challenge.board.rules.board_rows import Row, TaskRow, TrackRow
from challenge.ledger.store.clock import iso

__all__ = [
    "TASK_COLUMNS",
    "TRACK_COLUMNS",
    "BoardColumn",
    "Field",
    "drawn_columns",
    "exported_fields",
    "track_columns",
]


@dataclass(frozen=True)
class Field(Generic[Row]):
    """One exported value: a key of the JSON export and a column of the CSV export."""

    name: str
    value: Callable[[Row], object]
    overview: bool = False
    """Also in the CSV export of the home page."""
    only: Literal["json", "csv", None] = None


@dataclass(frozen=True)
class BoardColumn(Generic[Row]):
    """One column of a board.

    `fields` are exported. `page` is its position on the page, 0 where it is not shown. The script
    sorts by `sort`; `best` says which end a first click puts on top. `folded` hides it until the
    reader asks for it, `shown` leaves it out of the page.
    """

    name: str
    fields: tuple[Field[Row], ...] = ()
    title: str = ""
    help: str = ""
    page: int = 0
    html: Callable[[Row, Look], str] = lambda row, look: ""
    sort: Callable[[Row], object] | None = None
    best: Literal["low", "high", "metric"] = "high"
    kind: Literal["text", "number", "plot"] = "number"
    home: bool = False
    """Also on the home page."""
    header: bool = False
    """The cell that names its row."""
    head_html: Callable[[Look], str] | None = None
    folded: Callable[[Look], bool] = lambda look: False
    shown: Callable[[Look], bool] = lambda look: True


def drawn_columns(
    columns: Sequence[BoardColumn[Row]], look: Look, *, home: bool = False
) -> list[Column[Row]]:
    """Return the columns of a page, or of the home page, as the table draws them."""
    on_page = [
        column
        for column in columns
        if column.page and column.shown(look) and (column.home or not home)
    ]
    return [_drawn(column, look) for column in sorted(on_page, key=lambda column: column.page)]


def _drawn(column: BoardColumn[Row], look: Look) -> Column[Row]:
    lower = not look.metric.higher_is_better
    by_metric = column.best == "metric"
    direction = f"{'Lower' if lower else 'Higher'} is better." if by_metric else ""
    return Column(
        column.name,
        column.title,
        lambda row: column.html(row, look),
        column.kind,
        column.sort,
        head_html=column.head_html(look) if column.head_html else None,
        header=column.header,
        folded=column.folded(look),
        help=f"{column.help} {direction}".strip(),
        low_first=column.best == "low" or (by_metric and lower),
    )


def exported_fields(
    columns: Sequence[BoardColumn[Row]], export: Literal["json", "csv"]
) -> list[Field[Row]]:
    """Return the fields of an export, in the order of the columns."""
    return [field for column in columns for field in column.fields if field.only in (None, export)]


_RANK: BoardColumn[Any] = BoardColumn(
    "rank",
    (Field("rank", lambda row: row.rank, overview=True),),
    "Rank",
    "Equal scores share a rank; without a score there is no rank.",
    page=1,
    html=rank_cell,
    sort=lambda row: row.rank,
    best="low",
    home=True,
)
_TEAM_FIELDS: tuple[Field[Any], ...] = (
    Field("team", lambda row: row.team_name, overview=True),
    Field("slug", lambda row: row.slug),
    Field("baseline", lambda row: row.baseline),
)
_SCORE: BoardColumn[Any] = BoardColumn(
    "score",
    (
        Field("value", lambda row: row.value, overview=True),
        Field("low", lambda row: row.low, overview=True),
        Field("high", lambda row: row.high, overview=True),
    ),
    "Score",
    "The primary metric of the team’s best submission, with its 95 % interval.",
    page=3,
    html=score_cell,
    sort=lambda row: row.value,
    best="metric",
    home=True,
)
_PLOT: BoardColumn[Any] = BoardColumn(
    "plot",
    title="Interval",
    help="Score and 95 % interval.",
    page=4,
    html=plot_cell,
    kind="plot",
    home=True,
    head_html=lambda look: axis_svg(look.scale),
)
_RANGE: BoardColumn[Any] = BoardColumn(
    "ranks",
    (
        Field("rank_low", lambda row: row.rank_low),
        Field("rank_high", lambda row: row.rank_high),
        Field("tied_first", lambda row: row.tied_first, overview=True),
    ),
    "Rank range",
    "The 95 % interval of the rank.",
    page=5,
    html=range_cell,
    sort=lambda row: row.rank_low,
    best="low",
)
_BEHIND: BoardColumn[Any] = BoardColumn(
    "behind",
    (
        Field("behind", lambda row: row.behind),
        Field("behind_low", lambda row: row.behind_low),
        Field("behind_high", lambda row: row.behind_high),
    ),
    "Behind the first",
    "How much better the first score is, with its simultaneous 95 % interval.",
    page=12,
    html=behind_cell,
    sort=lambda row: row.behind,
    best="low",
    folded=lambda look: True,
)
_ENTRIES: BoardColumn[Any] = BoardColumn(
    "entries",
    (Field("n_submissions", lambda row: row.n_submissions),),
    "Entries",
    "Submissions of the team that count here: none that was withdrawn, and while a contest runs "
    "none that did not improve on its best.",
    page=13,
    html=lambda row, look: count_text(row.n_submissions),
    sort=lambda row: row.n_submissions,
)
_WHEN: BoardColumn[Any] = BoardColumn(
    "when",
    (Field("at", lambda row: iso(row.at) if row.at else None),),
    "Handed in",
    "When the best submission was made.",
    page=15,
    html=when_cell,
    sort=lambda row: int(row.at.timestamp()) if row.at else None,
)
_PUBLIC: BoardColumn[Any] = BoardColumn(
    "public",
    (Field("public_rank", lambda row: row.public_rank),),
    "Public rank",
    "The rank before the close, and how many ranks the team moved.",
    page=6,
    html=public_cell,
    sort=lambda row: row.public_rank,
    best="low",
    shown=lambda look: any(row.public_rank is not None for row in look.rows[:50]),
)

TASK_COLUMNS: list[BoardColumn[TaskRow]] = [
    _RANK,
    BoardColumn(
        "team",
        (
            *_TEAM_FIELDS,
            Field("submission", lambda row: row.submission),
            Field("method", lambda row: row.method),
            Field("note", lambda row: row.note),
            Field("by_agent", lambda row: row.by_agent),
        ),
        "Team and method",
        page=2,
        html=method_cell,
        kind="text",
        home=True,
        header=True,
    ),
    _SCORE,
    _PLOT,
    _RANGE,
    _BEHIND,
    _ENTRIES,
    _WHEN,
    _PUBLIC,
    BoardColumn("reason", (Field("reason", lambda row: row.reason),)),
    BoardColumn(
        "flips",
        (
            Field("error", lambda row: row.error),
            Field("flips", lambda row: row.flips),
            Field("flips_low", lambda row: row.flips_low),
            Field("flips_high", lambda row: row.flips_high),
        ),
        "Flips",
        "Negative flip rate: rows that the best baseline has right and this entry wrong.",
        page=11,
        html=flips_cell,
        sort=lambda row: row.flips,
        best="low",
        folded=lambda look: True,
        shown=lambda look: any(row.flips is not None for row in look.rows[:50]),
    ),
]
"""The columns of every task board."""

TRACK_COLUMNS: list[BoardColumn[TrackRow]] = [
    _RANK,
    BoardColumn(
        "team",
        _TEAM_FIELDS,
        "Team",
        page=2,
        html=coverage_cell,
        kind="text",
        home=True,
        header=True,
    ),
    replace(
        _SCORE,
        title="Mean score",
        help="The mean over all tasks of the track, with its 95 % interval.",
    ),
    _PLOT,
    _RANGE,
    _BEHIND,
    replace(_ENTRIES, page=0),
    replace(
        _WHEN,
        title="Complete since",
        help="When the team had submitted everything that counts here.",
        folded=lambda look: True,
    ),
    BoardColumn(
        "coverage",
        (Field("coverage", lambda row: row.coverage(), overview=True),),
        "Tasks",
        "Tasks entered, of those that count.",
        page=8,
        html=lambda row, look: row.coverage(),
        sort=lambda row: row.n_entered,
        folded=lambda look: all(row.n_entered == row.n_tasks for row in look.rows),
    ),
    BoardColumn(
        "prize",
        (Field("eligible", lambda row: row.eligible, overview=True),),
        "Prize",
        "A team is eligible with a score on every task; baselines are not. After the close: "
        "who won.",
        page=14,
        html=prize_cell,
        kind="text",
        folded=lambda look: not look.prize,
    ),
    BoardColumn(
        "mean-rank",
        (Field("mean_rank", lambda row: row.mean_rank),),
        "Mean rank",
        "The mean of the ranks on the tasks; a missing task ranks below all that entered it.",
        page=10,
        html=lambda row, look: number_text(row.mean_rank, 2),
        sort=lambda row: row.mean_rank,
        best="low",
        folded=lambda look: len(look.task_titles or ()) > 2,
    ),
    BoardColumn(
        "wins",
        (Field("wins", lambda row: row.wins),),
        "Wins",
        "Tasks on which the team is first, alone or shared.",
        page=9,
        html=lambda row, look: count_text(row.wins),
        sort=lambda row: row.wins,
    ),
    BoardColumn(
        "normalised",
        (
            Field("normalised", lambda row: row.normalised),
            Field("prize", lambda row: row.prize),
        ),
        "Normalised",
        "The mean over the tasks of the score, where 0 is the baseline score and 1 the best.",
        page=11,
        html=lambda row, look: number_text(row.normalised, 2),
        sort=lambda row: row.normalised,
        folded=lambda look: True,
    ),
    _PUBLIC,
    BoardColumn(
        "tasks", (Field("tasks", lambda row: [cell.as_json() for cell in row.cells], only="json"),)
    ),
]
"""The columns of every track board, beside one for each task."""


def track_columns(tasks: Sequence[str]) -> list[BoardColumn[TrackRow]]:
    """Return the columns of a track board over these tasks."""
    return [*TRACK_COLUMNS, *(_cell_column(index, task) for index, task in enumerate(tasks))]


def _cell_column(index: int, task: str) -> BoardColumn[TrackRow]:
    def html(row: TrackRow, look: Look) -> str:
        cell, decimals = row.cells[index], (look.task_decimals or {})[task]
        if cell.value is None:
            counted = number_text(cell.counted, decimals)
            reason = f"{escape(cell.reason or 'not entered')}; counts as {counted}"
            return (
                f'<span class="missing" title="{reason}">{counted}'
                f'<span class="hidden"> ({reason})</span></span>'
            )
        text = number_text(cell.value, decimals)
        if cell.rank == 1:
            text = f'<strong title="first on this task">{text}</strong>'
        if cell.submission is None:
            return text
        return f'<a class="quiet" href="{look.root}submission/{cell.submission}.html">{text}</a>'

    def head(look: Look) -> str:
        title = user_html((look.task_titles or {})[task], 40)
        return f'<a href="{look.root}task/{folder_name(task)}/index.html">{title}</a>'

    return BoardColumn(
        f"task-{task}",
        (Field(task, lambda row: row.cells[index].value, only="csv"),),
        task,
        page=7,
        html=html,
        sort=lambda row: row.cells[index].counted,
        best="metric",
        head_html=head,
    )
