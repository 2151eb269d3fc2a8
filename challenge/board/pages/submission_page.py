"""A submission's page: what it scored, with intervals, and what it was made with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from challenge.board.markup import (
    bytes_text,
    clip,
    count_text,
    half_widths,
    interval_text,
    number_text,
    of_unit_scale,
    plain,
    score_decimals,
    seconds_text,
    time_html,
    user_html,
)
from challenge.board.pages.confusion_section import confusion_files, confusion_html
from challenge.board.pages.page_frame import folder_name
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.pages.submission_lines import Line
from challenge.board.plots import Scale, axis_svg, interval_svg
from challenge.kinds import metric_title
from challenge.ledger.store.records import StoredScore, Submission, Team

__all__ = ["submission_files"]

_SUBSET_TITLES = {
    "all": "the whole test set",
    "public": "the public subset of the test set",
    "private": "the private subset of the test set",
}
_SCALE = Scale(0.0, 1.0, 160, 10)
_LONG = 60
"""Characters of HTML from which a fact has a line of its own."""
_DETAIL_WORDS = {
    "cpu_s": "Processor time",
    "fit_s": "Fitting",
    "predict_s": "Predicting",
    "seconds": "In all",
    "peak_mb": "Peak memory",
    "time_limit_s": "Time limit",
    "method_digest": "Method’s digest",
}


def submission_files(context: SiteContext, team: Team, line: Line) -> Iterator[File]:
    """Yield the export of the confusion matrix, where there is one, and the submission's page."""
    if line.score is not None:
        yield from confusion_files(context, line.submission, line.score)
    yield f"submission/{line.submission.id}.html", _submission_html(context, team, line)


def _submission_html(context: SiteContext, team: Team, line: Line) -> str:
    submission, score = line.submission, line.score
    contest = context.settings.is_contest()
    task_title = context.title(submission.task)
    decimals = context.decimals(submission.task)
    facts = [
        ("Team", f'<a href="../team/{team.slug}/index.html">{user_html(team.name, 64)}</a>'),
        (
            "Task",
            f'<a href="../task/{folder_name(submission.task)}/index.html">'
            f"{user_html(task_title)}</a>",
        ),
        ("Handed in", time_html(submission.at)),
        ("State", escape(line.state)),
    ]
    parts = [
        '<div class="wide"><header class="page-head">',
        f'<p class="eyebrow">Submission {submission.id}</p>',
        f"<h1>{user_html(submission.method or 'no name', 160)}</h1>",
    ]
    if submission.note:
        parts.append(f'<p class="lead">{user_html(submission.note, 600)}</p>')
    parts.append(f"{_facts(facts, 'facts small')}</header></div>")
    parts.append('<section class="wide" aria-labelledby="scores"><div class="section-head">')
    if score is None:
        parts.append(
            f'<h2 id="scores">Score</h2></div><p>{escape(_no_score(line.state))}</p></section>'
        )
    else:
        parts.append(
            '<h2 id="scores">Scores</h2>'
            f"<p>On {_SUBSET_TITLES.get(score.subset, escape(score.subset))}: "
            f"{count_text(score.n)} rows in {count_text(score.n_clusters)} independent clusters. "
            f"{context.resolution_text(submission.task, score.resolution)}</p></div>"
            f'<div class="split"><div>{_metrics_html(context, submission.task, score)}'
            '<p class="exports">With all submissions of the team as '
            f'<a href="../team/{team.slug}/submissions.json">JSON</a> or '
            f'<a href="../team/{team.slug}/submissions.csv">CSV</a>.</p></div>'
        )
        parts.append(f"{_made_html(submission, score, contest)}</div></section>")
        parts.append(confusion_html(context, submission, score))
    if score is None:
        parts.append(f'<section class="wide">{_made_html(submission, None, contest)}</section>')
    title = f"{clip(submission.method or 'Submission', 60)} (submission {submission.id})"
    words = f"{clip(team.name, 48)} on {clip(task_title, 60)}"
    if score is not None and score.value is not None:
        words += f": {metric_title(score.metric)} {number_text(score.value, decimals)}"
        interval = interval_text(score.low, score.high, decimals)
        words += f", interval {interval}" if interval else ""
    return context.frame.page(
        f"submission/{submission.id}.html", title, words + ".", "".join(parts)
    )


