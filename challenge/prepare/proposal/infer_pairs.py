"""`challenge add` for labelled pairs of records: which table is which side, which column what."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from challenge.errors import Fault, TaskError, nearest
from challenge.kinds import kind_with
from challenge.prepare.audit.tells import ALONE
from challenge.prepare.build.raw_rows import MATCH_WORDS
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
from challenge.prepare.proposal.proposal_text import Plan
from challenge.prepare.readers.table_files import RawFile, find_table, open_table
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
"""Share of a column of pairs that has to be ids of records."""


def plan_of_pairs(
    source: Path,
    pairs: Path | None,
    images: Path | None,
    label: str | None,
    notes: list[Note],
) -> Plan:
    """Return the plan of a table (or folder) of records and of a list of labelled pairs of them.

    Without `pairs` the folder is in the deepmatcher form, whose names are known.
    """
    folder = source if source.is_dir() else source.parent
    places = [folder, *([pairs.parent] if pairs else []), *([images] if images else [])]
    root = Path(os.path.commonpath(places))
    raw = {"file": pairs.relative_to(root).as_posix()} if pairs is not None else {}
    if images is not None:
        raw["images"] = images.relative_to(root).as_posix()
    tables = [open_table(path) for path in _record_tables(source, pairs)]
    image_folder = open_image_folder(images)
    profiles: dict[str, Profile] = {}
    values: dict[str, list[str | None]] = {}
    for table in tables:
        notes += [note(Code.READER, text=text) for text in table.notes]
        found, texts = profile_columns(table, image_folder)
        for name, one in found.items():
            profiles.setdefault(name, one)
            values.setdefault(name, texts[name])
    key = "id" if "id" in profiles else guess_key(profiles, "")
    agreeing: list[str] = []
    options: dict[str, str] = {}
    if pairs is not None:
        list_of_pairs = open_table(pairs)
        notes += [note(Code.READER, text=text) for text in list_of_pairs.notes]
        key, ids, tables = _find_ids(list_of_pairs, tables, key, notes)
        options |= {f"{side}_id": name for side, name in ids.items() if name not in IDS[side]}
        label = _find_label(list_of_pairs, label, list(ids.values()), notes)
        if label not in LABELS:
            raw["label"] = label
        answers = _first(list_of_pairs, label)
        look_at_labels(label, answers, kind_with("match"), notes)
        look_at_size(len(answers), notes)
        agreeing = _what_decides(list_of_pairs, tables, str(key), ids, answers, profiles)
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
    return Plan(
        kind, "deepmatcher", root, raw, options | more, kind.default_metric, split, columns, {},
        left_out | {name: note(Code.AGREEMENT) for name in agreeing},
    )  # fmt: skip


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
    stems = {one.stem for one in source.iterdir() if one.is_file() and one != pairs}
    found = [path for stem in sorted(stems) if (path := find_table(source, stem)) is not None]
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
        ordered = [tables[place] for place in order][: len(tables)]
        return candidate, {"left": left, "right": right}, ordered
    raise TaskError(
        Fault(
            pairs.path.name,
            f"no two columns of ids of {' and '.join(table.path.name for table in tables)} "
            f"(there are: {', '.join(pairs.names)})",
            "ids of records, each of which stands once in its table",
            "name the columns ltable_id and rtable_id, and the records' own column id",
            code="ids-unknown",
        )
    )


def _hits(texts: dict[str, list[str]], known: set[str | None]) -> list[str]:
    return [
        name
        for name, values in texts.items()
        if values and sum(value in known for value in values) >= _FOUND * len(values)
    ]


def _find_label(pairs: RawFile, label: str | None, ids: list[str], notes: list[Note]) -> str:
    """Return the column that tells whether a pair is a match."""
    if label is not None and label not in pairs.names:
        guess = nearest(label, pairs.names)
        raise TaskError(
            Fault(pairs.path.name, f"no column {label!r} (there are: {', '.join(pairs.names)})",
                  "the column that tells matches",
                  f"did you mean {guess!r}?" if guess else "name one of these", "column-missing")
        )  # fmt: skip
    rest = [name for name in pairs.names if name not in ids]
    fitting = [
        name for name in rest if {one for one in _first(pairs, name) if one} <= set(MATCH_WORDS)
    ]
    named = [name for name in (*LABELS, *_OTHER_LABELS) if name in rest]
    found = [*([label] if label else []), *named, *(fitting if len(fitting) == 1 else [])]
    if not found:
        raise TaskError(
            Fault(pairs.path.name, f"no column that tells matches (there are: {', '.join(rest)})",
                  "a column of 1 and 0", "name it with --label", "label-unknown")
        )  # fmt: skip
    if label is None and found[0] not in LABELS:
        notes.append(note(Code.LABEL, column=found[0]))
    return found[0]


def _what_decides(
    pairs: RawFile,
    tables: list[RawFile],
    key: str,
    ids: dict[str, str],
    answers: list[str | None],
    profiles: dict[str, Profile],
) -> list[str]:
    """Return the attributes of which equality alone predicts matches.

    Measured as the audit of a built task does: by the AUC, where one missing value counts half.
    """
    sides = [_first(pairs, ids[side]) for side in ("left", "right")]
    truth = [None if one is None else one.casefold() in ("1", "true") for one in answers]
    names = [
        name
        for name, one in profiles.items()
        if name != key and not one.empty and all(name in table.names for table in tables)
    ]
    looks = [
        records_by_key(table, key, names, set(side))
        for table, side in zip((tables[0], tables[-1]), sides, strict=True)
    ]
    found = []
    nothing: list[str | None] = [None] * len(names)
    for place, name in enumerate(names):
        equal: dict[bool, list[float]] = {True: [], False: []}
        for left_id, right_id, match in zip(*sides, truth, strict=True):
            left, right = looks[0].get(left_id, nothing), looks[1].get(right_id, nothing)
            if match is not None:
                equal[match].append(_alike(left[place], right[place]))
        shares = {match: sum(values) / len(values) for match, values in equal.items() if values}
        if len(shares) == 2 and (1 + shares[True] - shares[False]) / 2 > ALONE:
            found.append(name)
    return found


def _alike(left: str | None, right: str | None) -> float:
    if left is None or right is None:
        return 0.5
    first, second = (re.sub(r"[\W_]+", "", text.casefold()) for text in (left, right))
    return float(first == second) if first and second else 0.5
