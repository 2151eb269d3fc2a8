"""Leaks that are no value of one column: each kind is found, and honest tables stay clean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.leaks import FORMS, KINDS, base, clean, file_dates_follow, findings
from challenge.prepare.audit import copies
from challenge.prepare.audit.neighbours import near_short_texts

NEW = (
    "missing values", "decimals", "corner pixel", "text length", "short near-copies",
    "prefix of a code", "mirrored images", "cropped images", "label in rot13", "label in a word",
    "translated copies", "XOR of two columns",
)  # fmt: skip


@pytest.mark.parametrize("kind", NEW)
def test_a_planted_leak_is_found(kind: str) -> None:
    plant, expected = KINDS[kind]
    n, k = FORMS[0]
    table = base(100, n, k)
    plant(table, np.random.default_rng(0), k)
    assert any(name.startswith(expected) for name in findings(table))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", range(1, len(FORMS)))
def test_a_planted_leak_is_found_or_harmless_in_other_tables(kind: str, form: int) -> None:
    plant, expected = KINDS[kind]
    n, k = FORMS[form]
    table = base(100 + form, n, k)
    plant(table, np.random.default_rng(form), k)
    found = findings(table, dates=plant is file_dates_follow)
    if expected == "harmless":
        assert not found
    else:
        assert any(name.startswith(expected) for name in found)


@pytest.mark.slow
@pytest.mark.parametrize("make", range(10))
def test_a_clean_table_raises_no_alarm(make: int) -> None:
    assert findings(clean(make, 7)) == []


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("blue garden chair", "blue garden chaer", True),
        ("blue garden chair", "garden chair blue", True),
        ("blue garden chair", "blue-garden, chair.", True),
        ("blue garden chair", "blue garden chairs", True),
        ("blue garden chair 12", "blue garden chair 13", False),
        ("blue garden chair", "grey garden table", False),
        ("chair", "chairs", False),
    ],
)
def test_short_texts_are_near_but_for_a_character(one: str, other: str, near: bool) -> None:
    assert bool(len(near_short_texts([one], [other]))) == near


def test_a_vocabulary_of_short_texts_has_no_copies() -> None:
    names = [f"lamp of the {colour} kind" for colour in ("red", "rod", "rid", "rad", "rud")]
    assert not len(near_short_texts(names, names * 2))
    assert not len(near_short_texts(["lamp of the rxd kind"], names))


def test_the_names_of_image_findings_are_distinct() -> None:
    names = [name for name, _, _ in copies._IMAGE_COPIES]
    assert len(set(names)) == len(names) == 3


def test_folds_of_the_task_keep_groups_from_vouching_for_each_other(tmp_path: Path) -> None:
    """A code that only names a group predicts the label of the group, and of no other row."""
    from challenge.prepare.audit.prediction import auc_of_categories

    group = np.repeat(np.arange(40), 5)
    labels = np.random.default_rng(0).integers(0, 2, 40)[group]
    drawn = auc_of_categories(group, labels, 2)
    given = auc_of_categories(group, labels, 2, folds=group % 5)
    assert drawn is not None and given is not None
    assert drawn[0] > 0.98
    assert given[0] < 0.6
