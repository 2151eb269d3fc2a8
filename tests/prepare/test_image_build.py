"""Images in a build: every bad one is named before any is decoded, or dropped and listed."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from challenge.errors import TaskError
from challenge.prepare import build_task
from challenge.task import image_store
from challenge.task.definition import read_definition
from challenge.task.images import normalise_image
from tests.toy import declare_toy, toy_rows

N = 60
IMAGE_COLUMN = '\n[columns.photo]\nmodality = "image"\n'


def declared(tmp_path: Path, names: list[str], settings: str = "") -> Path:
    """Declare a task of 60 rows whose column `photo` names files."""
    table = toy_rows(N, images=False).append_column("photo", pa.array(names))
    folder = declare_toy(tmp_path / "toy", raw=table)
    toml = folder / "task.toml"
    text = toml.read_text() + IMAGE_COLUMN
    toml.write_text(text.replace("[raw]\n", f"[raw]\n{settings}\n"))
    return folder


def photo(path: Path, seed: int, side: int = 12) -> None:
    random = np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(path)


def with_photos(tmp_path: Path, settings: str = "", side: int = 12) -> Path:
    folder = declared(tmp_path, [f"{row}.png" for row in range(N)], settings)
    for row in range(N):
        photo(folder / "raw" / f"{row}.png", row, side)
    return folder


def spoil(raw: Path) -> None:
    (raw / "0.png").unlink()
    (raw / "1.png").write_bytes((raw / "1.png").read_bytes()[:150])
    (raw / "2.png").write_bytes(b"<!doctype html><html></html>")
    Image.new("1", (1200, 1000)).save(raw / "3.png")


def listed(path: Path) -> list[tuple[str, str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["row"], row["file"], row["reason"][:14]) for row in csv.DictReader(file)]


SPOILED = [
    ("row 0", "0.png", "names of files"),
    ("row 1", "1.png", "a damaged imag"),
    ("row 2", "2.png", "a web page; co"),
    ("row 3", "3.png", "an image of 1 "),
]


def test_every_bad_image_is_named_before_any_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = with_photos(tmp_path, "images = { max_megapixels = 1 }")
    spoil(folder / "raw")
    decoded = []
    monkeypatch.setattr(image_store, "normalise_image", lambda *_: decoded.append(1))
    with pytest.raises(TaskError) as caught:
        build_task(folder, cache=tmp_path)
    assert not decoded
    assert {fault.first for fault in caught.value.faults} == {
        (f"{row}: {file!r}",) for row, file, _ in SPOILED
    }
    assert listed(folder / "private" / "images.csv") == SPOILED


@pytest.mark.parametrize(
    "settings", ["", 'images = "images"', 'images = { path = "images", max_side = 16 }']
)
def test_the_fix_of_bad_images_is_a_line_that_takes_the_place_of_the_one_there(
    tmp_path: Path, settings: str
) -> None:
    folder = with_photos(tmp_path, settings)
    spoil(folder / "raw")
    with pytest.raises(TaskError) as caught:
        build_task(folder, cache=tmp_path)
    (line,) = {re.findall("`(images = .*?)`", fault.fix)[0] for fault in caught.value.faults}
    path = folder / "task.toml"
    text = path.read_text()
    before = settings or "[raw]\n"
    path.write_text(text.replace(before, line if settings else f"[raw]\n{line}\n"))
    found = read_definition(folder).raw.images
    assert found.on_error == "drop" and found.path == ("images" if settings else None)
    assert found.max_side == (16 if "max_side" in settings else None)


def test_bad_images_are_dropped_where_task_toml_says_so(tmp_path: Path) -> None:
    settings = 'images = { max_megapixels = 1, on_error = "drop" }'
    folder = with_photos(tmp_path, settings)
    spoil(folder / "raw")
    built = build_task(folder, cache=tmp_path)
    photos = [
        path
        for side in ("train", "test")
        for path in pq.read_table(folder / "public" / f"{side}.parquet")["photo"].to_pylist()
    ]
    assert len(photos) == N and photos.count(None) == len(SPOILED)
    assert len(list((folder / "public" / "images").iterdir())) == N - len(SPOILED)
    assert listed(folder / "private" / "images.csv") == SPOILED
    (note,) = [note for note in built.notes if "left out" in note]
    assert note.startswith("4 images were left out of their rows: 1 ")
    assert "0.png" not in note


def test_larger_images_are_scaled_down_and_counted(tmp_path: Path) -> None:
    folder = with_photos(tmp_path, "images = { max_side = 16 }", side=20)
    built = build_task(folder, cache=tmp_path)
    assert "60 images were scaled down to 16 pixels a side." in built.notes
    for path in (folder / "public" / "images").iterdir():
        with Image.open(path) as image:
            assert image.size == (16, 16)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "public").rglob("*.*"))}


def test_decoded_images_are_kept_between_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = with_photos(tmp_path)
    build_task(folder, cache=tmp_path)
    before = files(folder)
    kept = sorted((folder / "cache" / "images").iterdir())
    assert len(kept) == N
    decoded = []

    def counted(*words: object) -> object:
        decoded.append(words)
        return normalise_image(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(image_store, "normalise_image", counted)
    # What others wrote into the cache is decoded anew.
    content = kept[0].read_bytes()
    kept[0].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    shutil.copy(kept[2], kept[1])
    kept[3].unlink()
    kept[3].symlink_to(kept[4])
    (folder / "cache" / "images" / "other").write_text("x")
    photo(folder / "raw" / "7.png", 1000)
    (folder / "public" / "task.json").unlink()
    build_task(folder, cache=tmp_path)
    assert len(decoded) in (3, 4)
    assert len(list((folder / "cache" / "images").iterdir())) == N
    photo(folder / "raw" / "7.png", 7)
    (folder / "public" / "task.json").unlink()
    build_task(folder, cache=tmp_path)
    assert files(folder) == before


def test_progress_says_how_many_of_how_many(tmp_path: Path) -> None:
    folder = with_photos(tmp_path)
    said: list[str] = []
    build_task(folder, cache=tmp_path, progress=said.append)
    assert "images, 60 of 60" in said
