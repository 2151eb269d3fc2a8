"""Pairs made from records: nothing that training pairs tell helps with a test pair."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from challenge.errors import TaskError
from challenge.prepare.build.id_order import ROW
from challenge.prepare.build.plan import TEST, TRAIN, Plan
from challenge.prepare.raw import RawRecords, in_batches
from challenge.prepare.splits.clusters import components
from challenge.prepare.splits.entity_pairs import nearest_by_text, plan_pairs
from challenge.task.definition import read_definition
from challenge.task.image_store import ImageStore
from tests.toy import declare_toy, toy_records

SECRET = bytes(range(32))


def plan_of(
    folder: Path, records: pa.Table, split: str = "", kind: str = "matching", **options: Any
) -> Plan:
    """Return the plan; row numbers are positions in `tables` already sorted by id."""
    folder = declare_toy(folder / "toy", kind, raw=records, split=split, records=True)
    (folder / "public").mkdir(exist_ok=True)
    raw = RawRecords(in_batches(records, 13), folder / "raw", **options)
    images = ImageStore(folder / "public", raw.folder, lambda _: None)
    return plan_pairs(raw, read_definition(folder), SECRET, images, lambda _: None)


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    return lambda records, **options: plan_of(tmp_path, records, **options)


def pairs(plan: Plan) -> pa.Table:
    return pa.concat_tables(plan.tables())


def with_column(records: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    if name in records.column_names:
        return records.set_column(records.column_names.index(name), name, pa.array(values))
    return records.append_column(name, pa.array(values))


def cells(plan: Plan) -> NDArray[np.int64]:
    return np.where(plan.side == TRAIN, plan.fold, 10)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**16), st.integers(60, 160))
def test_no_record_and_no_entity_leaves_its_cell(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int
) -> None:
    made = plan_of(tmp_path_factory.mktemp("pairs"), toy_records(n, images=False, seed=seed))
    table = pairs(made)
    cell = cells(made)
    for names in (
        [table["left_id"].to_pylist(), table["right_id"].to_pylist()],
        [made.cluster.tolist(), made.other.tolist()],
    ):
        home: dict[object, int] = {}
        for side in names:
            for name, place in zip(side, cell, strict=True):
                assert home.setdefault(name, int(place)) == place
    assert {TRAIN, TEST} <= set(made.side.tolist())


def test_closing_training_links_decides_no_test_pair(plan: Callable[..., Plan]) -> None:
    made = plan(toy_records(300, images=False))
    table = pairs(made)
    ids = [table[f"{side}_id"].to_pylist() for side in ("left", "right")]
    names = sorted(set(ids[0]) | set(ids[1]))
    place = {name: number for number, name in enumerate(names)}
    left, right = (np.array([place[name] for name in side]) for side in ids)
    known = (made.side == TRAIN) & (made.label == 1)
    component = components(len(names), np.stack([left[known], right[known]], axis=1))
    test = made.side == TEST
    # A test record that is in no training link is a component by itself: nothing follows.
    assert (component[left[test]] != component[right[test]]).all()
    sizes = np.bincount(component)
    assert (sizes[component[left[test]]] == 1).all()
    assert (sizes[component[right[test]]] == 1).all()


def test_blocks_of_records_are_the_clusters_of_their_pairs(tmp_path: Path) -> None:
    records = toy_records(300, images=False)
    plain = plan_of(tmp_path / "plain", records)
    split = 'by = "entity"\ntruth = "complete"\nseed = 1\nblock = "colour"'
    made = plan_of(tmp_path / "blocks", records, split)
    assert (made.side == plain.side).all() and (made.subset == plain.subset).all()
    table = pairs(made)
    clusters: dict[object, set[int]] = {}
    for side, of_side in (("left", made.cluster), ("right", made.other)):
        for colour, one in zip(
            table[f"{side}_colour"].to_pylist(), of_side[table[ROW].to_pylist()], strict=True
        ):
            clusters.setdefault(colour, set()).add(int(one))
    assert len(clusters.pop(None)) > 4
    assert sorted(map(len, clusters.values())) == [1] * 4
    assert made.facts["n_blocks"] == 4


def test_labels_are_the_truth_and_pairs_are_unique(plan: Callable[..., Plan]) -> None:
    records = toy_records(200, images=False)
    made = plan(with_column(records, "words", records["entity"].to_pylist()))
    table = pairs(made)
    left, right = (table[f"{side}_words"].to_pylist() for side in ("left", "right"))
    assert made.label.tolist() == [int(a == b) for a, b in zip(left, right, strict=True)]
    assert 0.1 < made.label.mean() < 0.6
    both = {
        frozenset(pair)
        for pair in zip(table["left_id"].to_pylist(), table["right_id"].to_pylist(), strict=True)
    }
    assert len(both) == table.num_rows
    assert all(len(pair) == 2 for pair in both)
    ids = table["id"].to_pylist()
    assert ids == sorted(ids) and all(name.startswith("p") for name in ids)


def test_shares_of_train_and_test_are_those_asked_for(plan: Callable[..., Plan]) -> None:
    made = plan(toy_records(600, images=False), split='by = "entity"\ntest = 0.4\nseed = 3')
    assert np.mean(made.side == TEST) == pytest.approx(0.4, abs=0.06)
    train = made.label[made.side == TRAIN].mean()
    assert made.label[made.side == TEST].mean() == pytest.approx(train, abs=0.06)
    assert made.facts["unseen_share"] == 1.0


def test_the_order_of_records_plays_no_part(plan: Callable[..., Plan]) -> None:
    records = toy_records(150, images=False)
    mixed = records.take(pa.array(np.random.default_rng(5).permutation(150)))
    one, two = plan(records), plan(mixed)
    assert pairs(one).equals(pairs(two))
    assert (cells(one) == cells(two)).all()


def test_two_tables_pair_across_only_and_keep_their_sides(plan: Callable[..., Plan]) -> None:
    records = toy_records(200, images=False)
    table = ["left" if place % 2 else "right" for place in range(200)]
    made = pairs(plan(with_column(records, "table", list(table))))
    odd = {f"record {place}" for place in range(200) if place % 2}
    everything = pairs(plan(records))
    assert 0 < made.num_rows < everything.num_rows
    lefts, rights = set(made["left_id"].to_pylist()), set(made["right_id"].to_pylist())
    assert not lefts & rights
    assert len(lefts) <= len(odd)


def test_one_table_has_its_records_on_either_side(plan: Callable[..., Plan]) -> None:
    made = pairs(plan(toy_records(200, images=False)))
    assert set(made["left_id"].to_pylist()) & set(made["right_id"].to_pylist())


def test_equal_content_is_tied_together(plan: Callable[..., Plan]) -> None:
    records = toy_records(200, images=False)
    exports = {name: records[name].to_pylist() for name in ("words", "size", "count", "colour")}
    for values in exports.values():
        values[3] = values[150]
    exports["words"][3] = f" {str(exports['words'][150]).upper()} "
    for name, values in exports.items():
        records = with_column(records, name, values)
    made = plan(records)
    assert len(set(made.cluster) | set(made.other)) < made.facts["n_entities"]  # type: ignore[operator]


def test_a_shared_image_ties_and_a_placeholder_does_not(plan: Callable[..., Plan]) -> None:
    records = toy_records(200)
    drawings = records["image"].to_pylist()
    entity = np.array(records["entity"].to_pylist())
    apart = [int(np.flatnonzero(entity == name)[0]) for name in np.unique(entity)]
    for count, is_tied in ((2, True), (30, False)):
        changed = list(drawings)
        for row in apart[:count]:
            changed[row] = drawings[apart[0]]
        made = plan(with_column(records, "image", changed))
        tied = len(np.unique(entity)) - len(set(made.cluster) | set(made.other))
        untied = len(np.unique(entity)) - len(
            {*plan(records).cluster.tolist(), *plan(records).other.tolist()}
        )
        assert (tied > untied) == is_tied


def test_a_giant_entity_stops_the_build(plan: Callable[..., Plan]) -> None:
    records = toy_records(100, images=False)
    records = with_column(records, "entity", ["one"] * 30 + [f"e{place}" for place in range(70)])
    with pytest.raises(TaskError, match="a component of 30 of 100 records is tied together"):
        plan(records)


def test_positives_of_an_entity_are_capped(plan: Callable[..., Plan]) -> None:
    records = toy_records(100, images=False)
    records = with_column(records, "entity", [f"e{place // 10}" for place in range(100)])
    assert plan(records).label.sum() == 450
    capped = plan(records, positives=6)
    assert capped.label.sum() == 60
    left = pairs(capped).filter(pa.array(capped.label == 1))["left_id"].to_pylist()
    assert len(set(left)) > 30


def test_own_candidates_are_asked_cell_by_cell(plan: Callable[..., Plan]) -> None:
    asked: list[list[str]] = []

    def candidates(records: pa.Table) -> NDArray[np.int64]:
        asked.append(records["key"].to_pylist())
        n = records.num_rows
        return np.stack([np.arange(n), (np.arange(n) + 1) % n], axis=1)

    made = plan(toy_records(100, images=False), candidates=candidates)
    assert len(asked) == 7
    assert sorted(key for keys in asked for key in keys) == sorted(
        f"record {p}" for p in range(100)
    )
    assert (made.label == 0).any()


def test_candidates_outside_the_records_given_are_refused(plan: Callable[..., Plan]) -> None:
    with pytest.raises(TaskError, match="expected: positions in the records given"):
        plan(toy_records(100, images=False), candidates=lambda records: np.array([[0, 10**6]]))


def test_the_nearest_are_of_other_entities() -> None:
    records = pa.table({"name": ["red oak", "red oaks", "red oak!", "blue sea", "blue seas"]})
    entity = np.array([0, 0, 1, 2, 3])
    found = {tuple(pair) for pair in nearest_by_text(records, entity, None)}
    assert (0, 2) in found and (3, 4) in found
    assert (0, 1) not in found


def test_records_without_words_still_have_negatives(plan: Callable[..., Plan]) -> None:
    records = toy_records(100, images=False)
    for name in ("words", "colour"):
        records = with_column(records, name, [None] * 99 + ["x"])
    assert (plan(records).label == 0).any()


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("key", ["same"] * 100, "column key: keys of several records"),
        ("entity", [None] * 100, "column entity: no entity"),
        ("table", ["middle"] * 100, "column table: 'middle'"),
        ("words", ["a\0"] * 100, "column words: a NUL character"),
    ],
)
def test_faulty_records_are_refused(
    plan: Callable[..., Plan], column: str, values: Sequence[object], message: str
) -> None:
    with pytest.raises(TaskError) as caught:
        plan(with_column(toy_records(100, images=False), column, values))
    assert message in str(caught.value)


def test_no_records_are_refused(plan: Callable[..., Plan]) -> None:
    with pytest.raises(TaskError, match="raw records: 0 records"):
        plan(toy_records(100, images=False).slice(0, 0))


def test_records_ask_for_a_matching_task_split_by_entity(plan: Callable[..., Plan]) -> None:
    with pytest.raises(TaskError, match="records in a matching task split by row"):
        plan(toy_records(50, images=False), split='by = "row"')
    with pytest.raises(TaskError, match="records in a classification task"):
        plan(toy_records(50, images=False), split='by = "row"', kind="classification")


def test_records_without_a_match_are_refused(plan: Callable[..., Plan]) -> None:
    records = toy_records(50, images=False)
    with pytest.raises(TaskError, match="only one class: '0'"):
        plan(with_column(records, "entity", [f"e{place}" for place in range(50)]))
