"""`challenge add` for labelled pairs of records: which table is which side, which column what."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from challenge.errors import Fault, TaskError
from challenge.kinds import kind_with
from challenge.prepare.audit.tells import ALONE, auc_of_agreement, exceeds
from challenge.prepare.build.raw_rows import MATCH_WORDS
from challenge.prepare.build.table_checks import missing_column
from challenge.prepare.converters.deepmatcher import IDS, LABELS
from challenge.prepare.proposal.guesses import (
    guess_key,
    images_by_key,
    look_at_labels,
    look_at_size,
    sort_columns,
)
from challenge.prepare.proposal.notes import Code, Note, note
from challenge.prepare.proposal.profiles import (
    ROWS,
    Profile,
    column_texts,
    open_image_folder,
    profile_columns,
    records_by_key,
)
from challenge.prepare.proposal.proposal_text import Plan, stated_keys
from challenge.prepare.readers.image_files import ImageFolder
from challenge.prepare.readers.raw_file import RawFile
from challenge.prepare.readers.table_files import find_table, open_table, tables_in
from challenge.task.definition import Raw
from challenge.task.modalities import modality_of

__all__ = ["pair_split", "plan_of_pairs"]

_OTHER_LABELS = (
    "match",
    "is_match",
    "matched",
    "same",
    "is_same",
    "duplicate",
    "is_duplicate",
    "y",
)
_FOUND = 0.9
"""Share of the values of a column of pairs that must be ids of records."""


def plan_of_pairs(
    source: Path,
    pairs: Path | None,
    images: Path | None,
    label: str | None,
    notes: list[Note],
    stated: Raw | None = None,
) -> Plan:
    """Return the plan of a table (or folder) of records and of a list of labelled pairs of them.

    Without `pairs` the folder is in the deepmatcher form, whose names are known.
    """
    folder = source if source.is_dir() else source.parent
    places = [folder, *([pairs.parent] if pairs else []), *([images] if images else [])]
    root = Path(os.path.commonpath(places))
    raw = stated_keys(stated)
    raw |= {"file": pairs.relative_to(root).as_posix()} if pairs is not None else {}
    if images is not None:
        raw["images"] = images.relative_to(root).as_posix()
    tables = [open_table(path, stated) for path in _record_tables(source, pairs)]
    image_folder = open_image_folder(images)
    notes += [note(Code.READER, text=text) for table in tables for text in table.notes]
    profiles, values = _profiles(tables, image_folder, stated)
    key = "id" if "id" in profiles else guess_key(profiles, "")
    agreeing: list[str] = []
    options: dict[str, str] = {}
    if pairs is not None:
        list_of_pairs = open_table(pairs, stated)
        notes += [note(Code.READER, text=text) for text in list_of_pairs.notes]
        key, ids, tables = _find_ids(list_of_pairs, tables, key, notes)
        options |= {f"{side}_id": name for side, name in ids.items() if name not in IDS[side]}
        label = _find_label(list_of_pairs, label, list(ids.values()), notes)
        if label not in LABELS:
            raw["label"] = label
        answers = _first(list_of_pairs, label)
        look_at_labels(label, answers, kind_with("match"), notes)
        look_at_size(len(answers), notes)
        agreeing = _agreeing_columns(list_of_pairs, tables, str(key), ids, answers, profiles)
        notes += [note(Code.AGREEMENT_LEFT_OUT, column=name) for name in agreeing]
    options |= {
        name: table.path.relative_to(root).with_suffix("").as_posix()
        for name, table in zip(("tableA", "tableB"), tables, strict=False)
        if table.path.stem != name or table.path.parent != root
    }
    if key not in (None, "id"):
        raw["key"] = str(key)
        notes.append(note(Code.RECORD_KEY, column=str(key)))
    # Names of a few words recur, yet their characters are what distinguishes two of them.
    profiles = {
        name: replace(one, modality="text", doubts=()) if one.why.code is Code.SHORT_TEXTS else one
        for name, one in profiles.items()
    }
    columns, more, left_out = sort_columns(profiles, {"id", key, *agreeing}, key, None)
    if image_folder is not None and not any(
        modality_of(one.modality).is_image for one in columns.values()
    ):
        images_by_key(columns, image_folder, None, values, notes)
    official = pairs is None and find_table(folder, "test") is not None
    split = pair_split(official, notes)
    kind = kind_with("match")
    sides = {}
    for name in columns:
        raw_name = more.get(f"from_{name}", name)
        having = [raw_name in table.names for table in (tables[0], tables[-1])]
        if not all(having):
            sides[name] = "left" if having[0] else "right"
    return Plan(
        kind, "deepmatcher", root, raw, options | more, kind.default_metric, split, columns, sides,
        left_out | {name: note(Code.AGREEMENT) for name in agreeing},
    )  # fmt: skip


def _profiles(
    tables: Sequence[RawFile], images: ImageFolder | None, stated: Raw | None
) -> tuple[dict[str, Profile], dict[str, list[str | None]]]:
    """Return the profiles and texts of the columns of the records, the left table's first.

    A column that the tables have in different forms is profiled over the rows of both.
    """
    profiles: dict[str, Profile] = {}
    values: dict[str, list[str | None]] = {}
    unlike = set()
    for table in tables:
        found, texts = profile_columns([table], images, stated)
        for name, one in found.items():
            known = profiles.setdefault(name, one)
            values.setdefault(name, texts[name])
            if (known.modality, known.integer, known.form) != (one.modality, one.integer, one.form):
                unlike.add(name)
    if unlike:
        joint, _ = profile_columns(tables, images, stated)
        profiles |= {name: joint[name] for name in profiles if name in unlike}
    return profiles, values


def pair_split(official: bool, notes: list[Note]) -> dict[str, str | float]:
    """Return the split of pairs by entities; `official` says that the data brings one."""
    if official:
        notes.append(note(Code.OFFICIAL_SPLIT))
    return {"by": "entity", "test": 0.3}


def _record_tables(source: Path, pairs: Path | None) -> list[Path]:
    """Return the tables that hold the records: two, or one for both sides."""
    if source.is_file():
        return [source]
    known = [find_table(source, name) for name in ("tableA", "tableB")]
    if known[0] is not None:
        return [path for path in known if path is not None]
    found = [path for path in tables_in(source) if path != pairs]
    if len(found) not in (1, 2):
        beside = f"beside {pairs.name}" if pairs is not None else "of records"
        raise TaskError(
            Fault(str(source), f"{len(found)} tables {beside}",
                  "the records of the left and of the right side, or one table for both",
                  "name them tableA and tableB, or name one file with --from", "raw-file-missing")
        )  # fmt: skip
    return found


def _first(table: RawFile, name: str) -> list[str | None]:
    return column_texts(table, name, rows=ROWS)


def _find_ids(
    pairs: RawFile, tables: list[RawFile], key: str | None, notes: list[Note]
) -> tuple[str, dict[str, str], list[RawFile]]:
    """Return the records' id column, the pairs' columns of ids, and the tables, left one first.

    Columns of known names first; else those whose values are ids of records.
    """
    shared = [name for name in tables[0].names if all(name in table.names for table in tables)]
    candidates = list(dict.fromkeys([*([key] if key in shared else []), *shared]))
    usual = {side: name for side, names in IDS.items() for name in names if name in pairs.names}
    asked = list(usual.values()) if len(usual) == 2 else list(pairs.names)
    texts = {name: [one for one in _first(pairs, name) if one is not None] for name in asked}
    for candidate in candidates:
        ids = [column_texts(table, candidate) for table in tables]
        if any(len(set(one)) < len(one) or None in one for one in ids):
            continue
        fitting = [
            (order, (left, right))
            for order in ([0, -1], [-1, 0])[: len(tables)]
            for left in _hits(texts, set(ids[order[0]]))
            for right in _hits(texts, set(ids[order[1]]))
            if asked.index(left) < asked.index(right)
        ]
        if not fitting:
            continue
        order, (left, right) = fitting[0]
        named = {table.path.stem for table in tables} == {"tableA", "tableB"}
        if len(tables) == 2 and not named and len({one[0][0] for one in fitting}) == 2:
            left_table, right_table = (table.path.stem for table in tables)
            notes.append(note(Code.SIDES, left=left_table, right=right_table))
        ordered = [tables[index] for index in order][: len(tables)]
        return candidate, {"left": left, "right": right}, ordered
    raise TaskError(
        Fault(pairs.path.name,
              f"no two columns of ids of {' and '.join(table.path.name for table in tables)} "
              f"(there are: {', '.join(pairs.names)})", "ids of records, each once in its table",
              "name the columns ltable_id and rtable_id, and the records' own column id",
              "ids-unknown")
    )  # fmt: skip


def _hits(texts: dict[str, list[str]], known: set[str | None]) -> list[str]:
    return [
        name
        for name, values in texts.items()
        if values and sum(value in known for value in values) >= _FOUND * len(values)
    ]


def _find_label(pairs: RawFile, label: str | None, ids: list[str], notes: list[Note]) -> str:
    """Return the column that says whether a pair is a match."""
    if label is not None and label not in pairs.names:
        expected, fix = "the column that says which pairs match", "name one of these"
        raise TaskError(missing_column(pairs.path.name, label, pairs.names, expected, fix))
    rest = [name for name in pairs.names if name not in ids]
    fitting = [
        name for name in rest if {one for one in _first(pairs, name) if one} <= set(MATCH_WORDS)
    ]
    named = [name for name in (*LABELS, *_OTHER_LABELS) if name in rest]
    found = [*([label] if label else []), *named, *(fitting if len(fitting) == 1 else [])]
    if not found:
        raise TaskError(
            Fault(pairs.path.name,
                  f"no column that says which pairs match (there are: {', '.join(rest)})",
                  "a column of 1 and 0", "name it with --label", "label-unknown")
        )  # fmt: skip
    if label is None and found[0] not in LABELS:
        notes.append(note(Code.LABEL, column=found[0]))
    return found[0]


def _agreeing_columns(
    pairs: RawFile,
    tables: list[RawFile],
    key: str,
    ids: dict[str, str],
    answers: list[str | None],
    profiles: dict[str, Profile],
) -> list[str]:
    """Return the attributes whose agreement alone predicts matches, as the audit measures it."""
    import pyarrow as pa

    known = [row for row, text in enumerate(answers) if text is not None]
    labels = np.array([MATCH_WORDS[str(answers[row]).casefold()] for row in known])
    names = [
        name
        for name, one in profiles.items()
        if name != key and not one.empty and all(name in table.names for table in tables)
    ]
    sides = []
    for table, side in ((tables[0], "left"), (tables[-1], "right")):
        column = _first(pairs, ids[side])
        records = records_by_key(table, key, names, set(column))
        sides.append([records.get(column[row], [None] * len(names)) for row in known])
    found = []
    for index, name in enumerate(names):
        left, right = (pa.array([one[index] for one in side], pa.string()) for side in sides)
        if exceeds(auc_of_agreement(left, right, labels), ALONE):
            found.append(name)
    return found
