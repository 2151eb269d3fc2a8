"""A team's pages. Only the first teams of a board show a rank: it changes with others' entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import cycle

from challenge.board.exports import csv_export, json_export
from challenge.board.html_tables import Column, Pager, pages_of, table_of
from challenge.board.markup import (
    clip,
    figures_text,
    folder_name,
    interval_text,
    metric_text,
    number_text,
    of_unit_scale,
    score_html,
    time_html,
    user_html,
)
from challenge.board.pages.page_frame import trusted
from challenge.board.pages.site_context import File, MarkedPage, SiteContext
from challenge.board.pages.submission_lines import Line, PublicScores, team_lines
from challenge.board.pages.submission_page import submission_files
from challenge.board.pages.team_places import TeamPlace
from challenge.board.plots.progress_plot import Line as Step
from challenge.board.plots.progress_plot import progress_svg
from challenge.board.plots.svg_parts import Spot
from challenge.board.rules.upgrades import Flips
from challenge.errors import counted
from challenge.ledger.store.records import Entry, StoredScore, Submission, Team

__all__ = ["team_files"]

_CSV = (
    "submission",
    "task",
    "method",
    "at",
    "withdrawn",
    "subset",
    "metric",
    "value",
    "low",
    "high",
    "reason",
)


def team_files(
    context: SiteContext,
    team: Team,
    entries: Sequence[Entry],
    public: PublicScores,
    flips: Mapping[int, Sequence[Flips]],
    places: Sequence[TeamPlace],
    base: str,
) -> Iterator[File | MarkedPage]:
    """Yield the pages of a team's submissions, the team's exports, then its own pages.

    `base` is a text of all that they depend on beside team, entries, public scores and flips.
    """
    lines = team_lines(context, entries, public)
    by_folder = {place.folder: place for place in places}
    for line in lines:
        submission = line.submission
        where = f"task/{folder_name(submission.task)}" if line.counts else ""
        own, place = flips.get(submission.id, ()), by_folder.get(where)
        yield from submission_files(context, team, line, own, place, base)
    folder = f"team/{team.slug}"
    yield (
        f"{folder}/submissions.json",
        json_export(
            {
                "format": 1,
                "team": team.name,
                "slug": team.slug,
                "baseline": team.baseline,
                "submissions": [
                    {
                        **_plain(line.submission, context.settings.is_contest()),
                        "team": team.name,
                        "counts": line.counts,
                        "state": line.state,
                        "score": line.score.as_json() if line.score else None,
                        "upgrades": [one.as_json() for one in flips.get(line.submission.id, ())],
                    }
                    for line in lines
                ],
            }
        ),
    )
    yield f"{folder}/submissions.csv", csv_export(_CSV, _csv_rows(lines))
    pages = pages_of(lines[::-1])
    for number in range(len(pages), 0, -1):
        path = f"{folder}/index.html" if number == 1 else f"{folder}/page-{number}.html"
        yield path, _team_html(context, team, lines, places, path, number)


def _plain(submission: Submission, contest: bool) -> dict[str, object]:
    """Return a submission for the export; in a contest nobody may compare predictions by digest."""
    values = submission.as_json()
    if contest:
        del values["sha256"]
    return values


def _csv_rows(lines: Sequence[Line]) -> Iterator[tuple[object, ...]]:
    for line in lines:
        submission, score = line.submission, line.score
        start = (
            submission.id,
            submission.task,
            submission.method,
            f"{submission.at:%Y-%m-%dT%H:%M:%SZ}",
            submission.withdrawn,
        )
        if score is None:
            yield (*start, None, None, None, None, None, None)
            continue
        for name, values in score.metrics.items():
            yield (
                *start,
                score.subset,
                name,
                *(values.get(key) for key in ("value", "low", "high", "reason")),
            )


def _team_html(
    context: SiteContext,
    team: Team,
    lines: Sequence[Line],
    places: Sequence[TeamPlace],
    path: str,
    number: int,
) -> str:
    order = {task: n for n, task in enumerate(context.snapshot.cards)}
    best = sorted(
        (line for line in lines if line.counts), key=lambda line: order[line.submission.task]
    )
    closed, name = context.snapshot.closed_at is not None, clip(team.name, 64)
    pages = pages_of(lines[::-1])
    subset = "public score" if context.settings.is_contest() else "score"
    tasks = {line.submission.task for line in lines}
    numbers = {task: n for n, task in enumerate(sorted(tasks, key=order.__getitem__), 1)}
    return context.frame.page(
        "team.html",
        path,
        title=name if number == 1 else f"{name}, page {number}",
        summary=f"{counted(len(lines), 'submission')} on {counted(len(tasks), 'task')}.",
        team=team,
        n_submissions=len(lines),
        n_scored=sum(line.scored for line in lines),
        closed=closed,
        places=places,
        badges=[
            (one, context.frame.address(one.badge), context.frame.address(f"{one.folder}/"))
            for one in places
            if one.badge
        ],
        subset=subset,
        until="until the close" if closed else "so far",
        best=[
            {**_best(context, line.submission, line.score), "number": numbers[line.submission.task]}
            for line in best
            if line.score
        ],
        over_time=trusted(_over_time(context, team, lines, subset, numbers) if number == 1 else ""),
        table=table_of(
            _team_columns(context, closed),
            pages[number - 1],
            name="submissions",
            caption="Submissions, newest first",
            classes="board",
            row_class=lambda line: "gone" if line.submission.withdrawn else "",
            numbers=[numbers[line.submission.task] for line in pages[0]] if number == 1 else (),
        ),
        pager=Pager(number, len(pages), len(lines)),
    )


def _best(context: SiteContext, submission: Submission, score: StoredScore) -> dict[str, object]:
    """Return what the card of a task shows."""
    decimals = context.decimals(submission.task)
    return {
        "submission": submission,
        "folder": folder_name(submission.task),
        "task": context.title(submission.task),
        "value": number_text(score.value, decimals),
        "metric": context.metric(submission.task).title,
        "interval": interval_text(score.low, score.high, decimals),
    }


def _over_time(
    context: SiteContext,
    team: Team,
    lines: Sequence[Line],
    subset: str,
    numbers: Mapping[str, int],
) -> str:
    """Return plots of the team's best scores as steps; empty while no score has changed.

    Tasks of one metric whose best score is 1 share a plot. Each other task has its own.
    """
    steps: dict[str, list[tuple[datetime, float]]] = {}
    last: dict[str, Line] = {}
    for line in lines:
        value = line.public[0] if line.public else line.score.value if line.score else None
        if value is None or line.submission.withdrawn:
            continue
        own = steps.setdefault(line.submission.task, [])
        merit = context.metric(line.submission.task).merit
        if not own or merit(value) > merit(own[-1][1]):
            own.append((line.submission.at, value))
            last[line.submission.task] = line
    if all(len(own) < 2 for own in steps.values()):
        return ""
    colours = cycle(("c1", "c2", "c3", "c4", "c5"))
    shared: dict[str, list[Step]] = {}
    metrics = {}
    for task in context.snapshot.cards:
        if task in steps:
            metric = context.metric(task)
            plot = metric.name if of_unit_scale(metric) else f"task-{task}"
            spot = _best_spot(context, last[task], steps[task][-1][1], numbers.get(task))
            shared.setdefault(plot, []).append(
                Step(context.title(task), tuple(steps[task]), next(colours), spot)
            )
            metrics[plot] = metric
    return "".join(
        f"<figure><figcaption>{escape(metric_text(metrics[plot]))}</figcaption>"
        + progress_svg(
            f"over-time-{plot}",
            f"Best {subset} over time, {metrics[plot].title}, {clip(team.name, 64)}",
            drawn,
            metrics[plot],
            until=lines[-1].submission.at,
            whole=True,
        )
        + "</figure>"
        for plot, drawn in shared.items()
    )


def _best_spot(context: SiteContext, line: Line, value: float, number: int | None) -> Spot:
    """Return the message of the line of a task; the rows of its submissions light up with it."""
    task, score, low, high = line.submission.task, line.score, None, None
    if line.public:
        _, low, high = line.public
    elif score is not None:
        low, high = score.low, score.high
    figures = figures_text(value, low, high, line.submission.at, context.decimals(task))
    href = f"../../submission/{line.submission.id}.html"
    return Spot(context.title(task), figures, href, (number,) if number else ())


def _team_columns(context: SiteContext, closed: bool) -> list[Column[Line]]:
    def score(line: Line) -> str:
        if line.score is None or line.score.value is None:
            reason = (line.score and line.score.reason) or line.state
            return (
                f'<span class="undefined">– <small class="reason">{escape(reason)}</small></span>'
            )
        decimals = context.decimals(line.submission.task)
        return score_html(line.score.value, line.score.low, line.score.high, decimals)

    def public(line: Line) -> str:
        if line.public is None:
            return "–"
        return number_text(line.public[0], context.decimals(line.submission.task))

    columns: list[Column[Line]] = [
        Column(
            "submission",
            "Submission",
            lambda line: (
                f'<a href="../../submission/{line.submission.id}.html">#{line.submission.id}</a>'
            ),
            "number",
            lambda line: line.submission.id,
            header=True,
        ),
        Column(
            "task",
            "Task",
            lambda line: (
                f'<a href="../../task/{folder_name(line.submission.task)}/index.html">'
                f"{user_html(context.title(line.submission.task), 60)}</a>"
            ),
        ),
        Column(
            "score",
            "Final score" if closed else "Score",
            score,
            "number",
            lambda line: line.score.value if line.score else None,
        ),
    ]
    if closed:
        columns.append(
            Column(
                "public",
                "Public score",
                public,
                "number",
                lambda line: line.public[0] if line.public else None,
            )
        )
    columns += [
        Column("method", "Method", lambda line: user_html(line.submission.method, 80)),
        Column("state", "State", lambda line: f'<span class="tag">{line.state}</span>'),
        Column(
            "when",
            "Handed in",
            lambda line: time_html(line.submission.at),
            "number",
            lambda line: line.submission.at.timestamp(),
        ),
    ]
    return columns
