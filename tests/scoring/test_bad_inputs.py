"""Inputs that other platforms mishandle, one test each, numbered by case."""

from __future__ import annotations

import gzip
import os
import resource
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import Fault, SubmissionError
from challenge.scoring import Predictions, read_predictions, write_predictions
from challenge.task import Task
from tests.scoring.made import ids_of, make_task
from tests.scoring.test_broken_files import BROKEN, task_of

LABELS = "id,label\na1,cat\na2,dog\na3,bird\na4,cat\n"
SCORES = "id,score\na1,0.1\na2,0.5\na3,0.7\na4,0.2\n"


def faults_of(task: Task, path: Path, **options: Any) -> list[Fault]:
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, path, **options)
    return list(caught.value.faults)


def codes_of(task: Task, path: Path) -> list[str]:
    return [fault.code for fault in faults_of(task, path)]


def codes_of_broken(name: str, folder: Path) -> list[str]:
    return codes_of(task_of(BROKEN / name, folder), BROKEN / name)


def read_text(task: Task, text: str | bytes, name: str = "p.csv") -> Predictions:
    return read_predictions(task, write(task, text, name))


def write(task: Task, text: str | bytes, name: str = "p.csv") -> Path:
    path = task.folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def write_parquet(task: Task, columns: dict[str, Any], name: str = "p.parquet") -> Path:
    path = task.folder / name
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def animals(tmp_path: Path) -> Task:
    return task_of(Path("animals.csv"), tmp_path)


@pytest.fixture
def pairs(tmp_path: Path) -> Task:
    return task_of(Path("pairs-.csv"), tmp_path)


def test_case_01_what_is_no_file_is_refused_by_its_path(animals: Task, tmp_path: Path) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, code in (
        ("missing.csv", "file-missing"),
        ("folder.csv", "file-not-a-file"),
        ("pipe.csv", "file-not-a-file"),
    ):
        [fault] = faults_of(animals, tmp_path / name)
        assert (fault.code, fault.where) == (code, str(tmp_path / name))


def test_case_01_a_wrong_suffix_is_refused(animals: Task) -> None:
    assert codes_of(animals, write(animals, LABELS, "p.txt")) == ["file-suffix"]


def test_case_01_a_suffix_that_lies_is_judged_by_content(animals: Task) -> None:
    table = {"id": ["a1", "a2", "a3", "a4"], "label": ["cat", "dog", "bird", "cat"]}
    as_csv = write_parquet(animals, table, "really-parquet.csv")
    expected = read_text(animals, LABELS).codes.tolist()
    assert read_predictions(animals, as_csv).codes.tolist() == expected
    assert read_text(animals, LABELS, "really-csv.parquet").codes.tolist() == expected
    packed = gzip.compress(LABELS.encode())
    assert read_text(animals, packed, "really-gzip.csv").codes.tolist() == expected
    assert read_text(animals, LABELS, "not-packed.csv.gz").codes.tolist() == expected


def test_case_02_no_bytes_and_no_rows_are_refused(animals: Task, tmp_path: Path) -> None:
    assert codes_of_broken("02-empty.csv", tmp_path) == ["file-empty"]
    [fault] = faults_of(animals, BROKEN / "02-header-only.csv")
    assert fault.code == "file-rows"
    assert "4 rows" in fault.expected


def test_case_03_a_ragged_row_and_an_open_quote_are_refused_by_line(animals: Task) -> None:
    [fault] = faults_of(animals, BROKEN / "03-ragged-row.csv")
    assert (fault.code, fault.first) == ("csv-fields", ("line 3 has 3", "line 4 has 1"))
    [fault] = faults_of(animals, BROKEN / "03-unclosed-quote.csv")
    assert (fault.code, fault.first) == ("csv-unclosed-quote", ("line 3",))


def test_case_04_what_is_not_utf_8_is_refused_by_its_byte(animals: Task) -> None:
    fault = faults_of(animals, BROKEN / "04-latin-1.csv")[0]
    assert (fault.code, fault.found) == ("text-encoding", "byte 0xef at byte 27, line 4")
    assert "UTF-16, at byte 0" in faults_of(animals, BROKEN / "04-utf-16.csv")[0].found
    assert "at byte 0" in faults_of(animals, BROKEN / "04-binary.csv")[0].found


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_case_04_a_byte_order_mark_and_windows_lines_are_accepted(
    animals: Task, pairs: Task, start: bytes, end: bytes
) -> None:
    labels = start + LABELS.encode().replace(b"\n", end)
    assert read_text(animals, labels).codes.tolist() == [1, 2, 0, 1]
    scores = start + SCORES.encode().replace(b"\n", end)
    assert read_text(pairs, scores).codes.tolist() == [0, 1, 1, 0]


