"""A submission's page: what it scored, with intervals, and what it was made with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

from challenge.board.markup import (
    clip,
    interval_text,
    number_text,
    plain,
    seconds_text,
    time_html,
    user_html,
)
from challenge.board.pages.frame import folder_name
from challenge.board.pages.lines import Line
from challenge.board.pages.material import File, Material, metric_words
from challenge.board.plots import Scale, axis_svg, interval_svg
from challenge.ledger.records import StoredScore, Submission, Team

__all__ = ["submission_file"]

_HALF_WORDS = {
    "all": "the whole test set",
    "public": "the public half of the test set",
    "private": "the private half of the test set",
}
_SCALE = Scale(0.0, 1.0, 200)
_UNBOUNDED = ("log_loss", "brier", "mcc")


def submission_file(material: Material, team: Team, line: Line) -> File:
    """Return the path and the page of one submission."""
    return f"submission/{line.submission.id}.html", _submission_html(material, team, line)


def _submission_html(material: Material, team: Team, line: Line) -> str:
    submission, score = line.submission, line.score
    task_title = material.title(submission.task)
    decimals = material.decimals(submission.task)
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
            f'<h2 id="scores">Scores</h2><p>On {_HALF_WORDS.get(score.half, escape(score.half))}: '
            f"{score.n} rows in {score.n_clusters} independent clusters. "
            f"One row is worth {number_text(score.resolution, max(decimals, 4))}.</p></div>"
            f'<div class="split"><div>{_metrics_html(score, decimals)}'
            '<p class="twins">With all submissions of the team as '
            f'<a href="../team/{team.slug}/submissions.json">JSON</a> or '
            f'<a href="../team/{team.slug}/submissions.csv">CSV</a>.</p></div>'
        )
        parts.append(f"{_made_html(submission, score)}</div></section>")
    if score is None:
        parts.append(f'<section class="wide">{_made_html(submission, None)}</section>')
    title = f"{clip(submission.method or 'Submission', 60)} (submission {submission.id})"
    words = f"{clip(team.name, 48)} on {clip(task_title, 60)}"
    if score is not None and score.value is not None:
        words += f": {metric_words(score.metric)} {number_text(score.value, decimals)}"
        interval = interval_text(score.low, score.high, decimals)
        words += f", interval {interval}" if interval else ""
    return material.frame.page(
        f"submission/{submission.id}.html", title, words + ".", "".join(parts)
    )


def _no_score(state: str) -> str:
    return {
        "withdrawn": "This submission was withdrawn by its team.",
        "no public score": "No public score: it did not improve on the team’s best by a step, or "
        "the public half of the task is too small to be shown.",
        "not a final": "Not one of the team’s finals, so it was not scored on the private half.",
    }.get(state, "This submission has no score.")


def _metrics_html(score: StoredScore, decimals: int) -> str:
    names = sorted(score.metrics, key=lambda name: name != score.metric)
    rows = []
    for name in names:
        values = score.metrics[name]
        value, low, high = values.get("value"), values.get("low"), values.get("high")
        interval = escape(interval_text(low, high, decimals))
        reason = user_html(values.get("reason") or ("" if interval else "no interval"), 200)
        drawn = value is not None and name not in _UNBOUNDED
        plot = interval_svg(_SCALE, value, low, high, strong=name == score.metric) if drawn else ""
        primary = ' <span class="tag">primary</span>' if name == score.metric else ""
        rows.append(
            f'<tr><th scope="row">{escape(metric_words(name))}{primary}</th>'
            f'<td class="number"><b>{number_text(value, decimals)}</b></td>'
            f'<td class="number">{interval or reason}</td><td class="plot">{plot}</td></tr>'
        )
    for name, figure in sorted(score.diagnostics.items()):
        rows.append(
            f'<tr><th scope="row">{escape(metric_words(name))} <span class="tag">diagnostic</span>'
            f'</th><td class="number">{number_text(figure, decimals)}</td><td></td><td></td></tr>'
        )
    return (
        '<div class="scroll" role="region" aria-labelledby="metrics-caption" tabindex="0">'
        '<table class="plain-table metrics" id="metrics"><caption id="metrics-caption">Metrics '
        'with 95 % intervals</caption><thead><tr><th scope="col">Metric</th><th scope="col" '
        'class="number">Value</th><th scope="col" class="number">Interval</th>'
        f'<th scope="col" class="plot">{axis_svg(_SCALE)}</th></tr></thead><tbody>'
        f"{''.join(rows)}</tbody></table></div>"
    )


def _made_html(submission: Submission, score: StoredScore | None) -> str:
    facts = [("File", f"{escape(submission.form)}")]
    if submission.isolation:
        facts.append(("Ran in", user_html(submission.isolation, 40)))
    for key, value in sorted(submission.details.items()):
        facts.append((plain(key).replace("_", " ").capitalize()[:60], _detail_html(key, value)))
    facts.append(("Predictions", f'<span class="mono digest">{escape(submission.sha256)}</span>'))
    if score is not None:
        facts += [
            ("Scorer version", f"{score.scorer_version}"),
            ("Data digest", f'<span class="mono digest">{escape(score.data_digest)}</span>'),
        ]
    return f'<div class="made"><h3>What it used</h3>{_facts(facts, "answers")}</div>'


def _detail_html(key: str, value: object) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and (key == "seconds" or key.endswith("_s")):
        return escape(seconds_text(float(str(value))))
    if isinstance(value, Mapping):
        items = "; ".join(f"{plain(name)} {plain(item)}" for name, item in sorted(value.items()))
        return user_html(items, 1200)
    if isinstance(value, (list, tuple)):
        return user_html(", ".join(plain(item) for item in value), 1200)
    if isinstance(value, (bool, int, float)) or value is None:
        return user_html(json.dumps(value), 40)
    return user_html(value, 1200)


def _facts(facts: Sequence[tuple[str, str]], classes: str) -> str:
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in facts)
    return f'<dl class="{classes}">{items}</dl>'
