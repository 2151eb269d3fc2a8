"""Labels found quickly: each known one gets its class, and nothing else passes for a label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.scoring.reading.alignment import NotClean
from challenge.scoring.reading.byte_words import fields_of_bytes
from challenge.scoring.reading.label_codes import LabelCodes
from challenge.task import Task
from tests.scoring.made import make_task

NAMES = st.lists(st.text(max_size=9), min_size=1, max_size=30, unique=True)


def task_of(folder: Path, classes: list[str]) -> Task:
    return make_task(folder, classes=classes)


@pytest.mark.parametrize("n", [2, 100, 127, 300])
def test_every_label_has_its_class_however_many_there_are(tmp_path: Path, n: int) -> None:
    classes = [f"c{code:03}" for code in range(n)]
    codes = LabelCodes(task_of(tmp_path / "t", classes))
    found = codes.find(fields_of_bytes([name.encode() for name in reversed(classes)]))
    assert found.tolist() == list(reversed(range(n)))


@given(NAMES, st.binary(max_size=9))
@settings(deadline=None, max_examples=60)
def test_what_is_no_label_is_handed_over(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], other: bytes
) -> None:
    classes = sorted({"".join(set(name) - set('",\r\n')) for name in names} - {""}) or ["a"]
    codes = LabelCodes(task_of(tmp_path_factory.mktemp("t") / "t", classes))
    known = [name.encode() for name in classes]
    assert codes.find(fields_of_bytes(known)).tolist() == list(range(len(known)))
    if other not in known:
        with pytest.raises(NotClean):
            codes.find(fields_of_bytes([*known, other]))


def test_a_label_and_a_zero_byte_is_no_label(tmp_path: Path) -> None:
    # The words of both are the same; only their lengths differ.
    codes = LabelCodes(task_of(tmp_path / "t", ["a", "bc"]))
    for other in (b"a\0", b"bc\0\0", b"\0", b""):
        with pytest.raises(NotClean):
            codes.find(fields_of_bytes([b"a", other]))
    assert codes.find(fields_of_bytes([b"bc", b"a"])).dtype == np.int32
