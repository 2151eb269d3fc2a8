"""A raw table to a plan: read once, checked, spilled by id, then split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from challenge.errors import Fault, TaskError, nearest
from challenge.prepare.ids import Fates, draw_fates, id_strings
from challenge.prepare.order import SortedRows
from challenge.prepare.plan import HALVES, TEST, TRAIN, UNUSED, Plan
from challenge.prepare.raw import RawTable
from challenge.prepare.splits import (
    assign_folds,
    choose_latest,
    choose_share,
    components,
    refuse_giant,
    summarise_clusters,
)
from challenge.prepare.values import PIXELS, Faults, PictureStore, standard_values, text_values
from challenge.task.columns import RESERVED
from challenge.task.definition import TaskDefinition

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Categories", "check_classes", "check_schema", "halves_and_folds", "plan_rows", "tie"]

_MATCH_WORDS = {"1": 1, "0": 0, "true": 1, "false": 0, "True": 1, "False": 0}
_SHARED_PICTURES = 20
"""A picture that more records share is a placeholder, and ties nothing together."""


class Categories:
    """The distinct values of each categorical column, gathered batch by batch."""

    def __init__(self, columns: Sequence[str]) -> None:
        import pyarrow as pa

        self._known: dict[str, pa.Array] = {name: pa.array([], pa.string()) for name in columns}

    def update(self, values: dict[str, pa.Array]) -> None:
        """Take in the values of a batch."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for name, known in self._known.items():
            fresh = pc.unique(values[name]).drop_null()
            unseen = fresh.filter(pc.invert(pc.is_in(fresh, value_set=known)))
            if len(unseen):
                self._known[name] = pa.concat_arrays([known, unseen])

    def sorted(self) -> dict[str, pa.Array]:
        """Return the values of each column, ascending by code point."""
        import pyarrow.compute as pc

        return {name: known.take(pc.sort_indices(known)) for name, known in self._known.items()}


def check_schema(schema: pa.Schema, needed: Sequence[str], where: str) -> None:
    """Raise TaskError when a column is there twice or missing, naming the nearest one."""
    faults = [
        Fault(where, f"column {name!r} {schema.names.count(name)} times", "each name once",
              "rename or leave out the others in the converter", code="column-twice")
        for name in dict.fromkeys(schema.names)
        if schema.names.count(name) > 1
    ]  # fmt: skip
    for name in needed:
        if name not in schema.names:
            guess = nearest(name, schema.names)
            faults.append(
                Fault(
                    where,
                    f"no column {name!r} (there are: {', '.join(schema.names)})",
                    "`key`, `label` where rows have one, and every column that task.toml declares",
                    f"did you mean {guess!r}?" if guess else "add it, or take it out of task.toml",
                    code="column-missing",
                )
            )
    if faults:
        raise TaskError(faults)


def check_classes(classes: Sequence[str], where: str) -> None:
    """Raise TaskError for fewer than two classes and for names that no class may have."""
    faults = []
    if len(classes) < 2:
        found = f"one class only: {classes[0]!r}" if classes else "no row with a label"
        faults.append(
            Fault(where, found, "at least two classes", "check the label column", "one-class")
        )
    for name in classes:
        if name in RESERVED or name == "" or "\0" in name:
            faults.append(
                Fault(
                    f"{where}, column label",
                    f"a class named {name!r}",
                    f"names other than {', '.join(RESERVED)} and the empty text",
                    "rename the class in the converter; an unlabelled row has null",
                    code="class-name",
                )
            )
    if faults:
        raise TaskError(faults)


class _Facts:
    """Columns of a raw table that are no features, kept in memory: codes and words per row."""

    def __init__(self, names: Sequence[str]) -> None:
        self._chunks: dict[str, list[pa.Array]] = {name: [] for name in names}

    def add(self, name: str, values: pa.Array) -> None:
        self._chunks[name].append(values)

    def __contains__(self, name: str) -> bool:
        return bool(self._chunks.get(name))

    def codes(self, *names: str) -> tuple[list[NDArray[np.int64]], list[str]]:
        """Return codes of several columns over one list of distinct values; null is -1."""
        import pyarrow as pa

        chunks = [chunk for name in names for chunk in self._chunks[name]]
        whole = pa.chunked_array(chunks).unify_dictionaries()
        values = whole.chunk(0).dictionary.to_pylist() if whole.num_chunks else []
        indices = [chunk.indices.fill_null(-1).to_numpy() for chunk in whole.chunks]
        every = np.concatenate(indices).astype(np.int64) if indices else np.zeros(0, np.int64)
        return list(np.split(every, len(names))), values

    def array(self, name: str) -> pa.ChunkedArray:
        import pyarrow as pa

        return pa.chunked_array(self._chunks[name])


