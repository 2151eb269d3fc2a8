"""Which file a text means: one, or none, or a refusal that names two."""

from __future__ import annotations

import os
import unicodedata
import warnings
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from challenge.errors import TaskError
from challenge.prepare.readers.image_files import ImageFolder, open_images
from challenge.prepare.sources.fetch import fingerprint
from challenge.task.definition import read_definition
from challenge.task.image_store import ImageStore, MissingImage
from tests.toy import declare_toy, toy_rows


def folder_of(raw: Path, *names: str) -> ImageFolder:
    for name in names:
        path = raw / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return ImageFolder(raw, raw / "photos")


def column(images: ImageFolder, *values: str) -> list[str | None]:
    keys = pa.array([f"row {place}" for place in range(1, len(values) + 1)])
    found: list[str | None] = images.column("photo", list(values), keys).to_pylist()
    return found


@pytest.mark.parametrize(
    ("value", "file"),
    [
        ("photos/pear/1.png", "pear/1.png"),
        ("pear/1.png", "pear/1.png"),
        ("/home/ann/photos/pear/1.png", "pear/1.png"),
        ("C:\\work\\pear\\1.png", "pear/1.png"),
        ("https://example.org/pear/1.png?size=3", "pear/1.png"),
        ("export 2020/pear/1.png", "pear/1.png"),
        ("Pear/1.PNG", "pear/1.png"),
        ("board 1#2.png", "board 1#2.png"),
        ("board 1.png", "board 1.png"),
        ("board%201%232.png", "board 1#2.png"),
        ("50%25.png", "50%25.png"),
        ("what?.png", "what?.png"),
        ("2.png", "2.png"),
        (unicodedata.normalize("NFC", "Käse.png"), unicodedata.normalize("NFD", "Käse.png")),
        ("only", "deep/only.jpeg"),
        (" 2.png ", "2.png"),
        ("raw.ppm", "raw.ppm"),
    ],
)
def test_a_text_means_the_file_that_it_names_best(tmp_path: Path, value: str, file: str) -> None:
    images = folder_of(
        tmp_path, "apple/1.png", "pear/1.png", "board 1.png", "board 1#2.png", "50%25.png",
        "what?.png", "2.png", "apple/2.png", unicodedata.normalize("NFD", "Käse.png"),
        "deep/only.jpeg", "raw.ppm",
    )  # fmt: skip
    assert column(images, value) == [f"photos/{file}"]


@pytest.mark.parametrize("value", ["1.png", "other/1.png", "1", "1.PNG"])
def test_two_files_of_one_name_are_refused_by_name(tmp_path: Path, value: str) -> None:
    images = folder_of(tmp_path, "apple/1.png", "pear/1.png")
    with pytest.raises(TaskError) as caught:
        column(images, value, "apple/1.png", value)
    (fault,) = caught.value.faults
    assert fault.found == f"{value!r} may be 'apple/1.png' or 'pear/1.png'"
    assert (fault.n, fault.first) == (2, ("row 1", "row 3"))
    assert images.find(value) is None


def test_names_that_differ_only_in_case_are_two_files(tmp_path: Path) -> None:
    images = folder_of(tmp_path, "a.png", "A.png")
    assert column(images, "a.png", "A.png") == ["photos/a.png", "photos/A.png"]
    with pytest.raises(TaskError, match=r"'a\.PNG' may be 'A\.png' or 'a\.png'"):
        column(images, "a.PNG")


def test_the_image_of_another_row_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    images = folder_of(tmp_path, "apple/1.png")
    with pytest.raises(TaskError, match=r"'quince/1\.png' and 'apple/1\.png' both lead to"):
        column(images, "apple/1.png", "quince/1.png")


def zip_of(path: Path, *names: bytes | str) -> None:
    """Write a zip; names in bytes are in an encoding that the zip does not state."""
    stand_in = {name: f"{place:03}" for place, name in enumerate(names)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, stand in stand_in.items():
            given = name if isinstance(name, str) else stand.ljust(len(name), "_")
            archive.writestr(given, str(name))
    content = path.read_bytes()
    for name, stand in stand_in.items():
        if isinstance(name, bytes):
            content = content.replace(stand.ljust(len(name), "_").encode(), name)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("写真.png", "写真.png"),
        ("sub/写真.png".encode(), "写真.png"),
        ("写真.png".encode("cp932"), "写真.png"),
        ("Käse.png".encode("cp1252"), "Käse.png"),
        ("Käse.png".encode("cp437"), "Käse.png"),
        (b"photos\\deep\\one.png", "deep/one.png"),
        ("deep/one.png", "photos\\deep\\one.png"),
    ],
)
def test_zips_of_other_systems_are_read(tmp_path: Path, name: bytes | str, value: str) -> None:
    zip_of(tmp_path / "photos.zip", name, "other.png")
    (found,) = column(ImageFolder(tmp_path, tmp_path / "photos.zip"), value)
    assert found is not None and found.startswith("photos.zip/")
    store = ImageStore(tmp_path / "public", tmp_path, lambda _: None)
    assert store._read(found) == str(name).encode()


def test_a_path_through_a_zip_does_not_leave_it(tmp_path: Path) -> None:
    zip_of(tmp_path / "photos.zip", "one.png")
    (tmp_path / "secret").write_text("x")
    store = ImageStore(tmp_path / "public", tmp_path, lambda _: None)
    with pytest.raises(MissingImage):
        store._read("photos.zip/../secret")


def test_a_file_name_that_is_no_text_leaves_the_others_alone(tmp_path: Path) -> None:
    task = declare_toy(tmp_path / "toy", raw=toy_rows(30, images=False))
    images = folder_of(task / "raw", "a.png")
    (task / "raw" / "photos" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    assert column(images, "a.png") == ["photos/a.png"]
    assert fingerprint(read_definition(task), task)
    with pytest.raises(TaskError, match=r"is b'caf\\xe9\.png', a file name that is not UTF-8"):
        column(ImageFolder(task / "raw", task / "raw" / "photos"), "café.png")


@pytest.mark.parametrize("same", [True, False])
def test_a_name_that_is_twice_in_a_zip_means_one_image(same: bool, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "im.zip", "w") as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for content in (b"one", b"one" if same else b"two"):
            target.writestr("a.png", content)
        target.writestr("b.png", b"other")
    images = open_images(tmp_path, "im.zip")
    keys = pa.array(["row 1"])
    assert images.column("x", ["b.png"], keys).to_pylist() == ["im.zip/b.png"]
    if same:
        assert images.column("x", ["a.png"], keys).to_pylist() == ["im.zip/a.png"]
    else:
        with pytest.raises(TaskError, match=r"'a\.png' is the name of several images in the zip"):
            images.column("x", ["a.png"], keys)
