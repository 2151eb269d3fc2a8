"""The rows of a board: rank, team, score with interval, plot; the same on home, task and track."""

from __future__ import annotations

from html import escape
from typing import Any

from challenge.board.markup import (
    count_text,
    interval_text,
    number_text,
    time_html,
    user_html,
)
from challenge.board.pages.page_frame import folder_name
from challenge.board.pages.site_context import SiteContext, board_decimals
from challenge.board.plots import Scale, axis_svg, interval_svg, late_scale, scale_for
from challenge.board.rules.board_rows import (
    Board,
    Cell,
    Standing,
    TaskBoard,
    TaskRow,
    TrackBoard,
    TrackRow,
)
from challenge.board.tables import Column

__all__ = [
    "board_scale",
    "leader_band",
    "task_columns",
    "tied_class",
    "ties_words",
    "track_columns",
]


def board_scale(board: Board[Any], n: int) -> Scale:
    """Return the scale of a board's plot, made for its first `n` rows.

    One very bad entry must not make all others indistinguishable, so the worst ends are cut where
    they are more than four times as far from the best as the median is.
    """
    rows = [row for row in board.rows[:n] if row.value is not None]
    values = [row.value for row in rows if row.value is not None]
    if not values:
        return scale_for([])
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None]
    return late_scale(board.metric, values, ends, 4, 0.05)


def tied_class(row: Standing) -> str:
    """Return the class of a board row."""
    kinds = [name for name, on in (("tied", row.tied_first), ("base", row.baseline)) if on]
    return " ".join(kinds)


def ties_words(board: Board[Any]) -> str:
    """Return one plain sentence about who is really ahead."""
    tied, scored = board.tied_first, board.n_scored
    if scored == 0:
        return "No scored entry yet."
    if scored == 1:
        return "One scored entry so far: nobody to compare it with."
    if len(tied) <= 1:
        return "The first is ahead of every other entry by more than chance explains."
    others = "one other" if len(tied) == 2 else f"{len(tied) - 1} others"
    return (
        f"The first is statistically tied with {others}: chance alone may have decided their order."
    )


def _rank_html(row: Standing) -> str:
    if row.rank is None:
        return '<span class="rank none" title="no score, no rank">–</span>'
    note = '<span class="hidden"> (tied with the first)</span>' if row.tied_first else ""
    return f'<span class="rank">{row.rank}</span>{note}'


def _team_html(row: Standing, root: str, below: str) -> str:
    base = ' <span class="tag">baseline</span>' if row.baseline else ""
    return (
        f'<a class="team" href="{root}team/{escape(row.slug)}/index.html">'
        f"{user_html(row.team_name, 64)}</a>{base}{below}"
    )


def _score_html(
    value: float | None, low: float | None, high: float | None, decimals: int, reason: str | None
) -> str:
    if value is None:
        words = escape(reason) if reason else "no score"
        return (
            f'<span class="undefined" title="{words}">–<span class="hidden"> {words}</span></span>'
        )
    interval = interval_text(low, high, decimals)
    small = f"<small>{interval}</small>" if interval else ""
    return f"<b>{number_text(value, decimals)}</b>{small}"


def _rank_interval_html(row: Standing) -> str:
    if row.rank_low is None or row.rank_high is None:
        return "–"
    if row.rank_low == row.rank_high:
        return f"{row.rank_low}"
    return f"{row.rank_low}–{row.rank_high}"


def leader_band(board: Board[Any]) -> tuple[float, float] | None:
    """Return the ends of the first one's interval, None where it has none."""
    first = board.rows[0] if board.rows else None
    if first is None or first.low is None or first.high is None:
        return None
    return first.low, first.high


def _plot_column(board: Board[Any], scale: Scale) -> Column[Any]:
    band = leader_band(board)
    baseline_score = board.baseline_score if isinstance(board, TaskBoard) else None
    return Column(
        "plot",
        "Interval",
        lambda row: interval_svg(
            scale,
            row.value,
            row.low,
            row.high,
            band=band,
            baseline_score=baseline_score,
            strong=row.tied_first,
        ),
        kind="plot",
        head_html=axis_svg(scale),
    )


def _moved(row: Standing) -> str:
    if row.public_rank is None:
        return "–"
    if row.rank is None or row.rank == row.public_rank:
        return f"{row.public_rank}"
    up = row.rank < row.public_rank
    arrow, word = ("▲", "up") if up else ("▼", "down")
    steps = abs(row.rank - row.public_rank)
    return (
        f'{row.public_rank} <span class="{word}"><span aria-hidden="true">{arrow}</span>'
        f'<span class="hidden">{word} </span>{steps}</span>'
    )


def _rank_columns(board: Board[Any]) -> list[Column[Any]]:
    ranks: Column[Any] = Column(
        "ranks", "Rank range", _rank_interval_html, "number", lambda row: row.rank_low
    )
    if all(row.public_rank is None for row in board.rows[:50]):
        return [ranks]
    return [
        ranks,
        Column("public", "Public rank", _moved, "number", lambda row: row.public_rank),
    ]


def _behind_column(decimals: int) -> Column[Any]:
    return Column(
        "behind",
        "Behind the first",
        lambda row: _behind_html(row, decimals),
        "number",
        lambda row: row.behind,
        folded=True,
    )


