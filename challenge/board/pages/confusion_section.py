"""Which class was taken for which, on the page of a submission whose labels may be known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from challenge.board.exports import csv_export
from challenge.board.markup import count_text, user_html
from challenge.board.pages.site_context import File, SiteContext
from challenge.kinds import kind_of
from challenge.ledger.store.records import StoredScore, Submission

__all__ = ["confusion_files", "confusion_html"]

N_CLASSES = 25
"""A larger matrix cannot be read; then the pairs that are confused most often stand alone."""
N_PAIRS = 20


def confusion_files(context: SiteContext, submission: Submission, score: StoredScore) -> list[File]:
    """Return the CSV export of the counts; empty where there are none."""
    if score.confusion_counts is None:
        return []
    names = context.card(submission.task).task["classes"]
    rows = [(names[i], names[j], n) for i, j, n in score.confusion_counts.tolist()]
    path = f"submission/{submission.id}-confusion-matrix.csv"
    return [(path, csv_export(("true", "predicted", "rows"), rows))]


def confusion_html(context: SiteContext, submission: Submission, score: StoredScore) -> str:
    """Return the section with the matrix or the most frequent pairs; empty without counts."""
    if score.confusion_counts is None:
        return ""
    document = context.card(submission.task).task
    names: Sequence[str] = document["classes"]
    if not kind_of(document["kind"]).has_classes:
        names = ("no match", "match")
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    counts[score.confusion_counts[:, 0], score.confusion_counts[:, 1]] = score.confusion_counts[
        :, 2
    ]
    wrong = [(n, i, j) for i, j, n in score.confusion_counts.tolist() if i != j]
    wrong.sort(key=lambda one: (-one[0], one[1], one[2]))
    table = _matrix(names, counts) if len(names) <= N_CLASSES else _pairs(names, counts, wrong)
    return (
        '<section class="wide" aria-labelledby="confusion-matrix"><div class="section-head">'
        f'<h2 id="confusion-matrix">Confusion matrix</h2>'
        f"<p>{_words(names, counts, wrong)}</p></div>"
        '<div class="scroll" role="region" aria-labelledby="confusion-matrix-caption" '
        'tabindex="0">'
        f"{table}</div>"
        f'<p class="exports">Counts as <a href="{submission.id}-confusion-matrix.csv">CSV</a>.</p>'
        "</section>"
    )


def _words(
    names: Sequence[str], counts: NDArray[np.int64], wrong: Sequence[tuple[int, int, int]]
) -> str:
    n, right = int(counts.sum()), int(np.trace(counts))
    words = f"{count_text(right)} of {count_text(n)} rows are right."
    if wrong:
        most, true, said = wrong[0]
        words += (
            f" Most often {user_html(names[true], 40)} was taken for {user_html(names[said], 40)}: "
            f"{count_text(most)} of {count_text(int(counts[true].sum()))} rows."
        )
    return words


def _matrix(names: Sequence[str], counts: NDArray[np.int64]) -> str:
    heads = "".join(
        f'<th scope="col" class="number"><span>{user_html(name, 24)}</span></th>' for name in names
    )
    rows = []
    for true, name in enumerate(names):
        n = int(counts[true].sum())
        cells = "".join(
            _cell(int(counts[true, said]), n, true == said) for said in range(len(names))
        )
        recall = f"{100 * counts[true, true] / n:.0f} %" if n else "–"
        rows.append(
            f'<tr><th scope="row">{user_html(name, 40)}</th>{cells}'
            f'<td class="number">{count_text(n)}</td><td class="number">{recall}</td></tr>'
        )
    return (
        '<table class="plain-table heat confusion">'
        '<caption id="confusion-matrix-caption">Rows by true '
        "class (down) and predicted class (across); colour is the share of the true class"
        f'</caption><thead><tr><th scope="col">True class</th>{heads}<th scope="col" '
        'class="number">Rows</th><th scope="col" class="number">Recall</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _cell(count: int, n: int, right: bool) -> str:
    # The root lets small shares be seen beside a diagonal that holds nearly everything.
    heat = f"h{max(1, round(8 * math.sqrt(count / n)))}" if count else "h0"
    kind = f"cell {heat}{' right' if right else ''}"
    return f'<td class="number"><span class="{kind}">{escape(count_text(count))}</span></td>'


def _pairs(
    names: Sequence[str], counts: NDArray[np.int64], wrong: Sequence[tuple[int, int, int]]
) -> str:
    rows = "".join(
        f'<tr><th scope="row">{user_html(names[true], 80)}</th>'
        f'<td>{user_html(names[said], 80)}</td><td class="number">{count_text(n)}</td>'
        f'<td class="number">{100 * n / counts[true].sum():.0f} %</td></tr>'
        for n, true, said in wrong[:N_PAIRS]
    )
    return (
        '<table class="plain-table">'
        f'<caption id="confusion-matrix-caption">The {len(wrong[:N_PAIRS])} '
        'pairs of classes that are confused most often</caption><thead><tr><th scope="col">True '
        'class</th><th scope="col">Taken for</th><th scope="col" class="number">Rows</th>'
        '<th scope="col" class="number">Of the true class</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
