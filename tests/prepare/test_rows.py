"""Raw tables as people have them, and what the build says of those that it cannot take."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from challenge.errors import TaskError
from challenge.prepare.build.plan import TEST, TRAIN, UNUSED, Plan
from challenge.prepare.build.raw_rows import plan_rows
from challenge.prepare.raw import RawTable, in_batches
from challenge.prepare.splits.clusters import N_FOLDS
from challenge.task.definition import TaskDefinition, read_definition
from challenge.task.image_store import ImageStore
from tests.toy import declare_toy, toy_rows

SECRET = bytes(32)
N = 60


def rows(**changes: Any) -> pa.Table:
    table = toy_rows(N, images=False)
    for name, values in changes.items():
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, pa.array(values))
        else:
            table = table.append_column(name, pa.array(values))
    return table


def pair_rows(n: int = 200, n_records: int = 60, seed: int = 0) -> pa.Table:
    """Pairs of records of 20 entities, as published sets have them: each record several times."""
    random = np.random.default_rng(seed)
    left, right = random.integers(0, n_records, (2, n * 3))
    pairs = np.unique(np.stack([left, right], axis=1)[left != right], axis=0)
    left, right = random.permutation(pairs)[:n].T
    content: dict[str, list[Any]] = {
        "words": [f"record {place}" for place in range(n_records)],
        "size": [float(place) for place in range(n_records)],
        "count": list(range(n_records)),
        "colour": ["red" if place % 2 else "blue" for place in range(n_records)],
    }
    return pa.table(
        {
            "key": [f"pair {place}" for place in range(len(left))],
            "label": [int(a % 20 == b % 20) for a, b in zip(left, right, strict=True)],
            "left_key": [str(a) for a in left],
            "right_key": [str(b) for b in right],
            **{f"left_{name}": [values[a] for a in left] for name, values in content.items()},
            **{f"right_{name}": [values[b] for b in right] for name, values in content.items()},
        }
    )


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    def make(table: pa.Table, kind: str = "classification", split: str = "", **more: Any) -> Plan:
        folder = declare_toy(
            tmp_path / "toy", kind, raw=table, split=split or "seed = 1", records=False
        )
        for name in ("public", "spill"):
            (folder / name).mkdir(exist_ok=True)
        definition: TaskDefinition = read_definition(folder)
        raw = RawTable(more.get("batches") or in_batches(table, 17), folder / "raw")
        images = ImageStore(folder / "public", raw.folder, lambda _: None)
        return plan_rows(raw, definition, SECRET, images, folder / "spill", lambda _: None)

    return make


def refusal(plan: Callable[..., Plan], table: pa.Table, **more: Any) -> str:
    with pytest.raises(TaskError) as caught:
        plan(table, **more)
    return str(caught.value)


def test_ids_stand_in_ascending_order_and_say_nothing(plan: Callable[..., Plan]) -> None:
    table = pa.concat_tables(plan(rows()).tables())
    ids = table["id"].to_pylist()
    assert ids == sorted(ids)
    assert all(len(name) == 17 and name[0] == "r" for name in ids)


def test_the_order_and_batches_of_the_raw_table_play_no_part(plan: Callable[..., Plan]) -> None:
    table = rows()
    mixed = table.take(pa.array(np.random.default_rng(0).permutation(N)))
    one, two = plan(table), plan(mixed)
    for first, second in ((one, two),):
        a, b = (pa.concat_tables(which.tables()) for which in (first, second))
        assert a.drop_columns(["row number"]).equals(b.drop_columns(["row number"]))
        for name in ("side", "subset", "fold", "label"):
            assert (
                getattr(first, name)[a["row number"].to_numpy()]
                == getattr(second, name)[b["row number"].to_numpy()]
            ).all()


def test_rows_without_a_label_are_dropped_and_counted(plan: Callable[..., Plan]) -> None:
    labels = [None if place < 7 else f"c{place % 2}" for place in range(N)]
    made = plan(rows(label=labels))
    assert made.facts["n_unlabelled"] == 7
    assert len(made.side) == N - 7


def test_no_rows_are_refused(plan: Callable[..., Plan]) -> None:
    assert refusal(plan, rows().slice(0, 0)).startswith(
        "toy, raw table: 0 rows\n  expected: rows with a label"
    )


def test_only_unlabelled_rows_are_refused(plan: Callable[..., Plan]) -> None:
    assert "60 rows, none with a label" in refusal(plan, rows(label=pa.nulls(N, pa.string())))


def test_one_class_is_refused(plan: Callable[..., Plan]) -> None:
    assert refusal(plan, rows(label=["only"] * N)).startswith(
        "toy, raw table: only one class: 'only'\n  expected: at least two classes"
    )


@pytest.mark.parametrize("name", ["id", "label", "score", "fold", "subset"])
def test_reserved_class_names_are_refused(plan: Callable[..., Plan], name: str) -> None:
    found = refusal(plan, rows(label=[name, "other"] * (N // 2)))
    assert f"toy, raw table, column label: a class named {name!r}" in found
    assert "rename the class in the converter" in found


def test_an_empty_class_name_is_refused(plan: Callable[..., Plan]) -> None:
    assert "a class named ''" in refusal(plan, rows(label=["", "other"] * (N // 2)))


def test_a_class_of_one_row_stays_in_train(plan: Callable[..., Plan]) -> None:
    made = plan(rows(label=["rare", *["a", "b"] * 30][:N]))
    assert made.classes == ("a", "b", "rare")
    assert made.side[made.label == 2].tolist() == [TRAIN]


def test_strange_class_names_survive(plan: Callable[..., Plan]) -> None:
    names = ["None", "NA", "null", "nan", "True", "007", "1e3", " x ", 'a,"b"', "é"]
    assert plan(rows(label=names * 6)).classes == tuple(sorted(names))


def test_a_column_twice_is_refused(plan: Callable[..., Plan]) -> None:
    table = rows()
    table = table.append_column("words", table["words"])
    found = refusal(plan, rows(), batches=lambda: iter(table.to_batches()))
    assert "toy, raw table: column 'words' 2 times\n  expected: each name once" in found


def test_a_missing_column_names_the_nearest(plan: Callable[..., Plan]) -> None:
    table = rows().rename_columns(["key", "label", "word", "size", "count", "colour"])
    found = refusal(plan, rows(), batches=lambda: iter(table.to_batches()))
    assert "no column 'words' (there are: key, label, word, size, count, colour)" in found
    assert "did you mean 'word'?" in found


def test_the_split_column_is_asked_for(plan: Callable[..., Plan]) -> None:
    for by, column in (("group", "group"), ("time", "time"), ("official", "split")):
        also = f'\n{by} = "x"' if by != "official" else ""
        assert f"no column {column!r}" in refusal(plan, rows(), split=f'by = "{by}"{also}')


def test_a_key_twice_is_refused_with_its_name(plan: Callable[..., Plan]) -> None:
    keys = [f"row {place}" for place in range(N)]
    keys[5] = keys[9]
    found = refusal(plan, rows(key=keys))
    assert "column key: 1 key occurs in several rows (first: row row 9)" in found


def test_a_missing_key_is_refused(plan: Callable[..., Plan]) -> None:
    keys = [None, *[f"row {place}" for place in range(N - 1)]]
    assert "column key: no key" in refusal(plan, rows(key=keys))


def test_every_fault_of_every_column_is_told_at_once(plan: Callable[..., Plan]) -> None:
    found = refusal(
        plan,
        rows(
            words=["a\0b", *["fine"] * (N - 1)],
            size=[float("inf"), *[1.0] * (N - 1)],
            count=[0.5, *[1.0] * (N - 1)],
        ),
    )
    assert "column words: a NUL character in a text (first: row 0)" in found
    assert "column size: an infinite number (first: row 0)" in found
    assert "column count: 0.5 is not one (first: row 0)" in found
    assert "expected: whole numbers within 64 bits" in found


def test_faults_are_counted_over_all_batches(plan: Callable[..., Plan]) -> None:
    found = refusal(plan, rows(size=["x"] * 30 + ["1.5"] * 30))
    assert "column size: 'x' is not one (first: row 0; row 1" in found
    assert "and 25 more" in found


def test_invalid_utf_8_is_refused(plan: Callable[..., Plan]) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), N, [*pa.array(["ab"] * N).buffers()[:2], pa.py_buffer(b"\xff\xfe" * N)]
    )
    assert "Invalid UTF8" in refusal(plan, rows(words=bad))


def test_a_surrogate_cannot_be_in_a_text(plan: Callable[..., Plan]) -> None:
    lone = "\ud800".encode("utf-8", "surrogatepass")
    data = pa.py_buffer(lone * N)
    bad = pa.Array.from_buffers(pa.string(), N, [*pa.array(["abc"] * N).buffers()[:2], data])
    assert "Invalid UTF8" in refusal(plan, rows(words=bad))


def test_numbers_that_a_double_does_not_hold_are_refused(plan: Callable[..., Plan]) -> None:
    found = refusal(plan, rows(size=[2**53 + 1] * N))
    assert "column size: 9007199254740993 is not one" in found
    assert "declare `integer = true`" in found


@pytest.mark.parametrize("values", [[True] * N, [datetime.date(2024, 1, 1)] * N])
def test_booleans_and_dates_are_no_numbers(plan: Callable[..., Plan], values: list[object]) -> None:
    assert "column size: values of type" in refusal(plan, rows(size=values))


def test_dates_are_no_texts(plan: Callable[..., Plan]) -> None:
    assert "column words: values of type date32" in refusal(
        plan, rows(words=[datetime.date(2024, 1, 1)] * N)
    )


def test_values_take_their_standard_form(plan: Callable[..., Plan]) -> None:
    made = plan(
        rows(
            words=["", "NA", *["x"] * (N - 2)],
            size=["1.5", "", *["-0.0"] * (N - 2)],
            count=pa.array([1.0, float("nan"), *[3.0] * (N - 2)]),
            colour=pa.array([True, None, *[False] * (N - 2)]),
        )
    )
    table = pa.concat_tables(made.tables()).sort_by("row number")
    assert table["words"].to_pylist()[:3] == [None, "NA", "x"]
    assert table["size"].to_pylist()[:2] == [1.5, None]
    assert str(table["size"].to_pylist()[2]) == "-0.0"
    assert table["count"].to_pylist()[:3] == [1, None, 3]
    assert table["colour"].to_pylist()[:3] == ["true", None, "false"]
    assert made.categories["colour"].to_pylist() == ["false", "true"]


def test_a_group_straddles_neither_sides_nor_folds(plan: Callable[..., Plan]) -> None:
    groups = [None if place % 10 == 0 else f"g{place % 17}" for place in range(N)]
    made = plan(rows(group=groups), split='by = "group"\ngroup = "baseIcon"')
    for name in ("side", "fold"):
        for group in set(groups) - {None}:
            members = [place for place in range(N) if groups[place] == group]
            assert len(set(getattr(made, name)[members])) == 1
    assert len(set(made.cluster[[place for place in range(N) if groups[place] is None]])) == 6


def test_rows_of_a_block_are_one_cluster_on_whichever_side(plan: Callable[..., Plan]) -> None:
    blocks = [None if place % 10 == 0 else f"b{place % 7}" for place in range(N)]
    plain = plan(rows())
    made = plan(rows(block=blocks), split='block = "brand"')
    for name in ("side", "subset", "fold"):
        assert (getattr(made, name) == getattr(plain, name)).all()
    of_block: dict[object, set[int]] = {}
    for block, cluster in zip(blocks, made.cluster.tolist(), strict=True):
        of_block.setdefault(block, set()).add(cluster)
    assert len(of_block.pop(None)) == 6
    assert sorted(map(len, of_block.values())) == [1] * 7
    assert (made.other == made.cluster).all()
    assert made.facts["n_blocks"] == 7
    assert "no column 'block'" in refusal(plan, rows(), split='block = "brand"')


def test_both_records_of_a_pair_have_their_block(plan: Callable[..., Plan]) -> None:
    table = pair_rows()
    made = plan(table, "matching", 'by = "entity"\nblock = "colour"')
    left, right = (table[f"{side}_colour"].to_pylist() for side in ("left", "right"))
    red, blue = (set(made.cluster[np.array(left) == name].tolist()) for name in ("red", "blue"))
    assert len(red) == len(blue) == 1 and red != blue
    for name, cluster in (("red", red), ("blue", blue)):
        assert set(made.other[np.array(right) == name].tolist()) == cluster
    for wrong in ("seller", "size"):
        found = refusal(plan, table, kind="matching", split=f'by = "entity"\nblock = "{wrong}"')
        assert f"split.block a text or category of both records, not '{wrong}'" in found


def test_a_group_above_a_fifth_stops_the_build(plan: Callable[..., Plan]) -> None:
    groups = ["big"] * 13 + [f"g{place}" for place in range(N - 13)]
    found = refusal(plan, rows(group=groups), split='by = "group"\ngroup = "g"')
    assert "a group of 13 of 60 records is tied together" in found


@pytest.mark.parametrize("as_what", ["date", "text", "number"])
def test_the_latest_rows_are_the_test(plan: Callable[..., Plan], as_what: str) -> None:
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(place) for place in range(N)]
    times: dict[str, list[object]] = {
        "date": list(days),
        "text": [day.isoformat() for day in days],
        "number": [place / 2 for place in range(N)],
    }
    made = plan(rows(time=times[as_what]), split='by = "time"\ntime = "day"')
    assert made.side.tolist() == [TRAIN] * 42 + [TEST] * 18


def test_times_as_texts_are_ordered_as_times(plan: Callable[..., Plan]) -> None:
    # As texts, 12:00:00.5Z stands before 12:00:00Z, and 23:00-05:00 before the next day.
    order = ["2024-05-01T12:00:00Z", "2024-05-01T12:00:00.5Z", "2024-05-01T23:00:00-05:00"]
    times = [order[place // 20] for place in range(N)]
    made = plan(rows(time=times), split='by = "time"\ntime = "day"\ntest = 0.34')
    assert made.side.tolist() == [TRAIN] * 40 + [TEST] * 20
    made = plan(rows(time=times), split='by = "time"\ntime = "day"\ntest = 0.66')
    assert made.side.tolist() == [TRAIN] * 20 + [TEST] * 40
    times[7] = "2024-05-01T12:00:00"
    found = refusal(plan, rows(time=times), split='by = "time"\ntime = "day"')
    assert "'2024-05-01T12:00:00' has no time zone, others do" in found


def test_a_missing_time_is_refused(plan: Callable[..., Plan]) -> None:
    found = refusal(plan, rows(time=[None, *range(N - 1)]), split='by = "time"\ntime = "day"')
    assert "column time: 1 row without a time" in found


def test_an_official_split_and_its_subsets_are_kept(plan: Callable[..., Plan]) -> None:
    sides = ["train", "test", "test"] * (N // 3)
    subsets = [None, "Public", "Private"] * (N // 3)
    made = plan(rows(split=sides, subset=subsets), split='by = "official"')
    assert made.side.tolist() == [TRAIN, TEST, TEST] * (N // 3)
    assert made.subset[made.side == TEST].tolist() == [0, 1] * (N // 3)


def test_the_valid_part_of_an_official_split_is_the_last_fold(plan: Callable[..., Plan]) -> None:
    parts = [("train", "train", "valid", "test")[index % 4] for index in range(N)]
    made = plan(rows(split=parts), split='by = "official"')
    valid = np.array([part == "valid" for part in parts])
    train = np.array([part == "train" for part in parts])
    assert (made.side[valid] == TRAIN).all() and (made.side[train] == TRAIN).all()
    assert set(made.fold[valid].tolist()) == {N_FOLDS - 1}
    assert set(made.fold[train].tolist()) == set(range(N_FOLDS - 1))
    assert made.facts["n_valid"] == int(valid.sum())
    without = plan(rows(split=["train", "test"] * 30), split='by = "official"')
    assert "n_valid" not in without.facts


def test_wrong_words_of_an_official_split_are_refused(plan: Callable[..., Plan]) -> None:
    official = 'by = "official"'
    assert "split 'dev'" in refusal(plan, rows(split=["train", "dev"] * 30), split=official)
    assert "only 'test'" in refusal(plan, rows(split=["test"] * N), split=official)
    found = refusal(
        plan, rows(split=["train", "test"] * 30, subset=["x", None] * 30), split=official
    )
    assert "column subset: 'x'" in found


def test_match_labels_other_than_decisions_are_refused(plan: Callable[..., Plan]) -> None:
    table = pair_rows()
    labels = ["yes", *["1", "0"] * (table.num_rows // 2)][: table.num_rows]
    table = table.set_column(1, "label", pa.array(labels))
    found = refusal(plan, table, kind="matching")
    assert "column label: 'yes' is not a decision (first: row pair 0)" in found


def test_only_matches_are_refused(plan: Callable[..., Plan]) -> None:
    table = pair_rows()
    table = table.set_column(1, "label", pa.array([1] * table.num_rows))
    assert "only one class: '1'" in refusal(plan, table, kind="matching")


def on_sides(made: Plan, table: pa.Table, column: str) -> list[set[str]]:
    names = [table[f"{side}_{column}"].to_pylist() for side in ("left", "right")]
    return [
        {side[row] for row in np.flatnonzero(made.side == code) for side in names}
        for code in (TRAIN, TEST)
    ]


@pytest.mark.parametrize("keyed", [True, False])
def test_pairs_split_by_entity_share_no_record(plan: Callable[..., Plan], keyed: bool) -> None:
    table = pair_rows()
    given = table if keyed else table.drop_columns(["left_key", "right_key"])
    made = plan(given, kind="matching", split='by = "entity"')
    assert made.record_ids == keyed
    train, test = on_sides(made, table, "key")
    assert train and test and not train & test
    assert made.facts["n_crossing"] == int((made.side == UNUSED).sum()) > 0
    assert made.facts["unseen_share"] == 1.0
    # Matches lie inside a cluster; this is what the pairs are weighted by.
    matches = np.array(table["label"].to_pylist()) == 1
    assert (made.cluster[matches] == made.other[matches]).all()
    assert (made.side[matches] != UNUSED).all()


def test_known_entities_never_straddle_even_without_a_listed_match(
    plan: Callable[..., Plan],
) -> None:
    table = pair_rows()
    for side in ("left", "right"):
        entity = [str(int(key) % 20) for key in table[f"{side}_key"].to_pylist()]
        table = table.append_column(f"{side}_entity", pa.array(entity))
    train, test = on_sides(plan(table, kind="matching", split='by = "entity"'), table, "entity")
    assert train and test and not train & test


def test_pairs_split_by_row_tell_how_much_was_seen(plan: Callable[..., Plan]) -> None:
    made = plan(pair_rows(), kind="matching")
    shares = [made.facts[f"{name}_share"] for name in ("seen", "half_seen", "unseen")]
    assert sum(shares) == pytest.approx(1, abs=1e-3)  # type: ignore[arg-type]
    assert shares[0] > 0.8  # type: ignore[operator]


def test_a_record_has_one_id_on_both_sides(plan: Callable[..., Plan]) -> None:
    table = pair_rows()
    made = pa.concat_tables(plan(table, kind="matching").tables()).sort_by("row number")
    known: dict[str, str] = {}
    for side in ("left", "right"):
        for key, name in zip(
            table[f"{side}_key"].to_pylist(), made[f"{side}_id"].to_pylist(), strict=True
        ):
            assert known.setdefault(key, name) == name
    assert len(set(known.values())) == len(known)
