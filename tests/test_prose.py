"""What people read stays plain: no private words, no long sentences, no history."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(ROOT / folder / "README.md" for folder in ("submissions", "leaderboard", "examples/contest")),
]
TEMPLATES = sorted((ROOT / "challenge" / "board" / "templates").glob("*.html"))
MOST_WORDS = 25
BANNED = re.compile(
    r"\b(an earlier state|aimed at|foretell|surely|tells?|told|stands?|stood|floor|twins?|cures?"
    r"|doubt|rivals?|letters|edition|remarks?|anew|the very|voice|half-saved|beyond doubt"
    r"|anybody|nobody of|no place any more|any more)\b",
    re.I,
)


def prose_of(page: str) -> str:
    """Return a Markdown page without its code, tables' rules and comments."""
    for code in (r"```.*?```", r"<!--.*?-->", r"`[^`\n]*`"):
        page = re.sub(code, "code", page, flags=re.S)
    return re.sub(r"\]\([^)]*\)", "]", page)


def sentences_of(page: str) -> list[str]:
    """Return the sentences of paragraphs and lists; tables and headings are left out."""
    found = []
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-|#*]|\d+\. ))", prose_of(page)):
        if not block.lstrip().startswith(("|", "#")):
            text = re.sub(r"\([^()]*\)", "", " ".join(block.split()))
            found += re.split(r"(?<=[.!?:;])\s+|\s·\s", text)
    return found


def n_words(sentence: str) -> int:
    return len(re.findall(r"[A-Za-z][\w'’-]*", sentence))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_has_no_private_words(page: Path) -> None:
    assert BANNED.findall(prose_of(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_private_words(page: Path) -> None:
    text = re.sub(r"{[{%].*?[%}]}|<[^>]*>", " ", page.read_text(encoding="utf-8"), flags=re.S)
    assert BANNED.findall(text) == []


def test_help_has_no_private_words() -> None:
    # Help is code in the page of commands.
    help_text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert BANNED.findall(help_text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_sentence_of_a_page_has_at_most_25_words(page: Path) -> None:
    sentences = sentences_of(page.read_text(encoding="utf-8"))
    assert [one for one in sentences if n_words(one) > MOST_WORDS] == []


def test_a_private_word_and_a_long_sentence_are_seen() -> None:
    page = "# A title\n\nIt tells `floor` the floor. Short.\n\n- " + "word " * 26 + "\n- end\n"
    assert BANNED.findall(prose_of(page)) == ["tells", "floor"]
    assert [n_words(one) > MOST_WORDS for one in sentences_of(page)].count(True) == 1


PLURALS = (
    "rows tasks teams files columns classes cells pairs records clusters submissions faults "
    "findings finals entries baselines trials members methods tracks images"
)
BARE = re.compile(
    r"\{+ ?(?!counted)(?P<count>[^{}]+?)(?::,|\|count ?)?\}+ "
    r"(?:(?:public|private|stored|test|train|independent|predictions) )?"
    rf"(?:{PLURALS.replace(' ', '|')})\b"
)
NO_COUNT = re.compile(r"^[A-Z_]+$|^caps\.|counted\(|(?:name|table|subset)$")


@pytest.mark.parametrize("room", ["board", "cli", "ledger"])
def test_a_count_before_a_noun_takes_its_number(room: str) -> None:
    # "1 rows" and "over 1 tasks": `counted` knows the singular.
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted((ROOT / "challenge" / room).rglob("*"))
        if path.suffix in (".py", ".html")
        for line in path.read_text(encoding="utf-8").splitlines()
        if 'f"' in line or "|count" in line or "|length" in line
        for match in BARE.finditer(line)
        if not NO_COUNT.search(match["count"])
    ]
    assert found == []
