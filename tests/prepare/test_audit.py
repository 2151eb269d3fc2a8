"""The leak audit: each planted leak is found, and clean data raises nothing grave."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

from challenge.prepare.audit import AuditReport, Finding, audit_task
from challenge.prepare.audit.subject import normalised
from challenge.task.columns import Column

WORDS = [
    f"{a}{b}{c}"
    for a in ("ka", "lo", "mi", "ru", "te", "so", "ve", "zu", "pa")
    for b in ("ban", "dor", "fin", "gul", "hes", "jor", "kip", "lam")
    for c in ("", "ta", "rix", "on", "esk")
]
Rows = dict[str, list[Any]]


def sentence(random: np.random.Generator, n: int = 12) -> str:
    return " ".join(WORDS[i] for i in random.integers(0, len(WORDS), n))


def clean_rows(seed: int, n: int = 600, k: int = 4) -> Rows:
    """Rows whose label follows honestly, and not perfectly, from text, number and category."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, k, n)
    hints = np.where(random.random(n) < 0.6, labels, random.integers(0, k, n))
    return {
        "id": [f"r{value:016x}" for value in np.sort(random.integers(0, 2**62, n))],
        "text": [f"{sentence(random)} hint{hint} {sentence(random)}" for hint in hints],
        "size": (labels + random.normal(0, 1.5, n)).tolist(),
        "colour": [f"colour{value}" for value in (labels + random.integers(0, 3, n)) % 7],
        "label": [f"class{label}" for label in labels],
    }


def write_task(
    folder: Path,
    train: Rows,
    test: Rows,
    modalities: dict[str, str],
    *,
    licence: str | None = "CC0-1.0",
) -> AuditReport:
    public, private = folder / "public", folder / "private"
    public.mkdir(parents=True, exist_ok=True)
    private.mkdir(exist_ok=True)
    pq.write_table(pa.table(train), public / "train.parquet")
    hidden = {name: values for name, values in test.items() if name != "label"}
    pq.write_table(pa.table(hidden), public / "test.parquet")
    subset = ["public" if row % 3 == 0 else "private" for row in range(len(test["id"]))]
    solution = {"id": test["id"], "label": test["label"], "subset": subset}
    pq.write_table(pa.table(solution), private / "solution.parquet")
    document = {
        "id": "planted",
        "kind": "classification",
        "columns": [{"name": name, "modality": is_a} for name, is_a in modalities.items()],
        "classes": sorted({*train["label"], *test["label"]}),
        "sources": [{"name": "made", "licence": licence, "attribution": None}],
        "split": {"by": "row"},
    }
    return audit_task(public, private, document=document)


MODALITIES = {"text": "text", "size": "numeric", "colour": "categorical"}


def cut(rows: Rows, share: float = 0.7) -> tuple[Rows, Rows]:
    edge = int(len(rows["id"]) * share)
    order = np.random.default_rng(99).permutation(len(rows["id"]))
    sides = (np.sort(order[:edge]), np.sort(order[edge:]))
    first, second = ({name: [v[i] for i in side] for name, v in rows.items()} for side in sides)
    return first, second


def found(report: AuditReport, name: str) -> Finding:
    finding = report.named(name)
    assert finding is not None, [one.name for one in report.findings]
    return finding


def planted(tmp_path: Path, plant: Callable[[Rows, Rows], None], **modalities: str) -> AuditReport:
    train, test = cut(clean_rows(7))
    plant(train, test)
    return write_task(tmp_path, train, test, {**MODALITIES, **modalities})


@pytest.mark.parametrize("seed", range(100))
def test_clean_data_raises_no_high_finding(seed: int, tmp_path: Path) -> None:
    train, test = cut(clean_rows(seed, n=200 if seed % 2 else 400, k=2 + seed % 5))
    report = write_task(tmp_path, train, test, MODALITIES)
    assert report.high() == ()
    assert {finding.name for finding in report.findings} <= {"contradictory-labels"}


