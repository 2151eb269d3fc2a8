"""Makes a plan from a raw table: read once, checked, sorted by id, then split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.build.id_order import HELD_BYTES, SortedRows
from challenge.prepare.build.ids import KeyedDraws, id_strings, keyed_draws
from challenge.prepare.build.label_numbers import check_numbers, number_labels, number_ranges
from challenge.prepare.build.log_checks import check_log, log_numbers
from challenge.prepare.build.plan import Plan
from challenge.prepare.build.row_facts import Categories, RowFacts
from challenge.prepare.build.table_checks import check_classes, check_schema
from challenge.prepare.build.vector_rows import VectorRows
from challenge.prepare.raw import RawTable
from challenge.prepare.splits.sides import decide_sides
from challenge.task.definition import TaskDefinition
from challenge.task.image_store import PIXELS, ImageStore
from challenge.task.modalities import modality_of, standard_values
from challenge.task.raw_values import Faults, text_values
from challenge.task.splits import SPLIT_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["MATCH_WORDS", "plan_rows"]

MATCH_WORDS = {
    "1": 1, "0": 0, "1.0": 1, "0.0": 0, "true": 1, "false": 0, "True": 1, "False": 0
}  # fmt: skip


def plan_rows(
    raw: RawTable,
    definition: TaskDefinition,
    secret: bytes,
    images: ImageStore,
    spill: Path,
    progress: Callable[[str], None],
) -> Plan:
    """Read, check and split a raw table; `images` stores its images during the read."""
    where = f"{definition.id}, raw table"
    matching, of_numbers = definition.kind.paired, definition.kind.label == "number"
    columns = definition.feature_columns()
    faults = Faults(where)
    categories = Categories([c.name for c in columns if modality_of(c.modality).is_categorical])
    rows = SortedRows(spill, "p" if matching else "r", HELD_BYTES)
    facts = RowFacts()
    draws: list[KeyedDraws] = []
    parts: list[NDArray[np.float64]] = []
    n_unlabelled = n_read = 0
    record_ids: bool | None = None
    log: dict[str, list[NDArray[np.float64]]] = {name: [] for name in definition.kind.log_columns}
    vectors = VectorRows(secret, where) if definition.kind.has_things else None
    for batch in raw.batches():
        if record_ids is None:
            needed = ["key", "label", *log, *(column.name for column in columns)]
            needed += vectors.columns(batch.schema.names) if vectors is not None else ()
            if (column := definition.split.rule.column) is not None:
                needed.append(column)
            if "block" in definition.split_columns:
                needed.append("block")
            check_schema(batch.schema, needed, where)
            record_ids = matching and {"left_key", "right_key"} <= set(batch.schema.names)
        n_read += batch.num_rows
        batch, dropped = _labelled(batch)
        n_unlabelled += dropped
        if batch.num_rows == 0:
            continue
        keys = text_values(batch.column("key"))
        if keys.null_count:
            faults.add("key-missing", "key", "no key", "a unique key in every row",
                       "number the rows in the converter", n=keys.null_count)  # fmt: skip
            keys = keys.fill_null("")
        draw = keyed_draws(secret, "row", keys)
        draws.append(draw)
        values = standard_values(batch, keys, columns, images, faults)
        categories.update(values)
        if of_numbers:
            parts.append(number_labels(batch.column("label"), keys, faults))
        else:
            labels = text_values(batch.column("label")).fill_null("")
            facts.add("label", labels.dictionary_encode())
            if vectors is not None and "group" not in batch.schema.names:
                facts.add("group", labels.dictionary_encode())
        for name, read in log.items():
            read.append(log_numbers(batch.column(name), name, keys, faults))
        _gather(facts, batch, values, definition)
        arrays: dict[str, Any] = {}
        if vectors is not None:
            arrays |= vectors.add(batch, labels, keys, faults)
        if record_ids:
            for name in ("left_id", "right_id"):
                records = _keys(batch, name.replace("id", "key"), faults)
                arrays[name] = id_strings(keyed_draws(secret, "record", records).number, "r")
        if matching:
            _check_decisions(labels, keys, faults)
        import pyarrow as pa

        rows.add(pa.table({**arrays, **values}), draw.number)
        progress(f"rows, {n_read:,} read")
    faults.stop()
    if not draws:
        found = f"{counted(n_read, 'row')}, none with a label" if n_read else "0 rows"
        raise TaskError(Fault(where, found, "rows with a label", "check the raw data", "no-rows"))
    ascending = np.concatenate([draw.number for draw in draws])
    ascending.sort()
    _refuse_equal_ids(ascending, raw, where)
    del ascending
    draw = KeyedDraws(
        number=np.zeros(0, dtype=np.uint64),
        split=np.concatenate([draw.split for draw in draws]),
        place=np.concatenate([draw.place for draw in draws]),
    )
    draws.clear()
    numbers: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()
    if of_numbers:
        numbers = np.concatenate(parts)
        check_numbers(numbers, where)
        label = number_ranges(numbers)
    elif vectors is not None:
        label = vectors.roles()
    else:
        label, classes = _classes(facts, matching, where)
    sides = decide_sides(definition, facts, draw, label, secret, bool(record_ids), where)
    whole = {name: np.concatenate(read) for name, read in log.items()}
    notes = check_log(whole, label, classes, sides.side, where) if whole else ()
    if vectors is not None:
        notes = vectors.check(facts, sides.side)
    return Plan(
        tables=rows.tables,
        side=sides.side,
        subset=sides.subset,
        fold=sides.fold,
        label=label,
        cluster=sides.cluster,
        other=sides.other,
        classes=classes,
        categories=categories.sorted(),
        record_ids=bool(record_ids),
        facts={"n_raw": n_read, "n_unlabelled": n_unlabelled, **sides.facts},
        numbers=numbers,
        notes=notes,
        log=whole,
        things=None if vectors is None else vectors.things(),
        dimensions=0 if vectors is None else vectors.dimensions,
    )


def _labelled(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    import pyarrow.compute as pc

    label = batch.column("label")
    if label.null_count == 0:
        return batch, 0
    return batch.filter(pc.is_valid(label)), label.null_count


def _keys(batch: pa.RecordBatch, name: str, faults: Faults) -> pa.Array:
    keys = text_values(batch.column(name))
    if keys.null_count:
        faults.add(
            "key-missing",
            name,
            "no key",
            "a key in every row",
            "number the rows or records in the converter",
            n=keys.null_count,
        )
    return keys.fill_null("")


def _gather(
    facts: RowFacts,
    batch: pa.RecordBatch,
    features: dict[str, pa.Array],
    definition: TaskDefinition,
) -> None:
    records = ("left_key", "right_key", "left_entity", "right_entity")
    for name in ("subset", *records, *SPLIT_COLUMNS):
        if name in batch.schema.names:
            values = batch.column(name)
            ordered = SPLIT_COLUMNS.get(name, False)
            facts.add(name, values if ordered else text_values(values).dictionary_encode())
    if definition.kind.paired:
        for name in ("left", "right"):
            if definition.split.block is not None:
                block = features[f"{name}_{definition.split.block}"]
                facts.add(f"{name}_block", text_values(block).dictionary_encode())
            facts.add(f"{name} content", _contents(features, f"{name}_").dictionary_encode())


def _contents(values: dict[str, pa.Array], prefix: str) -> pa.Array:
    """Return a digest of the side's features per row, null where all of them are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = []
    for name, array in sorted(values.items()):
        plain = name.removeprefix(PIXELS)
        if not plain.startswith(prefix) or (name == plain and PIXELS + name in values):
            continue
        text = array if pa.types.is_string(array.type) else pc.cast(
            pc.cast(array, pa.binary()) if pa.types.is_binary(array.type) else array,
            pa.binary() if pa.types.is_binary(array.type) else pa.string(),
        )  # fmt: skip
        parts.append(pc.cast(text, pa.binary()).fill_null(b""))
    joined = pc.binary_join_element_wise(*parts, b"\x1f")
    empty = b"\x1f" * (len(parts) - 1)
    return pa.array(
        [
            None if text == empty else hashlib.blake2b(text, digest_size=12).hexdigest()
            for text in joined.to_pylist()
        ],
        pa.string(),
    )


