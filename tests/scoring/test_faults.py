"""The codes of faults: documented, all of them reachable, and their fixes work."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from challenge.errors import SubmissionError
from challenge.scoring import read_predictions
from challenge.scoring.reading.faults import CODES
from tests.scoring.test_broken_files import BROKEN, task_of

HOSTILE = Path(__file__).with_name("test_hostile.py")
VECTORS = Path(__file__).parents[1] / "kinds" / "test_retrieval.py"
DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
TESTS = Path(__file__).with_name("test_bad_inputs.py")


def test_every_code_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.M)
    assert documented == list(CODES)


def test_every_code_is_in_a_test_or_a_report() -> None:
    text = TESTS.read_text(encoding="utf-8") + Path(__file__).read_text(encoding="utf-8")
    text += HOSTILE.read_text(encoding="utf-8") + VECTORS.read_text(encoding="utf-8")
    text += "".join(path.read_text(encoding="utf-8") for path in BROKEN.glob("*.txt"))
    assert [code for code in CODES if f'"{code}"' not in text and f"[{code}]" not in text] == []


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id,label\n")
    path.chmod(0)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    # The superuser may read everything, so the refusal is made here.
    monkeypatch.setattr("challenge.scoring.reading.intake.os.open", refuse)
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task_of(path, tmp_path), path)
    path.chmod(stat.S_IRUSR)
    assert [fault.code for fault in caught.value.faults] == ["file-unreadable"]


def drop(line: int) -> Callable[[str], str]:
    return lambda text: "".join(
        kept for n, kept in enumerate(text.splitlines(keepends=True), 1) if n != line
    )


def swap(*pairs: tuple[str, str]) -> Callable[[str], str]:
    def fix(text: str) -> str:
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return text

    return fix


def keep_columns(*positions: int) -> Callable[[str], str]:
    def fix(text: str) -> str:
        rows = [line.split(",") for line in text.splitlines()]
        return "".join(",".join(row[p] for p in positions) + "\n" for row in rows)

    return fix


FIXES: dict[str, Callable[[str], str]] = {
    "03-blank-line.csv": drop(3),
    "03-ragged-row.csv": swap(("a2,dog,0.5", "a2,dog"), ("a3\n", "a3,bird\n")),
    "03-stray-quote.csv": swap(('d"og', "dog"), ('"bird"s', '"bird"')),
    "03-unclosed-quote.csv": swap(('"dog', '"dog"')),
    "05-semicolon.csv": swap((";", ",")),
    "05-tab.csv": swap(("\t", ",")),
    "04-old-mac.csv": swap(("\r", "\n")),
    "06-header-spelling.csv": swap(("ID", "id"), (" label", "label")),
    "07-index-column.csv": keep_columns(1, 2),
    "07-unnamed-index.csv": keep_columns(1, 2),
    "12-extra-columns.csv": keep_columns(0, 1),
    "13-column-twice.csv": keep_columns(0, 1),
    "18-duplicate-ids.csv": drop(6),
    "18-empty-id.csv": drop(6),
    "18-missing-ids.csv": lambda text: text + "a2,dog\na3,dog\n",
    "18-unknown-ids.csv": drop(6),
    "18-missing-covered-by-duplicate.csv": swap(("a3,cat", "a4,cat")),
    "20-blanks-and-case.csv": swap((" a1", "a1"), ("A2", "a2"), ("a3.0", "a3")),
    "24-not-numbers.csv": swap(
        (",,nan,inf", ",0,0,1"), ('1e309,"0,5",50%', "0,0.5,0.5"), ("high", "0")
    ),
    "25-out-of-range.csv": swap(("-0.01,0.01,1", "0,0,1"), ("1.01,-0.01,0", "1,0,0")),
    "26-wrong-sums.csv": swap(("0.3,0.3,0.3", "0.333,0.333,0.334"), ("0.5,0.5,0.5", "0.5,0.5,0")),
    "27-label-and-classes.csv": keep_columns(0, 2, 3, 4),
    "28-empty-label.csv": swap(("a2,\n", "a2,dog\n")),
    "28-unknown-class.csv": swap(("dgo", "dog"), ("Bird", "bird")),
    "pairs-24-scores.csv": swap(("a1,\n", "a1,0\n"), ("1.5", "1"), ("-inf", "0"), ('"0,5"', "0.5")),
    "pairs-29-words-for-matches.csv": swap(("yes", "1"), ("1.0", "1"), ("true", "1"), ("0.7", "1")),
    "ranked-27-decisions-for-ranking.csv": swap(("id,label", "id,score")),
}


@pytest.mark.parametrize("name", FIXES)
def test_a_file_passes_once_its_fixes_are_followed(name: str, tmp_path: Path) -> None:
    with (BROKEN / name).open(encoding="utf-8", newline="") as file:
        fixd = FIXES[name](file.read())
    path = tmp_path / "fixd.csv"
    path.write_bytes(fixd.encode())
    assert read_predictions(task_of(BROKEN / name, tmp_path), path).n == 4
