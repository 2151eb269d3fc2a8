"""`challenge add`: look at raw data, propose a task.toml that a person reads and corrects.

What the data show is filled in. Each guess is a note for the organiser, and a comment in the file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from challenge.errors import Fault, TaskError
from challenge.kinds import Kind, kind_with
from challenge.prepare.proposal.guesses import (
    guess_group,
    guess_key,
    guess_kind,
    guess_label,
    guess_metric,
    guess_missing,
    guess_variants,
    images_by_key,
    label_ranges,
    look_at_labels,
    look_at_size,
    look_for_leaks,
    sort_columns,
    take_sides,
)
from challenge.prepare.proposal.infer_pairs import pair_split, plan_of_pairs
from challenge.prepare.proposal.notes import Code, Note, note
from challenge.prepare.proposal.profiles import open_image_folder, profile_columns, profile_values
from challenge.prepare.proposal.proposal_text import Plan, Proposal, proposal_of
from challenge.prepare.readers.table_files import find_table, open_table, tables_in
from challenge.task.modalities import modality_of

__all__ = ["Proposal", "propose_task"]


def propose_task(
    task_id: str,
    source: Path,
    *,
    images: Path | None = None,
    label: str | None = None,
    kind: Kind | None = None,
    pairs: Path | None = None,
    folder: Path | None = None,
) -> Proposal:
    """Return a proposed task.toml for a table, or for a folder in one of the known forms.

    `images` is a folder or zip, `label` the column to predict, `pairs` a list of labelled pairs
    of records of `source`, `folder` the task's folder in its challenge: raw data that lies in
    the challenge is named relative to it. Raises TaskError when there is no label to find.
    """
    notes: list[Note] = []
    source = _existing(source, "raw data")
    pairs = None if pairs is None else _existing(pairs, "a list of pairs")
    images = None if images is None else _existing(images, "a folder or zip of images")
    if pairs is not None:
        plan = plan_of_pairs(source, pairs, images, label, notes)
    elif source.is_dir() and find_table(source, "tableA") is not None:
        plan = plan_of_pairs(source, None, images, label, notes)
    elif source.is_dir() and (source / "train.txt").is_file():
        plan = _of_ditto(source, notes)
    elif source.is_dir() and find_table(source, "solution") is not None:
        plan = _of_competition(source, images, label, kind, notes)
    else:
        plan = _of_table(source, images, label, kind, notes)
    notes += [doubt for one in plan.columns.values() for doubt in one.doubts]
    notes.append(note(Code.LICENCE))
    path = str(plan.source)
    if folder is not None and plan.source.is_relative_to(folder.resolve().parents[1]):
        path = Path(os.path.relpath(plan.source, folder.resolve())).as_posix()
    return proposal_of(task_id, plan, path, notes)


def _existing(path: Path, expected: str) -> Path:
    if not path.exists():
        raise TaskError(
            Fault(str(path), "no such file or folder", expected, "correct the path",
                  "raw-file-missing")
        )  # fmt: skip
    return path.resolve()


def _of_table(
    source: Path, images: Path | None, label: str | None, kind: Kind | None, notes: list[Note]
) -> Plan:
    file = source if source.is_file() else _one_table(source)
    table = open_table(file)
    notes += [note(Code.READER, text=text) for text in table.notes]
    found_images = open_image_folder(images)
    profiles, values = profile_columns(table, found_images)
    if not values or not len(next(iter(values.values()))):
        raise TaskError(Fault(file.name, "0 rows", "rows", "check the raw data", "no-rows"))
    pairwise = {name for name in profiles if name.startswith(("left_", "right_"))}
    kind = kind or (kind_with("match") if len(pairwise) >= 2 else None)
    label = guess_label(table, profiles, label, kind, notes)
    kind = kind or guess_kind(profiles[label], values[label], notes)
    root = Path(os.path.commonpath([file.parent, images])) if images else file.parent
    raw = {"file": file.relative_to(root).as_posix(), "label": label}
    if images:
        raw["images"] = images.relative_to(root).as_posix()
    if table.delimiter not in (None, ","):
        raw["delimiter"] = str(table.delimiter)
    if table.encoding not in (None, "utf-8"):
        raw["encoding"] = str(table.encoding)
    look_at_labels(label, values[label], kind, notes)
    alike = values if kind.label != "number" else values | {label: label_ranges(values[label])}
    key = guess_key(profiles, label)
    if key is not None:
        raw["key"] = key
    group, shown = None, False
    if not kind.paired:
        group = guess_group(profiles, values, label, key, notes)
    if not kind.paired and group is None:
        group, shown = guess_variants(profiles, alike, label, key, notes), True
    columns, options, left_out = sort_columns(profiles, {label, key}, key, None if shown else group)
    word = guess_missing(profiles, values, notes)
    if word is None and kind.label == "number":
        word = next(iter(profiles[label].missing_words), None)
    if word is not None:
        options["missing"] = word
    split: dict[str, str | float] = {"by": "row", "test": 0.3}
    if group is not None:
        split |= {"by": "group", "group": group}
    sides: dict[str, str] = {}
    if kind.paired:
        columns, sides, options = take_sides(columns, options)
        split = {"by": "entity", "test": 0.3}
        for side in ("left", "right"):
            if f"{side}_id" in profiles:
                options[f"{side}_key"] = f"{side}_id"
    if found_images is not None and not any(
        modality_of(one.modality).is_image for one in columns.values()
    ):
        images_by_key(columns, found_images, key, values, notes)
    look_for_leaks(columns, alike, label, kind, notes)
    dates = (Code.DATES, Code.DATETIMES)
    if any(one.why.code in dates for one in columns.values()) and split["by"] == "row":
        notes.append(note(Code.TIME))
    look_at_size(len(values[label]), notes)
    metric = guess_metric(kind, values[label], notes)
    return Plan(kind, "table", root, raw, options, metric, split, columns, sides, left_out)


def _one_table(folder: Path) -> Path:
    found = tables_in(folder)
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        fix = "name the file itself" if names else (
            "list the rows in a CSV, with their images' names and their labels; name it with "
            "--from, and the images' folder with --images"
        )  # fmt: skip
        raise TaskError(
            Fault(str(folder), names or "no table", "one table, or a folder in a known form",
                  fix, "raw-file-missing")
        )  # fmt: skip
    return found[0]


def _of_ditto(source: Path, notes: list[Note]) -> Plan:
    line = (source / "train.txt").read_text(encoding="utf-8").split("\n", 1)[0]
    names = list(dict.fromkeys(re.findall(r"COL (\S+) VAL(?=\s|$)", line.split("\t")[0])))
    values: dict[str, list[str | None]] = {name: [] for name in names}
    with (source / "train.txt").open(encoding="utf-8") as file:
        for _, row in zip(range(5000), file, strict=False):
            pieces = re.split(r"(?:^|(?<=\s))COL (\S+) VAL(?=\s|$)", row.split("\t")[0])
            found = dict(zip(pieces[1::2], pieces[2::2], strict=True))
            for name in names:
                values[name].append(found.get(name, "").strip() or None)
    profiles = {name: profile_values(name, texts) for name, texts in values.items()}
    columns, options, left_out = sort_columns(profiles, set(), None, None)
    split = pair_split((source / "test.txt").is_file(), notes)
    kind = kind_with("match")
    return Plan(
        kind, "ditto", source, {}, options, kind.default_metric, split, columns, {}, left_out
    )


def _of_competition(
    source: Path, images: Path | None, label: str | None, kind: Kind | None, notes: list[Note]
) -> Plan:
    train = find_table(source, "train")
    if train is None:
        raise TaskError(
            Fault(str(source), "a solution, but no train table", "train, test and solution",
                  "add it", "raw-file-missing")
        )  # fmt: skip
    table = open_table(train)
    notes += [note(Code.READER, text=text) for text in table.notes]
    solution_path = find_table(source, "solution")
    assert solution_path is not None
    solution = open_table(solution_path)
    shared = [name for name in solution.names if name in table.names]
    answers = [name for name in shared[1:] if name.casefold() != "usage"]
    if images is not None and not images.is_relative_to(source):
        raise TaskError(
            Fault(str(images), f"not in {source}", "a competition's images in its folder",
                  "put them there", "images-missing")
        )  # fmt: skip
    profiles, values = profile_columns(table, open_image_folder(images))
    label = guess_label(table, profiles, label or (answers[0] if answers else None), kind, notes)
    kind = kind or guess_kind(profiles[label], values[label], notes)
    key = shared[0] if shared else None
    raw = {"label": label} | ({"key": key} if key else {})
    if images is not None:
        raw["images"] = images.relative_to(source).as_posix()
    look_at_labels(label, values[label], kind, notes)
    columns, options, left_out = sort_columns(profiles, {label, key}, key, None)
    metric = guess_metric(kind, values[label], notes)
    split: dict[str, str | float] = {"by": "official"}
    return Plan(
        kind,
        "competition",
        source,
        raw,
        options,
        metric,
        split,
        columns,
        {},
        left_out,
    )