def plan_rows(
    raw: RawTable,
    definition: TaskDefinition,
    secret: bytes,
    public: Path,
    spill: Path,
    progress: Callable[[str], None],
) -> Plan:
    """Read, check and split a raw table; pictures are stored on the way."""
    where = f"{definition.id}, raw table"
    matching = definition.kind == "matching"
    columns = definition.feature_columns()
    faults = Faults(where)
    pictures = PictureStore(public, raw.folder, progress)
    categories = Categories([c.name for c in columns if c.modality == "categorical"])
    rows = SortedRows(spill)
    facts = _Facts(
        ["key", "label", "group", "split", "half", "left_key", "right_key", "left_entity",
         "right_entity", "time", "left content", "right content"]
    )  # fmt: skip
    fates: list[Fates] = []
    n_unlabelled = n_read = 0
    record_ids: bool | None = None
    for batch in raw.batches():
        if record_ids is None:
            needed = ["key", "label", *(column.name for column in columns)]
            by = definition.split.by
            needed += {"group": ["group"], "time": ["time"], "official": ["split"]}.get(by, [])
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
        fate = draw_fates(secret, "row", keys.to_pylist())
        fates.append(fate)
        values = standard_values(batch, keys, columns, pictures, faults)
        categories.update(values)
        labels = text_values(batch.column("label")).fill_null("")
        _gather(facts, batch, labels, values, record_ids)
        arrays: dict[str, Any] = {"id": id_strings(fate.number, "p" if matching else "r")}
        if record_ids:
            for name in ("left", "right"):
                record = draw_fates(
                    secret, "record", text_values(batch.column(f"{name}_key")).to_pylist()
                )
                arrays[f"{name}_id"] = id_strings(record.number, "r")
        import pyarrow as pa

        rows.add(
            pa.table({**arrays, **values, "label": _label_values(labels, matching, keys, faults)}),
            fate.number,
        )
        progress(f"rows, {n_read:,} read")
    faults.stop()
    if not fates:
        found = f"{n_read:,} rows, none with a label" if n_read else "0 rows"
        raise TaskError(Fault(where, found, "rows with a label", "check the raw data", "no-rows"))
    fate = Fates(*(np.concatenate([getattr(f, n) for f in fates])
                   for n in ("number", "split", "half", "fold")))  # fmt: skip
    _refuse_equal_ids(fate.number, raw, where)
    label, classes = _classes(facts, matching, where)
    plan = _split(definition, facts, fate, label, secret, bool(record_ids), where)
    side, half, fold, cluster, other, split_facts = plan
    return Plan(
        tables=rows.tables,
        side=side,
        half=half,
        fold=fold,
        label=label,
        cluster=cluster,
        other=other,
        classes=classes,
        categories=categories.sorted(),
        record_ids=bool(record_ids),
        facts={"n_raw": n_read, "n_unlabelled": n_unlabelled, **split_facts},
    )


