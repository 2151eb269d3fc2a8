"""One reading or none: folders of pairs, and those of competitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from challenge.errors import TaskError
from challenge.prepare import build_task
from challenge.prepare.proposal.infer import propose_task
from challenge.task.definition import Raw
from challenge.task.task import Task

N = 90
WORDS = ["oak", "desk", "lamp", "pine", "brass", "steel", "glass", "amber", "round", "tall"]


def title(row: int) -> str:
    return " ".join(WORDS[(row * step + step) % 10] for step in (1, 3, 7, 9)) + f" {row * 37}"


ACCEPTED = (
    "near-identical-texts",
    "contradictory-labels",
    "transitive-pairs",
    "telling-agreement-title",
    "telling-agreement-price",
    "telling-form-grams",
)


def built(folder: Path, text: str) -> Task:
    (folder / "toy").mkdir(exist_ok=True)
    accepted = "".join(f'"{name}" = "made of few words"\n' for name in ACCEPTED)
    (folder / "toy" / "task.toml").write_text(f"{text}\n[accept]\n{accepted}")
    return build_task(folder / "toy", cache=folder / "cache").task


def record(row: int, price: int, name: str) -> str:
    return f"COL title VAL caf\u00e9 {title(row)} COL {name} VAL {price}.5"


def ditto(folder: Path, encoding: str = "utf-8", name: str = "list price") -> Path:
    raw = folder / "raw"
    raw.mkdir()
    for part, rows in (("train", range(60)), ("test", range(60, N))):
        lines = [
            "\t".join((record(n, n, name), record(n + n % 3, n + 1, name), str(int(n % 3 == 0))))
            + "\n"
            for n in rows
        ]
        (raw / f"{part}.txt").write_bytes("".join(lines).encode(encoding))
    return raw


def test_an_attribute_of_ditto_may_have_blanks_in_its_name(tmp_path: Path) -> None:
    task = built(tmp_path, propose_task("toy", ditto(tmp_path)).text)
    train = pq.read_table(task.public / "train.parquet").to_pylist()
    assert all(
        "COL" not in row["left_title"] and row["left_list price"] % 1 == 0.5 for row in train
    )


def test_ditto_of_an_old_encoding_is_refused_by_add_and_read_if_stated(tmp_path: Path) -> None:
    raw = ditto(tmp_path, "cp1252")
    with pytest.raises(TaskError, match=r"train\.txt, line 1: not utf-8"):
        propose_task("toy", raw)
    proposal = propose_task("toy", raw, raw=Raw(format="ditto", encoding="cp1252"))
    train = pq.read_table(built(tmp_path, proposal.text).public / "train.parquet")
    assert all(text.startswith("caf\u00e9 ") for text in train["left_title"].to_pylist())


def test_an_attribute_that_only_some_records_have_is_not_lost_in_silence(tmp_path: Path) -> None:
    raw = ditto(tmp_path)
    line = (raw / "train.txt").read_text().splitlines()[0]
    extra = line.replace("COL list price", "COL colour VAL red COL list price")
    with (raw / "train.txt").open("a") as file:
        file.write(extra + "\n")
    text = propose_task("toy", raw).text
    reading = built(tmp_path, text).document["reading"]
    assert {"left_colour", "right_colour"} <= set(reading["left_out"])


def deepmatcher(
    folder: Path,
    write_id: Callable[[int], str] = str,
    write_label: Callable[[int], str] = str,
    before: str = "",
) -> Path:
    raw = folder / "raw"
    raw.mkdir()
    for name, more in (("tableA", ""), ("tableB", " shop")):
        rows = "".join(f"{row},{title(row)}{more},{row}.5\n" for row in range(N))
        (raw / f"{name}.csv").write_text("id,title,price\n" + rows)
    pairs = [(row, (row + row % 3) % N, int(row % 3 == 0)) for row in range(N)]
    for name, part in (("train", pairs[:60]), ("test", pairs[60:])):
        lines = "".join(
            f"{write_id(a)},{write_id(b)},{write_label(label)}\n" for a, b, label in part
        )
        (raw / f"{name}.csv").write_text(f"{before}ltable_id,rtable_id,label\n{lines}")
    return raw


def test_ids_that_became_floats_are_named_in_their_other_form(tmp_path: Path) -> None:
    raw = deepmatcher(tmp_path, write_id=lambda row: f"{row}.0")
    with pytest.raises(TaskError) as refused:
        built(tmp_path, propose_task("toy", raw).text)
    assert "write '0' for '0.0'" in refused.value.faults[0].fix


@pytest.mark.parametrize(
    ("write_label", "before"),
    [(lambda label: f"{label}.0", ""), (str, "#key=_id\n#ltable=A\n")],
)
def test_labels_that_became_floats_and_comments_above_pairs_are_read(
    write_label: Callable[[int], str], before: str, tmp_path: Path
) -> None:
    raw = deepmatcher(tmp_path, write_label=write_label, before=before)
    task = built(tmp_path, propose_task("toy", raw).text)
    labels = pq.read_table(task.public / "train.parquet")["label"].to_pylist()
    assert set(labels) == {0, 1}


def competition(folder: Path, *, answer: Callable[[str], str] = str, row_id: str = "{}") -> Path:
    raw = folder / "raw"
    raw.mkdir()

    def line(row: int) -> str:
        return f"{title(row)},{row * 7 % 60}.25"

    train = "".join(f"{row},{line(row)},{row % 4},{row * 5 % 2}\n" for row in range(60))
    test = "".join(f"{row_id.format(row)},{line(row)}\n" for row in range(60, N))
    answers = "".join(f"{row},{answer(str(row * 5 % 2))}\n" for row in range(60, N))
    (raw / "train.csv").write_text("row,words,grams,later,grade\n" + train)
    (raw / "test.csv").write_text("row,words,grams\n" + test)
    (raw / "solution.csv").write_text("row,grade\n" + answers)
    return raw


def test_a_column_that_test_lacks_is_left_out_and_said(tmp_path: Path) -> None:
    proposal = propose_task("toy", competition(tmp_path))
    assert any("the test table has no such column" in one for one in proposal.unsure)
    task = built(tmp_path, proposal.text)
    assert [column.name for column in task.columns] == ["words", "grams"]
    assert task.document["reading"]["left_out"]["later"] == "The test table has no such column"


def test_answers_in_another_form_than_train_are_asked_about(tmp_path: Path) -> None:
    raw = competition(tmp_path, answer=lambda label: f"{label}.0")
    text = propose_task("toy", raw).text
    with pytest.raises(TaskError, match=r"'0' \(\d+ rows\) and '0\.0'") as refused:
        built(tmp_path, text)
    assert refused.value.faults[0].code == "variants"
    joined = built(tmp_path, text.replace("\n[raw]", '\n[raw]\nvariants = "join"'))
    assert joined.classes == ("0", "1")


def test_ids_of_test_that_became_floats_are_named_in_their_other_form(tmp_path: Path) -> None:
    text = propose_task("toy", competition(tmp_path, row_id="{}.0")).text
    with pytest.raises(TaskError) as refused:
        built(tmp_path, text)
    assert "write '60' for '60.0'" in refused.value.faults[0].fix


@pytest.mark.parametrize(
    ("write_id", "fix"),
    [
        (lambda row: f"0{row}" if row else "0000", "write '0' for '0000', and so on"),
        (lambda row: f" {row}.00 ", "write '0' for ' 0.00 ', and so on"),
    ],
)
def test_ids_in_another_form_are_named_in_that_of_the_records(
    write_id: Callable[[int], str], fix: str, tmp_path: Path
) -> None:
    raw = deepmatcher(tmp_path, write_id=write_id)
    with pytest.raises(TaskError) as refused:
        built(tmp_path, propose_task("toy", raw).text)
    assert fix in refused.value.faults[0].fix


def test_following_the_fix_of_an_id_column_of_another_case_leads_to_a_task(tmp_path: Path) -> None:
    raw = competition(tmp_path)
    text = propose_task("toy", raw).text
    table = raw / "test.csv"
    table.write_text(table.read_text().replace("row,", "Row,", 1))
    with pytest.raises(TaskError) as refused:
        built(tmp_path, text)
    (fault,) = refused.value.faults
    assert fault.fix == "rename 'Row' to 'row' in test.csv"
    table.write_text(table.read_text().replace("Row,", "row,", 1))
    assert built(tmp_path, text).n_test == N - 60


def test_a_label_that_is_no_name_says_how_the_header_was_read(tmp_path: Path) -> None:
    (tmp_path / "iris.data").write_text("".join(f"{n}.5,{n % 7}.25,k{n % 3}\n" for n in range(90)))
    with pytest.raises(TaskError) as refused:
        propose_task("toy", tmp_path / "iris.data", label="kind")
    assert "iris.data has no header" in refused.value.faults[0].fix


def test_a_test_table_may_have_an_empty_label_column(tmp_path: Path) -> None:
    raw = competition(tmp_path)
    lines = (raw / "test.csv").read_text().splitlines()
    (raw / "test.csv").write_text(
        "\n".join([f"{lines[0]},grade", *(f"{one}," for one in lines[1:])])
    )
    task = built(tmp_path, propose_task("toy", raw).text)
    assert [column.name for column in task.columns] == ["words", "grams"]
    assert task.n_test == N - 60


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_of_ditto_are_no_part_of_the_last_value(end: str, tmp_path: Path) -> None:
    for name, rows in (("train", range(60)), ("valid", range(60, 70)), ("test", range(70, N))):
        lines = [
            f"COL title VAL {title(row)} COL price VAL {row}.5\t"
            f"COL title VAL {title(row + row % 3)} COL price VAL {row}.5\t{int(row % 3 == 0)}"
            for row in rows
        ]
        (tmp_path / f"{name}.txt").write_bytes("".join(line + end for line in lines).encode())
    task = built(tmp_path, propose_task("toy", tmp_path).text)
    assert set(pq.read_table(task.public / "train.parquet")["label"].to_pylist()) == {0, 1}
