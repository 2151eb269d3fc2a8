"""Measures a built task: `linear` and its learning curve, ablations, labels, size of the test."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from challenge.assess.assessment import (
    Assessment,
    Cost,
    CurvePoint,
    Estimate,
    ModalityLoss,
    SuspectedLabel,
)
from challenge.assess.label_issues import find_label_issues
from challenge.assess.more_rows import SHARES, twice_the_rows
from challenge.assess.separation import Separation, separation_of
from challenge.methods import resolve_method, run_method
from challenge.methods.returned import write_table
from challenge.methods.run.cell import predict_out_of_fold
from challenge.methods.run.runner import Options, cell_key
from challenge.methods.run.saved_cells import kept_cell
from challenge.task import Task
from challenge.task.datasheet import answers
from challenge.task.frames import read_folds, read_test, read_train
from challenge.task.splits import SPLIT_RULES

if TYPE_CHECKING:
    import pandas as pd

    from challenge.scoring import Score

__all__ = ["measure_task", "open_findings"]

_MOST_EXAMPLES = 12
_LONGEST = 160
_NEARLY = 0.01
_OPTIONS = {"seed": 0, "threads": 2}
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_REFERENCES = ("linear", "autogluon-plain", "autogluon")
_PERSONAL = (
    "Do rows describe people who can be recognised, from text or images?",
    "Did those people, or the owner of the data, agree to this use?",
    "May participants keep the data after the contest?",
)


def measure_task(task: Task, progress: Callable[[str], None]) -> Assessment:
    """Return everything that the data of a built task shows, but for the proposal's guesses.

    Scores need public data alone. The size of the test needs the solution; without it there is no
    statement about it. Runs `linear` about ten times.
    """
    from challenge.scoring import compare_on_train, score_on_train

    train = read_train(task)
    with tempfile.TemporaryDirectory(prefix="challenge-assess-") as folder:
        scratch = Path(folder)
        files = {name: scratch / f"{name}.parquet" for name in ("baseline", "linear", "without")}
        progress("the baseline and linear, out of fold")
        _write(_out_of_fold("majority", task), task, files["baseline"])
        predicted = _out_of_fold("linear", task)
        _write(predicted, task, files["linear"])
        baseline = score_on_train(task, files["baseline"])
        linear = score_on_train(task, files["linear"])
        better = 1.0 if task.kind.metric(task.metric).higher_is_better else -1.0

        def gain(other: Path) -> Estimate:
            found = compare_on_train(task, files["linear"], other).primary
            if found.value is None or found.low is None or found.high is None:
                return Estimate(None if found.value is None else better * found.value)
            low, high = sorted((better * found.low, better * found.high))
            return Estimate(better * found.value, low, high)

        modalities = []
        present = list(dict.fromkeys(column.modality for column in task.columns))
        for modality in present if len(present) > 1 else []:
            progress(f"linear without {modality}")
            kept = tuple(one for one in task.columns if one.modality != modality)
            fewer = replace(task, columns=kept)
            _write(_out_of_fold("linear", fewer), task, files["without"])
            names = tuple(one.name for one in task.columns if one.modality == modality)
            modalities.append(ModalityLoss(modality, names, gain(files["without"])))
        curve = _curve(task, train, linear, scratch, progress)
        doubled = _doubled(task, curve)
        progress("the size of the test")
        separation, cost = _separation(task, train, scratch, progress)
        gained = gain(files["baseline"])
    suspected, share, examples = _labels(task, train, predicted)
    split = task.document.get("split", {})
    rule = SPLIT_RULES.get(split.get("by", ""))
    return Assessment(
        name=task.id,
        title=task.title,
        kind=task.kind.title,
        metric=task.kind.metric(task.metric).title,
        n_train=task.n_train,
        n_test=task.n_test,
        n_classes=len(task.classes),
        columns=tuple(
            (one.name, one.modality, int(train[one.name].isna().sum())) for one in task.columns
        ),
        split=_split_text(split, rule.sentence if rule is not None else ""),
        units=_units(task),
        baseline=_estimate(baseline),
        linear=_estimate(linear),
        gain=gained,
        curve=tuple(point for point, _ in curve),
        doubled=doubled,
        at_the_end=_at_the_end(task, linear),
        modalities=tuple(modalities),
        suspected=suspected,
        suspected_share=share,
        suspected_labels=examples,
        separation=separation,
        findings=open_findings(task),
        costs=(cost, *_kept_costs(task)),
        contacts=_contacts(task, train),
        questions=_questions(task),
    )


def _out_of_fold(method: str, task: Task) -> pd.DataFrame:
    source = resolve_method(method).on(task)
    found: pd.DataFrame = predict_out_of_fold(source, task, _OPTIONS, lambda text: None)
    return found


def _write(found: pd.DataFrame, task: Task, path: Path) -> None:
    write_table(found, task, path)


def _estimate(score: Score) -> Estimate:
    return Estimate(score.primary.value, score.primary.low, score.primary.high)


def _some_rows(rows: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return a share of the rows, drawn evenly over the labels; smaller shares are inside larger.

    Ids are a keyed hash, so their order is random; every label keeps its share.
    """
    labels = rows["label"].astype(str)
    position = rows.groupby(labels, sort=False, observed=True).cumcount()
    size = labels.map(labels.value_counts())
    if labels.nunique() > len(rows) / 2:
        position, size = position * 0 + np.arange(len(rows)), size * 0 + len(rows)
    kept: pd.DataFrame = rows[position < np.ceil(share * size.to_numpy())]
    return kept.reset_index(drop=True)


