"""Records with known entities to a plan: split first, then pairs inside each cell.

A cell is one fold of train or one of two parts of test. Records are tied by equal entities, equal
content and shared images. What is tied stays in one cell, and both records of a pair are of one
cell, so what training pairs reveal about a record does not help with a test pair. The subsets do
not follow the parts of test, which the shared records reveal: they are drawn by entity or pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.build.id_order import ROW
from challenge.prepare.build.ids import KeyedDraws, id_strings, keyed_draws
from challenge.prepare.build.plan import TEST, TRAIN, Plan
from challenge.prepare.build.row_facts import Categories
from challenge.prepare.build.table_checks import check_classes, check_schema
from challenge.prepare.raw import RawRecords
from challenge.prepare.splits.clusters import (
    assign_folds,
    choose_share,
    refuse_giant,
    summarise_clusters,
)
from challenge.prepare.splits.rules import choose_records
from challenge.prepare.splits.sides import draw_subsets, in_blocks, seen_shares, tie
from challenge.task.columns import Column
from challenge.task.definition import TaskDefinition
from challenge.task.image_store import PIXELS, ImageStore
from challenge.task.modalities import modality_of, standard_values
from challenge.task.raw_values import Faults, text_values

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["nearest_by_text", "plan_pairs"]

_NEAREST = 2
_SHARED_IMAGES = 20
"""An image that more records share is a placeholder, and does not tie them."""
_BLOCK = 65_536


def plan_pairs(
    raw: RawRecords,
    definition: TaskDefinition,
    secret: bytes,
    images: ImageStore,
    progress: Callable[[str], None],
) -> Plan:
    """Read, check and split records, then make the pairs; records have to fit in memory."""
    import pyarrow as pa

    where = f"{definition.id}, raw records"
    if not definition.kind.paired or not definition.split.rule.paired:
        raise TaskError(
            Fault(where, f"records in a {definition.kind.name} task split by {definition.split.by}",
                  'kind = "matching" with split.by = "entity"', "correct task.toml", "records-use")
        )  # fmt: skip
    columns = _attributes(definition)
    given, values, categories = _read(raw, columns, images, where)
    records = pa.table(values)
    keys = text_values(given["key"].combine_chunks()).to_pylist()
    entity = given["entity"].combine_chunks().dictionary_encode().indices.to_numpy()
    entity = entity.astype(np.int64)
    table = _tables(given, where)
    draw = keyed_draws(secret, "record", keys)
    component = tie(len(keys), entity, *_groups(given), *_ties(records))
    refuse_giant(component, where, "a component")
    cell = _cells(component, keyed_draws(secret, "record split", keys), definition)
    progress(f"{counted(len(keys), 'record')} of {counted(len(np.unique(entity)), 'entity')}")
    parts = []
    for number in np.unique(cell):
        members = np.flatnonzero(cell == number)
        parts.append(_pairs_of_cell(raw, given, records, members, entity, table, draw))
        progress(f"pairs, {sum(len(part) for part in parts):,} made")
    pairs = np.concatenate(parts)
    left, right = _oriented(pairs, table, keys, secret)
    label = (entity[left] == entity[right]).astype(np.int32)
    check_classes(sorted({str(code) for code in label.tolist()}), where)
    pair_draw = keyed_draws(
        secret, "row", [f"{keys[a]}\x1f{keys[b]}" for a, b in zip(left, right, strict=True)]
    )
    order = np.argsort(pair_draw.number)
    left, right, label = left[order], right[order], label[order]
    own = cell[left]
    side = np.where(own >= 0, TRAIN, TEST).astype(np.int8)
    pair_draw = KeyedDraws(pair_draw.number[order], pair_draw.split[order], pair_draw.place[order])
    subset = draw_subsets(side, component[left], label, pair_draw, definition.split.public)
    record_ids = id_strings(draw.number, "r")
    cluster, blocks = component, {}
    if definition.split.block is not None:
        block = text_values(records[definition.split.block].combine_chunks()).dictionary_encode()
        codes = block.indices.fill_null(-1).to_numpy().astype(np.int64)
        cluster, blocks = in_blocks(codes, component), {"n_blocks": len(block.dictionary)}
    ids = id_strings(pair_draw.number, "p")

    def tables() -> Iterator[pa.Table]:
        for start in range(0, len(left), _BLOCK):
            rows = slice(start, start + _BLOCK)
            arrays = {"id": ids[rows]}
            both = (("left", pa.array(left[rows])), ("right", pa.array(right[rows])))
            for name, taken in both:
                arrays[f"{name}_id"] = record_ids.take(taken)
            for name, taken in both:
                for column in records.column_names:
                    attribute = column.removeprefix(PIXELS)
                    prefix = column[: len(column) - len(attribute)]
                    arrays[f"{prefix}{name}_{attribute}"] = records[column].take(taken)
            arrays[ROW] = pa.array(np.arange(start, start + len(label[rows])))
            yield pa.table(arrays)

    return Plan(
        tables=tables,
        side=side,
        subset=subset,
        fold=np.maximum(own, 0).astype(np.int8),
        label=label,
        cluster=cluster[left],
        other=cluster[right],
        classes=("0", "1"),
        categories={
            f"{name}_{column}": values
            for name in ("left", "right")
            for column, values in categories.items()
        },
        record_ids=True,
        facts={
            "n_records": len(keys),
            "n_entities": len(np.unique(entity)),
            **blocks,
            **seen_shares(side, left, right),
        },
    )


def _attributes(definition: TaskDefinition) -> tuple[Column, ...]:
    return tuple(
        Column(name, words.modality, words.description, words.integer, words.timezone)
        for name, words in definition.columns.items()
    )


def _read(
    raw: RawRecords,
    columns: tuple[Column, ...],
    images: ImageStore,
    where: str,
) -> tuple[pa.Table, dict[str, pa.ChunkedArray], dict[str, pa.Array]]:
    """Return the raw records, their features in standard form, and the categories."""
    import pyarrow as pa

    faults = Faults(where)
    categories = Categories([c.name for c in columns if modality_of(c.modality).is_categorical])
    batches: list[pa.RecordBatch] = []
    chunks: list[pa.Table] = []
    for batch in raw.batches():
        if not batches:
            check_schema(batch.schema, ["key", "entity", *(c.name for c in columns)], where)
        for name in ("key", "entity"):
            missing = text_values(batch.column(name)).null_count
            if missing:
                faults.add(f"{name}-missing", name, f"no {name}", f"a {name} in every record",
                           "give each record its own if need be", n=missing)  # fmt: skip
        keys = text_values(batch.column("key")).fill_null("")
        values = standard_values(batch, keys, columns, images, faults)
        categories.update(values)
        batches.append(batch)
        chunks.append(pa.table(values))
    given = pa.Table.from_batches(batches) if batches else pa.table({"key": pa.array([], "string")})
    if given.num_rows == 0:
        raise TaskError(Fault(where, "0 records", "records", "check the raw data", "no-rows"))
    keys = [str(key) for key in given["key"].to_pylist()]
    if len(set(keys)) < len(keys):
        seen: set[str] = set()
        doubled = [key for key in keys if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
        faults.add("key-twice", "key", "keys of several records", "unique keys",
                   "drop repeated records, or number them in the converter", doubled)  # fmt: skip
    faults.stop()
    whole = pa.concat_tables(chunks).combine_chunks()
    return given, {name: whole[name] for name in whole.column_names}, categories.sorted()


def _tables(given: pa.Table, where: str) -> NDArray[np.int8] | None:
    """Return 0 for left and 1 for right records, None when there is one table."""
    if "table" not in given.column_names:
        return None
    words = text_values(given["table"].combine_chunks()).to_pylist()
    wrong = [word for word in words if word not in ("left", "right")]
    if wrong:
        raise TaskError(
            Fault(f"{where}, column table", repr(wrong[0]), "left or right in every record",
                  "correct the converter", "table-word", n=len(wrong))
        )  # fmt: skip
    return np.array([word == "right" for word in words], dtype=np.int8)


def _groups(given: pa.Table) -> list[NDArray[np.int64]]:
    """Return codes of the raw column `group`, when there is one: a group stays in one cell."""
    import pyarrow.compute as pc

    if "group" not in given.column_names:
        return []
    codes = text_values(given["group"].combine_chunks()).dictionary_encode().indices
    return [pc.fill_null(codes, -1).to_numpy().astype(np.int64)]


def _ties(records: pa.Table) -> list[NDArray[np.int64]]:
    """Return codes of what ties records: the whole content, and each image few share."""
    import pyarrow as pa
    import pyarrow.compute as pc

    codes = []
    parts = []
    for name in records.column_names:
        array = records[name].combine_chunks()
        if name.startswith(PIXELS):
            found = array.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
            counts = np.bincount(found[found >= 0], minlength=1)
            shared = np.where(found >= 0, counts[found], 0)
            codes.append(np.where(shared <= _SHARED_IMAGES, found, -1))
            parts.append(array.fill_null(b""))
        elif PIXELS + name not in records.column_names:
            text = pc.cast(array, pa.string()).fill_null("")
            parts.append(pc.cast(pc.utf8_lower(pc.utf8_trim_whitespace(text)), pa.binary()))
    joined = pc.binary_join_element_wise(*parts, b"\x1f")
    content = joined.dictionary_encode()
    whole = content.indices.to_numpy().astype(np.int64)
    empty = content.dictionary.to_pylist()
    if b"\x1f" * (len(parts) - 1) in empty:
        whole = np.where(whole == empty.index(b"\x1f" * (len(parts) - 1)), -1, whole)
    return [*codes, whole]


def _cells(
    component: NDArray[np.int64], draw: KeyedDraws, definition: TaskDefinition
) -> NDArray[np.int64]:
    """Return the cell of each record: 0 … 4 a fold of train, -1 and -2 the parts of test."""
    size = np.minimum(np.bincount(component), 8)[component]
    test = choose_records(component, draw, definition.split.test)
    cell = np.full(len(component), -2, dtype=np.int64)
    for rows in (np.flatnonzero(~test), np.flatnonzero(test)):
        if len(rows) == 0:
            continue
        own = np.unique(component[rows], return_inverse=True)[1]
        clusters = summarise_clusters(own, size[rows], draw.place[rows])
        if test[rows[0]]:
            cell[rows] = np.where(choose_share(clusters, definition.split.public), -1, -2)[own]
        else:
            cell[rows] = assign_folds(clusters)[own]
    return cell


def _pairs_of_cell(
    raw: RawRecords,
    given: pa.Table,
    records: pa.Table,
    members: NDArray[np.int64],
    entity: NDArray[np.int64],
    table: NDArray[np.int8] | None,
    draw: KeyedDraws,
) -> NDArray[np.int64]:
    """Return positives and hard negatives among the members, smaller record number first."""
    import pyarrow as pa

    positives = _positives(members, entity, table, draw, raw.positives)
    taken = pa.array(members)
    side = table[members] if table is not None else None
    if raw.candidates is not None:
        found = _checked_candidates(np.asarray(raw.candidates(given.take(taken))), len(members))
    else:
        found = nearest_by_text(records.take(taken), entity[members], side)
    negatives = members[found]
    keep = entity[negatives[:, 0]] != entity[negatives[:, 1]]
    if table is not None:
        keep &= table[negatives[:, 0]] != table[negatives[:, 1]]
    return np.unique(np.concatenate([positives, np.sort(negatives[keep], axis=1)]), axis=0)


def _checked_candidates(found: NDArray[np.generic], n: int) -> NDArray[np.int64]:
    """Return a converter's hard negatives; raise TaskError unless they are row positions."""
    if found.size == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if found.ndim != 2 or found.shape[1] != 2 or found.dtype.kind not in "iu":
        wrong = f"an array of {found.dtype} of shape {found.shape}"
    elif found.min() < 0 or found.max() >= n:
        wrong = f"record {int(found.min() if found.min() < 0 else found.max())} of {n}"
    else:
        return found.astype(np.int64)
    raise TaskError(
        Fault("candidates", wrong, "positions in the records given, as an (m, 2) array",
              "correct the converter", "candidate-range")
    )  # fmt: skip


