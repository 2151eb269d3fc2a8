"""Closure, B-cubed and contradictions, against definitions written out the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.kinds.metrics.entities import b_cubed, intransitive_share
from challenge.kinds.statistics.grouping import components

LINKS = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=30)


@settings(deadline=None, max_examples=60)
@given(LINKS)
def test_components_are_those_of_a_search(links: list[tuple[int, int]]) -> None:
    left, right = (np.array([link[i] for link in links], np.int32) for i in (0, 1))
    found = components(left, right, 15)
    for start in range(15):
        reached, grew = {start}, True
        while grew:
            more = {b for a, b in links if a in reached} | {a for a, b in links if b in reached}
            grew = not more <= reached
            reached |= more
        assert found[start] == min(reached)


def test_components_of_a_long_chain() -> None:
    n = 5_000
    order = np.random.default_rng(0).permutation(n)
    assert (components(order[:-1], order[1:], n) == 0).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=25))
def test_b_cubed_is_its_definition(records: list[tuple[int, int]]) -> None:
    predicted, true = (np.array([record[i] for record in records]) for i in (0, 1))
    precision, recall = [], []
    for p, t in records:
        both = ((predicted == p) & (true == t)).sum()
        precision.append(both / (predicted == p).sum())
        recall.append(both / (true == t).sum())
    figures = b_cubed(predicted, true)
    assert figures is not None
    assert figures.precision == pytest.approx(np.mean(precision))
    assert figures.recall == pytest.approx(np.mean(recall))


def test_nothing_gives_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert b_cubed(none, none) is None
    assert intransitive_share(np.array([0]), np.array([1]), np.array([0]), np.arange(2)) is None
