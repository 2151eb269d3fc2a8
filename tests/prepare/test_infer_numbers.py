"""Labels that are numbers in `challenge add`: which kind is proposed, and what is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from challenge.errors import TaskError
from challenge.kinds import Kind, kind_of
from challenge.prepare import build_task
from challenge.prepare.proposal.infer import propose_task
from challenge.prepare.proposal.notes import Code
from challenge.prepare.proposal.proposal_text import Proposal
from challenge.task import write_atomically
from challenge.task.definition import read_definition

N = 300
NUMBERS, CLASSES = kind_of("regression"), kind_of("classification")


def table(folder: Path, price: Callable[[int], object]) -> Path:
    """Write 300 rows with a label `price`."""
    chance = random.Random(0)
    words = ["oak", "elm", "fir", "ash", "yew", "bay", "fig", "box", "lamp", "chair"]
    lines = ["text,city,price"]
    for row in range(N):
        text = " ".join(chance.choice(words) for _ in range(9))
        lines.append(f"{text},{'abc'[row % 3]},{price(row)}")
    path = folder / "x.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def proposed(
    folder: Path, price: Callable[[int], object], kind: Kind | None = None, label: str = "price"
) -> Proposal:
    return propose_task("x", table(folder, price), label=label, kind=kind)


def codes(proposal: Proposal) -> set[Code]:
    return {one.code for one in proposal.notes}


@pytest.mark.parametrize(
    ("price", "kind", "said"),
    [
        (lambda row: 10 + row * 0.37, NUMBERS, Code.NUMBER_KIND),
        (lambda row: f'"$ {1000 + row:,}.50"', NUMBERS, Code.NUMBER_KIND),
        (lambda row: 100 + row % 90, NUMBERS, Code.NUMBER_KIND),
        (lambda row: 0 if row % 2 else 1.5**row, NUMBERS, Code.NUMBER_KIND),
        # A rating, and classes that are numbered through.
        (lambda row: 1 + row % 5, CLASSES, Code.NUMBER_CLASSES),
        (lambda row: (row % 5) / 2, CLASSES, Code.NUMBER_CLASSES),
        (lambda row: row % 40, CLASSES, Code.NUMBER_CLASSES),
        # Nothing to choose between.
        (lambda row: row % 2, CLASSES, None),
        (lambda row: "cheap" if row % 3 else "dear", CLASSES, None),
    ],
)
def test_the_kind_follows_from_the_label_and_the_other_one_is_named(
    price: Callable[[int], object], kind: Kind, said: Code | None, tmp_path: Path
) -> None:
    proposal = proposed(tmp_path, price)
    assert proposal.kind is kind
    both = {Code.NUMBER_KIND, Code.NUMBER_CLASSES}
    assert codes(proposal) & both == ({said} if said else set())
    if said:
        other = CLASSES if kind is NUMBERS else NUMBERS
        assert any(f"--kind {other.name}" in text for text in proposal.unsure)


def test_the_kind_can_be_said(tmp_path: Path) -> None:
    assert proposed(tmp_path, lambda row: 1 + row % 5, NUMBERS).kind is NUMBERS
    proposal = proposed(tmp_path, lambda row: 100 + row % 30, CLASSES)
    assert proposal.kind is CLASSES
    assert not codes(proposal) & {Code.NUMBER_KIND, Code.NUMBER_CLASSES}


def test_without_a_name_the_label_of_numbers_is_a_column_of_numbers(tmp_path: Path) -> None:
    path = table(tmp_path, lambda row: 10 + row * 0.37)
    assert 'label = "price"' in propose_task("x", path, kind=NUMBERS).text
    # Where categories would do as well, they are taken as before.
    assert 'label = "city"' in propose_task("x", path).text


@pytest.mark.parametrize("kind", [None, NUMBERS])
def test_labels_of_which_some_are_no_numbers_are_named(kind: Kind | None, tmp_path: Path) -> None:
    bad = {3: "cheap", 5: "inf", 8: "12 kg"}
    with pytest.raises(TaskError) as caught:
        proposed(tmp_path, lambda row: bad.get(row, row * 0.37), kind)
    (fault,) = caught.value.faults
    assert (fault.code, fault.n) == ("label-unknown", 3)
    assert fault.first == ("'cheap'", "'inf'", "'12 kg'")
    assert "correct" in fault.fix and ("--kind regression" in fault.fix) == (kind is None)


def test_a_label_of_codes_is_answered_with_another_label_first(tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        proposed(tmp_path, lambda row: f"{row * 7919 % 100_000:05d}")
    (fault,) = caught.value.faults
    assert fault.code == "label-unknown"
    assert fault.fix == (
        "name another column with --label; if these are amounts, not codes, write --kind regression"
    )


def test_all_of_a_few_texts_among_numbers_are_named_with_their_rows(tmp_path: Path) -> None:
    odd = {3: "about 9", 120: "see note", 200: "ten"}
    path = tmp_path / "x.csv"
    lines = (f"{odd.get(row, row * 0.37)},{'ab'[row % 2]}" for row in range(1, N + 1))
    path.write_text("\n".join(("size,label", *lines)) + "\n")
    found = propose_task("x", path, label="label")
    (text,) = [one.text for one in found.notes if one.code is Code.NOT_NUMBER]
    assert "numbers: 'about 9' (row 3), 'see note' (row 120), 'ten' (row 200); correct" in text
    odd[250] = "many"
    lines = (f"{odd.get(row, row * 0.37)},{'ab'[row % 2]}" for row in range(1, N + 1))
    path.write_text("\n".join(("size,label", *lines)) + "\n")
    found = propose_task("x", path, label="label")
    (text,) = [one.text for one in found.notes if one.code is Code.NOT_NUMBER]
    assert "'ten' (row 200), …; correct" in text


def test_one_number_everywhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"5\.5 in all of 300 rows") as caught:
        proposed(tmp_path, lambda row: 5.5, NUMBERS)
    assert caught.value.faults[0].code == "one-number"


def test_a_proposal_with_gaps_in_the_label_builds_as_it_is(tmp_path: Path) -> None:
    gaps = {2: "", 7: "n/a", 9: "n/a"}
    proposal = proposed(tmp_path, lambda row: gaps.get(row, f'"$ {1000 + 7 * row:,}.25"'))
    assert {Code.LABEL_MISSING, Code.UNLABELLED_ROWS} <= codes(proposal)
    folder = tmp_path / "datasets" / "x"
    folder.mkdir(parents=True)
    write_atomically(folder / "task.toml", proposal.text)
    definition = read_definition(folder)
    assert (definition.kind, definition.metric) == (NUMBERS, "skill")
    task = build_task(folder, cache=tmp_path / "cache").task
    assert task.n_train + task.n_test == N - 3
    assert "3 rows without a label were dropped." in task.document["notes"]


def test_a_competition_may_ask_for_numbers(tmp_path: Path) -> None:
    chance = random.Random(0)
    for name, rows in (("train", range(200)), ("test", range(200, 300))):
        lines = [f"{row},{''.join(chance.choice('abcdefgh') for _ in range(30))}" for row in rows]
        if name == "train":
            lines = [f"{line},{row * 0.25 + 1}" for row, line in zip(rows, lines, strict=True)]
        head = "id,text,price" if name == "train" else "id,text"
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *lines]) + "\n")
    answers = [f"{row},{row * 0.25 + 1}" for row in range(200, 300)]
    (tmp_path / "solution.csv").write_text("\n".join(["id,price", *answers]) + "\n")
    proposal = propose_task("y", tmp_path)
    assert proposal.kind is NUMBERS
    folder = tmp_path / "datasets" / "y"
    folder.mkdir(parents=True)
    write_atomically(folder / "task.toml", proposal.text)
    task = build_task(folder, cache=tmp_path / "cache").task
    assert (task.n_train, task.n_test) == (200, 100)
    answers_shown = (task.public / "sample_submission.csv").read_text().splitlines()
    assert float(answers_shown[1].split(",")[1]) == pytest.approx(np.mean(np.arange(200) / 4 + 1))
