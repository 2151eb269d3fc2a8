"""A task page: the board, then the facts about the data."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from challenge.board.exports import csv_export, json_export
from challenge.board.html_tables import Pager, Table
from challenge.board.markup import (
    bytes_text,
    clip,
    count_text,
    folder_name,
    metric_text,
    number_text,
)
from challenge.board.pages.entry_commands import (
    code_html,
    entry_text,
    python_code,
    shell_code,
)
from challenge.board.pages.page_frame import CARD, trusted
from challenge.board.pages.paging import board_pages
from challenge.board.pages.pairs_page import compared_rows, pairs_files
from challenge.board.pages.preview import card_files
from challenge.board.pages.score_plots import distribution_plot, over_time_plot
from challenge.board.pages.site_context import File, MarkedPage, SiteContext
from challenge.board.pages.standings_table import N_SCALED, has_arrows, ties_text
from challenge.board.pages.upgrade_section import trade_facts
from challenge.board.plots.shares import bar_svg
from challenge.board.rules.boards import TaskBoard
from challenge.errors import counted
from challenge.ledger.store.records import Card
from challenge.task.datasheet import UNANSWERED, answers
from challenge.task.reading_report import report_lines
from challenge.task.settings import Settings
from challenge.task.splits import SPLIT_RULES

__all__ = ["task_files"]

_SPLIT_SHARES = {
    "test": "Share of the rows in the test",
    "public": "Share of the test that is scored in public",
    "unseen_share": "Test pairs with neither entity in train",
    "half_seen_share": "Test pairs with one entity in train",
    "seen_share": "Test pairs with both entities in train",
}
_SPLIT_COUNTS = {
    "n_records": "Records",
    "n_entities": "Entities",
    "n_groups": "Groups",
    "n_blocks": "Blocks with an effect in common",
    "n_valid": "Rows of the valid part, the last fold of train",
    "n_unlabelled": "Rows without a label, dropped",
    "n_crossing": "Pairs across the split, dropped",
}
_ABSENT: Mapping[str, Any] = {"description": "", "sources": (), "left_out": {}, "notes": ()}
N_BARS = 60


def task_files(context: SiteContext, task_id: str) -> Iterator[File | MarkedPage]:
    """Yield thumbnails, exports and pages of a task, the first page last."""
    folder = f"task/{folder_name(task_id)}"
    card = context.card(task_id)
    samples, images = _samples(card.card if card.task.get("samples") else {})
    for name, data in images.items():
        yield f"{folder}/{name}", data
    schema, classes = _schema(card.task, card.card), _classes(card)
    document = {"format": 1, "task": card.task, "columns": schema, "classes": classes}
    yield f"{folder}/task.json", json_export(document)
    keys = (
        *("name", "modality", "description", "missing_share", "n_distinct"),
        *("min", "median", "max", "mean", "mean_length"),
    )
    yield f"{folder}/columns.csv", csv_export(keys, ([row[key] for key in keys] for row in schema))
    if classes:
        yield f"{folder}/classes.csv", csv_export(("class", "n_train"), classes)
    files = context.data.get(task_id)
    if files is not None and files.croissant is not None:
        yield f"{folder}/croissant.json", files.croissant
    board = context.task_boards[task_id]
    yield from card_files(context, folder, board)
    yield from pairs_files(context, folder, task_id)
    yield from board_pages(
        context,
        folder,
        board,
        name="board",
        caption=f"Standings by {metric_text(board.metric)}",
        look=(context.decimals(task_id), board.baseline_score),
        around=partial(_task_html, context, task_id, {"samples": samples, "schema": schema}),
    )


def _task_html(
    context: SiteContext,
    task_id: str,
    values: Mapping[str, Any],
    path: str,
    table: Table,
    pager: Pager,
) -> str:
    card, board = context.card(task_id), context.task_boards[task_id]
    document = {**_ABSENT, **card.task}
    title, whole = clip(document["title"]), pager.page == 1
    size = board.kind.size_text(document).capitalize()
    summary = f"{size}, {', '.join(context.modalities(task_id))}. {ties_text(board)}"
    first, shown = board.rows[0] if board.rows else None, context.progress_text("best score")
    if first is not None and first.value is not None:
        score = number_text(first.value, context.decimals(task_id))
        summary = f"{clip(first.team_name, 48)} leads with {score}. {summary}"
    return context.frame.page(
        "task.html",
        path,
        title=title if whole else f"{title}, page {pager.page}",
        summary=summary,
        card=f"task/{folder_name(task_id)}/{CARD}",
        id=task_id,
        document=document,
        kind=board.kind,
        size=size,
        tracks=[
            (folder_name(track.id), track.title)
            for track in context.settings.track
            if task_id in track.tasks
        ],
        modalities=context.modalities(task_id),
        board=board,
        baseline_score=None
        if board.baseline_score is None
        else number_text(board.baseline_score, context.decimals(task_id)),
        resolution=context.resolution_text(task_id, board.resolution),
        scored_on=context.rows_text(task_id, board.subset, board.n, board.n_clusters)
        if board.n
        else "",
        state=context.state_text(),
        steps=context.steps_text([task_id]),
        ties=ties_text(board),
        beyond=has_arrows(board, N_SCALED),
        trade=trade_facts(context, board) if whole else None,
        shown=shown,
        over_time=over_time_plot(
            context, board, context.task_progress[task_id], "over-time", shown, "../../"
        )
        if whole
        else "",
        distribution=distribution_plot(context, board, "../../") if whole else "",
        compared=[row.slug for row in compared_rows(context, task_id)] if whole else [],
        table=table,
        pager=pager,
        **values,
        **_label_facts(card),
        split=_split_facts(document, context.settings, board),
        reading=report_lines(document.get("reading", {})),
        findings=_findings(document),
        answers=list(answers(document.get("datasheet", {}))),
        unanswered=UNANSWERED,
        sizes=_size_texts(card.card),
        entry=entry_text(context) if whole else "",
        shell=code_html(shell_code(context, task_id)) if whole else "",
        python=code_html(python_code(context, task_id)) if whole else "",
        data=_data_facts(context, task_id) if whole else {},
        digests=[
            ("data", card.data_digest),
            ("solution", card.solution_digest),
            ("card", card.card_digest),
        ],
    )


def _data_facts(context: SiteContext, task_id: str) -> dict[str, Any]:
    """Return how the data of a task is had: the address of its zip, else who has it."""
    data, server = context.data.get(task_id), context.settings.server
    archive = data.archive if data else None
    address = ""
    if server:
        address = f"{server}/api/v1/tasks/{quote(task_id)}/download"
    elif archive is not None:
        address = context.archive_path(task_id).rpartition("/")[2]
    return {
        "address": address,
        "server": bool(server),
        "contest": context.settings.is_contest(),
        "archive": archive,
        "croissant": data is not None and data.croissant is not None,
    }


def _classes(card: Card) -> list[tuple[str, int]]:
    counts: Mapping[str, int] = card.card.get("class_counts", {})
    return [(name, int(counts.get(name, 0))) for name in card.task["classes"]] if counts else []


def _label_facts(card: Card) -> dict[str, Any]:
    """Return what is shown of the labels of train: class sizes, or quantiles of numbers."""
    classes = sorted(_classes(card), key=lambda item: -item[1])
    most = max((n for _, n in classes), default=1) or 1
    share = dict(classes).get("1", 0) / (sum(n for _, n in classes) or 1)
    return {
        "bars": [
            (name, n, trusted(bar_svg(n / most, kind="text"))) for name, n in classes[:N_BARS]
        ],
        "n_classes": len(classes),
        "n_more_classes": max(len(classes) - N_BARS, 0),
        "smallest": classes[-1] if classes else None,
        "largest": classes[0] if classes else None,
        "match_share": share,
        "match_bar": trusted(bar_svg(share, width=300, kind="numeric")),
        "quantiles": [
            (f"{100 * share:.4g} %", f"{value:,.6g}".replace("-", "−"))
            for share, value in card.card.get("label_quantiles", ())
        ],
    }


def _schema(task: Mapping[str, Any], card: Mapping[str, Any]) -> list[dict[str, Any]]:
    facts = {column["name"]: column for column in card.get("columns", ())}
    known = ("missing_share", "n_distinct", "min", "median", "max", "mean", "mean_length")
    return [
        {
            **{key: facts.get(column["name"], {}).get(key) for key in known},
            "name": column["name"],
            "modality": column["modality"],
            "description": column["description"],
        }
        for column in task["columns"]
    ]


def _samples(card: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """Return sample rows whose images are file names, and those files by name."""
    files: dict[str, bytes] = {}
    rows = []
    for sample in card.get("samples", ())[:8]:
        images = {}
        for column, encoded in sample.get("thumbnails", {}).items():
            try:
                data = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                continue
            if not data.startswith(b"\x89PNG"):
                continue
            name = f"sample-{hashlib.sha256(data).hexdigest()[:16]}.png"
            files[name] = data
            images[column] = name
        rows.append(
            {
                "label": sample.get("values", {}).get("label"),
                "values": sample.get("values", {}),
                "images": images,
            }
        )
    return rows, files


def _split_facts(
    task: Mapping[str, Any], settings: Settings, board: TaskBoard
) -> list[tuple[str, str]]:
    split = dict(task.get("split", {}))
    if not settings.is_contest():
        # Every score is of the whole test set.
        split.pop("public", None)
    by = str(split.get("by") or UNANSWERED)
    rule = SPLIT_RULES.get(by)
    facts = [("Split by", rule.sentence if rule else by)]
    if rule is not None and not rule.drawn:
        # The source decided it, so the setting says nothing.
        split = {**split, "test": task["n_test"] / (task["n_train"] + task["n_test"])}
    facts += [
        (title, f"{100 * split[key]:.0f} %")
        for key, title in _SPLIT_SHARES.items()
        if isinstance(split.get(key), (int, float))
    ]
    if rule is not None and rule.paired and split.get("truth"):
        complete = split["truth"] == "complete"
        facts.append(("Truth", "every match is known" if complete else "listed pairs only"))
    facts += [
        (title, count_text(split[key]))
        for key, title in _SPLIT_COUNTS.items()
        if isinstance(split.get(key), int) and split[key]
    ]
    exact = board.n_clusters if board.subset == "all" else None
    if exact is not None:
        facts.append(("Independent clusters of the test", count_text(exact)))
    elif isinstance(clusters := split.get("n_clusters"), int):
        facts.append(("Independent clusters of the test", f"about {count_text(clusters)}"))
    facts.append(("Folds of train", f"{task.get('n_folds', 5)}"))
    return facts


def _size_texts(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    sizes: Mapping[str, int] = card.get("sizes", {})
    texts = [
        (name.removesuffix("_bytes"), bytes_text(n))
        for name, n in sorted(sizes.items())
        if name.endswith("_bytes") and n
    ]
    if sizes.get("images"):
        texts = [
            (counted(sizes["images"], "image"), t) if n == "images" else (n, t) for n, t in texts
        ]
    return texts


def _findings(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    audit: Mapping[str, Any] = task.get("audit") or {}
    order = {"high": 0, "medium": 1, "low": 2}
    findings = [dict(finding) for finding in audit.get("findings", ())]
    return sorted(findings, key=lambda f: (order.get(f.get("severity", ""), 3), f.get("name", "")))
