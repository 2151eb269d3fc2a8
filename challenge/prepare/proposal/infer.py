"""`challenge add`: look at raw data, propose a task.toml that a person reads and corrects.

What the data show is filled in. Each guess is a note for the organiser, and a comment in the file.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from challenge.errors import Fault, TaskError
from challenge.kinds import Kind, kind_with
from challenge.prepare.converters.ditto import ditto_table
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
from challenge.prepare.proposal.profiles import all_values, open_image_folder, profile_columns
from challenge.prepare.proposal.proposal_text import (
    Plan,
    Proposal,
    RawKeys,
    proposal_of,
    stated_keys,
)
from challenge.prepare.readers.column_readings import joined_forms, variants_of
from challenge.prepare.readers.table_files import (
    find_table,
    open_files,
    open_table,
    shards_in,
    tables_in,
)
from challenge.task.definition import Raw
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
    raw: Raw | None = None,
) -> Proposal:
    """Return a proposed task.toml for a table, or for a folder in one of the known forms.

    `images` is a folder or zip, `label` the column to predict, `pairs` a list of labelled pairs
    of records of `source`, `folder` the task's folder in its challenge: raw data that lies in
    the challenge is named relative to it; `raw` states what is known of the form of the files.

    Raises TaskError when there is no label to find.
    """
    notes: list[Note] = []
    source = _existing(source, "raw data")
    pairs = None if pairs is None else _existing(pairs, "a list of pairs")
    images = None if images is None else _existing(images, "a folder or zip of images")
    if pairs is not None:
        plan = plan_of_pairs(source, pairs, images, label, notes, raw)
    elif source.is_dir() and find_table(source, "tableA") is not None:
        plan = plan_of_pairs(source, None, images, label, notes, raw)
    elif source.is_dir() and (source / "train.txt").is_file():
        plan = _of_ditto(source, notes, raw)
    elif source.is_dir() and find_table(source, "solution") is not None:
        plan = _of_competition(source, images, label, kind, notes, raw)
    else:
        plan = _of_table(source, images, label, kind, notes, raw)
    notes += [doubt for one in plan.columns.values() for doubt in one.doubts]
    notes.append(note(Code.LICENCE))
    if raw is not None and raw.variants is not None:
        notes = [one for one in notes if one.code is not Code.VARIANT_FORMS]
    path = str(plan.source)
    if folder is not None and plan.source.is_relative_to(folder.resolve().parents[1]):
        path = Path(os.path.relpath(plan.source, folder.resolve())).as_posix()
    return proposal_of(task_id, plan, path, notes)


def _as_joined(values: list[str | None], raw: Raw | None) -> list[str | None]:
    """Return the labels as `variants = "join"` reads them; as they are where it is not stated."""
    if raw is None or raw.variants != "join":
        return values
    counts = Counter(value for value in values if value is not None)
    first = joined_forms(variants_of(counts))
    return [value if value is None else first.get(value, value) for value in values]


def _existing(path: Path, expected: str) -> Path:
    if not path.exists():
        raise TaskError(
            Fault(str(path), "no such file or folder", expected, "correct the path",
                  "raw-file-missing")
        )  # fmt: skip
    return path.resolve()


def _of_table(
    source: Path,
    images: Path | None,
    label: str | None,
    kind: Kind | None,
    notes: list[Note],
    stated: Raw | None,
) -> Plan:
    if source.is_file():
        folder, name = source.parent, source.name
    else:
        folder = source
        name = stated.file if stated is not None and stated.file else _one_table(source)
    file = folder / name
    table = open_files(folder, name, stated)
    notes += [note(Code.READER, text=text) for text in table.notes]
    found_images = open_image_folder(images)
    profiles, values = profile_columns([table], found_images, stated)
    if not values or not len(next(iter(values.values()))):
        raise TaskError(Fault(file.name, "0 rows", "rows", "check the raw data", "no-rows"))
    pairwise = {name for name in profiles if name.startswith(("left_", "right_"))}
    kind = kind or (kind_with("match") if len(pairwise) >= 2 else None)
    label = guess_label(table, profiles, label, kind, notes)
    if profiles[label].n_missing == profiles[label].n:
        why = "; ".join(("no value at all", *table.notes))
        raise TaskError(
            Fault(f"{file.name}, column {label}", why, "a label in some rows",
                  "name another column with --label, or complete the file", "label-unknown")
        )  # fmt: skip
    labels = _as_joined(all_values(profiles[label]), stated)
    kind = kind or guess_kind(profiles[label], labels, notes)
    root = Path(os.path.commonpath([file.parent, images])) if images else file.parent
    raw: RawKeys = {
        "file": file.relative_to(root).as_posix(),
        "label": label,
    }
    if images:
        raw["images"] = images.relative_to(root).as_posix()
    raw |= stated_keys(stated) | dict(table.stated)
    form = profiles[label].form
    look_at_labels(label, labels, kind, notes, form)
    alike = values
    if kind.label == "number":
        alike = values | {label: label_ranges(values[label], form)}
    key = guess_key(profiles, label)
    if key is not None:
        raw["key"] = key
        if not profiles[key].is_id:
            notes.append(note(Code.ROW_KEY_GUESSED, column=key))
    group, shown = None, False
    if not kind.paired:
        group = guess_group(profiles, alike, label, key, notes)
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
    if not columns:
        left = "; ".join(f"{name}: {why.text}" for name, why in left_out.items())
        raise TaskError(
            Fault(file.name, f"no column to predict {label} from ({left})", "at least one feature",
                  "name another table, or another sheet with --raw sheet=…", "no-features")
        )  # fmt: skip
    look_for_leaks(columns, alike, label, kind, notes)
    dated = any(one.why.code in (Code.DATES, Code.DATETIMES) for one in columns.values())
    if dated and split["by"] == "row":
        notes.append(note(Code.TIME))
    look_at_size(len(labels), notes)
    metric = guess_metric(kind, labels, notes)
    return Plan(kind, "table", root, raw, options, metric, split, columns, sides, left_out)


def _one_table(folder: Path) -> str:
    """Return the name of the one table of a folder, or the pattern of its numbered parts."""
    found = tables_in(folder)
    if (pattern := shards_in(found)) is not None:
        return pattern
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        fix = (
            "name the file itself, or with --raw file=… a pattern of its parts"
        ) if names else (
            "list the rows in a CSV, with their images' names and their labels; name it with "
            "--from, and the images' folder with --images"
        )  # fmt: skip
        raise TaskError(
            Fault(str(folder), names or "no table", "one table, or a folder in a known form",
                  fix, "raw-file-missing")
        )  # fmt: skip
    return found[0].name


def _of_ditto(source: Path, notes: list[Note], stated: Raw | None) -> Plan:
    encoding = None if stated is None else stated.encoding
    table = ditto_table([("train", source / "train.txt")], encoding)
    profiles, _ = profile_columns([table])
    sided = {name: one for name, one in profiles.items() if name.startswith(("left_", "right_"))}
    columns, options, left_out = sort_columns(sided, set(), None, None)
    columns, sides, _ = take_sides(columns, {})
    split = pair_split((source / "test.txt").is_file(), notes)
    kind = kind_with("match")
    return Plan(
        kind,
        "ditto",
        source,
        stated_keys(stated),
        options,
        kind.default_metric,
        split,
        columns,
        sides,
        left_out,
    )


def _of_competition(
    source: Path,
    images: Path | None,
    label: str | None,
    kind: Kind | None,
    notes: list[Note],
    stated: Raw | None,
) -> Plan:
    train = find_table(source, "train")
    if train is None:
        raise TaskError(
            Fault(str(source), "a solution, but no train table", "train, test and solution",
                  "add it", "raw-file-missing")
        )  # fmt: skip
    table = open_table(train, stated)
    notes += [note(Code.READER, text=text) for text in table.notes]
    solution_path = find_table(source, "solution")
    assert solution_path is not None
    solution = open_table(solution_path, stated)
    shared = [name for name in solution.names if name in table.names]
    answers = [name for name in shared[1:] if name.casefold() != "usage"]
    if images is not None and not images.is_relative_to(source):
        raise TaskError(
            Fault(str(images), f"not in {source}", "a competition's images in its folder",
                  "put them there", "images-missing")
        )  # fmt: skip
    profiles, _ = profile_columns([table], open_image_folder(images), stated)
    label = guess_label(table, profiles, label or (answers[0] if answers else None), kind, notes)
    labels = _as_joined(all_values(profiles[label]), stated)
    kind = kind or guess_kind(profiles[label], labels, notes)
    key = shared[0] if shared else None
    raw = stated_keys(stated) | {"label": label} | ({"key": key} if key else {})
    if images is not None:
        raw["images"] = images.relative_to(source).as_posix()
    look_at_labels(label, labels, kind, notes, profiles[label].form)
    test_path = find_table(source, "test")
    test = open_table(test_path, stated) if test_path is not None else None
    absent = (
        [] if test is None else [name for name in profiles if name not in (*test.names, label, key)]
    )
    columns, options, left_out = sort_columns(profiles, {label, key, *absent}, key, None)
    left_out |= {name: note(Code.NOT_IN_TEST) for name in absent}
    notes += [note(Code.ABSENT_IN_TEST, column=name) for name in absent]
    metric = guess_metric(kind, labels, notes)
    split: dict[str, str | float] = {"by": "official"}
    return Plan(kind, "competition", source, raw, options, metric, split, columns, {}, left_out)
