"""Labels found quickly: each known one gets its class, and nothing else passes for a label."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import SubmissionError
from challenge.scoring import read_predictions
from challenge.scoring.reading.alignment import NotClean
from challenge.scoring.reading.byte_words import fields_of_bytes
from challenge.scoring.reading.label_codes import LabelCodes
from challenge.task import Task
from tests.scoring.made import ids_of, make_task

_AS_IN_TRAIN = "write the class exactly as train.csv has it, as text"
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


@pytest.mark.parametrize(
    ("column", "classes", "fix"),
    [
        (pa.array([0.0, 1.0, 2.0, 0.0]), ["0", "1", "2"], '.astype("Int64").astype(str)'),
        (pa.array([0.0, 1.0, 2.0, 0.0]), ["0.0", "1.0", "2.0"], ".astype(str)"),
        (pa.array([b"0", b"1", b"2", b"0"]), ["0", "1", "2"], '.str.decode("utf-8")'),
    ],
)
def test_the_fix_of_a_column_of_another_type_leads_to_a_file_that_is_taken(
    tmp_path: Path, column: pa.Array, classes: list[str], fix: str
) -> None:
    task = make_task(tmp_path / "t", classes=classes, n=4)
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": ids_of(task), "label": column}), path)
    with pytest.raises(SubmissionError) as refused:
        read_predictions(task, path)
    (fault,) = refused.value.faults
    assert fault.fix == f'convert it: df["label"]{fix}'
    df = pd.read_parquet(path)
    df["label"] = eval(fault.fix.removeprefix("convert it: "))
    df.to_parquet(path, index=False)
    assert len(read_predictions(task, path).codes) == 4


@pytest.mark.parametrize(("written", "known"), [("1.0", "1"), ("1", "1.0")])
def test_a_whole_number_is_near_its_class_with_a_point_or_without(
    tmp_path: Path, written: str, known: str
) -> None:
    classes = [known.replace("1", digit) for digit in "012"]
    task = make_task(tmp_path / "t", classes=classes, n=4)
    path = tmp_path / "p.csv"
    rows = "".join(f"{one},{written}\n" for one in ids_of(task))
    path.write_text(f"id,label\n{rows}")
    with pytest.raises(SubmissionError, match=f"'{written}' .nearest class: '{known}'"):
        read_predictions(task, path)


@pytest.mark.parametrize(
    ("written", "classes", "fix"),
    [
        (["True", "False"], ["false", "true"], "write 'true' for 'True', 'false' for 'False'"),
        (["TRUE", "FALSE"], ["False", "True"], "write 'True' for 'TRUE', 'False' for 'FALSE'"),
        (["1", "0"], ["false", "true"], "write 'true' for '1', 'false' for '0'"),
        (["true", "false"], ["0", "1"], "write '1' for 'true', '0' for 'false'"),
        (["1.0", "0.0"], ["0", "1"], "write '1' for '1.0', '0' for '0.0'"),
        ([" Oak", "pine "], ["oak", "pine"], "write 'oak' for ' Oak', 'pine' for 'pine '"),
        (["Oak", "elm"], ["oak", "pine"], _AS_IN_TRAIN),
        (["OAK", "PINE"], ["oak", "Oak", "pine"], _AS_IN_TRAIN),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_following_the_fix_of_labels_in_another_form_leads_to_a_file_that_is_taken(
    suffix: str, written: list[str], classes: list[str], fix: str, tmp_path: Path
) -> None:
    task = make_task(tmp_path / "t", classes=classes, n=4)
    path = tmp_path / f"p.{suffix}"

    def write(labels: list[str]) -> None:
        frame = pd.DataFrame({"id": ids_of(task), "label": labels})
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path, index=False)

    write(written * 2)
    with pytest.raises(SubmissionError) as refused:
        read_predictions(task, path)
    assert refused.value.faults[-1].fix == fix
    pairs = re.findall("'([^']*)' for '([^']*)'", fix)
    if pairs:
        names = {other: name for name, other in pairs}
        write([names[label] for label in written * 2])
        assert len(read_predictions(task, path).codes) == 4


@pytest.mark.parametrize("classes", [["false", "true"], ["False", "True"], ["FALSE", "TRUE"]])
def test_truth_values_of_parquet_are_the_classes_however_these_are_spelled(
    classes: list[str], tmp_path: Path
) -> None:
    task = make_task(tmp_path / "t", classes=classes, n=4)
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": ids_of(task), "label": [True, False, False, True]}), path)
    assert read_predictions(task, path).codes.tolist() == [1, 0, 0, 1]


def test_a_truth_value_that_may_be_two_classes_is_asked_about(tmp_path: Path) -> None:
    task = make_task(tmp_path / "t", classes=["TRUE", "false", "true"], n=4)
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": ids_of(task), "label": [True, False, False, True]}), path)
    with pytest.raises(SubmissionError, match="2 label"):
        read_predictions(task, path)


def test_a_label_and_a_zero_byte_is_no_label(tmp_path: Path) -> None:
    # The words of both are the same; only their lengths differ.
    codes = LabelCodes(task_of(tmp_path / "t", ["a", "bc"]))
    for other in (b"a\0", b"bc\0\0", b"\0", b""):
        with pytest.raises(NotClean):
            codes.find(fields_of_bytes([b"a", other]))
    assert codes.find(fields_of_bytes([b"bc", b"a"])).dtype == np.int32
