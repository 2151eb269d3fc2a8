"""A search of options: the score of each trial, and the curves whose crossing ends it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from challenge.board.markup import clip
from challenge.board.pages.page_frame import render_alone, trusted
from challenge.board.plots.svg_parts import N_LIT, Spot
from challenge.board.plots.trials_plot import Curve, trials_svg
from challenge.errors import counted
from challenge.kinds import Metric

__all__ = ["tuning_page"]


def tuning_page(search: Mapping[str, Any], metric: Metric) -> str:
    """Return the HTML page of a search, given as its JSON document; it needs no other file."""
    best, defaults = search["best"], search["defaults"]
    trials = [{**trial, "value": _mean(trial["fold_scores"])} for trial in search["trials"]]
    names = sorted(search["space"])
    return render_alone(
        "tuning.html",
        f"{search['method']} on {search['task']}",
        search=search,
        metric=metric.title,
        best=f"{best['value']:.4f}",
        n_folds=len(best["fold_scores"]),
        gain="" if search["gain"] is None else f"{search['gain']:+.4f}",
        scores=trusted(_scores_svg(trials, metric)),
        curves=trusted(_curves_svg(search, len(trials))),
        options=[
            (name, _shown(value), _shown(defaults.get(name, "–")))
            for name, value in sorted(best["options"].items())
        ],
        names=names,
        n_lit=N_LIT,
        trials=[
            {
                "number": trial["number"],
                "score": f"failed: {clip(trial['reason'], 80)}"
                if trial["value"] is None
                else f"{trial['value']:.4f}",
                "seconds": f"{trial['seconds']:.1f}",
                "options": [_shown(trial["options"][name]) for name in names],
            }
            for trial in trials
        ],
    )


def _mean(fold_scores: Sequence[float]) -> float | None:
    return math.fsum(fold_scores) / len(fold_scores) if fold_scores else None


def _scores_svg(trials: Sequence[Mapping[str, Any]], metric: Metric) -> str:
    """Return the plot of the trials' scores, and of the best so far."""
    points = [
        (trial["number"], trial["value"], _spot(trial))
        for trial in trials
        if trial["value"] is not None
    ]
    failed = [(trial["number"], _spot(trial)) for trial in trials if trial["value"] is None]
    best: list[tuple[int, float]] = []
    for number, value, _ in points:
        better = not best or metric.merit(value) > metric.merit(best[-1][1])
        best.append((number, value if better else best[-1][1]))
    text = f"From {points[0][1]:.4f} to {best[-1][1]:.4f} in {counted(len(trials), 'trial')}."
    return trials_svg(
        "score",
        "Score of each trial",
        text,
        len(trials),
        [Curve("best", best)],
        points=points,
        failed=failed,
    )


def _spot(trial: Mapping[str, Any]) -> Spot:
    """Return the message of the mark of a trial; the row of its number lights up with it."""
    score = f"failed, {clip(trial['reason'], 60)}"
    if trial["value"] is not None:
        score = f"{trial['value']:.4f}"
    number = trial["number"]
    lit = (number,) if number <= N_LIT else ()
    return Spot(f"Trial {number}", f"{score}, {trial['seconds']:.1f} s", rows=lit)


def _curves_svg(search: Mapping[str, Any], n_trials: int) -> str:
    """Return the plot of the bound and the error; empty when there were too few trials."""
    looks = search["looks"]
    if not looks:
        return ""
    last = looks[-1]
    return trials_svg(
        "curves",
        "Bound on the regret and statistical error",
        f"After {counted(last['number'], 'trial')} the bound is {last['bound']:.4f} and the error "
        f"{last['error']:.4f}.",
        n_trials,
        [
            Curve("bound", [(look["number"], look["bound"]) for look in looks]),
            Curve("error", [(look["number"], look["error"]) for look in looks]),
        ],
        stops=[(rule, number) for rule, number in search["would_stop"].items() if number],
        low=0.0,
    )


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