def test_a_row_copied_across_the_split_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for row in range(9):
            for name in ("size", "colour", "label"):
                test[name][row] = train[name][row]
            test["text"][row] = "  " + train["text"][row].upper()
        test["label"][8] = next(c for c in ("class0", "class1") if c != train["label"][8])

    report = planted(tmp_path, plant)
    finding = found(report, "identical-rows")
    assert (finding.severity, finding.count, finding.of) == ("high", 9, 180)
    assert "1 of them with another label" in finding.message
    summary = str(report.summary({}, ()))
    assert "9 of 180 test rows are also in train'" in summary
    assert "another label" not in summary, "what test labels tell is for the organiser"
    assert "0 contents of train have more than one label" in summary
    assert len(finding.rows) == 9 and all(partner for _, partner in finding.rows)
    assert found(report, "contradictory-labels").count == 1


def test_one_copied_row_of_many_is_found_but_not_grave(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for name in ("text", "size", "colour", "label"):
            test[name][0] = train[name][0]

    finding = found(planted(tmp_path, plant), "identical-rows")
    assert (finding.severity, finding.count) == ("medium", 1)


def test_nearly_identical_text_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for row in range(30):
            text = train["text"][row]
            test["text"][row] = text[:20] + "x" + text[21:]
            test["label"][row] = train["label"][row]

    finding = found(planted(tmp_path, plant), "near-identical-texts")
    assert (finding.severity, finding.count) == ("high", 30)


def test_a_label_column_in_disguise_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for rows in (train, test):
            rows["shelf"] = [{"class0": "q", "class1": "z"}.get(c, c[::-1]) for c in rows["label"]]
            rows["code"] = [(int(c[-1]) * 37) % 11 + 0.25 for c in rows["label"]]

    report = planted(tmp_path, plant, shelf="categorical", code="numeric")
    assert found(report, "telling-column-shelf").severity == "high"
    assert found(report, "telling-column-code").severity == "high"
    assert report.named("telling-column-size") is None


def test_an_id_that_follows_the_label_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for rows in (train, test):
            order = np.argsort(np.argsort(rows["label"], kind="stable"))
            rows["id"] = [f"row{1000 + place}" for place in order]

    assert found(planted(tmp_path, plant), "telling-id-train").severity == "high"


def test_an_order_of_rows_that_follows_the_label_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for rows in (train, test):
            order = np.argsort(rows["label"], kind="stable")
            for name in ("text", "size", "colour", "label"):
                rows[name] = [rows[name][place] for place in order]

    report = planted(tmp_path, plant)
    assert found(report, "telling-order-train").severity == "high"
    assert found(report, "telling-order-test").severity == "high"


def test_a_running_number_that_follows_the_label_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        random = np.random.default_rng(3)
        for rows in (train, test):
            n = len(rows["id"])
            weak = [int(c[-1]) + random.normal(0, 1.5) for c in rows["label"]]
            rows["number"] = (1000 + np.argsort(np.argsort(weak))).tolist()
            assert len(set(rows["number"])) == n

    finding = found(planted(tmp_path, plant, number="numeric"), "telling-number-number")
    assert finding.severity == "medium"


def test_the_label_in_the_text_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for rows in (train, test):
            rows["text"] = [
                f"{text}, filed under {label.title()}."
                for text, label in zip(rows["text"], rows["label"], strict=True)
            ]

    assert found(planted(tmp_path, plant), "label-in-text").severity == "high"


def test_a_column_that_is_the_label_is_told_as_that(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for rows in (train, test):
            rows["text"] = [label.title() for label in rows["label"]]

    finding = found(planted(tmp_path, plant), "label-in-text")
    assert finding.message.endswith("it is the label itself; take it out of [columns]")


@pytest.mark.parametrize(("side", "severity"), [("train", "high"), ("test", "medium")])
def test_a_class_missing_on_a_side_is_found(side: str, severity: str, tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        (test if side == "train" else train)["label"][0] = "rare"

    finding = found(planted(tmp_path, plant), f"class-missing-{side}")
    assert (finding.severity, finding.count) == (severity, 1)
    assert "rare" in finding.message


def test_everybody_sees_how_many_classes_test_lacks_but_not_which(tmp_path: Path) -> None:
    def plant(train: Rows, _: Rows) -> None:
        train["label"][0] = "rare"

    report = planted(tmp_path, plant)
    assert "1 of 5 classes are missing from test" in str(report.summary({}, ()))
    assert "rare" not in str(report.summary({}, ()))
    assert "rare" in str(report.as_json())


def test_an_unstated_licence_is_found(tmp_path: Path) -> None:
    train, test = cut(clean_rows(1))
    report = write_task(tmp_path, train, test, MODALITIES, licence=None)
    assert found(report, "licence-unstated").severity == "medium"


def test_a_test_side_of_another_kind_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        test["size"] = [value + 4 for value in test["size"]]

    assert found(planted(tmp_path, plant), "shifted-sides").severity == "medium"


def test_void_rows_are_not_looked_at(tmp_path: Path) -> None:
    train, test = cut(clean_rows(4))
    for name in ("text", "size", "colour", "label"):
        test[name][1] = train[name][0]
    write_task(tmp_path, train, test, MODALITIES)
    path = tmp_path / "private" / "solution.parquet"
    solution = pq.read_table(path).to_pydict()
    solution["subset"][1] = "void"
    pq.write_table(pa.table(solution), path)
    document = {
        "id": "planted",
        "kind": "classification",
        "columns": [{"name": name, "modality": is_a} for name, is_a in MODALITIES.items()],
        "classes": sorted(set(train["label"])),
    }
    report = audit_task(tmp_path / "public", tmp_path / "private", document=document)
    assert report.named("identical-rows") is None


def drawing(random: np.random.Generator, size: int = 64) -> Image.Image:
    image = Image.new("RGB", (size, size), "white")
    pencil = ImageDraw.Draw(image)
    for _ in range(7):
        x, y, width, height = random.integers(2, size - 20, 4).tolist()
        colour = tuple(random.integers(0, 220, 3).tolist())
        pencil.rectangle((x, y, x + width // 2 + 3, y + height // 2 + 3), fill=colour)
    return image


def with_images(
    folder: Path,
    rows: Rows,
    drawings: list[Image.Image],
    name: Callable[[int, str], str] | None = None,
) -> None:
    images = folder / "public" / "images"
    images.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(len(rows["id"]))
    rows["photo"] = []
    for row, image in enumerate(drawings):
        token = f"{int(random.integers(0, 2**62)):016x}"
        file = images / f"{name(row, token) if name else token}.png"
        image.save(file)
        os.utime(file, (1_700_000_000, 1_700_000_000))
        rows["photo"].append(f"images/{file.name}")


def imaged(n: int = 300) -> tuple[Rows, Rows, list[Image.Image], list[Image.Image]]:
    train, test = cut(clean_rows(11, n=n, k=2))
    random = np.random.default_rng(12)
    first, second = ([drawing(random) for _ in rows["id"]] for rows in (train, test))
    return train, test, first, second


def test_clean_images_raise_nothing(tmp_path: Path) -> None:
    train, test, first, second = imaged()
    with_images(tmp_path, train, first)
    with_images(tmp_path, test, second)
    report = write_task(tmp_path, train, test, {**MODALITIES, "photo": "image"})
    assert {finding.name for finding in report.findings} <= {"contradictory-labels"}


def test_a_image_encoded_anew_and_scaled_is_found(tmp_path: Path) -> None:
    train, test, first, second = imaged()
    for row in range(20):
        first[row].save(tmp_path / "lossy.jpg", quality=60)
        with Image.open(tmp_path / "lossy.jpg") as lossy:
            second[row] = lossy.resize((50, 50))
        test["label"][row] = train["label"][row]
    with_images(tmp_path, train, first)
    with_images(tmp_path, test, second)
    report = write_task(tmp_path, train, test, {**MODALITIES, "photo": "image"})
    assert found(report, "near-identical-images").count >= 18


def test_the_size_of_a_file_that_tells_the_label_is_found(tmp_path: Path) -> None:
    train, test, first, second = imaged()
    first = [
        image.resize((64, 64) if label == "class0" else (96, 96))
        for image, label in zip(first, train["label"], strict=True)
    ]
    with_images(tmp_path, train, first)
    with_images(tmp_path, test, second)
    report = write_task(tmp_path, train, test, {**MODALITIES, "photo": "image"})
    assert found(report, "telling-file-shape-photo").severity == "high"


def test_the_name_of_a_file_that_tells_the_label_is_found(tmp_path: Path) -> None:
    train, test, first, second = imaged()
    with_images(tmp_path, train, first, lambda row, token: train["label"][row][-1] + token)
    with_images(tmp_path, test, second)
    report = write_task(tmp_path, train, test, {**MODALITIES, "photo": "image"})
    assert found(report, "telling-file-name-photo").severity == "high"


def test_the_date_of_a_file_that_tells_the_label_is_found(tmp_path: Path) -> None:
    train, test, first, second = imaged()
    with_images(tmp_path, train, first)
    with_images(tmp_path, test, second)
    for path, label in zip(train["photo"], train["label"], strict=True):
        second_of_day = 1_700_000_000 + 60 * int(label[-1])
        os.utime(tmp_path / "public" / path, (second_of_day, second_of_day))
    report = write_task(tmp_path, train, test, {**MODALITIES, "photo": "image"})
    assert found(report, "telling-file-date-photo").severity == "high"


def matching_rows(seed: int, first: int, n: int) -> Rows:
    """Pairs of records that no other pair uses; half of them match."""
    random = np.random.default_rng(seed)
    rows: Rows = {name: [] for name in ("id", "left_id", "right_id", "left_name", "right_name")}
    rows |= {"left_price": [], "right_price": [], "label": []}
    tokens = np.sort(random.integers(0, 2**62, n))
    for row in range(n):
        match = bool(random.random() < 0.5)
        name, price = sentence(random, 5), float(random.integers(5, 200))
        words = name.split()
        words[int(random.integers(0, 5))] = sentence(random, 1)
        rows["id"].append(f"p{tokens[row]:016x}")
        rows["left_id"].append(f"r{int(random.integers(0, 2**62)):016x}")
        rows["right_id"].append(f"r{int(random.integers(0, 2**62)):016x}")
        rows["left_name"].append(f"{name} {first + row}")
        rows["right_name"].append(" ".join(words) if match else sentence(random, 5))
        rows["left_price"].append(price)
        rows["right_price"].append(price * float(random.uniform(0.8, 1.3)))
        rows["label"].append(int(match))
    return rows


PAIR_MODALITIES = {
    "left_name": "text",
    "left_price": "numeric",
    "right_name": "text",
    "right_price": "numeric",
}


def audited_pairs(
    tmp_path: Path, plant: Callable[[Rows, Rows], None], **modalities: str
) -> AuditReport:
    train, test = matching_rows(1, 0, 400), matching_rows(2, 1000, 150)
    plant(train, test)
    columns = {**PAIR_MODALITIES, **modalities}
    public, private = tmp_path / "public", tmp_path / "private"
    public.mkdir(parents=True)
    private.mkdir()
    pq.write_table(pa.table(train), public / "train.parquet")
    pq.write_table(
        pa.table({name: v for name, v in test.items() if name != "label"}),
        public / "test.parquet",
    )
    subset = ["public"] * len(test["id"])
    pq.write_table(
        pa.table({"id": test["id"], "label": pa.array(test["label"], pa.int8()), "subset": subset}),
        private / "solution.parquet",
    )
    document = {
        "id": "pairs",
        "kind": "matching",
        "columns": [{"name": name, "modality": is_a} for name, is_a in columns.items()],
        "classes": ["0", "1"],
        "sources": [{"name": "made", "licence": "CC0-1.0"}],
    }
    return audit_task(public, private, document=document)


def test_clean_pairs_raise_nothing(tmp_path: Path) -> None:
    assert audited_pairs(tmp_path, lambda train, test: None).findings == ()


def test_pairs_that_follow_by_transitivity_are_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        matches = [row for row, label in enumerate(train["label"]) if label == 1]
        for row in range(10):
            # a = b and b = c in train; the test asks whether a = c
            first, second = matches[2 * row], matches[2 * row + 1]
            train["left_id"][second] = train["right_id"][first]
            test["left_id"][row] = train["left_id"][first]
            test["right_id"][row] = train["right_id"][second]
            test["label"][row] = 1

    finding = found(audited_pairs(tmp_path, plant), "transitive-pairs")
    assert (finding.severity, finding.count) == ("high", 10)
    assert "10 of them rightly (10 matches)" in finding.message
    assert finding.shown is not None and "rightly" not in finding.shown.message


def test_a_training_non_match_separates_whole_entities(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        match = train["label"].index(1)
        other = train["label"].index(0)
        # a = b and a != c in train, so b != c in the test
        train["left_id"][other] = train["left_id"][match]
        test["left_id"][0] = train["right_id"][match]
        test["right_id"][0] = train["right_id"][other]
        test["label"][0] = 0

    finding = found(audited_pairs(tmp_path, plant), "transitive-pairs")
    assert (finding.severity, finding.count) == ("medium", 1)
    assert "1 of them rightly (0 matches)" in finding.message


def test_records_that_stand_in_train_are_found_by_their_content(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for row in range(60):
            for name in ("left_name", "left_price"):
                test[name][row] = train[name][row]
            for name in ("right_name", "right_price"):
                test[name][row] = train[name][row + 1]

    finding = found(audited_pairs(tmp_path, plant), "seen-records")
    assert finding.severity == "high"
    assert "60 have both" in finding.message
    assert finding.shown is not None and "matches" not in finding.shown.message


def test_an_attribute_whose_agreement_is_the_label_is_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        random = np.random.default_rng(8)
        for rows in (train, test):
            codes = random.integers(0, 10**9, len(rows["id"]))
            rows["left_code"] = [f"{code // 1000}/{code % 1000}" for code in codes]
            rows["right_code"] = [
                f"{code // 1000}-{code % 1000}" if label else str(code + 1)
                for code, label in zip(codes, rows["label"], strict=True)
            ]

    report = audited_pairs(tmp_path, plant, left_code="text", right_code="text")
    assert found(report, "telling-agreement-code").severity == "high"


def test_a_record_in_many_pairs_of_one_label_is_no_telling_id(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for rows in (train, test):
            order = np.argsort(np.array(rows["label"]), kind="stable").tolist()
            for place, row in enumerate(order):
                rows["left_id"][row] = rows["left_id"][order[place // 6 * 6]]

    assert audited_pairs(tmp_path, plant).high() == ()


def test_record_ids_that_follow_the_label_are_found(tmp_path: Path) -> None:
    def plant(train: Rows, test: Rows) -> None:
        for row, label in enumerate(train["label"]):
            train["right_id"][row] = f"r{10_000 * (1 - label) + row // 2}"

    report = audited_pairs(tmp_path, plant)
    assert [finding.name for finding in report.high()] == ["telling-right-id-train"]


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("near-identical-texts", 'by = "group"'),
        ("telling-agreement-code", "[left_out]"),
        ("telling-order-test", "correct the converter"),
        ("seen-records", 'by = "entity"'),
        ("transitive-pairs", 'by = "entity"'),
    ],
)
def test_a_high_finding_tells_its_own_fix(name: str, fix: str) -> None:
    (fault,) = AuditReport("toy", (Finding(name, "high", 3, 10, "3 of 10"),)).stopping({}, "toy")
    assert fix in str(fault)


def test_a_high_finding_stops_unless_it_is_accepted_with_a_reason(tmp_path: Path) -> None:
    report = AuditReport(
        "toy",
        (
            Finding("identical-rows", "high", 3, 10, "3 of 10"),
            Finding("shifted-sides", "low", 1, 10, "few"),
        ),
    )
    (fault,) = report.stopping({}, "datasets/toy")
    assert fault.code == "audit-high"
    assert "identical-rows" in str(fault)
    assert '`"identical-rows" = "why"` under [accept]' in str(fault)
    assert len(report.stopping({"identical-rows": " "}, "toy")) == 1
    assert report.stopping({"identical-rows": "published so"}, "toy") == ()


def test_the_summary_names_no_row_and_says_what_was_accepted_in_vain() -> None:
    report = AuditReport(
        "toy", (Finding("label-in-a", "high", 3, 10, "3 of 10", (("r1", "r7"), ("r2", ""))),)
    )
    summary = report.summary({"label-in-a": "known", "label-in-b": "gone"}, (Column("a", "text"),))
    assert summary == {
        "findings": [
            {
                "name": "label-in-a",
                "severity": "high",
                "count": 3,
                "of": 10,
                "message": "3 of 10",
                "accepted": "known",
            }
        ],
        "notes": ["accepted in task.toml, but not found: label-in-b (the task has no column 'b')"],
    }
    assert "r1" not in str(summary)
    assert "r1" in str(report.as_json())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A b", "a b"),
        (" A  b ", "a b"),
        ("a\tb", "a b"),
        ("a\n\r b", "a b"),
        (" ", None),
        ("", None),
    ],
)
def test_blanks_count_once_whether_or_not_another_text_has_odd_ones(
    text: str, expected: str | None
) -> None:
    for others in ([], ["x  y"]):
        assert normalised(pa.array([text, *others])).to_pylist()[0] == expected
