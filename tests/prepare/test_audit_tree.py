import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from challenge.prepare.audit.tree import tree_shares


@pytest.mark.parametrize("seed", range(12))
def test_shares_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    n, k = int(random.integers(300, 1500)), int(random.integers(2, 12))
    columns = [random.permutation(n), random.integers(0, random.integers(1, 40), n)]
    train = np.column_stack(columns[: 1 + seed % 2])
    labels = (train[:, 0] * k // n + (random.random(n) < 0.4) * random.integers(0, k, n)) % k
    test = train[random.permutation(n)[: n // 3]] + random.integers(-1, 2, (n // 3, 1))
    leaves, least = int(random.integers(2, 4 * k)), int(random.integers(2, 6))
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=least, random_state=0)
    tree.fit(train, labels)
    expected = np.zeros((len(test), k))
    expected[:, tree.classes_] = tree.predict_proba(test)
    found = tree_shares(train, labels, test, k, most_leaves=leaves, least_rows=least)
    # Splits of equal gain may be taken in another order: nearly all rows agree.
    assert np.isclose(found, expected).all(axis=1).mean() > 0.97


def test_one_label_or_one_value_gives_the_shares_of_all() -> None:
    values = np.arange(10).reshape(-1, 1)
    alone = tree_shares(values, np.zeros(10, int), values, 2, most_leaves=8, least_rows=2)
    assert alone.tolist() == [[1.0, 0.0]] * 10
    labels = np.array([0, 1] * 5)
    flat = tree_shares(values * 0, labels, values, 2, most_leaves=8, least_rows=2)
    assert flat.tolist() == [[0.5, 0.5]] * 10
    none = tree_shares(values[:0], labels[:0], values, 2, most_leaves=8, least_rows=2)
    assert none.tolist() == [[0.0, 0.0]] * 10


def test_a_cut_leaves_the_least_number_of_rows_on_either_side() -> None:
    values = np.arange(10).reshape(-1, 1)
    labels = (values[:, 0] >= 7).astype(int)
    clean = tree_shares(values, labels, values, 2, most_leaves=2, least_rows=3)
    assert clean[:, 1].tolist() == [0.0] * 7 + [1.0] * 3
    wide = tree_shares(values, labels, values, 2, most_leaves=2, least_rows=4)
    assert wide[:, 1].tolist() == [0.0] * 6 + [0.75] * 4