def _no_score(state: str) -> str:
    return {
        "withdrawn": "This submission was withdrawn by its team.",
        "no public score": "No public score: it did not improve on the team’s best by a step, or "
        "the public subset of the task is too small to be shown.",
        "not a final": "Not one of the team’s finals, so it was not scored on the private subset.",
    }.get(state, "This submission has no score.")


def _metrics_html(context: SiteContext, task: str, score: StoredScore) -> str:
    metrics, decimals = context.kind(task).metrics, context.decimals(task)
    shares = of_unit_scale(context.metric(task))
    names = sorted(score.metrics, key=lambda name: name != score.metric)
    rows = []
    for name in names:
        values, metric = score.metrics[name], metrics.get(name)
        value, low, high = values.get("value"), values.get("low"), values.get("high")
        own = decimals
        if metric and name != score.metric and not (shares and of_unit_scale(metric)):
            own = score_decimals(metric, [value], half_widths([(low, high)]))
        interval = escape(interval_text(low, high, own))
        if interval:
            beside = f'<td class="number">{interval}</td>'
        else:
            beside = f'<td class="reason">{user_html(values.get("reason") or "–", 200)}</td>'
        drawn = value is not None and metric is not None and metric.within_unit
        plot = interval_svg(_SCALE, value, low, high, strong=name == score.metric) if drawn else ""
        primary = ' <span class="tag">primary</span>' if name == score.metric else ""
        rows.append(
            f'<tr><th scope="row">{escape(metric_title(name))}{primary}</th>'
            f'<td class="number"><b>{number_text(value, own)}</b></td>'
            f'{beside}<td class="plot">{plot}</td></tr>'
        )
    return (
        '<div class="scroll" role="region" aria-labelledby="metrics-caption" tabindex="0">'
        '<table class="plain-table metrics" id="metrics"><caption id="metrics-caption">Metrics '
        'with 95 % intervals</caption><thead><tr><th scope="col">Metric</th><th scope="col" '
        'class="number">Value</th><th scope="col" class="number">Interval</th>'
        f'<th scope="col" class="plot">{axis_svg(_SCALE)}</th></tr></thead><tbody>'
        f"{''.join(rows)}</tbody></table></div>{_diagnostics_html(score, decimals)}"
    )


def _diagnostics_html(score: StoredScore, decimals: int) -> str:
    if not score.diagnostics:
        return ""
    items = []
    for name, figure in sorted(score.diagnostics.items()):
        count = name.startswith("n_") and figure is not None
        text = count_text(round(figure or 0)) if count else number_text(figure, decimals)
        items.append((metric_title(name.removeprefix("n_")), text))
    return (
        '<details class="diagnostics"><summary>Diagnostics</summary>'
        f"{_facts(items, 'answers')}</details>"
    )


def _made_html(submission: Submission, score: StoredScore | None, contest: bool) -> str:
    facts = [("File", escape(submission.form))]
    if submission.isolation:
        isolated = "its own room (bwrap)" if submission.isolation == "bwrap" else "no isolation"
        facts.append(("Ran in", isolated))
    for key, value in sorted(submission.details.items()):
        if key == "isolation" or value is None or value in ([], {}, ""):
            continue
        words = _DETAIL_WORDS.get(key, plain(key).replace("_", " ").capitalize()[:60])
        facts.append((words, _detail_html(key, value)))
    if not contest:
        # In a contest it is for the organiser alone to see whose predictions are identical.
        facts.append(("Predictions", _digest_html(submission.sha256)))
    if score is not None:
        facts += [
            ("Scorer version", f"{score.scorer_version}"),
            ("Data digest", _digest_html(score.data_digest)),
        ]
    facts.sort(key=lambda fact: len(fact[1]) > _LONG)
    return f'<div class="made"><h3>What it used</h3>{_facts(facts, "answers")}</div>'


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


def _facts(facts: Sequence[tuple[str, str]], classes: str) -> str:
    items = "".join(
        f"<div{_long(value)}><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in facts
    )
    return f'<dl class="{classes}">{items}</dl>'


def _long(value: str) -> str:
    return ' class="long"' if len(value) > _LONG else ""
