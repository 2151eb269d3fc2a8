"""How many kinds of planted leaks the audit finds, and how often it doubts a clean table.

    python -m benchmarks.leaks            # 23 kinds on three forms of tables, and 40 clean tables
    python -m benchmarks.leaks --kind rot13

Every table is built as a task. A kind is *found* when the build stops or a finding of severity
medium names it, and *harmless* when what was planted is not in the built files. A clean table has
labels that follow honestly from its columns; any high or medium finding about it is a false alarm.
"""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, PngImagePlugin

from challenge.errors import TaskError
from challenge.prepare import build_task

Columns = dict[str, list[Any]]
FORMS = ((300, 2), (500, 3), (800, 5))
"""Rows and classes."""
CLASSES = ("amber", "cedar", "maple", "olive", "willow", "hazel", "lotus", "thyme", "basil", "fern")
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")]
NOT_LEAKS = ("class-missing", "licence", "shifted", "contradictory")


def _vocabulary(size: int) -> list[str]:
    source = np.random.default_rng(11)
    return ["".join(source.choice(SYLLABLES, 3)) for _ in range(size)]


VOCABULARY = _vocabulary(600)


def words(random: np.random.Generator, n: int) -> list[str]:
    """Return n words of a fixed made-up vocabulary."""
    return [VOCABULARY[place] for place in random.integers(0, len(VOCABULARY), n)]


@dataclass
class Table:
    """A raw table: columns, label codes, modalities, and images by file name."""

    columns: Columns
    labels: np.ndarray
    modalities: dict[str, str]
    images: dict[str, bytes] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.labels)