def task_columns(
    context: SiteContext, board: TaskBoard, root: str, *, short: bool = False
) -> list[Column[TaskRow]]:
    """Return the columns of a task board; `short` leaves those that the home page shows."""
    decimals = board_decimals(board)

    def submission(row: TaskRow) -> str:
        return (
            f'<a class="method" href="{root}submission/{row.submission}.html">'
            f"{user_html(row.method or 'no name', 90)}</a>"
        )

    columns: list[Column[TaskRow]] = [
        Column("rank", "Rank", _rank_html, "number", lambda row: row.rank),
        Column(
            "team",
            "Team and method",
            lambda row: _team_html(row, root, submission(row)),
            header=True,
        ),
        Column(
            "score",
            "Score",
            lambda row: _score_html(row.value, row.low, row.high, decimals, row.reason),
            "number",
            lambda row: row.value,
        ),
        _plot_column(board, board_scale(board, 6 if short else 50)),
    ]
    if short:
        return columns
    columns += _rank_columns(board)
    columns += [
        _behind_column(decimals),
        Column(
            "entries",
            "Entries",
            lambda row: count_text(row.n_submissions),
            "number",
            lambda row: row.n_submissions,
        ),
        Column(
            "when",
            "Handed in",
            lambda row: time_html(row.at, day=True) if row.at else "–",
            "number",
            lambda row: int(row.at.timestamp()) if row.at else None,
        ),
    ]
    return columns


def _behind_html(row: Standing, decimals: int) -> str:
    if row.behind is None:
        return "–"
    interval = interval_text(row.behind_low, row.behind_high, decimals)
    return f"{number_text(row.behind, decimals)}" + (
        f"<small>{interval}</small>" if interval else ""
    )


def track_columns(
    context: SiteContext, board: TrackBoard, root: str, *, short: bool = False
) -> list[Column[TrackRow]]:
    """Return the columns of a track board, one for each of its tasks among them."""
    decimals = board_decimals(board)

    def below(row: TrackRow) -> str:
        words = []
        if row.n_entered < row.n_tasks:
            words.append(f"{row.n_entered} of {row.n_tasks} tasks")
        if not row.eligible and not row.baseline and board.prize:
            words.append("not eligible")
        html = f'<span class="method">{" · ".join(words)}</span>' if words else ""
        return html + (
            f'<span class="prize">{user_html(row.prize, 160)}</span>' if row.prize else ""
        )

    columns: list[Column[TrackRow]] = [
        Column("rank", "Rank", _rank_html, "number", lambda row: row.rank),
        Column("team", "Team", lambda row: _team_html(row, root, below(row)), header=True),
        Column(
            "score",
            "Mean score",
            lambda row: _score_html(row.value, row.low, row.high, decimals, None),
            "number",
            lambda row: row.value,
        ),
        _plot_column(board, board_scale(board, 6 if short else 50)),
    ]
    if short:
        return columns
    columns += _rank_columns(board)
    columns += [_cell_column(context, board, index, root) for index in range(len(board.tasks))]
    columns += [
        Column(
            "coverage",
            "Tasks",
            lambda row: row.coverage(),
            "number",
            lambda row: row.n_entered,
            folded=all(row.n_entered == row.n_tasks for row in board.rows),
        ),
        Column("wins", "Wins", lambda row: count_text(row.wins), "number", lambda row: row.wins),
        Column(
            "mean-rank",
            "Mean rank",
            lambda row: number_text(row.mean_rank, 2),
            "number",
            lambda row: row.mean_rank,
            folded=len(board.tasks) > 2,
        ),
        Column(
            "normalised",
            "Normalised",
            lambda row: number_text(row.normalised, 2),
            "number",
            lambda row: row.normalised,
            folded=True,
        ),
        _behind_column(decimals),
        Column(
            "prize",
            "Prize",
            lambda row: "eligible" if row.eligible else "no",
            folded=not board.prize,
        ),
        Column(
            "when",
            "Complete since",
            lambda row: time_html(row.at, day=True) if row.at else "–",
            "number",
            lambda row: int(row.at.timestamp()) if row.at else None,
            folded=True,
        ),
    ]
    return columns


def _cell_column(
    context: SiteContext, board: TrackBoard, index: int, root: str
) -> Column[TrackRow]:
    task = board.tasks[index]
    decimals = context.decimals(task)
    href = f"{root}task/{folder_name(task)}/index.html"

    def html(row: TrackRow) -> str:
        cell: Cell = row.cells[index]
        if cell.missing or cell.value is None:
            counted = number_text(cell.counted, decimals)
            words = f"{escape(cell.reason or 'not entered')}; counts as {counted}"
            return (
                f'<span class="missing" title="{words}">{counted}'
                f'<span class="hidden"> ({words})</span></span>'
            )
        text = number_text(cell.value, decimals)
        if cell.rank == 1:
            text = f'<strong title="first on this task">{text}</strong>'
        if cell.submission is None:
            return text
        return f'<a class="quiet" href="{root}submission/{cell.submission}.html">{text}</a>'

    return Column(
        f"task-{task}",
        context.title(task),
        html,
        "number",
        lambda row: row.cells[index].counted,
        head_html=f'<a href="{href}">{user_html(context.title(task), 40)}</a>',
    )
