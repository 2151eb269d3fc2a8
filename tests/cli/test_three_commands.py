"""From raw files to a published page: `add`, `convert`, `leaderboard`, nothing in between."""

from __future__ import annotations

import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from challenge.task.datasheet import Datasheet
from tests.cli.shell import shell

WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "harbour", "ivory", "kelp"]
QUESTIONS = len(Datasheet.model_fields)


class Words(HTMLParser):
    """The text of a page, and the images and files that it names."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name == "href" and value]


@pytest.fixture
def contest(tmp_path: Path) -> Path:
    """Return a fresh challenge with raw files lying in it, as people put them."""
    root = tmp_path / "contest"
    assert shell(tmp_path, "init", str(root)).code == 0
    chance = random.Random(8)
    (root / "photos").mkdir()
    lines = ["image,title,grams,kind"]
    for n in range(90):
        kind = ("cup", "jug", "pan")[n % 3]
        photo = Image.new("RGB", (24, 24), (chance.randrange(256), 90, 40))
        draw = ImageDraw.Draw(photo)
        for _ in range(6):
            x, y = chance.randrange(20), chance.randrange(20)
            draw.rectangle((x, y, x + 3, y + 3), fill=(chance.randrange(256), 200, x * 9))
        photo.save(root / "photos" / f"{n}.png")
        title = " ".join(chance.choice(WORDS) for _ in range(6))
        lines.append(f"{n}.png,{title},{chance.gauss(400, 50) + n % 3 * 60:.1f},{kind}")
    (root / "dishes.csv").write_text("\n".join(lines) + "\n")
    return root


def published(root: Path, *add: str) -> Words:
    """Run the three commands; return the words of the task's page, checked to be linked."""
    task = add[0]
    added = shell(root, "add", *add)
    assert added.code == 0, added.err
    assert f"next: correct it, then `challenge convert {task}`" in added.out
    for words in (("convert", task), ("leaderboard",)):
        done = shell(root, *words)
        assert done.code == 0, done.err
    index = Words(root / "leaderboard" / "index.html")
    assert any(f"task/{task}/" in link for link in index.links)
    return Words(root / "leaderboard" / "task" / task / "index.html")


def test_a_table_with_a_folder_of_images_takes_three_commands(contest: Path) -> None:
    root = contest
    raw = ("--from", str(root / "dishes.csv"), "--images", str(root / "photos"))
    page = published(root, "dishes", *raw, "--label", "kind")
    assert "3 classes" in page.text
    for name in ("image", "title", "grams"):
        assert name in page.text
    # The questions, the words, and the licence in two places.
    assert page.text.count("not stated") == QUESTIONS + 3
    added_again = shell(root, "add", "dishes", *raw)
    assert "already there" in added_again.err
    assert "unchanged" in shell(root, "convert", "dishes").out, "a page is no source of its task"


def test_answers_show_instead_of_not_stated(contest: Path) -> None:
    root = contest
    raw = ("--from", str(root / "dishes.csv"), "--images", str(root / "photos"))
    published(root, "dishes", *raw, "--label", "kind")
    path = root / "datasets" / "dishes" / "task.toml"
    text = path.read_text()
    for key, answer in (
        ("row", "One dish."),
        ("labelled_by", "The potter."),
        ("not_for", "Eating."),
    ):
        text = text.replace(f'\n{key} = ""', f'\n{key} = "{answer}"')
    text = text.replace('# licence = "…"', 'licence = "CC0-1.0"')
    path.write_text(text)
    assert shell(root, "convert", "dishes").code == 0
    assert shell(root, "leaderboard").code == 0
    page = Words(root / "leaderboard" / "task" / "dishes" / "index.html")
    assert page.text.count("not stated") == QUESTIONS - 3 + 1
    for words in ("One dish.", "The potter.", "Eating.", "CC0-1.0"):
        assert words in page.text


def test_records_and_a_list_of_pairs_take_three_commands(contest: Path) -> None:
    root = contest
    chance = random.Random(9)
    names = [" ".join(chance.choice(WORDS) for _ in range(6)) for _ in range(120)]
    records = "".join(f"s{n:03},{name} {n // 2}\n" for n, name in enumerate(names))
    (root / "shops.csv").write_text("ref,name\n" + records)
    others = [(n, n + 1 if n % 2 == 0 else (n + 6) % 120) for n in range(120)]
    pairs = "".join(f"s{a:03},s{b:03},{int(a // 2 == b // 2)}\n" for a, b in others)
    (root / "judged.csv").write_text("one,other,match\n" + pairs)
    page = published(
        root, "shops", "--from", str(root / "shops.csv"), "--kind", "matching",
        "--pairs", str(root / "judged.csv"),
    )  # fmt: skip
    assert "matching of pairs" in page.text.lower()
    assert "left_name" in page.text