def base(seed: int, n: int, k: int) -> Table:
    """Return a clean table: text, number, count, category and code, each of some help or none."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, k, n)
    hints = np.where(random.random(n) < 0.6, labels, random.integers(0, k, n))
    texts = []
    for hint in hints:
        text = words(random, int(random.integers(10, 25)))
        text[int(random.integers(len(text)))] = f"mark{'xyzuvwpqrs'[hint]}o"
        texts.append(" ".join(text))
    price = np.round(random.gamma(2.0, 20, n) + 15 * labels, 2)
    colour = [("red", "blue", "green", "grey")[place] for place in random.integers(0, 4, n)]
    columns: Columns = {
        "words": texts,
        "price": [None if random.random() < 0.05 else float(value) for value in price],
        "count": (random.poisson(20, n) + 2 * labels).tolist(),
        "colour": colour,
        "code": [
            f"{random.choice(list('KLMN'))}{value}" for value in random.permutation(90_000)[:n]
        ],
    }
    is_a = {"words": "text", "price": "numeric", "count": "numeric", "colour": "categorical",
            "code": "text"}  # fmt: skip
    return Table(columns, labels, is_a)


def drawing(random: np.random.Generator, shape: int = -1) -> Image.Image:
    """Return a picture of some shapes on a coloured slope; `shape` biases what is drawn."""
    across = np.linspace(0, 1, 64)
    start, stop = random.integers(60, 255, (2, 3))
    slope = across[:, None, None] * start + across[None, :, None] * stop
    image = Image.fromarray((slope / 2).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = random.integers(4, 44, 2).tolist()
        size = int(random.integers(8, 20))
        colour = tuple(int(one) for one in random.integers(0, 255, 3))
        round_one = random.random() < (0.75 if shape == 0 else 0.25 if shape > 0 else 0.5)
        (pen.ellipse if round_one else pen.rectangle)((x, y, x + size, y + size), fill=colour)
    return image


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """Return the bytes of an image file."""
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def with_images(table: Table, images: list[bytes], names: list[str] | None = None) -> None:
    """Add a column of images."""
    names = names or [f"{row * 7919 % 100_003:06}.png" for row in range(len(images))]
    table.columns["image"] = list(names)
    table.modalities["image"] = "image"
    table.images = dict(zip(names, images, strict=True))


def repeated(table: Table) -> np.ndarray:
    """Let the second half of the rows repeat the first; return the repeated rows."""
    half = table.n // 2
    for values in table.columns.values():
        values[half : 2 * half] = values[:half]
    table.labels[half : 2 * half] = table.labels[:half]
    return np.arange(half, 2 * half)


def jitter(table: Table, rows: np.ndarray, random: np.random.Generator) -> None:
    """Change numbers, categories and codes of rows, so that only what is planted repeats."""
    for row in rows:
        table.columns["price"][row] = round(float(random.gamma(2.0, 20)), 2)
        table.columns["count"][row] = int(random.poisson(20))
        table.columns["colour"][row] = str(random.choice(["red", "blue", "green", "grey"]))
        table.columns["code"][row] = f"P{random.integers(100_000, 999_999)}"


Plant = Callable[[Table, np.random.Generator, int], None]


def label_as_code(table: Table, random: np.random.Generator, k: int) -> None:
    """A category is the label under other names."""
    codes = random.permutation(k)
    table.columns["shelf"] = [f"s{codes[label]}" for label in table.labels]
    table.modalities["shelf"] = "categorical"


def _spoken(table: Table, random: np.random.Generator, say: Callable[[str], str]) -> None:
    for row, label in enumerate(table.labels):
        text = table.columns["words"][row].split()
        text.insert(int(random.integers(len(text))), say(CLASSES[label]))
        table.columns["words"][row] = " ".join(text)


def label_in_text(table: Table, random: np.random.Generator, k: int) -> None:
    """A word of the text is the label."""
    _spoken(table, random, lambda name: name)


def label_in_rot13(table: Table, random: np.random.Generator, k: int) -> None:
    """A word of the text is the label in rot13."""
    _spoken(table, random, lambda name: codecs.encode(name, "rot13"))


def label_in_a_word(table: Table, random: np.random.Generator, k: int) -> None:
    """The label is inside another word."""
    _spoken(
        table, random, lambda name: f"{random.choice(SYLLABLES)}{name}{random.choice(SYLLABLES)}"
    )


def key_follows(table: Table, random: np.random.Generator, k: int) -> None:
    """Keys count up with the label."""
    order = np.argsort(table.labels, kind="stable")
    keys = np.empty(table.n, dtype=int)
    keys[order] = np.arange(table.n)
    table.columns["key"] = [f"{key:06}" for key in keys]


def order_follows(table: Table, random: np.random.Generator, k: int) -> None:
    """Rows are in the order of the label."""
    order = np.argsort(table.labels, kind="stable")
    for name, values in table.columns.items():
        table.columns[name] = [values[row] for row in order]
    table.labels = table.labels[order]


def file_names_follow(table: Table, random: np.random.Generator, k: int) -> None:
    """Image files are named after the label."""
    names = [f"{CLASSES[label]}-{row}.png" for row, label in enumerate(table.labels)]
    with_images(table, [encoded(drawing(random)) for _ in names], names)


def metadata_follows(table: Table, random: np.random.Generator, k: int) -> None:
    """Images carry the label as metadata."""
    images = []
    for label in table.labels:
        info = PngImagePlugin.PngInfo()
        info.add_text("class", CLASSES[label])
        images.append(encoded(drawing(random), pnginfo=info))
    with_images(table, images)


def file_dates_follow(table: Table, random: np.random.Generator, k: int) -> None:
    """Image files have dates that follow the label (set when they are written)."""
    with_images(table, [encoded(drawing(random)) for _ in table.labels])


def file_size_follows(table: Table, random: np.random.Generator, k: int) -> None:
    """Images of one class are noisy, and so are larger."""
    images = []
    for label in table.labels:
        image = drawing(random)
        noise = random.integers(0, 1 + 40 * int(label), (64, 64, 3), dtype=np.uint8)
        images.append(encoded(Image.fromarray(np.asarray(image) // 2 + noise // 2)))
    with_images(table, images)


def identical(table: Table, random: np.random.Generator, k: int) -> None:
    """Rows recur."""
    repeated(table)


def near_texts(table: Table, random: np.random.Generator, k: int) -> None:
    """Texts recur with one word changed; everything else differs."""
    rows = repeated(table)
    jitter(table, rows, random)
    for row in rows:
        text = table.columns["words"][row].split()
        text[-1] = words(random, 1)[0]
        table.columns["words"][row] = " ".join(text)


def short_near_texts(table: Table, random: np.random.Generator, k: int) -> None:
    """Short names recur with one character changed; everything else differs."""
    table.columns["words"] = [
        "".join(random.choice(SYLLABLES, 4)) + " " + "".join(random.choice(SYLLABLES, 3))
        for _ in range(table.n)
    ]
    rows = repeated(table)
    jitter(table, rows, random)
    table.columns["code"] = ["x"] * table.n
    del table.columns["code"], table.modalities["code"]
    for row in rows:
        text = table.columns["words"][row]
        place = int(random.integers(1, len(text) - 1))
        table.columns["words"][row] = f"{text[:place]}w{text[place + 1 :]}"


def running_number(table: Table, random: np.random.Generator, k: int) -> None:
    """A column numbers the rows as they were once sorted by label."""
    key_follows(table, random, k)
    table.columns["serial"] = [int(key) + 1 for key in table.columns.pop("key")]
    table.modalities["serial"] = "numeric"


def missing_follows(table: Table, random: np.random.Generator, k: int) -> None:
    """Which values are missing is the label, in binary."""
    for bit, name in enumerate(("count", "colour", "words")):
        values = table.columns[name]
        table.columns[name] = [
            None if (int(label) >> bit) & 1 else value
            for label, value in zip(table.labels, values, strict=True)
        ]


def decimals_follow(table: Table, random: np.random.Generator, k: int) -> None:
    """Numbers have one decimal more for each label."""
    table.columns["price"] = [
        float(f"{random.uniform(5, 90):.{label}f}{random.integers(1, 10)}") if label
        else float(f"{random.integers(5, 90)}.{random.integers(1, 10)}")
        for label in table.labels
    ]  # fmt: skip


def corner_follows(table: Table, random: np.random.Generator, k: int) -> None:
    """The last bit, or the level, of a corner pixel is the label."""
    images = []
    for label in table.labels:
        image = drawing(random)
        red, green, blue = np.asarray(image)[0, 0].tolist()
        mark = blue - blue % 2 + int(label) if k == 2 else 40 * int(label)
        image.putpixel((0, 0), (red, green, min(mark, 255)))
        images.append(encoded(image))
    with_images(table, images)


def length_follows(table: Table, random: np.random.Generator, k: int) -> None:
    """The length of the text, modulo the number of classes, is the label."""
    for row, label in enumerate(table.labels):
        text = table.columns["words"][row]
        while len(text) % k != label:
            text += "a"
        table.columns["words"][row] = text


def prefix_follows(table: Table, random: np.random.Generator, k: int) -> None:
    """The first character of a unique code is the label."""
    table.columns["code"] = [
        f"{'QWZXYHJVUB'[label]}{code[1:]}"
        for label, code in zip(table.labels, table.columns["code"], strict=True)
    ]


def _image_copies(
    table: Table, random: np.random.Generator, change: Callable[[Image.Image], Image.Image]
) -> None:
    rows = repeated(table)
    jitter(table, rows, random)
    half = len(rows)
    table.columns["words"] = [" ".join(words(random, 12)) for _ in range(table.n)]
    images = [drawing(random) for _ in range(table.n)]
    for row in rows:
        images[row] = change(images[row - half])
    with_images(table, [encoded(image) for image in images])


def mirrored(table: Table, random: np.random.Generator, k: int) -> None:
    """Images recur mirrored."""
    _image_copies(table, random, lambda one: one.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def cropped(table: Table, random: np.random.Generator, k: int) -> None:
    """Images recur with 2 to 8 % cut off at each edge, scaled back."""

    def change(image: Image.Image) -> Image.Image:
        cut = float(random.uniform(0.02, 0.08)) * 64
        box = (cut, cut, 64 - cut, 64 - cut)
        return image.resize((64, 64), Image.Resampling.BICUBIC, box)

    _image_copies(table, random, change)


def translated(table: Table, random: np.random.Generator, k: int) -> None:
    """Rows recur with the text in another language."""
    rows = repeated(table)
    for row in rows:
        text = table.columns["words"][row]
        table.columns["words"][row] = " ".join(
            codecs.encode(word[::-1], "rot13") for word in text.split()
        )


def xor(table: Table, random: np.random.Generator, k: int) -> None:
    """Two columns together are the label, and neither says anything alone."""
    first = random.integers(0, k, table.n)
    if k == 2:
        size = random.uniform(1, 50, (2, table.n))
        one = np.where(first == 1, size[0], -size[0])
        other = np.where((first ^ table.labels) == 1, size[1], -size[1])
        table.columns |= {"east": one.round(3).tolist(), "north": other.round(3).tolist()}
        table.modalities |= {"east": "numeric", "north": "numeric"}
    else:
        table.columns["east"] = [f"e{value}" for value in first]
        table.columns["north"] = [f"n{value}" for value in (table.labels - first) % k]
        table.modalities |= {"east": "categorical", "north": "categorical"}


KINDS: dict[str, tuple[Plant, str]] = {
    "label as code": (label_as_code, "telling-column-shelf"),
    "label in text": (label_in_text, "label-in-words"),
    "key follows": (key_follows, "harmless"),
    "row order follows": (order_follows, "harmless"),
    "file name follows": (file_names_follow, "harmless"),
    "metadata follows": (metadata_follows, "harmless"),
    "file date follows": (file_dates_follow, "harmless"),
    "file size follows": (file_size_follows, "telling-file-size-image"),
    "identical rows": (identical, "identical-rows"),
    "near-identical texts": (near_texts, "near-identical-texts"),
    "running number": (running_number, "telling-"),
    "missing values": (missing_follows, "telling-"),
    "decimals": (decimals_follow, "telling-form-price"),
    "corner pixel": (corner_follows, "telling-pixels-image"),
    "text length": (length_follows, "telling-form-words"),
    "short near-copies": (short_near_texts, "near-identical-short-texts"),
    "prefix of a code": (prefix_follows, "telling-characters-code"),
    "mirrored images": (mirrored, "near-identical-images-turned"),
    "cropped images": (cropped, "near-identical-images"),
    "label in rot13": (label_in_rot13, "telling-characters-words"),
    "label in a word": (label_in_a_word, "telling-characters-words"),
    "translated copies": (translated, "near-identical-but-for-words"),
    "XOR of two columns": (xor, "telling-columns-east-north"),
}


def clean(make: int, seed: int) -> Table:
    """Return a clean table of one of ten makes."""
    random = np.random.default_rng([make, seed])
    n, k = int(random.integers(200, 2500)), int(random.integers(2, 8))
    table = base(int(random.integers(1 << 30)), n, k)
    if make == 1:  # topics: each text has several words of its class, among many
        topics = [words(random, 80) for _ in range(k)]
        table.columns["words"] = [
            " ".join([*random.choice(topics[label], 8), *words(random, 15)])
            for label in table.labels
        ]
    elif make == 2:  # two strong numbers
        table.columns["price"] = (table.labels + random.normal(0, 0.6, n)).round(3).tolist()
        table.columns["count"] = (random.poisson(10, n) + 6 * table.labels).tolist()
    elif make == 3:  # values are missing more often for some labels
        gone = random.random(n) < 0.1 + 0.6 * table.labels / k
        table.columns["count"] = [
            None if lost else value
            for lost, value in zip(gone, table.columns["count"], strict=True)
        ]
    elif make == 4:  # short names, some of them alike
        table.columns["words"] = [" ".join(words(random, 3)) for _ in range(n)]
    elif make == 5:  # images whose shapes follow from the label
        n = min(n, 500)
        table.labels = table.labels[:n]
        table.columns = {name: values[:n] for name, values in table.columns.items()}
        with_images(table, [encoded(drawing(random, int(label))) for label in table.labels])
    elif make == 6:  # long texts whose length follows from the label
        table.columns["words"] = [
            " ".join(words(random, int(random.poisson(30 + 25 * label)) + 1))
            for label in table.labels
        ]
    elif make == 7:  # many numbers, each of little help
        for column in range(12):
            values = random.normal(0, 2, n) + table.labels
            table.columns[f"f{column}"] = values.round(int(random.integers(1, 6))).tolist()
            table.modalities[f"f{column}"] = "numeric"
    elif make == 8:  # categories that go with the label, together better than alone
        for column in range(4):
            drawn = np.where(random.random(n) < 0.45, table.labels, random.integers(0, k, n))
            table.columns[f"c{column}"] = [f"v{value}" for value in drawn]
            table.modalities[f"c{column}"] = "categorical"
    elif make == 9:  # prices that end in .99 more often for some labels
        ends = np.where(random.random(n) < 0.2 + 0.6 * table.labels / k, 0.99, 0.5)
        table.columns["price"] = (random.integers(5, 90, n) + ends).round(2).tolist()
    return table


def declare(folder: Path, table: Table, dates: bool) -> None:
    """Write a task.toml, its converter and its raw data."""
    raw = folder / "raw"
    raw.mkdir(parents=True)
    columns = dict(table.columns)
    columns.setdefault("key", [f"row {row}" for row in range(1, table.n + 1)])
    columns["label"] = [CLASSES[label] for label in table.labels]
    pq.write_table(pa.table(columns), raw / "rows.parquet")
    for (name, data), label in zip(table.images.items(), table.labels, strict=False):
        (raw / name).write_bytes(data)
        if dates:
            os.utime(raw / name, (1e9 + 1e5 * int(label),) * 2)
    lines = [
        f'format = 1\nid = "{folder.name}"\nkind = "classification"\ntitle = "Leaks"',
        'metric = "macro_f1"\n[[source]]\npath = "raw"\nlicence = "CC0-1.0"',
        '[raw]\nformat = "table"\nfile = "rows.parquet"\nlabel = "label"\nkey = "key"',
        "[split]\nseed = 1",
        *(f'[columns.{name}]\nmodality = "{is_a}"' for name, is_a in table.modalities.items()),
    ]
    (folder / "task.toml").write_text("\n".join(lines) + "\n")


def findings(table: Table, dates: bool = False) -> list[str]:
    """Build a table as a task; return its high and medium findings, without those of size."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "leak"
        declare(folder, table, dates)
        try:
            build_task(folder, cache=Path(made))
        except TaskError as error:
            if {fault.code for fault in error.faults} != {"audit-high"}:
                raise
        stopped = folder / "private" / "stopped" / "public" / "task.json"
        path = stopped if stopped.is_file() else folder / "public" / "task.json"
        found = json.loads(path.read_bytes())["audit"]["findings"]
    return [
        one["name"]
        for one in found
        if one["severity"] != "low" and not one["name"].startswith(NOT_LEAKS)
    ]


