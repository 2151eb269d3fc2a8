"""Results as records of Every Eval Ever (schema 0.3.0): one file a team and method.

A record has every metric that the page of a submission shows, with its interval. Of a subset the
number of rows is left out, as on the pages.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from math import inf, isfinite
from typing import Any

from challenge.board.markup import plain
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.rules.board_rows import TaskRow
from challenge.kinds import Metric
from challenge.ledger.store.clock import iso
from challenge.ledger.store.records import StoredScore
from challenge.ledger.submissions.names import slug_of
from challenge.task import dump_json
from challenge.version import __version__

__all__ = ["record_files"]

_SCHEMA = "0.3.0"
_RESERVED = "data"
"""The name that no folder below the first one may have."""
_ENDS = {inf: "Infinity", -inf: "-Infinity"}
_METHOD = "leave-one-cluster-out variance, on the scale of the metric"


def record_files(context: SiteContext) -> Iterator[File]:
    """Yield a record for each team and method that a board shows with a score."""
    collection = _folder(context.settings.title, "challenge")
    found: dict[str, list[tuple[str, TaskRow]]] = {}
    for task in context.tasks():
        for row in context.task_boards[task].rows:
            if row.value is not None:
                model = f"{_folder(row.slug, 'team')}/{_folder(row.method, 'no-name')}"
                found.setdefault(model, []).append((task, row))
    for model, rows in found.items():
        name = uuid.UUID(bytes=_digest(collection, model)[:16], version=4)
        record = _record(context, collection, model, rows)
        yield f"data/{collection}/{model}/{name}.json", dump_json(record)


def _folder(text: str, default: str) -> str:
    name = slug_of(text) or default
    return f"{name}-" if name == _RESERVED else name


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("/".join(parts).encode()).digest()


def _record(
    context: SiteContext, collection: str, model: str, rows: list[tuple[str, TaskRow]]
) -> dict[str, Any]:
    at = context.snapshot.at
    made = str(int(at.timestamp())) if at else "0"
    team, title = rows[0][1], plain(context.settings.title)
    return {
        "schema_version": _SCHEMA,
        "evaluation_id": f"{collection}/{model}/{made}",
        "retrieved_timestamp": made,
        "source_metadata": {
            "source_name": title,
            "source_type": "documentation",
            "source_organization_name": title,
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "multimodal-challenge", "version": __version__},
        "model_info": {
            "name": plain(team.method) or plain(team.team_name),
            "id": model,
            "developer": plain(team.team_name),
            "additional_details": {
                "deployment_type": "unknown",
                "model_availability": "unknown",
                "baseline": "true" if team.baseline else "false",
            },
        },
        "evaluation_results": [
            result for task, row in rows for result in _results(context, task, row)
        ],
    }


def _results(context: SiteContext, task: str, row: TaskRow) -> Iterator[dict[str, Any]]:
    """Yield the metrics of one submission, the primary one first."""
    score, metrics = context.snapshot.score(row.submission), context.kind(task).metrics
    if score is None:
        return
    for name in sorted(score.metrics, key=lambda name: (name != score.metric, name)):
        value = score.metrics[name].get("value")
        if name in metrics and value is not None:
            yield _result(context, task, row, score, metrics[name])


def _result(
    context: SiteContext, task: str, row: TaskRow, score: StoredScore, metric: Metric
) -> dict[str, Any]:
    values = score.metrics[metric.name]
    uncertainty: dict[str, Any] = {}
    low, high = values.get("low"), values.get("high")
    if low is not None and high is not None:
        uncertainty["confidence_interval"] = {
            "lower": low,
            "upper": high,
            "confidence_level": 0.95,
            "method": _METHOD,
        }
    if score.subset == "all":
        uncertainty["num_samples"] = score.n
    details = {"submission": f"{row.submission}"}
    if metric.name == score.metric:
        details |= _standing(row)
    if score.step:
        details["rounded_to"] = f"{score.step:g}"
    least, most = (end if isfinite(end) else _ENDS[end] for end in metric.bounds)
    result: dict[str, Any] = {
        "evaluation_result_id": f"{task}/{metric.name}",
        "evaluation_name": task,
        "source_data": {
            "dataset_name": plain(context.title(task)),
            "source_type": "other",
            "additional_details": {
                "kind": context.kind(task).name,
                "subset": score.subset,
                "data_digest": score.data_digest,
                "scorer_version": f"{score.scorer_version}",
            },
        },
        "metric_config": {
            "metric_id": metric.name,
            "metric_name": metric.title,
            "metric_kind": metric.name,
            "lower_is_better": not metric.higher_is_better,
            "score_type": "continuous",
            "min_score": least,
            "max_score": most,
        },
        "score_details": {"score": values["value"], "details": details}
        | ({"uncertainty": uncertainty} if uncertainty else {}),
    }
    if row.at:
        result["evaluation_timestamp"] = iso(row.at)
    return result


def _standing(row: TaskRow) -> dict[str, str]:
    facts = {
        "rank": row.rank,
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
        "tied_with_first": "true" if row.tied_first else "false",
    }
    return {name: f"{value}" for name, value in facts.items() if value is not None}
