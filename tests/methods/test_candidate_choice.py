"""Whether an entry looks at candidates is chosen out of fold, with candidates kept together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from challenge.methods.builtin.candidate_choice import (
    CandidateChoice,
    candidate_groups,
    choose_context,
)
from challenge.task import Task
from tests.toy import build_toy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("pairs"), "matching", n=60, images=False)


def pairs_of(task: Task, left: NDArray[Any], right: NDArray[Any]) -> pd.DataFrame:
    """Return pairs of the records of these numbers; the values of a record are its number."""
    table = {c.name: (left if c.side == "left" else right).astype(str) for c in task.columns}
    return pd.DataFrame({"left_id": left.astype(str), "right_id": right.astype(str), **table})


def test_pairs_that_records_join_are_one_group(task: Task) -> None:
    pairs = pairs_of(task, np.array([0, 0, 1, 2, 3, 4]), np.array([0, 1, 1, 2, 3, 4]))
    groups, kept = candidate_groups(task, pairs)
    assert kept == "all candidates"
    assert len(set(groups[:3])) == 1 and len(set(groups)) == 4


def test_where_everything_is_joined_a_left_record_keeps_its_pairs(task: Task) -> None:
    left, right = np.arange(12) // 3, np.arange(12) % 3
    groups, kept = candidate_groups(task, pairs_of(task, left, right))
    assert kept == "candidates of a left record"
    assert groups.tolist() == left.tolist()


@pytest.mark.parametrize("informs", [True, False])
def test_the_context_is_read_only_where_it_helps(task: Task, informs: bool) -> None:
    random = np.random.default_rng(0)
    n = 300
    pairs = pairs_of(task, np.arange(n) // 3, np.arange(n))
    truth = (random.random(n) < 0.4).astype(np.int64)
    compared = (truth + random.normal(0, 1, n))[:, None]
    context = (truth * informs + random.normal(0, 0.5, n))[:, None]
    chosen = choose_context(task, pairs, compared, context, truth, 0)
    assert chosen.helps is informs
    assert chosen.as_details()["used"] is informs


def test_a_small_gain_is_not_enough() -> None:
    assert not CandidateChoice(0.019, 0.01, "all candidates").helps
    assert CandidateChoice(0.021, 0.01, "all candidates").helps
