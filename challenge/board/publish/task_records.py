"""Results as Croissant Tasks (draft of May 2026): one JSON-LD file for each task.

The task is a problem, each entry that the board shows a solution of it, and each score an
evaluation of one. An interval is `minValue` and `maxValue` of its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from challenge.board.markup import folder_name, plain
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.rules.board_rows import TaskRow
from challenge.ledger.store.clock import iso
from challenge.ledger.store.records import StoredScore
from challenge.task import Subset, dump_json
from challenge.task.columns import vector_columns
from challenge.version import __version__

__all__ = ["task_files"]

_ROWS: Mapping[Subset, str] = {
    "all": "all test rows",
    "public": "the public part of the test rows",
    "private": "the private part of the test rows",
}
_CONTEXT = {"croissant": "http://mlcommons.org/croissant/", "schema": "https://schema.org/"}


def task_files(context: SiteContext) -> Iterator[File]:
    """Yield a file for each task that has a card: its problem, then its entries by rank."""
    for task in context.tasks():
        nodes = [_problem(context, task)]
        for row in context.task_boards[task].rows:
            score = context.snapshot.score(row.submission)
            if score is not None and row.value is not None:
                nodes += [_solution(row), _evaluation(score)]
        document = {"@context": _CONTEXT, "@graph": nodes}
        yield f"{folder_name(task)}.jsonld", dump_json(document)


def _problem(context: SiteContext, task: str) -> dict[str, Any]:
    card, kind = context.card(task), context.kind(task)
    answers = card.task["classes"] or vector_columns(card.task.get("dimensions", 0))
    forms = kind.forms(tuple(answers), card.metric)
    licences = sorted({one["licence"] for one in card.task["sources"] if one["licence"]})
    data = {
        "@id": "#data",
        "@type": "schema:Dataset",
        "schema:name": plain(context.title(task)),
        "schema:description": "Train and test rows, without the labels of the test rows.",
        "schema:version": card.data_digest,
        "schema:license": [plain(licence) for licence in licences],
    }
    predictions = {
        "@id": "#predictions",
        "@type": "croissant:OutputSpec",
        "schema:name": "predictions of the test rows",
        "croissant:schema": {
            "@id": "#columns",
            "@type": "croissant:RecordSet",
            "schema:name": "predictions",
            "schema:description": plain(forms.expected),
        },
    }
    return {
        "@id": "#problem",
        "@type": "croissant:TaskProblem",
        "schema:identifier": task,
        "schema:name": plain(context.title(task)),
        "schema:description": plain(card.task["description"]),
        "schema:isPartOf": {
            "@type": "schema:CreativeWork",
            "schema:name": plain(context.settings.title),
        },
        "croissant:input": {name: value for name, value in data.items() if value},
        "croissant:output": predictions,
        "schema:additionalProperty": {
            "@type": "schema:PropertyValue",
            "schema:name": "primary metric",
            "schema:value": card.metric.name,
        },
    }


def _solution(row: TaskRow) -> dict[str, Any]:
    method = plain(row.method) or "a method without a name"
    solution = {
        "@id": f"#solution-{row.submission}",
        "@type": "croissant:TaskSolution",
        "schema:isBasedOn": {"@id": "#problem"},
        "schema:name": method,
        "schema:author": {"@type": "schema:Organization", "schema:name": plain(row.team_name)},
        "croissant:implementation": {
            "@id": f"#method-{row.submission}",
            "@type": "schema:SoftwareApplication",
            "schema:name": method,
        },
        "croissant:output": {
            "@id": f"#predictions-{row.submission}",
            "@type": "schema:Dataset",
            "schema:name": f"predictions of submission {row.submission}",
        },
        "croissant:evaluation": {"@id": f"#evaluation-{row.submission}"},
    }
    return solution | ({"schema:dateCreated": iso(row.at)} if row.at else {})


def _evaluation(score: StoredScore) -> dict[str, Any]:
    number = score.submission
    rounded = f"; figures are rounded to {score.step:g}" if score.step else ""
    return {
        "@id": f"#evaluation-{number}",
        "@type": "croissant:EvaluationTask",
        "schema:description": f"On {_ROWS[score.subset]}{rounded}.",
        "croissant:evaluatedSolution": {"@id": f"#solution-{number}"},
        "croissant:implementation": {
            "@id": "#scorer",
            "@type": "schema:SoftwareApplication",
            "schema:name": "multimodal-challenge",
            "schema:softwareVersion": __version__,
        },
        "croissant:evaluationResults": [
            {
                "@id": f"#result-{number}-{name}",
                "@type": "croissant:EvaluationResult",
                "croissant:metric": name,
                "croissant:value": _quantity(values),
            }
            for name, values in sorted(score.metrics.items())
            if values.get("value") is not None
        ],
    }


def _quantity(values: Mapping[str, Any]) -> dict[str, Any]:
    quantity = {"@type": "schema:QuantitativeValue", "schema:value": values["value"]}
    low, high = values.get("low"), values.get("high")
    if low is None or high is None:
        return quantity
    return {
        **quantity,
        "schema:minValue": low,
        "schema:maxValue": high,
        "schema:description": "with the ends of the 95 % interval",
    }