def _labelled(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    import pyarrow.compute as pc

    label = batch.column("label")
    if label.null_count == 0:
        return batch, 0
    return batch.filter(pc.is_valid(label)), label.null_count


def _gather(
    facts: _Facts,
    batch: pa.RecordBatch,
    labels: pa.Array,
    values: dict[str, pa.Array],
    record_ids: bool,
) -> None:
    facts.add("label", labels.dictionary_encode())
    for name in ("group", "split", "half", "left_key", "right_key", "left_entity", "right_entity"):
        if name in batch.schema.names:
            facts.add(name, text_values(batch.column(name)).dictionary_encode())
    if "time" in batch.schema.names:
        facts.add("time", batch.column("time"))
    if any(name.startswith("left_") for name in values):
        for name in ("left", "right"):
            facts.add(f"{name} content", _contents(values, f"{name}_").dictionary_encode())


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


def _label_values(labels: pa.Array, matching: bool, keys: pa.Array, faults: Faults) -> pa.Array:
    import pyarrow as pa

    if not matching:
        return labels
    words = labels.to_pylist()
    wrong = [place for place, word in enumerate(words) if word not in _MATCH_WORDS]
    if wrong:
        faults.add(
            "match-label",
            "label",
            f"{words[wrong[0]]!r} is no decision",
            "1 (match) or 0 (no match)",
            "translate the labels in the converter",
            [keys[place].as_py() for place in wrong],
        )
    return pa.array([_MATCH_WORDS.get(word, 0) for word in words], pa.int8())


def _classes(
    facts: _Facts, matching: bool, where: str
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return the code of each row's label and the classes, ascending by code point."""
    (codes,), names = facts.codes("label")
    if matching:
        translate = np.array([_MATCH_WORDS[name] for name in names], dtype=np.int32)
        label = translate[codes]
        if len(set(label.tolist())) < 2:
            check_classes([str(int(label[0]))], where)
        return label, ("0", "1")
    check_classes(sorted(names), where)
    classes = tuple(sorted(names))
    place = {name: code for code, name in enumerate(classes)}
    return np.array([place[name] for name in names], dtype=np.int32)[codes], classes


def _refuse_equal_ids(number: NDArray[np.uint64], raw: RawTable, where: str) -> None:
    order = np.sort(number)
    twice = np.unique(order[1:][order[1:] == order[:-1]])
    if len(twice) == 0:
        return
    seen: dict[str, int] = {}
    # Only now are the keys read again: equal keys are the organiser's, equal ids of two keys ours.
    for batch in raw.batches():
        for key in text_values(_labelled(batch)[0].column("key")).to_pylist():
            seen[key] = seen.get(key, 0) + 1
    doubled = [key for key, count in seen.items() if count > 1]
    raise TaskError(
        Fault(
            f"{where}, column key",
            f"{len(doubled):,} keys stand in several rows" if doubled else "two keys have one id",
            "a unique key in every row",
            "drop repeated rows, or number the rows in the converter"
            if doubled
            else "delete private/secret and build again",
            code="key-twice",
            n=max(1, len(doubled)),
            first=tuple(f"row {key}" for key in doubled[:5]),
        )
    )


def tie(n: int, *groupings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the component of each of `n` nodes when nodes with an equal code >= 0 are tied."""
    links = [np.zeros((0, 2), dtype=np.int64)]
    for codes in groupings:
        nodes = np.flatnonzero(codes >= 0)
        order = nodes[np.argsort(codes[nodes], kind="stable")]
        same = codes[order[1:]] == codes[order[:-1]]
        links.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
    return components(n, np.concatenate(links))


def halves_and_folds(
    side: NDArray[np.int8],
    cluster: NDArray[np.int64],
    label: NDArray[np.int32],
    fate: Fates,
    public_share: float,
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return half (of test rows) and fold (of train rows); whole clusters go to one of them."""
    half = np.zeros(len(side), dtype=np.int8)
    fold = np.zeros(len(side), dtype=np.int8)
    for which, words, target in ((TEST, fate.half, half), (TRAIN, fate.fold, fold)):
        rows = np.flatnonzero(side == which)
        if len(rows) == 0:
            continue
        place = np.unique(cluster[rows], return_inverse=True)[1]
        clusters = summarise_clusters(place, label[rows].astype(np.int64), words[rows])
        if which == TEST:
            chosen = choose_share(clusters, public_share)
            target[rows] = np.where(chosen, HALVES.index("public"), HALVES.index("private"))[place]
        else:
            target[rows] = assign_folds(clusters)[place]
    return half, fold


def _split(
    definition: TaskDefinition,
    facts: _Facts,
    fate: Fates,
    label: NDArray[np.int32],
    secret: bytes,
    record_ids: bool,
    where: str,
) -> tuple[Any, ...]:
    split = definition.split
    n = len(label)
    found: dict[str, object] = {}
    left = right = component = None
    if "group" in facts:
        (group,), _ = facts.codes("group")
        cluster = other = _own_where_missing(group)
        found["n_groups"] = int(cluster.max()) + 1
    else:
        cluster = other = np.arange(n)
    if definition.kind == "matching":
        left, right, component, keys = _records(facts, label, record_ids)
        if "group" not in facts:
            cluster, other = component[left], component[right]
    side = np.full(n, TRAIN, dtype=np.int8)
    if split.by == "official":
        side = _official(facts, where)
    elif split.by == "time":
        times = facts.array("time")
        if times.null_count:
            raise TaskError(
                Fault(f"{where}, column time", f"{times.null_count:,} rows without a time",
                      "a time in every row", "drop them, or split by row", "time-missing")
            )  # fmt: skip
        side[choose_latest(_moments(times), split.test)] = TEST
    elif split.by == "entity":
        assert component is not None and left is not None and right is not None
        refuse_giant(component, where, "a component")
        word = draw_fates(secret, "record split", keys).split
        size = np.bincount(component)
        record_side = choose_share(
            summarise_clusters(component, np.minimum(size, 8)[component], word), split.test
        )[component]
        side[record_side[left]] = TEST
        side[record_side[left] != record_side[right]] = UNUSED
        found["n_crossing"] = int((side == UNUSED).sum())
    else:
        by_row = split.by == "row"
        place = np.arange(n) if by_row else np.unique(cluster, return_inverse=True)[1]
        if not by_row:
            refuse_giant(place, where, "a group")
        clusters = summarise_clusters(place, label.astype(np.int64), fate.split)
        side[choose_share(clusters, split.test)[place]] = TEST
    half, fold = halves_and_folds(side, cluster, label, fate, split.public)
    if "half" in facts:
        half = _official_half(facts, half, where)
    if left is not None and right is not None:
        found |= seen_shares(side, left, right)
    return side, half, fold, cluster, other, found


def seen_shares(
    side: NDArray[np.int8], left: NDArray[np.int64], right: NDArray[np.int64]
) -> dict[str, object]:
    """Return the shares of test pairs of which both, one or no record stands in train."""
    test = side == TEST
    shown = np.union1d(left[side == TRAIN], right[side == TRAIN])
    n_seen = np.isin(left[test], shown).astype(int) + np.isin(right[test], shown)
    shares = np.bincount(n_seen, minlength=3) / max(1, int(test.sum()))
    names = ("unseen_share", "half_seen_share", "seen_share")
    return {name: round(float(share), 4) for name, share in zip(names, shares, strict=True)}


def _own_where_missing(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    missing = np.flatnonzero(codes < 0)
    whole = codes.copy()
    whole[missing] = codes.max(initial=-1) + 1 + np.arange(len(missing))
    return whole


def _moments(times: pa.ChunkedArray) -> NDArray[np.generic]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_temporal(times.type):
        times = pc.cast(times, pa.timestamp("us")).cast(pa.int64())
    elif pa.types.is_string(times.type):
        codes = times.combine_chunks().dictionary_encode()
        names = codes.dictionary.to_pylist()
        rank = np.argsort(np.argsort(np.array(names, dtype=object)))
        return np.asarray(rank[codes.indices.to_numpy()])
    return np.asarray(times.to_numpy())


def _records(
    facts: _Facts, label: NDArray[np.int32], record_ids: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Return the record of each side of each pair, and the component and key of each record.

    Records are tied by matches, by equal entities and by equal content.
    """
    n = len(label)
    (left_content, right_content), contents = facts.codes("left content", "right content")
    if record_ids:
        (left, right), keys = facts.codes("left_key", "right_key")
    else:
        left, right = _own_where_missing(np.concatenate([left_content, right_content])).reshape(
            2, -1
        )
        n_records = int(max(left.max(), right.max())) + 1
        keys = contents + [f"empty {place}" for place in range(n_records - len(contents))]
    n_records = len(keys)
    content = np.full(n_records, -1)
    content[left], content[right] = left_content, right_content
    groupings = [content]
    if "left_entity" in facts and "right_entity" in facts:
        entity = np.full(n_records, -1)
        (entity[left], entity[right]), _ = facts.codes("left_entity", "right_entity")
        groupings.append(entity)
    matches = np.flatnonzero(label == 1)
    first = tie(n_records, *groupings)
    links = np.stack([first[left[matches]], first[right[matches]]], axis=1)
    component = components(int(first.max()) + 1, links)[first] if n else first
    return left, right, component, keys


def _official(facts: _Facts, where: str) -> NDArray[np.int8]:
    (codes,), words = facts.codes("split")
    wrong = [word for word in words if word not in ("train", "test")]
    if wrong or (codes < 0).any():
        found = f"split {wrong[0]!r}" if wrong else f"{int((codes < 0).sum()):,} rows without one"
        raise TaskError(
            Fault(f"{where}, column split", found, "train or test in every row",
                  "translate the words in the converter", "split-word")
        )  # fmt: skip
    side = np.array([TEST if word == "test" else TRAIN for word in words], dtype=np.int8)[codes]
    if len(set(side.tolist())) < 2:
        raise TaskError(
            Fault(f"{where}, column split", f"only {words[0]!r}", "rows of both sides",
                  "check the converter", "split-one-sided")
        )  # fmt: skip
    return np.asarray(side)


def _official_half(facts: _Facts, drawn: NDArray[np.int8], where: str) -> NDArray[np.int8]:
    (codes,), words = facts.codes("half")
    lowered = [word.strip().casefold() for word in words]
    wrong = [word for word, low in zip(words, lowered, strict=True) if low not in HALVES]
    if wrong:
        raise TaskError(
            Fault(f"{where}, column half", repr(wrong[0]), "public or private",
                  "translate the words in the converter", "half-word")
        )  # fmt: skip
    known = np.array([HALVES.index(low) for low in lowered] + [0], dtype=np.int8)
    return np.where(codes >= 0, known[codes], drawn)
