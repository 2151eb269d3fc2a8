"""Images of more than 8 bits a channel, and what a viewer shows of uncommon ones."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from challenge.task.image_store import ImageStore
from challenge.task.images import (
    ImageFault,
    ImageRules,
    deep_bits,
    normalise_image,
    read_head,
)

RANDOM = np.random.default_rng(4)
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Of PNG, by the number of channels."""


def deep_png(values: NDArray[np.integer], declared: int = 0) -> bytes:
    """Return a PNG of 16 bits a channel, with the declared number of significant bits."""
    shape = values.shape if values.ndim == 3 else (*values.shape, 1)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", shape[1], shape[0], 16, COLOUR_TYPES[shape[2]], 0, 0, 0)
    significant = chunk(b"sBIT", bytes([declared] * shape[2])) if declared else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + significant
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def stored(data: bytes, rules: ImageRules | None = None) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(normalise_image(data, rules).data)))


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3), (9, 7, 4)])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_values_are_scaled_by_the_bits_that_they_use(shape: tuple[int, ...], bits: int) -> None:
    values = RANDOM.integers(0, 1 << bits, shape)
    values.flat[0] = (1 << bits) - 1
    data = deep_png(values)
    assert deep_bits(data, ImageRules()) == bits
    shown = stored(data, ImageRules(bits=bits))
    expected = values >> (bits - 8)
    if len(shape) == 3 and shape[2] == 4:
        expected[expected[..., 3] == 0, :3] = 255
    assert np.array_equal(shown, expected)


def test_declared_bits_count_where_no_value_uses_them() -> None:
    assert deep_bits(deep_png(np.full((4, 4), 1000), declared=12), ImageRules()) == 12
    assert deep_bits(deep_png(np.full((4, 4), 9000), declared=12), ImageRules()) == 14


def test_a_tiff_where_white_is_zero_is_shown_as_viewers_do() -> None:
    values = np.array([[0, 4095], [1024, 2048]], dtype=np.uint16)
    target = io.BytesIO()
    Image.fromarray(values).save(target, "TIFF", tiffinfo={262: 0})
    shown = stored(target.getvalue(), ImageRules(bits=12))
    assert shown.tolist() == [[255, 0], [191, 127]]


def test_values_of_32_bits_are_refused() -> None:
    target = io.BytesIO()
    Image.fromarray(np.full((4, 4), 1 << 20, dtype=np.int32)).save(target, "TIFF")
    with pytest.raises(ImageFault, match="32-bit values"):
        normalise_image(target.getvalue())


def test_all_images_of_a_task_are_scaled_alike(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    levels = {"dark.png": 500, "bright.png": 4000}
    for name, level in levels.items():
        (tmp_path / "raw" / name).write_bytes(deep_png(np.full((4, 4), level)))
    store = ImageStore(tmp_path, tmp_path / "raw", lambda _: None)
    for name in levels:
        store.look(name)
    store.start()
    shown = {name: np.asarray(Image.open(tmp_path / store.store(name)[0])) for name in levels}
    assert {name: int(one[0, 0]) for name, one in shown.items()} == {
        "dark.png": 500 >> 4,
        "bright.png": 4000 >> 4,
    }
    assert store.notes() == [
        "2 images have more than 8 bits a channel: their values, of 12 bits, were scaled to 8."
    ]


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def look(data: bytes, rules: ImageRules | None = None) -> tuple[int, int, bool, bool]:
    head = read_head(data[:65_536], data[-65_536:], len(data), lambda: data, rules or ImageRules())
    return head.width, head.height, head.deep, head.animated


SMOOTH = np.add.outer(np.arange(20), np.arange(30))[..., None] * np.array([3, 2, 4])
PHOTO = Image.fromarray(SMOOTH.astype(np.uint8))


@pytest.mark.parametrize("form", ["AVIF", "JPEG2000", "MPO", "WEBP"])
def test_formats_of_phones_are_decoded(form: str) -> None:
    options = {"save_all": True, "append_images": [PHOTO]} if form == "MPO" else {"quality": 95}
    data = encoded(PHOTO, form, **options)
    assert look(data) == (30, 20, False, False)
    shown = stored(data).astype(int)
    assert np.abs(shown - np.asarray(PHOTO)).mean() < 4


def test_a_photo_in_a_phone_file_keeps_its_jpeg() -> None:
    data = encoded(PHOTO, "MPO", save_all=True, append_images=[PHOTO.rotate(180)])
    image = normalise_image(data)
    assert image.suffix == ".jpg"
    assert np.array_equal(
        np.asarray(Image.open(io.BytesIO(image.data))), np.asarray(Image.open(io.BytesIO(data)))
    )


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_frames_are_known_and_the_first_is_stored(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert look(data) == (8, 8, False, True)
    assert stored(data)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_image_is_upright(turn: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"lossless": True} if form == "WEBP" else {"quality": 95} if form == "JPEG" else {}
    shown = stored(encoded(PHOTO, form, exif=exif, **options)).astype(int)
    plain = np.asarray(PHOTO).astype(int)
    upright = [
        plain, plain[:, ::-1], plain[::-1, ::-1], plain[::-1], plain.transpose(1, 0, 2),
        np.rot90(plain, -1), np.rot90(plain, -1)[::-1], np.rot90(plain),
    ][turn - 1]  # fmt: skip
    if turn == 7:
        upright = plain[::-1, ::-1].transpose(1, 0, 2)
    assert shown.shape == upright.shape
    assert np.abs(shown - upright).mean() < 3


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html><body><svg></svg></body></html>", "a web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC image; convert it to PNG or JPEG"),
        (b"\xff\x0a" + bytes(40), "JPEG XL image; convert it"),
        (b"%PDF-1.7\n", "a PDF; convert it"),
    ],
)
def test_a_file_that_is_no_image_is_named(data: bytes, name: str) -> None:
    for ask in (look, normalise_image):
        with pytest.raises(ImageFault, match=name):
            ask(data)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_cut_off_image_is_known_before_the_others_are_decoded(form: str) -> None:
    noise = Image.fromarray(RANDOM.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, form)
    with pytest.raises(ImageFault):
        look(data[: len(data) // 2])


def test_what_follows_the_end_of_an_image_is_no_damage() -> None:
    data = encoded(PHOTO, "PNG") + bytes(100_000)
    assert look(data) == (30, 20, False, False)


def test_larger_images_are_scaled_down() -> None:
    wide = Image.new("RGB", (400, 100), "red")
    for form, suffix in (("PNG", ".png"), ("JPEG", ".jpg")):
        image = normalise_image(encoded(wide, form), ImageRules(max_side=100))
        assert (image.width, image.height, image.suffix) == (100, 25, suffix)
    small = encoded(PHOTO, "JPEG")
    assert normalise_image(small, ImageRules(max_side=30)) == normalise_image(small)


def test_the_cap_is_that_of_the_task() -> None:
    data = encoded(Image.new("L", (1500, 1000)), "PNG")
    with pytest.raises(ImageFault, match=r"2 megapixels \(at most 1\)"):
        look(data, ImageRules(max_megapixels=1))
    assert look(data, ImageRules(max_megapixels=2))[:2] == (1500, 1000)
