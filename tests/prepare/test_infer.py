"""`challenge add`: what a stranger's table becomes, and what the proposal is unsure of."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from challenge.errors import TaskError
from challenge.ledger.submissions.ladder import SMALLEST_PUBLIC
from challenge.prepare.build.task_build import build_task
from challenge.prepare.proposal.guesses import PUBLIC_ROWS, look_at_size
from challenge.prepare.proposal.infer import propose_task
from challenge.prepare.proposal.notes import Code, Note, note
from challenge.prepare.proposal.profiles import profile_values
from challenge.prepare.proposal.proposal_text import Proposal
from challenge.prepare.readers.image_files import ImageFolder
from challenge.task.definition import Raw, TaskDefinition, read_definition

WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "harbour", "ivory"]


def read(proposal: Proposal, folder: Path) -> TaskDefinition:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.toml").write_text(proposal.text, encoding="utf-8")
    return read_definition(folder)


def products(folder: Path, n: int = 120) -> Path:
    """Products with a price, a shop, a photo, a date and a description."""
    chance = random.Random(4)
    lines = ["id;title;price;zip;shop_id;sold;photo;note;category"]
    (folder / "photos").mkdir()
    for row in range(n):
        # Noise: images of one colour would all be near-identical, and a leak by chance.
        noise = random.Random(row).randbytes(8 * 8 * 3)
        Image.frombytes("RGB", (8, 8), noise).save(folder / "photos" / f"p{row}.png")
        title = " ".join(chance.choice(WORDS) for _ in range(6))
        price = f"\u20ac {chance.randint(1, 3)},{chance.randint(100, 999)}.50" if row % 9 else "n/a"
        category = ("tea", "tea", "lamp", "tea")[row % 4]
        lines.append(
            f"{1000 + row};{title};{price};0{chance.randint(1000, 9999)};{row // 4 + 70};"
            f"{1 + row % 28:02}.03.2020;p{row}.png;;{category}"
        )
    path = folder / "products.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_strangers_table_becomes_a_task(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    proposal = propose_task("shop", products(raw), images=raw / "photos", label="category")
    task = read(proposal, tmp_path / "shop")
    assert {name: words.modality for name, words in task.columns.items()} == {
        "title": "text",
        "price": "numeric",
        "zip": "categorical",
        "sold": "datetime",
        "photo": "image",
    }
    assert (task.raw.file, task.raw.images.path, task.raw.key) == ("products.csv", "photos", "id")
    assert (task.raw.delimiter, task.columns["sold"].format) == (";", "dmy")
    assert (task.split.by, task.split.group) == ("group", "shop_id")
    assert task.metric == "macro_f1"
    assert set(task.left_out) == {"id", "shop_id", "note"}
    said = "\n".join(proposal.unsure)
    for words in (
        "separated by ';'",
        "numbers stored as text",
        "leading zeros",
        "kept together",
        "macro_f1, since",
        "licence",
        "dates written dmy",
    ):
        assert words in said
        assert words.split(",")[0] in proposal.text
    assert "not stated" in proposal.text
    assert 'labelled_by = ""  # who decided the label?' in proposal.text


def test_the_proposal_builds_as_it_is(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    proposal = propose_task("shop", products(raw), images=raw / "photos", label="category")
    read(proposal, tmp_path / "shop")
    task = build_task(tmp_path / "shop", cache=tmp_path / "cache").task
    assert task.n_train + task.n_test == 120
    assert task.classes == ("lamp", "tea")


def test_the_label_is_guessed_and_said(tmp_path: Path) -> None:
    path = products_without_label_name(tmp_path)
    proposal = propose_task("x", path)
    assert 'label = "kind of thing"' in proposal.text
    assert any("label: taken to be kind of thing" in question for question in proposal.unsure)


def products_without_label_name(folder: Path) -> Path:
    path = folder / "x.csv"
    rows = "".join(f"{row / 7:.3f},{'ab'[row % 2]}\n" for row in range(60))
    path.write_text("weight,kind of thing\n" + rows)
    return path


@pytest.mark.parametrize(
    ("content", "label", "words"),
    [
        ("a,b\n1.5,2.5\n2.5,3.5\n", None, "no column that looks like a label"),
        ("a,label\n1,x\n2,x\n", None, "1 class"),
        ("a,label\n1,x\n2,y\n", "lable", "did you mean 'label'"),
        ("a,label\n" + "".join(f"1,x{n}\n" for n in range(200)), "label", "classes that recur"),
        ("a,label\n", "label", "0 rows"),
    ],
)
def test_tables_that_make_no_task_are_refused(
    content: str, label: str | None, words: str, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(TaskError, match=words):
        propose_task("x", tmp_path / "x.csv", label=label)


def test_reserved_and_odd_names_are_carried_over(tmp_path: Path) -> None:
    rows = "".join(f"{n % 3}.25,{n / 3:.2f},{n % 5}.5,{'xy'[n % 2]}\n" for n in range(60))
    (tmp_path / "x.csv").write_text('score,left_x,"odd ""name"" [m]",target\n' + rows)
    task = read(propose_task("x", tmp_path / "x.csv", label="target"), tmp_path / "x")
    assert set(task.columns) == {"score_value", "left_x", 'odd "name" [m]'}
    assert task.raw.options["from_score_value"] == "score"
    assert task.kind.name == "classification"


def test_labels_that_are_to_be_joined_are_counted_together(tmp_path: Path) -> None:
    labels = ["Tea", "TEA", "tea", "lamp", "lamp"] * 3 + ["lamp"] * 20
    lines = [f"{WORDS[row % 9]} {row},{label}" for row, label in enumerate(labels)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["name,kind", *lines]) + "\n", encoding="utf-8")
    rare = note(Code.RARE_CLASSES, n=3, of=4)
    assert rare in propose_task("x", path, label="kind").notes
    joined = propose_task("x", path, label="kind", raw=Raw(format="table", variants="join"))
    assert not any(one.code is Code.RARE_CLASSES for one in joined.notes)


def test_variants_of_one_thing_are_kept_together(tmp_path: Path) -> None:
    chance = random.Random(3)
    lines = ["name,weight,kind"]
    for n in range(80):
        name = " ".join(chance.choice(WORDS) for _ in range(3))
        lines += [f"{name} {n},{n % 9 + tone}.5,{'abcd'[n % 4]}" for tone in range(1 + n % 2)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    proposal = propose_task("x", tmp_path / "x.csv", label="kind")
    task = read(proposal, tmp_path / "x")
    assert (task.split.by, task.split.group) == ("group", "name")
    assert set(task.columns) == {"name", "weight"}, "what variants share may be read all the same"
    assert any("80 rows have the 'name' of another row" in question for question in proposal.unsure)


def test_a_text_that_rows_share_by_chance_ties_nothing(tmp_path: Path) -> None:
    chance = random.Random(3)
    rows = [f"{chance.choice(WORDS)} {n // 2},{n % 9}.5,{chance.choice('ab')}" for n in range(120)]
    (tmp_path / "x.csv").write_text("\n".join(["name,weight,kind", *rows]) + "\n")
    assert read(propose_task("x", tmp_path / "x.csv"), tmp_path / "x").split.by == "row"


def test_raw_data_in_the_challenge_is_named_from_the_task(tmp_path: Path) -> None:
    path = products_without_label_name(tmp_path)
    folder = tmp_path / "datasets" / "x"
    proposal = propose_task("x", path, folder=folder)
    assert read(proposal, folder).source[0].path == "../.."
    elsewhere = propose_task("x", path, folder=tmp_path / "contest" / "datasets" / "x")
    assert f'path = "{tmp_path}"' in elsewhere.text


def test_what_lies_beside_the_table_is_no_source(tmp_path: Path) -> None:
    folder = tmp_path / "datasets" / "x"
    read(propose_task("x", products_without_label_name(tmp_path), folder=folder), folder)
    assert not build_task(folder, cache=tmp_path / "cache").unchanged
    (tmp_path / "leaderboard").mkdir()
    (tmp_path / "leaderboard" / "index.html").write_text("new")
    assert build_task(folder, cache=tmp_path / "cache").unchanged
    (tmp_path / "x.csv").write_text((tmp_path / "x.csv").read_text() + "9.5,a\n")
    assert not build_task(folder, cache=tmp_path / "cache").unchanged


@pytest.mark.parametrize("which", ["images", "pairs"])
def test_folders_and_lists_that_are_not_there_are_refused(which: str, tmp_path: Path) -> None:
    path = products_without_label_name(tmp_path)
    with pytest.raises(TaskError, match="no such file or folder"):
        propose_task("x", path, **{which: tmp_path / "nowhere"})  # type: ignore[arg-type]


def test_folders_in_known_forms_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "ditto").mkdir()
    line = "COL name VAL ant bee COL price VAL 3.5 \tCOL name VAL Ant COL price VAL 4 \t1\n"
    for name in ("train", "test"):
        (tmp_path / "ditto" / f"{name}.txt").write_text(line + line.replace("3.5", "7.25"))
    proposal = propose_task("x", tmp_path / "ditto")
    assert 'format = "ditto"' in proposal.text
    assert any('by = "official" would keep' in question for question in proposal.unsure)
    (tmp_path / "contest").mkdir()
    for name, content in {
        "train": "nr,words,kind\n" + "".join(f"{n},{n / 3:.1f},{'xy'[n % 2]}\n" for n in range(30)),
        "test": "nr,words\n90,1.5\n",
        "solution": "nr,kind\n90,x\n",
    }.items():
        (tmp_path / "contest" / f"{name}.csv").write_text(content)
    task = read(propose_task("x", tmp_path / "contest"), tmp_path / "x")
    assert (task.raw.format, task.raw.label, task.raw.key) == ("competition", "kind", "nr")
    assert task.split.by == "official"


def test_images_named_by_the_key_become_a_column(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    lines = ["product_id,weight,label"]
    for row in range(40):
        Image.new("RGB", (4, 4)).save(tmp_path / "photos" / f"A{row}.png")
        lines.append(f"A{row},{row / 3:.2f},{'xy'[row % 2]}")
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    proposal = propose_task("x", tmp_path / "x.csv", images=tmp_path / "photos")
    task = read(proposal, tmp_path / "x")
    assert task.columns["image"].modality == "image"
    assert task.raw.key == "product_id"


def test_a_column_that_is_the_label_again_is_doubted(tmp_path: Path) -> None:
    rows = "".join(f"{n / 7:.3f},{'pq'[n % 2]},{'xy'[n % 2]}\n" for n in range(60))
    (tmp_path / "x.csv").write_text("weight,shelf,label\n" + rows)
    proposal = propose_task("x", tmp_path / "x.csv")
    assert note(Code.PREDICTS_LABEL, column="shelf", auc=1.0) in proposal.notes


def test_a_column_that_decides_the_label_where_it_is_present_is_doubted(tmp_path: Path) -> None:
    chance = random.Random(1)
    lines = ["text,shelf,other,category"]
    for row in range(200):
        category = ("tea", "lamp", "rug")[row % 3]
        shelf = {"tea": "A", "lamp": "B", "rug": "C"}[category] if row % 5 == 0 else ""
        words = " ".join(chance.choice(WORDS) for _ in range(6))
        lines.append(f"{words},{shelf},{chance.choice('xyz')},{category}")
    raw = tmp_path / "goods.csv"
    raw.write_text("\n".join(lines) + "\n")
    proposal = propose_task("goods", raw, label="category")
    assert note(Code.DECIDES_LABEL, column="shelf") in proposal.notes
    assert note(Code.DECIDES_LABEL, column="other") not in proposal.notes


def test_a_word_for_nothing_is_found_and_used(tmp_path: Path) -> None:
    rows = "".join(
        f"{'NA' if n % 5 == 0 else n / 7},{('red', 'NA', 'blue')[n % 3]},{'xy'[n % 2]}\n"
        for n in range(60)
    )
    (tmp_path / "x.csv").write_text("weight,colour,label\n" + rows)
    task = read(propose_task("x", tmp_path / "x.csv"), tmp_path / "x")
    assert task.raw.options["missing"] == "NA"


@pytest.mark.parametrize(
    ("name", "values", "modality", "more"),
    [
        ("flag", ["yes", "no"] * 20, "categorical", {}),
        ("age", [str(n) for n in range(20, 60)] * 2, "numeric", {"integer": True}),
        ("customer_id", [str(n * 977) for n in range(30)] * 3, "categorical", {"is_id": True}),
        ("user_id", [f"{n * 977}.0" for n in range(30)] * 3, "categorical", {"is_id": True}),
        ("order_id", [str(n) for n in range(100)], "categorical", {"is_key": True}),
        ("zip", ["01234", "99999"] * 20, "categorical", {"integer": False}),
        ("price", ["$ 1,200.50", "7"] * 9, "numeric", {"integer": False}),
        ("born", ["1999-12-31", "2000-01-01"] * 9, "datetime", {"timezone": "UTC"}),
        ("born", ["31.12.1999", "01.01.2000"] * 9, "datetime", {"form": "dmy"}),
        ("day", ["20200131", "20200201"] * 9, "datetime", {"form": None}),
        ("image", ["a.png", "b.JPG"] * 9, "image", {}),
        ("colour", ["red", "blue", None] * 30, "categorical", {"n_missing": 30}),
        ("empty", [None] * 5, "categorical", {"empty": True}),
        ("words", [f"one two three four {n}" for n in range(60)], "text", {}),
        ("code", ["7", "8", "9"] * 20, "numeric", {}),
    ],
)
def test_modalities(
    name: str, values: list[str | None], modality: str, more: dict[str, Any]
) -> None:
    profile = profile_values(name, values)
    assert profile.modality == modality
    assert {key: getattr(profile, key) for key in more} == more


def test_few_numbers_are_doubted_as_codes() -> None:
    (doubt,) = profile_values("stars", ["1", "2", "3"] * 30).doubts
    assert doubt == note(Code.FEW_NUMBERS, column="stars")


def test_images_that_are_missing_are_counted(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "photos" / "a.png")
    images = ImageFolder(tmp_path, tmp_path / "photos")
    profile = profile_values("photo", ["a.png", "b.png"], images)
    assert [doubt.text for doubt in profile.doubts] == [
        "column photo: 1 of 2 images are not in the folder"
    ]


def test_images_that_nothing_names_are_refused(tmp_path: Path) -> None:
    path = products_without_label_name(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(TaskError, match="no image in it"):
        propose_task("x", path, images=tmp_path / "photos")
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "b.png")
    with pytest.raises(TaskError, match=r"no column holds names of its files, such as 'b\.png'"):
        propose_task("x", path, images=tmp_path / "photos")


def test_days_and_months_that_may_be_the_other_way_round_are_doubted() -> None:
    zone, question = profile_values(
        "day", [f"{1 + n % 9}/{1 + n % 28}/2020" for n in range(90)]
    ).doubts
    assert zone.code is Code.ZONE_ASSUMED
    assert question == note(Code.DATES_READ, column="day", form="mdy", example="1/1/2020")
    *_, question = profile_values(
        "day", [f"{1 + n % 12}/{1 + n % 11}/2020" for n in range(90)]
    ).doubts
    assert question.code is Code.READING_OPEN
    assert '2020-03-02 00:00:00 with format = "mdy"' not in question.text
    assert 'with format = "mdy"' in question.text and 'with format = "dmy"' in question.text


def test_moments_with_a_zone_are_points_in_time() -> None:
    moments: list[str | None] = [f"2021-03-{1 + n % 28:02}T0{n % 10}:30:00Z" for n in range(40)]
    found = profile_values("when", moments)
    assert (found.modality, found.form, found.timezone, found.doubts) == (
        "datetime",
        None,
        None,
        (),
    )
    mixed = profile_values("when", [*moments, "2021-03-01T12:00:00"])
    assert (mixed.modality, mixed.timezone) == ("datetime", "UTC"), "one names no zone"
    assert [one.code for one in mixed.doubts] == [Code.ZONE_ASSUMED]


def test_a_folder_of_images_alone_is_refused_with_a_way_on(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    with pytest.raises(TaskError, match=r"no table.*\n.*\n.*list the rows in a CSV"):
        propose_task("x", tmp_path)


def test_a_public_subset_too_small_for_scores_is_foretold() -> None:
    assert PUBLIC_ROWS == SMALLEST_PUBLIC
    notes: list[Note] = []
    look_at_size(round(PUBLIC_ROWS / 0.09) + 12, notes)
    assert notes == []
    look_at_size(1611, notes)
    assert notes[0].text.startswith("split: about 145 test rows will be public")


def test_values_of_a_note_are_never_read_as_part_of_its_text() -> None:
    assert note(Code.RECORD_KEY, column="{other}").text.startswith("key: {other} is taken")