def main() -> None:
    """Print one line a kind and form, the false alarms, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", help="one kind only, by a part of its name")
    parser.add_argument("--clean", type=int, default=40, help="how many clean tables")
    given = parser.parse_args()
    chosen = {name: one for name, one in KINDS.items() if not given.kind or given.kind in name}
    caught = 0
    for name, (plant, expected) in chosen.items():
        answers = []
        for seed, (n, k) in enumerate(FORMS):
            table = base(100 + seed, n, k)
            plant(table, np.random.default_rng(seed), k)
            found = findings(table, dates=plant is file_dates_follow)
            if expected == "harmless":
                answers.append("harmless" if not found else f"FALSE ALARM {found}")
            else:
                hit = [one for one in found if one.startswith(expected)]
                answers.append(hit[0] if hit else f"MISSED {found}")
        good = all(not one.startswith(("MISSED", "FALSE")) for one in answers)
        caught += good
        print(
            f"{name:22} {'yes' if good else 'NO ':3} {'; '.join(dict.fromkeys(answers))}",
            flush=True,
        )
    print(f"{caught} of {len(chosen)} kinds found or harmless on all forms")
    alarms = 0
    for number in range(0 if given.kind else given.clean):
        found = findings(clean(number % 10, number // 10))
        alarms += bool(found)
        if found:
            print(f"clean table {number} (make {number % 10}): {found}", flush=True)
    if not given.kind:
        print(f"{alarms} false alarms in {given.clean} clean tables")


if __name__ == "__main__":
    main()