def test_case_05_another_delimiter_is_named(animals: Task) -> None:
    assert faults_of(animals, BROKEN / "05-semicolon.csv")[0].found == "';' between fields"
    assert faults_of(animals, BROKEN / "05-tab.csv")[0].found == "a tab between fields"


def test_case_06_a_header_with_blanks_or_another_case_is_refused(animals: Task) -> None:
    faults = faults_of(animals, BROKEN / "06-header-spelling.csv")
    assert [fault.code for fault in faults] == ["column-spelling", "column-spelling"]
    assert all("did you mean" in fault.fix for fault in faults)


@pytest.mark.parametrize("name", ["07-index-column.csv", "07-unnamed-index.csv"])
def test_case_07_an_index_column_is_refused_with_index_false_as_fix(
    animals: Task, name: str
) -> None:
    [fault] = faults_of(animals, BROKEN / name)
    assert (fault.code, fault.fix) == ("column-index", "write with index=False")


def test_case_07_the_fix_of_an_index_that_was_reset_leads_to_a_file_that_is_taken(
    animals: Task,
) -> None:
    df = pd.DataFrame({"id": ids_of(animals), "label": "cat"}).reset_index()
    path = animals.folder / "p.parquet"
    df.to_parquet(path, index=False)
    [fault] = faults_of(animals, path)
    assert fault.fix.startswith('df.drop(columns="index") after reset_index()')
    df.drop(columns="index").to_parquet(path, index=False)
    assert read_predictions(animals, path).codes is not None


def test_case_07_an_index_of_pandas_in_parquet_is_refused(animals: Task) -> None:
    table = {"id": ["a1"], "label": ["cat"], "__index_level_0__": [0]}
    assert "column-index" in codes_of(animals, write_parquet(animals, table))


def test_case_08_a_truncated_parquet_file_is_refused_wherever_it_is_cut(animals: Task) -> None:
    table = {"id": ["a1", "a2", "a3", "a4"], "label": ["cat", "dog", "bird", "cat"]}
    whole = write_parquet(animals, table).read_bytes()
    for size in range(4, len(whole)):
        assert codes_of(animals, write(animals, whole[:size], "cut.parquet")) == ["file-damaged"]


def test_case_08_parquet_of_another_table_is_refused(animals: Task) -> None:
    path = write_parquet(animals, {"city": ["Ulm"], "rain": [1.5]})
    assert codes_of(animals, path)[:1] == ["column-unknown"]


def test_case_08_nested_columns_are_refused(animals: Task) -> None:
    ids = ["a1", "a2", "a3", "a4"]
    path = write_parquet(animals, {"id": ids, "label": [["cat"]] * 4})
    assert codes_of(animals, path) == ["column-type"]
    path = write_parquet(animals, {"id": [{"label": "x", "id": one} for one in ids], "label": ids})
    assert codes_of(animals, path)[0] == "column-type"


def test_case_08_a_column_without_any_value_is_empty_and_of_no_wrong_type(animals: Task) -> None:
    none = pa.nulls(4)
    ids = ["a1", "a2", "a3", "a4"]
    (label,) = faults_of(animals, write_parquet(animals, {"id": ids, "label": none}))
    assert (label.code, label.n) == ("label-empty", 4)
    columns = {"bird": none, "cat": [0.5] * 4, "dog": [0.5] * 4}
    number = faults_of(animals, write_parquet(animals, {"id": ids, **columns}))[0]
    assert (number.code, number.n) == ("number-empty", 4)
    assert number.found == "4 value(s) empty" and "'bird'" in number.first[0]


def test_case_08_other_formats_are_refused_unread(animals: Task, tmp_path: Path) -> None:
    assert codes_of_broken("08-pickle.csv", tmp_path) == ["file-format"]
    assert codes_of_broken("08-excel.csv", tmp_path) == ["file-format"]
    with (tmp_path / "a.csv").open("wb") as file:
        np.savez(file, id=np.arange(3))
    assert codes_of(animals, tmp_path / "a.csv") == ["file-format"]