def _positives(
    members: NDArray[np.int64],
    entity: NDArray[np.int64],
    table: NDArray[np.int8] | None,
    draw: KeyedDraws,
    most: int | None,
) -> NDArray[np.int64]:
    pairs: list[NDArray[np.int64]] = [np.zeros((0, 2), dtype=np.int64)]
    order = members[np.argsort(entity[members], kind="stable")]
    for together in np.split(order, np.flatnonzero(np.diff(entity[order])) + 1):
        if len(together) < 2:
            continue
        first, second = np.triu_indices(len(together), 1)
        of_entity = np.sort(np.stack([together[first], together[second]], axis=1), axis=1)
        if table is not None:
            of_entity = of_entity[table[of_entity[:, 0]] != table[of_entity[:, 1]]]
        if most is not None and len(of_entity) > most:
            # Products of odd words spread the choice over the records of a large entity.
            word = (draw.place[of_entity[:, 0]] | np.uint64(1)) * (
                draw.place[of_entity[:, 1]] | np.uint64(1)
            )
            of_entity = of_entity[np.argsort(word, kind="stable")[:most]]
        pairs.append(of_entity)
    return np.concatenate(pairs)


def nearest_by_text(
    records: pa.Table, entity: NDArray[np.int64], table: NDArray[np.int8] | None
) -> NDArray[np.int64]:
    """Return for each (left) record the two most similar of other entities, by character trigrams.

    Texts and categories count; where there are none, neighbours in the given order are taken.
    """
    import pyarrow as pa
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = [
        field.name
        for field in records.schema
        if pa.types.is_string(field.type) and PIXELS + field.name not in records.column_names
    ]
    rows = records.select(words).to_pylist() if words else []
    texts = [" ".join(value for value in row.values() if value) for row in rows]
    queries = np.flatnonzero(table == 0) if table is not None else np.arange(len(entity))
    targets = np.flatnonzero(table == 1) if table is not None else np.arange(len(entity))
    if len(queries) == 0 or len(targets) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if not any(text.strip() for text in texts):
        step = np.stack(
            [np.resize(queries, len(entity)), np.resize(np.roll(targets, -1), len(entity))]
        )
        return step.T.astype(np.int64)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), dtype=np.float32)
    matrix = vectors.fit_transform(texts)
    pairs = []
    for start in range(0, len(queries), 512):
        block = queries[start : start + 512]
        # Rounding keeps the order of near-equal neighbours the same on every machine.
        similar = np.round((matrix[block] @ matrix[targets].T).toarray(), 5)
        similar[entity[block][:, None] == entity[targets][None, :]] = -1
        for _ in range(min(_NEAREST, len(targets))):
            best = similar.argmax(axis=1)
            rows_of_block = np.arange(len(block))
            good = similar[rows_of_block, best] >= 0
            pairs.append(np.stack([block[good], targets[best[good]]], axis=1))
            similar[rows_of_block, best] = -1
    return np.concatenate(pairs)


def _oriented(
    pairs: NDArray[np.int64], table: NDArray[np.int8] | None, keys: list[str], secret: bytes
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return left and right record of each pair: by table, else by keyed draw."""
    if table is not None:
        turned = table[pairs[:, 0]] == 1
    else:
        names = [
            f"{keys[a]}\x1f{keys[b]}" if keys[a] < keys[b] else f"{keys[b]}\x1f{keys[a]}"
            for a, b in pairs
        ]
        turned = (keyed_draws(secret, "side", names).split & np.uint64(1)).astype(bool)
        # The order of the records in the raw table must not matter.
        turned ^= np.array([keys[a] > keys[b] for a, b in pairs], dtype=bool)
    return np.where(turned, pairs[:, 1], pairs[:, 0]), np.where(turned, pairs[:, 0], pairs[:, 1])