def _curve(
    task: Task,
    train: pd.DataFrame,
    whole: Score,
    scratch: Path,
    progress: Callable[[str], None],
) -> list[tuple[CurvePoint, Score]]:
    """Return the score at each share of the rows; every row is predicted without its fold."""
    import pandas as pd

    from challenge.scoring import score_on_train

    known = read_folds(task)
    folds = train["id"].map(dict(zip(known["id"], known["fold"], strict=True))).to_numpy()
    points = []
    for share in SHARES[:-1]:
        parts = []
        for fold in sorted(set(folds.tolist())):
            progress(f"linear on {share:.0%} of the rows, fold {fold}")
            method = resolve_method("linear").make(**_OPTIONS)
            method.fit(_some_rows(train[folds != fold], share), task)
            outside = train[folds == fold].drop(columns="label").reset_index(drop=True)
            parts.append(method.predict(outside))
        path = scratch / f"share-{share}.parquet"
        _write(pd.concat(parts, ignore_index=True), task, path)
        score = score_on_train(task, path)
        points.append((CurvePoint(share, round(share * task.n_train), _estimate(score)), score))
    return [*points, (CurvePoint(1.0, task.n_train, _estimate(whole)), whole)]


def _doubled(task: Task, curve: list[tuple[CurvePoint, Score]]) -> Estimate:
    vectors = [score.vector for _, score in curve if score.vector is not None]
    values = [point.score.value for point, _ in curve if point.score.value is not None]
    if len(vectors) < len(SHARES) or len(values) < len(SHARES):
        return Estimate(None)
    metric = task.kind.metric(task.metric)
    if values[-1] in metric.bounds:
        # At an end of the range no vector says how uncertain the score is.
        return Estimate(values[-1])
    if metric.higher_is_better:
        return Estimate(*twice_the_rows(values, vectors, metric.bounds))
    low, high = metric.bounds
    found = twice_the_rows([-one for one in values], [one * -1.0 for one in vectors], (-high, -low))
    return Estimate(-found[0], -found[2], -found[1])


def _at_the_end(task: Task, score: Score) -> bool:
    metric = task.kind.metric(task.metric)
    best = metric.bounds[1] if metric.higher_is_better else metric.bounds[0]
    value = score.primary.value
    return value is not None and abs(best - value) < _NEARLY