def _check_decisions(labels: pa.Array, keys: pa.Array, faults: Faults) -> None:
    texts = labels.to_pylist()
    wrong = [index for index, text in enumerate(texts) if text not in MATCH_WORDS]
    if wrong:
        faults.add(
            "match-label",
            "label",
            f"{texts[wrong[0]]!r} is not a decision",
            "1 (match) or 0 (no match)",
            "map the labels to 1 and 0 in the converter",
            [keys[index].as_py() for index in wrong],
        )


def _classes(
    facts: RowFacts, matching: bool, where: str
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return the code of each row's label and the classes, ascending by code point."""
    (codes,), names = facts.codes("label")
    if matching:
        translate = np.array([MATCH_WORDS[name] for name in names], dtype=np.int32)
        label = translate[codes]
        if len(set(label.tolist())) < 2:
            check_classes([str(int(label[0]))], where)
        return label, ("0", "1")
    check_classes(sorted(names), where)
    classes = tuple(sorted(names))
    codes_by_name = {name: code for code, name in enumerate(classes)}
    return np.array([codes_by_name[name] for name in names], dtype=np.int32)[codes], classes


def _refuse_equal_ids(ascending: NDArray[np.uint64], raw: RawTable, where: str) -> None:
    if (ascending[1:] > ascending[:-1]).all():
        return
    seen: dict[str, int] = {}
    # Read the keys again: either a raw key is repeated, or two keys have the same id.
    for batch in raw.batches():
        for key in text_values(_labelled(batch)[0].column("key")).to_pylist():
            seen[key] = seen.get(key, 0) + 1
    doubled = [key for key, count in seen.items() if count > 1]
    raise TaskError(
        Fault(
            f"{where}, column key",
            f"{counted(len(doubled), 'key', 'occurs', 'occur')} in several rows"
            if doubled
            else "two keys have the same id",
            "a unique key in every row",
            "drop repeated rows, or number the rows in the converter"
            if doubled
            else "delete private/secret and build again",
            code="key-twice",
            n=max(1, len(doubled)),
            first=tuple(f"row {key}" for key in doubled[:5]),
        )
    )
