import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import TaskError
from challenge.prepare.splits.clusters import (
    Clusters,
    _by_stratum_and_size,
    assign_folds,
    choose_latest,
    choose_share,
    components,
    refuse_giant,
    summarise_clusters,
)
from challenge.prepare.splits.rules import RULES
from challenge.task.splits import SPLIT_COLUMNS, SPLIT_RULES, Split

SHARES = st.sampled_from([0.1, 0.3, 0.5])
TABLES = st.integers(0, 2**32 - 1).flatmap(
    lambda seed: st.tuples(
        st.just(seed), st.integers(1, 400), st.integers(1, 400), st.integers(1, 8), SHARES
    )
)


def draw(seed: int, n: int, n_clusters: int, n_labels: int):  # type: ignore[no-untyped-def]
    random = np.random.default_rng(seed)
    cluster = np.unique(random.integers(0, n_clusters, n), return_inverse=True)[1]
    label = random.integers(0, n_labels, n)
    word = random.integers(0, 2**64, n, dtype=np.uint64)
    return cluster, label, word


@settings(deadline=None)
@given(TABLES)
def test_the_order_of_rows_plays_no_part(table: tuple[int, int, int, int, float]) -> None:
    seed, n, n_clusters, n_labels, share = table
    cluster, label, word = draw(seed, n, n_clusters, n_labels)
    mixed = np.random.default_rng(seed + 1).permutation(n)
    one = summarise_clusters(cluster, label, word)
    two = summarise_clusters(cluster[mixed], label[mixed], word[mixed])
    assert (choose_share(one, share) == choose_share(two, share)).all()
    assert (assign_folds(one) == assign_folds(two)).all()


@settings(deadline=None)
@given(TABLES)
def test_single_rows_keep_the_share_of_every_label(table: tuple[int, int, int, int, float]) -> None:
    seed, n, _, n_labels, share = table
    _, label, word = draw(seed, n, 1, n_labels)
    clusters = summarise_clusters(np.arange(n), label, word)
    chosen = choose_share(clusters, share)
    fold = assign_folds(clusters)
    for code in range(n_labels):
        rows = label == code
        assert abs(chosen[rows].sum() - share * rows.sum()) <= 0.5 or rows.sum() == 1
        assert not rows.any() or not chosen[rows].all()
        assert np.ptp(np.bincount(fold[rows], minlength=5)) <= 1
    assert np.ptp(np.bincount(fold, minlength=5)) <= 1


@settings(deadline=None)
@given(TABLES)
def test_clusters_keep_the_share_to_about_the_largest_cluster(
    table: tuple[int, int, int, int, float],
) -> None:
    seed, n, n_clusters, n_labels, share = table
    cluster, label, word = draw(seed, n, n_clusters, n_labels)
    clusters = summarise_clusters(cluster, label, word)
    chosen = choose_share(clusters, share)[cluster]
    # A label whose rows are one cluster stays in train, however large it is.
    alone = np.bincount(clusters.stratum) == 1
    slack = clusters.size[alone[clusters.stratum]].sum() + clusters.size.max() + n_labels / 2
    assert abs(chosen.sum() - share * n) <= slack


def test_a_label_of_one_row_stays_in_train() -> None:
    clusters = summarise_clusters(
        np.arange(4), np.array([0, 1, 1, 1]), np.arange(4, dtype=np.uint64)
    )
    assert not choose_share(clusters, 0.5)[0]


def test_large_clusters_are_told_apart_from_labels_by_majority() -> None:
    cluster = np.array([0, 0, 0, 1, 1, 2])
    label = np.array([1, 1, 0, 0, 1, 1])
    clusters = summarise_clusters(cluster, label, np.array([1, 2, 4, 8, 16, 32], dtype=np.uint64))
    assert clusters.size.tolist() == [3, 2, 1]
    # Cluster 1 has one row of each label: the smaller code wins.
    assert clusters.stratum.tolist() == [1, 0, 1]
    assert clusters.word.tolist() == [7, 24, 32]


def test_folds_are_level_when_clusters_are_large() -> None:
    random = np.random.default_rng(3)
    cluster = np.unique(random.integers(0, 60, 3000), return_inverse=True)[1]
    label = cluster % 3
    word = random.integers(0, 2**64, 3000, dtype=np.uint64)
    sizes = np.bincount(assign_folds(summarise_clusters(cluster, label, word))[cluster])
    assert sizes.min() > 0.85 * sizes.max()


@settings(deadline=None)
@given(st.integers(2, 40), st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39))))
def test_components_are_what_links_reach(n: int, links: list[tuple[int, int]]) -> None:
    links = [(a, b) for a, b in links if a < n and b < n]
    component = components(n, np.array(links, dtype=np.int64).reshape(-1, 2))
    reached = {place: {place} for place in range(n)}
    for a, b in links:
        joined = reached[a] | reached[b]
        for place in joined:
            reached[place] = joined
    for a in range(n):
        for b in range(n):
            assert (component[a] == component[b]) == (b in reached[a])


def test_a_component_above_a_fifth_stops_the_build() -> None:
    refuse_giant(np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]), "here", "a component")
    with pytest.raises(TaskError) as caught:
        refuse_giant(np.array([0, 0, 0, 1, 2, 2, 3, 3, 4, 4]), "here", "a component")
    assert str(caught.value).startswith(
        "here: a component of 3 of 10 records is tied together\n  expected: at most 20%"
    )


def test_the_latest_rows_are_chosen_and_equal_times_stay_together() -> None:
    time = np.array([3, 1, 2, 4, 4, 5, 1, 2, 3, 4])
    # 30 % of ten rows is three; from 4 on there are four, from 5 on one: four is nearer.
    assert choose_latest(time, 0.3).tolist() == (time >= 4).tolist()
    assert choose_latest(np.array([1, 1, 1, 2]), 0.9).tolist() == [False, False, False, True]


def test_the_order_of_clusters_is_by_stratum_then_size_then_word() -> None:
    random = np.random.default_rng(5)
    for largest, strata in ((1, 20), (6, 20), (6, 70_000)):
        clusters = Clusters(
            random.integers(1, largest + 1, 500),
            random.integers(0, strata, 500),
            random.integers(0, 2**64, 500, dtype=np.uint64),
        )
        expected = np.lexsort((clusters.word, -clusters.size, clusters.stratum))
        assert (_by_stratum_and_size(clusters) == expected).all()


def test_every_declared_rule_has_its_function_and_its_setting() -> None:
    assert list(RULES) == list(SPLIT_RULES)
    for column in SPLIT_COLUMNS:
        assert column in Split.model_fields or column == "split"
