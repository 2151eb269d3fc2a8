"""The documents task.json and card.json: the public facts of a task, nothing secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from challenge.errors import counted
from challenge.kinds.statistics.grouping import MIN_CLUSTERS
from challenge.prepare.build.plan import TEST, TRAIN, Plan
from challenge.prepare.build.task_files import Written
from challenge.prepare.splits.clusters import N_FOLDS
from challenge.task.coarse import coarse
from challenge.task.definition import TaskDefinition
from challenge.task.digests import digest_document
from challenge.task.tables import csv_options, table_schema
from challenge.task.task import TASK_FORMAT

__all__ = ["CARD_FORMAT", "card_document", "notes_on", "task_document", "with_card_digest"]

CARD_FORMAT = 1
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_LARGE = 0.2
"""A cluster above this share of the test rows is a warning."""


def task_document(definition: TaskDefinition, plan: Plan, written: Written) -> dict[str, Any]:
    """Return task.json without its card digest and the summary of the audit."""
    columns = definition.feature_columns()
    schema = table_schema(
        columns,
        definition.kind,
        record_ids=plan.record_ids,
        label=True,
        dimensions=plan.dimensions,
    )
    split = definition.split
    return {
        "format": TASK_FORMAT,
        "id": definition.id,
        "kind": definition.kind.name,
        "title": definition.title,
        "description": definition.description,
        "metric": definition.metric,
        "columns": [column.as_json() for column in columns],
        "record_ids": plan.record_ids,
        "classes": list(plan.classes),
        **({"dimensions": plan.dimensions} if plan.dimensions else {}),
        "n_train": written.n_train,
        "n_test": written.n_test,
        "n_folds": N_FOLDS,
        "digests": {"data": written.data_digest, "solution": written.solution_digest},
        "csv": csv_options(schema),
        "sources": [
            {
                # A path would reveal the organiser's file system.
                "name": None if source.kind == "path" else source.name,
                "kind": source.kind,
                "licence": source.licence,
                "attribution": source.attribution,
            }
            for source in definition.source
        ],
        "split": {
            "by": split.by,
            "test": split.test,
            "public": split.public,
            "truth": split.truth,
            "group": split.group,
            "time": split.time,
            **split.named_columns,
            # Rounded up, it would be more than the rows.
            "n_clusters": min(round(coarse(written.n_clusters)), written.n_test),
            **plan.facts,
        },
        "left_out": definition.left_out,
        "datasheet": definition.datasheet.model_dump(),
        "samples": definition.shows_samples,
        "notes": notes_on(plan, written),
    }


def notes_on(plan: Plan, written: Written) -> list[str]:
    """Return notes on limits of the built task and their consequences, one sentence each."""
    found = written.dependence
    notes = [
        f"The clusters of the {subset} subset are worth fewer than {MIN_CLUSTERS} independent "
        "ones: its scores have no interval, and teams count as tied there."
        for subset in found.few
    ]
    if found.largest > _LARGE:
        notes.append(
            f"Warning: {found.largest:.0%} of the test rows depend on each other as one cluster. "
            "That cluster alone decides much of every score, and intervals can be too short."
        )
    if found.n_one_sided:
        notes.append(
            f"In {found.n_one_sided} of {len(plan.classes)} classes one cluster has most of the "
            "test rows. The figure of such a class is that of this cluster: averages over classes "
            "vary more between test sets than their intervals show."
        )
    if plan.classes:
        notes += _absent_classes(plan)
    unlabelled = plan.facts.get("n_unlabelled")
    if isinstance(unlabelled, int) and unlabelled:
        rows = counted(unlabelled, "row")
        notes.append(f"{rows} without a label {'was' if unlabelled == 1 else 'were'} dropped.")
    valid = plan.facts.get("n_valid")
    if isinstance(valid, int):
        part = counted(valid, "row")
        notes.append(
            f"Fold {N_FOLDS - 1} of train is the valid part that the source published: {part}."
        )
    crossing = plan.facts.get("n_crossing")
    if isinstance(crossing, int) and crossing:
        notes.append(
            f"{counted(crossing, 'pair')} between the two sides of the split "
            f"{'was' if crossing == 1 else 'were'} dropped."
        )
    return [*notes, *plan.notes]


def _absent_classes(plan: Plan) -> list[str]:
    counts = {
        side: np.bincount(plan.label[plan.side == side], minlength=len(plan.classes))
        for side in (TRAIN, TEST)
    }
    notes = []
    untrained = _names(plan.classes, counts[TRAIN] == 0)
    if untrained:
        notes.append(f"Absent from train, so nobody can learn it: {untrained}.")
    n_untested = int((counts[TEST] == 0).sum())
    if n_untested:
        # The names would reveal hidden labels; only the organiser's report has them.
        notes.append(
            f"Absent from test, so averages over classes leave them out: {n_untested} of "
            f"{counted(len(plan.classes), 'class')}."
        )
    return notes


def _names(classes: Sequence[str], chosen: np.ndarray) -> str:
    names = [repr(name) for name, yes in zip(classes, chosen, strict=True) if yes]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def card_document(plan: Plan, written: Written, public: Path) -> dict[str, Any]:
    """Return card.json: labels and columns of train, sample rows, sizes.

    Labels are counted by class, or shown by quantiles: pairs of a share and the number that this
    share of the rows does not exceed.
    """
    images = sorted((public / "images").glob("*")) if (public / "images").is_dir() else []
    return {
        "format": CARD_FORMAT,
        **_labels_in_figures(plan),
        "columns": written.statistics.columns(),
        "samples": written.statistics.samples(public),
        "sizes": {
            "images": len(images),
            "images_bytes": sum(path.stat().st_size for path in images),
            **{
                f"{name}_bytes": (public / name).stat().st_size
                for name in ("train.csv", "test.csv", "train.parquet", "test.parquet")
            },
        },
    }


def _labels_in_figures(plan: Plan) -> dict[str, Any]:
    train = plan.side == TRAIN
    if plan.numbers is not None:
        values = np.quantile(plan.numbers[train], _QUANTILES, method="inverted_cdf")
        return {"label_quantiles": np.column_stack([_QUANTILES, values]).tolist()}
    if plan.things is not None:
        return {}
    counts = np.bincount(plan.label[train], minlength=len(plan.classes))
    return {"class_counts": dict(zip(plan.classes, counts.tolist(), strict=True))}


def with_card_digest(document: dict[str, Any], card: Mapping[str, object]) -> dict[str, Any]:
    """Return task.json with a digest of its own content and of the card.

    File sizes and encoded thumbnails differ between library versions, so they are excluded.
    """
    content = {name: value for name, value in document.items() if name != "digests"}
    stable = {name: value for name, value in card.items() if name not in ("sizes", "samples")}
    stable["samples"] = [row["values"] for row in card["samples"]]  # type: ignore[attr-defined]
    digests = {**document["digests"], "card": digest_document([content, stable])}
    return {**document, "digests": digests}