def gzip_bomb(path: Path, n_mb: int, start: bytes = b"", block: bytes = bytes(1 << 20)) -> None:
    packer = zlib.compressobj(9, wbits=31)
    with path.open("wb") as file:
        file.write(packer.compress(start))
        for _ in range(n_mb):
            file.write(packer.compress(block))
        file.write(packer.flush())


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("block", [bytes(1 << 20), b"a1,cat\n" * (1 << 17), b"\n" * (1 << 20)])
def test_case_09_a_gzip_bomb_is_refused_and_memory_stays_flat(
    animals: Task, tmp_path: Path, block: bytes
) -> None:
    gzip_bomb(tmp_path / "bomb.csv.gz", 200, b"id,label\n", block)
    before = peak_mb()
    assert codes_of(animals, tmp_path / "bomb.csv.gz") == ["file-unpacks-too-large"]
    assert peak_mb() - before < 100


def test_case_09_a_zstandard_bomb_is_refused_and_memory_stays_flat(
    animals: Task, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.csv.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(b"id,label\n")
        for _ in range(200):
            file.write(bytes(1 << 20))
    before = peak_mb()
    assert codes_of(animals, path) == ["file-unpacks-too-large"]
    assert peak_mb() - before < 100


def test_case_09_parquet_run_lengths_are_refused_by_their_row_count(
    animals: Task, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.parquet"
    n = 2_000_000
    index = pa.array(np.zeros(n, np.int32))
    column = pa.DictionaryArray.from_arrays(index, pa.array(["a1"]))
    pq.write_table(pa.table({"id": column, "label": column}), path)
    assert path.stat().st_size < 50_000
    before = peak_mb()
    assert codes_of(animals, path) == ["file-rows"]
    assert peak_mb() - before < 50


def test_case_10_a_file_beyond_the_cap_is_refused(animals: Task) -> None:
    path = write(animals, LABELS)
    [fault] = faults_of(animals, path, max_bytes=20)
    assert (fault.code, fault.found) == ("file-too-large", f"{len(LABELS)} bytes")


def test_case_10_what_is_stored_is_what_was_checked(animals: Task, tmp_path: Path) -> None:
    path = write(animals, LABELS)
    predictions = read_predictions(animals, path)
    path.write_text(LABELS.replace("dog", "cat"))
    write_predictions(predictions, animals, tmp_path / "stored.parquet")
    stored = read_predictions(animals, tmp_path / "stored.parquet")
    assert stored.codes.tolist() == [1, 2, 0, 1]


def test_case_11_missing_columns_are_named(tmp_path: Path) -> None:
    for name, n in (("11-no-id.csv", 1), ("11-no-target.csv", 1), ("11-neither.csv", 2)):
        assert codes_of_broken(name, tmp_path / name).count("column-missing") == n


def test_case_12_extra_columns_are_refused(tmp_path: Path) -> None:
    assert codes_of_broken("12-extra-columns.csv", tmp_path) == ["column-unknown"]


def test_case_13_a_column_twice_is_refused(animals: Task) -> None:
    assert codes_of(animals, BROKEN / "13-column-twice.csv") == ["column-duplicate"]
    ids = pa.array(["a1", "a2", "a3", "a4"])
    labels = pa.array(["cat"] * 4)
    table = pa.Table.from_arrays([ids, labels, labels], names=["id", "label", "label"])
    pq.write_table(table, animals.folder / "twice.parquet")
    assert codes_of(animals, animals.folder / "twice.parquet") == ["column-duplicate"]


def test_case_14_the_order_of_columns_does_not_matter(animals: Task) -> None:
    swapped = "label,id\ncat,a1\ndog,a2\nbird,a3\ncat,a4\n"
    assert read_text(animals, swapped).codes.tolist() == [1, 2, 0, 1]


def test_case_15_classes_too_few_and_too_many_are_refused(animals: Task) -> None:
    assert codes_of(animals, BROKEN / "15-class-missing.csv") == ["column-missing"]
    assert "column-unknown" in codes_of(animals, BROKEN / "15-class-too-many.csv")


def test_case_15_two_swapped_names_are_a_legal_submission(animals: Task) -> None:
    rows = "".join(f"a{n},0.1,0.2,0.7\n" for n in range(1, 5))
    assert read_text(animals, "id,bird,cat,dog\n" + rows).codes.tolist() == [2] * 4
    assert read_text(animals, "id,bird,dog,cat\n" + rows).codes.tolist() == [1] * 4


STRANGE = (
    "None",
    "NA",
    "null",
    "nan",
    "True",
    "007",
    "1e3",
    " x ",
    "a,b",
    'c"d',
    "é 😀",
    "1.b",
    "1",
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("form", ["labels", "probabilities"])
def test_case_16_strange_class_names_come_through(tmp_path: Path, suffix: str, form: str) -> None:
    ids = [f"a{n:02}" for n in range(len(STRANGE))]
    task = make_task(tmp_path / "strange", classes=STRANGE, ids=ids)
    columns: dict[str, list[Any]] = {"id": ids, "label": list(task.classes)}
    if form == "probabilities":
        columns = {"id": ids}
        for code, name in enumerate(task.classes):
            columns[name] = [0.4 if row == code else 0.05 for row in range(len(ids))]
    path = tmp_path / f"p{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        import csv

        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    predictions = read_predictions(task, path)
    assert predictions.codes.tolist() == list(range(len(STRANGE)))
    write_predictions(predictions, task, tmp_path / "stored.parquet")
    stored = read_predictions(task, tmp_path / "stored.parquet")
    assert stored.codes.tolist() == list(range(len(STRANGE)))


def test_case_17_shuffled_rows_give_the_same_arrays(animals: Task) -> None:
    header, *lines = LABELS.splitlines(keepends=True)
    for turn in range(4):
        shuffled = header + "".join(lines[turn:] + lines[:turn])
        assert read_text(animals, shuffled).codes.tolist() == [1, 2, 0, 1]


def test_case_18_missing_unknown_and_duplicate_ids_are_named(tmp_path: Path) -> None:
    for name, codes in (
        ("18-missing-ids.csv", ["id-missing"]),
        ("18-unknown-ids.csv", ["id-unknown"]),
        ("18-duplicate-ids.csv", ["id-duplicate"]),
        ("18-missing-covered-by-duplicate.csv", ["id-duplicate", "id-missing"]),
    ):
        assert codes_of_broken(name, tmp_path / name) == codes


def test_case_19_ids_of_train_and_of_another_task_are_told_apart(tmp_path: Path) -> None:
    assert codes_of_broken("19-ids-of-train.csv", tmp_path / "1")[0] == "id-other-rows"
    assert codes_of_broken("19-ids-of-another-task.csv", tmp_path / "2")[0] == "id-other-task"


def test_case_20_an_id_is_text_and_the_fix_names_the_nearest(tmp_path: Path) -> None:
    ids = ["007", "9007199254740993", "1", "a b"]
    task = make_task(tmp_path / "numbers", ids=ids)
    text = "id,label\n7,cat\n9007199254740992,cat\n1.0,cat\n a b,cat\n"
    [unknown, missing] = faults_of(task, write(task, text))
    assert (unknown.code, unknown.n, missing.n) == ("id-unknown", 4, 4)
    for guess in ids:
        assert f"did you mean {guess!r}?" in " ".join(unknown.first)


def test_case_20_whole_numbers_in_parquet_are_read_as_their_digits(tmp_path: Path) -> None:
    task = make_task(tmp_path / "numbers", ids=["1", "22", "9007199254740993"])
    ids = np.array([9007199254740993, 1, 22])
    path = write_parquet(task, {"id": ids, "label": ["dog", "bird", "cat"]})
    assert read_predictions(task, path).codes.tolist() == [0, 1, 2]
    path = write_parquet(task, {"id": ids.astype(float), "label": ["dog", "bird", "cat"]})
    assert codes_of(task, path)[0] == "column-type"


def test_case_21_ids_of_any_characters_work(tmp_path: Path) -> None:
    import csv

    ids = ["a,b", 'a"b', "a\nb", "=1+1", "<b>", "é", "a\r\nb", "long" * 30]
    task = make_task(tmp_path / "strange", ids=ids)
    path = tmp_path / "p.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label"])
        writer.writerows([one, "dog" if one == "é" else "cat"] for one in ids)
    order = sorted(ids, key=str.encode)
    expected = [2 if one == "é" else 1 for one in order]
    assert read_predictions(task, path).codes.tolist() == expected
    labels = ["dog" if one == "é" else "cat" for one in ids]
    path = write_parquet(task, {"id": ids, "label": labels})
    assert read_predictions(task, path).codes.tolist() == expected


def test_case_22_the_rows_of_one_half_are_refused_without_naming_it(animals: Task) -> None:
    [fault] = faults_of(animals, BROKEN / "22-one-half.csv")
    assert fault.code == "id-missing"
    assert not {"public", "private", "subset"} & set(str(fault).replace("`", " ").split())


def test_case_23_pairs_that_are_not_asked_for_are_refused(tmp_path: Path) -> None:
    codes = codes_of_broken("pairs-23-pair-by-records.csv", tmp_path / "1")
    assert codes == ["column-pair", "column-missing"]
    codes = codes_of_broken("pairs-23-reversed-pairs.csv", tmp_path / "2")
    assert codes == ["id-unknown", "id-missing"]


def test_case_24_each_kind_of_bad_number_has_its_own_code(animals: Task, pairs: Task) -> None:
    assert codes_of(animals, BROKEN / "24-not-numbers.csv") == [
        "number-empty",
        "number-nan",
        "number-infinite",
        "number-overflow",
        "number-comma",
        "number-percent",
        "number-text",
    ]
    values = pa.array([None, np.nan, np.inf, 0.5])
    path = write_parquet(pairs, {"id": ["a1", "a2", "a3", "a4"], "score": values})
    assert codes_of(pairs, path) == ["number-empty", "number-nan", "number-infinite"]


def test_case_25_numbers_outside_zero_to_one_are_refused(animals: Task, pairs: Task) -> None:
    assert codes_of(animals, BROKEN / "25-out-of-range.csv") == ["number-range"]
    for value in ("-0.01", "1.01"):
        path = write(pairs, SCORES.replace("0.7", value))
        [fault] = faults_of(pairs, path)
        assert (fault.code, fault.first) == ("number-range", (f"line 4: {value}",))


def test_case_26_rows_that_sum_to_nine_tenths_are_refused(animals: Task) -> None:
    [fault] = faults_of(animals, BROKEN / "26-wrong-sums.csv")
    assert (fault.code, fault.n, fault.first) == ("number-sum", 2, ("line 2: 0.9", "line 5: 1.5"))


def test_case_26_a_sum_of_1_0005_is_accepted_and_normalised(animals: Task) -> None:
    rows = "".join(f"a{n},0.2505,0.25,0.5\n" for n in range(1, 5))
    probabilities = read_text(animals, "id,bird,cat,dog\n" + rows).probabilities
    assert probabilities is not None
    np.testing.assert_allclose(probabilities.as_array().sum(axis=1), 1, rtol=0, atol=1e-15)
    np.testing.assert_allclose(probabilities.as_array()[0], np.array([0.2505, 0.25, 0.5]) / 1.0005)


def test_case_27_the_wrong_kind_of_prediction_is_explained(tmp_path: Path) -> None:
    for name, words in (
        ("ranked-27-decisions-for-ranking.csv", "average_precision needs a ranking"),
        ("27-scores-for-classes.csv", "macro_f1 needs `label`"),
        ("pairs-27-classes-for-scores.csv", "`score`"),
    ):
        path = BROKEN / name
        fault = faults_of(task_of(path, tmp_path / name), path)[0]
        assert fault.code == "column-kind"
        assert words in fault.expected + fault.fix


def test_case_28_an_unknown_class_is_refused_with_the_nearest(animals: Task) -> None:
    [fault] = faults_of(animals, BROKEN / "28-unknown-class.csv")
    assert fault.code == "label-unknown"
    assert fault.first[0] == "line 3: 'dgo' (nearest class: 'dog')"


def test_case_29_one_and_zero_true_and_false_are_decisions(pairs: Task) -> None:
    text = "id,label\na1,1\na2,0\na3,True\na4,False\n"
    assert read_text(pairs, text).codes.tolist() == [1, 0, 1, 0]
    ids = ["a1", "a2", "a3", "a4"]
    for labels in (
        pa.array([True, False, True, False]),
        pa.array([1, 0, 1, 0], pa.int8()),
        pa.array([1, 0, 1, 0], pa.uint64()),
        pa.array(["1", "False", "True", "0"]),
        pa.array(["1", "0", "1", "0"]).dictionary_encode(),
    ):
        path = write_parquet(pairs, {"id": ids, "label": labels})
        assert read_predictions(pairs, path).codes.tolist() == [1, 0, 1, 0]


def test_case_29_other_words_for_a_match_are_refused(pairs: Task) -> None:
    [fault] = faults_of(pairs, BROKEN / "pairs-29-words-for-matches.csv")
    assert (fault.code, fault.n) == ("label-unknown", 4)
    path = write_parquet(pairs, {"id": ["a1", "a2", "a3", "a4"], "label": [1, 0, 2, 1]})
    assert codes_of(pairs, path) == ["label-unknown"]


def test_case_30_constant_predictions_are_read(animals: Task, pairs: Task) -> None:
    rows = "".join(f"a{n},cat\n" for n in range(1, 5))
    assert read_text(animals, "id,label\n" + rows).codes.tolist() == [1] * 4
    assert read_text(pairs, "id,score\n" + rows.replace("cat", "0.5")).codes.tolist() == [1] * 4


def test_no_report_says_more_than_the_file_and_the_public_folder(tmp_path: Path) -> None:
    for path in BROKEN.glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert "private" not in text
        assert "solution" not in text
