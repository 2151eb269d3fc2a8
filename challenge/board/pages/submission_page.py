"""A submission's page: its scores with intervals, its place, and what it was made with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

from challenge.board.markup import (
    bytes_text,
    clip,
    count_text,
    figures_text,
    folder_name,
    half_widths,
    interval_text,
    number_text,
    of_unit_scale,
    plain,
    score_decimals,
    seconds_text,
    user_html,
)
from challenge.board.pages.confusion_section import confusion_facts, confusion_files
from challenge.board.pages.page_frame import trusted
from challenge.board.pages.site_context import MarkedPage, SiteContext
from challenge.board.pages.submission_lines import Line
from challenge.board.pages.team_places import TeamPlace
from challenge.board.pages.upgrade_section import upgrade_facts
from challenge.board.plots.interval_plot import axis_svg, interval_svg
from challenge.board.plots.scales import Scale, scale_for
from challenge.board.rules.upgrades import Flips
from challenge.kinds import metric_title
from challenge.ledger.store.records import StoredScore, Submission, Team

__all__ = ["diagnostic_facts", "submission_files"]

_SUBSET_TITLES = {
    "all": "the whole test set",
    "public": "the public subset of the test set",
    "private": "the private subset of the test set",
}
Fact = tuple[str, str]
"""A name and its value, a text or HTML."""
_N_FIRST = 5
"""Facts that are shown at once; the reader unfolds the others."""
_DETAIL_TITLES = {
    "features": "What it read",
    "shares": "Models and their shares",
    "cpu_s": "Processor time",
    "peak_mb": "Peak memory",
    "seconds": "Time in all",
    "preset": "Preset",
    "seed": "Seed of chance",
    "threads": "Threads",
    "fit_s": "Time to fit",
    "predict_s": "Time to predict",
    "time_limit_s": "Time limit",
    "n_columns": "Columns made",
    "left_out": "Left out",
    "models": "Models",
    "blend": "Exponents of the models",
    "weights": "Weights of the regression",
    "autogluon_weights": "Weights in AutoGluon’s ensemble",
    "out_of_fold_macro_f1": "Macro-F1 out of fold",
    "out_of_fold_accuracy": "Accuracy out of fold",
    "out_of_fold_f1": "F1 out of fold",
    "threshold": "Threshold of a match",
    "rows": "Rows",
    "versions": "Versions",
    "method": "Method as it was called",
    "method_digest": "Digest of the method",
    "earlier": "Digest of the earlier run",
}
"""Titles of what the built-in methods and a run report, the most telling first."""


def submission_files(
    context: SiteContext,
    team: Team,
    line: Line,
    flips: Sequence[Flips],
    place: TeamPlace | None,
    base: str,
) -> Iterator[MarkedPage]:
    """Yield the export of the confusion matrix, where there is one, and the submission's page.

    `place` is where the team is with this submission. `base` is a text of all else that they
    depend on beside team, line and flips.
    """
    mark = f"{base} {(team, line, flips, place)!r}"
    if line.score is not None:
        yield from confusion_files(context, line.submission, line.score, mark)
    draw = partial(_submission_html, context, team, line, flips, place)
    yield MarkedPage(f"submission/{line.submission.id}.html", mark, draw)


def _submission_html(
    context: SiteContext,
    team: Team,
    line: Line,
    flips: Sequence[Flips],
    place: TeamPlace | None,
) -> str:
    submission, score = line.submission, line.score
    task_title, decimals = context.title(submission.task), context.decimals(submission.task)
    summary = f"{clip(team.name, 48)} on {clip(task_title, 60)}"
    if score is not None and score.value is not None:
        summary += f": {metric_title(score.metric)} {number_text(score.value, decimals)}"
        interval = interval_text(score.low, score.high, decimals)
        summary += f", interval {interval}" if interval else ""
    scale = _metrics_scale(context, submission.task, score) if score else Scale(0.0, 1.0)
    metrics = _metrics(context, submission, score, scale) if score else []
    used = _used(submission, score, context.settings.is_contest())
    return context.frame.page(
        "submission.html",
        f"submission/{submission.id}.html",
        title=f"{clip(submission.method or 'Submission', 60)} (submission {submission.id})",
        summary=f"{summary}.",
        submission=submission,
        team=team,
        place=place,
        task_folder=folder_name(submission.task),
        task_title=task_title,
        state=line.state,
        score=score,
        paired=context.kind(submission.task).paired,
        no_score=_NO_SCORE.get(line.state, "This submission has no score."),
        subset=_SUBSET_TITLES[score.subset] if score else "",
        resolution=context.resolution_text(submission.task, score.resolution) if score else "",
        scored_on=context.rows_text(submission.task, score.subset, score.n, score.n_clusters)
        if score
        else "",
        metrics=metrics,
        axis=trusted(axis_svg(scale) if any(one["plot"] for one in metrics) else ""),
        diagnostics=diagnostic_facts(context, submission.task, score) if score else [],
        used=used[:_N_FIRST],
        used_more=used[_N_FIRST:],
        confusion=confusion_facts(context, submission, score) if score else None,
        upgrade=upgrade_facts(context, submission, flips) if score else None,
    )


_NO_SCORE = {
    "withdrawn": "This submission was withdrawn by its team.",
    "no public score": "No public score: it did not improve on the team’s best by a step, or the "
    "public subset of the task is too small to be shown.",
    "not a final": "Not one of the team’s finals, so it was not scored on the private subset.",
}


def _metrics_scale(context: SiteContext, task: str, score: StoredScore) -> Scale:
    """Return a scale about the values and intervals of the metrics that are drawn."""
    metrics = context.kind(task).metrics
    ends = [
        values.get(key)
        for name, values in score.metrics.items()
        if name in metrics and metrics[name].within_unit
        for key in ("value", "low", "high")
    ]
    return replace(scale_for(ends), width=160, margin=10)


def _metrics(
    context: SiteContext, submission: Submission, score: StoredScore, scale: Scale
) -> list[dict[str, Any]]:
    """Return the rows of the table of metrics, the primary one first."""
    task = submission.task
    metrics, shares = context.kind(task).metrics, of_unit_scale(context.metric(task))
    rows = []
    for name in sorted(score.metrics, key=lambda name: name != score.metric):
        values, metric = score.metrics[name], metrics.get(name)
        value, low, high = values.get("value"), values.get("low"), values.get("high")
        decimals, primary = context.decimals(task), name == score.metric
        if metric and not primary and not (shares and of_unit_scale(metric)):
            decimals = score_decimals(metric, [value], half_widths([(low, high)]))
        drawn = value is not None and metric is not None and metric.within_unit
        title = metric.title if metric else metric_title(name)
        message = f"{title}: {figures_text(value, low, high, submission.at, decimals)}"
        rows.append(
            {
                "title": title,
                "primary": primary,
                "value": number_text(value, decimals),
                "interval": interval_text(low, high, decimals),
                "reason": values.get("reason") or "–",
                "plot": trusted(
                    interval_svg(scale, value, low, high, strong=primary, text=message)
                    if drawn
                    else ""
                ),
            }
        )
    return rows


def diagnostic_facts(context: SiteContext, task: str, score: StoredScore) -> list[Fact]:
    """Return figures that no rank depends on, each with its title."""
    metric, facts = context.metric(task), []
    for name, figure in sorted(score.diagnostics.items()):
        decimals = context.decimals(task)
        if not of_unit_scale(metric):
            decimals = score_decimals(metric, [figure])
        count = name.startswith("n_") and figure is not None
        text = count_text(round(figure or 0)) if count else number_text(figure, decimals)
        if name in context.kind(task).flags and figure is not None:
            text = "yes" if figure else "no"
        facts.append((metric_title(name.removeprefix("n_")), text))
    return facts


def _used(submission: Submission, score: StoredScore | None, contest: bool) -> list[Fact]:
    """Return what the submission was made with, the most telling first."""
    details = {
        key: value
        for key, value in submission.details.items()
        if key != "isolation" and value is not None and value not in ([], {}, "")
    }
    known = [key for key in _DETAIL_TITLES if key in details]
    facts: list[Fact] = [
        (
            _DETAIL_TITLES.get(key, plain(key).replace("_", " ").capitalize()[:60]),
            trusted(_detail_html(key, details[key])),
        )
        for key in [*known, *sorted(details.keys() - set(known))]
    ]
    if submission.isolation:
        sandbox = "sandbox (bwrap)" if submission.isolation == "bwrap" else "no isolation"
        facts.insert(min(len(known), _N_FIRST - 1), ("Ran in", sandbox))
    facts.append(("File", submission.form))
    if not contest:
        # In a contest only the organiser may see whose predictions are identical.
        facts.append(("Predictions", trusted(_digest_html(submission.sha256))))
    if score is not None:
        facts += [
            ("Version of the scorer", f"{score.scorer_version}"),
            ("Digest of the data", trusted(_digest_html(score.data_digest))),
        ]
    return facts


def _digest_html(digest: str) -> str:
    return f'<span class="mono digest">{escape(digest)}</span>'


def _detail_html(key: str, value: object) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and (key == "seconds" or key.endswith("_s")):
        return escape(seconds_text(float(str(value))))
    if number and key.endswith("_mb"):
        return escape(bytes_text(float(str(value)) * 1e6))
    if key.endswith("digest"):
        return _digest_html(plain(value)[:80])
    if isinstance(value, Mapping):
        items = "; ".join(f"{plain(name)} {plain(item)}" for name, item in sorted(value.items()))
        return user_html(items, 1200)
    if isinstance(value, (list, tuple)):
        return user_html(", ".join(plain(item) for item in value), 1200)
    if isinstance(value, (bool, int, float)) or value is None:
        return user_html(json.dumps(value), 40)
    return user_html(value, 1200)