def _separation(
    task: Task, train: pd.DataFrame, scratch: Path, progress: Callable[[str], None]
) -> tuple[Separation | None, Cost]:
    """Return what the test separates, by `linear` on all and on half the rows, and its cost."""
    from challenge.scoring import read_predictions, score_predictions

    ran = run_method("linear", task, scratch / "whole", progress=progress)
    cost = Cost("linear", ran.seconds, ran.cpu_s, ran.peak_mb)
    if not (task.private / "solution.parquet").is_file():
        return None, cost
    method = resolve_method("linear").make(**_OPTIONS)
    method.fit(_some_rows(train, SHARES[1]), task)
    half = scratch / "half.parquet"
    _write(method.predict(read_test(task)), task, half)
    scores = [
        score_predictions(task, read_predictions(task, path), "all")
        for path in (ran.predictions, half)
    ]
    if scores[0].vector is None or scores[1].vector is None:
        return None, cost
    return separation_of(scores[0].vector - scores[1].vector, scores[0].n_clusters), cost


def _labels(
    task: Task, train: pd.DataFrame, predicted: pd.DataFrame
) -> tuple[int, float | None, tuple[SuspectedLabel, ...]]:
    """Return how many labels are suspected, the share of wrong ones, and the first of them."""
    if task.kind.label == "number":
        return 0, None, ()
    at = predicted.set_index("id").loc[train["id"]]
    if task.kind.paired:
        score = at["score"].to_numpy(np.float64)
        probabilities = np.stack([1 - score, score], axis=1)
    else:
        probabilities = at[list(task.classes)].to_numpy(np.float64)
    code = {name: position for position, name in enumerate(task.classes)}
    labels = np.array([code[str(label)] for label in train["label"]])
    found = find_label_issues(labels, probabilities)
    names = [column.name for column in task.columns]
    examples = []
    for row, suggested in list(zip(found.rows, found.suggested, strict=True))[:_MOST_EXAMPLES]:
        values = (train[name].iloc[int(row)] for name in names)
        shown = " · ".join(str(value) for value in values if value is not None and value == value)
        examples.append(
            SuspectedLabel(
                id=str(train["id"].iloc[int(row)]),
                label=task.classes[labels[row]],
                suggested=task.classes[suggested],
                shown=shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…",
            )
        )
    return len(found.rows), found.share, tuple(examples)


def open_findings(task: Task) -> tuple[tuple[str, str, str, str], ...]:
    """Return name, severity, message and fix of each finding that task.toml does not accept."""
    from challenge.task.findings import form_of

    found = []
    for one in task.document.get("audit", {}).get("findings", []):
        form = form_of(one["name"])
        if not one.get("accepted"):
            fix = "" if form is None else form.fix
            found.append((one["name"], one["severity"], one["message"], fix))
    return tuple(found)


def _kept_costs(task: Task) -> tuple[Cost, ...]:
    """Return the costs of reference entries that ran here before; None where one did not."""
    costs = []
    for name in _REFERENCES[1:]:
        kept = kept_cell(task, cell_key(resolve_method(name).on(task), task, Options()))
        if kept is None or kept.record is None:
            costs.append(Cost(name))
        else:
            record = kept.record
            costs.append(Cost(name, record.seconds, record.cpu_s, record.peak_mb))
    return tuple(costs)


def _contacts(task: Task, train: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    found = []
    for column in task.columns:
        values = train[column.name].dropna()
        if values.dtype == object or str(values.dtype) in ("string", "str"):
            n = sum(bool(_EMAIL.search(str(value))) for value in values)
            found += [(column.name, n)] if n else []
    return tuple(found)


def _questions(task: Task) -> tuple[tuple[str, str], ...]:
    licences = [str(one.get("licence") or "") for one in task.document.get("sources", [])]
    stated = ", ".join(dict.fromkeys(licences)) if licences and all(licences) else ""
    given: Mapping[str, Any] = task.document.get("datasheet") or {}
    return (
        ("Under which licence may participants use the data?", stated),
        *((question, "") for question in _PERSONAL),
        *answers(given),
    )


def _units(task: Task) -> str:
    if task.kind.paired:
        return "entities" if task.record_ids else "pairs"
    return "groups" if task.document.get("split", {}).get("group") else "rows"


def _split_text(split: Mapping[str, Any], sentence: str) -> str:
    group, time = split.get("group"), split.get("time")
    parts = [
        sentence,
        f"rows of one {group} stay together" if group else "",
        f"ordered by {time}" if time else "",
    ]
    return "; ".join(part for part in parts if part)
