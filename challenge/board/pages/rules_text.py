"""The rules page, generated from the settings of the challenge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from challenge.board.markup import clip, folder_name, number_text
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.pages.standings_table import tasks_text
from challenge.board.rules.prizes import TIE_RULES
from challenge.errors import counted
from challenge.kinds import kind_of, metric_title
from challenge.ledger.contest.climb_attack import (
    answers_of_team,
    climb_gain,
    teams_of_attacker,
)
from challenge.ledger.submissions.ladder import MEASURED_CLIMB

__all__ = ["about_files"]

_MOST_ROWS = 10_000
"""More public rows are not simulated: the gain is smaller with more."""

_gain = cache(climb_gain)
_BIBTEX = re.compile(r"[{}\\%#$&_^~]+")


@dataclass(frozen=True)
class _Climb:
    """What guessing gains in public on a task: texts of the gains, and on how many answers."""

    task: str
    n_rows: str
    n_answers: int
    one_team: str
    n_teams: int
    many_teams: str


def about_files(context: SiteContext) -> Iterator[File]:
    """Yield the page of the rules."""
    settings, snapshot = context.settings, context.snapshot
    yield (
        "about.html",
        context.frame.page(
            "about.html",
            "about.html",
            title="Rules",
            summary="How entries are scored, ranked and compared, and how to take part.",
            section="about",
            settings=settings,
            contest=settings.is_contest(),
            closed_at=snapshot.closed_at,
            state=context.state_text(),
            tracks=[
                {
                    "folder": folder_name(track.id),
                    "title": track.title,
                    "metric": metric_title(track.metric),
                    "over": tasks_text(board),
                    "prize": track.prize,
                    "prize_tie": TIE_RULES.get(track.prize_tie or "", ""),
                    "tasks": [(folder_name(task), context.title(task)) for task in board.tasks],
                    "left_out": [
                        (
                            folder_name(task) if task in snapshot.cards else None,
                            context.title(task),
                            reason,
                        )
                        for task, reason in board.left_out.items()
                    ],
                }
                for track in settings.track
                for board in (context.track_boards[track.id],)
            ],
            metrics=_metrics(context),
            steps=[
                (context.title(task), context.step_text(task))
                for task, step in snapshot.steps.items()
                if step
            ]
            if snapshot.subset == "public"
            else [],
            climbed=f"{MEASURED_CLIMB:g}".removeprefix("0"),
            unscored=[context.title(task) for task in sorted(snapshot.unscored)],
            roster=sorted(team.name for team in settings.team),
            climb=_climb(context),
            bibtex=_bibtex(context),
        ),
    )


def _metrics(context: SiteContext) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return titles and meanings of the metrics of each kind that has a task or a track here."""
    tracks = (track.kind for track in context.settings.track)
    kinds = [*map(context.kind, context.snapshot.cards), *map(kind_of, tracks)]
    return {
        kind.title: [(metric.title, metric.meaning) for metric in kind.metrics.values()]
        for kind in sorted(kinds, key=lambda kind: kind.title)
    }


def _bibtex(context: SiteContext) -> str:
    """Return an entry of BibTeX for the challenge; braces and backslashes of texts are left out."""
    title = _BIBTEX.sub(" ", clip(context.settings.title, 200))
    first = next(iter(re.findall(r"[a-z0-9]+", title.lower())), "challenge")
    at = context.snapshot.closed_at or context.snapshot.at
    fields = {"title": f"{{{title}}}", "note": "Machine-learning challenge with a leaderboard"}
    if at is not None:
        fields["year"] = str(at.year)
    if context.settings.url:
        fields["url"] = context.settings.url
    lines = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items())
    return f"@misc{{{first}{at.year if at else ''},\n{lines}}}"


def _climb(context: SiteContext) -> _Climb | None:
    """Simulate guessing on the task with the fewest public rows; None unless a contest runs.

    The number of rows is that of the stated share, to one digit, so it says nothing of the subset.
    """
    snapshot, settings = context.snapshot, context.settings
    if snapshot.subset != "public":
        return None
    rows = {
        task: min(_MOST_ROWS, _one_digit(float(public) * card.task["n_test"]))
        for task, card in snapshot.cards.items()
        if (public := card.task.get("split", {}).get("public")) and task not in snapshot.unscored
    }
    if not rows:
        return None
    task = min(rows, key=lambda name: (rows[name], name))
    n_answers, n_teams = answers_of_team(settings), teams_of_attacker(settings)
    many = _gain(rows[task], n_teams, one_team=False, step=settings.ladder_step)
    return _Climb(
        context.title(task),
        counted(rows[task], "public row"),
        n_answers,
        _gain_text(_gain(rows[task], n_answers, one_team=True, step=settings.ladder_step)),
        n_teams,
        _gain_text(many) if n_teams > 1 else "",
    )


def _gain_text(gain: float) -> str:
    """Return what is gained; guessing that ends below chance gains nothing."""
    text = number_text(max(gain, 0.0), 2)
    return f"{text} accuracy" if text.strip(".0") else "nothing"


def _one_digit(value: float) -> int:
    return round(float(f"{value:.1g}"))
