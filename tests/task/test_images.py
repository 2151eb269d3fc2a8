import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from challenge.task.images import (
    SVG_SIDE,
    ImageFault,
    StandardImage,
    normalise_image,
    strip_jpeg,
    write_image,
)

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 255, (20, 30, 3), dtype=np.uint8)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 12"><path d="M0 0h12v12H0z"/>%s</svg>'
)


def encode(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def decoded(standard: StandardImage) -> Image.Image:
    image = Image.open(io.BytesIO(standard.data))
    image.load()
    return image


def refused(data: bytes) -> str:
    with pytest.raises(ImageFault) as caught:
        normalise_image(data)
    return str(caught.value)


def test_a_png_loses_its_texts_and_keeps_its_pixels() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "somebody")
    exif = Image.Exif()
    exif[0x010E] = "a label in disguise"
    standard = normalise_image(
        encode(Image.fromarray(PIXELS), pnginfo=notes, exif=exif, dpi=(72, 72))
    )
    assert standard.suffix == ".png"
    assert b"somebody" not in standard.data
    assert b"disguise" not in standard.data
    assert decoded(standard).info == {}
    assert (np.asarray(decoded(standard)) == PIXELS).all()


def test_a_jpeg_stays_a_jpeg_and_only_loses_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a label in disguise"
    data = encode(
        Image.fromarray(PIXELS), "JPEG", exif=exif, comment=b"a comment", icc_profile=b"profile" * 9
    )
    standard = normalise_image(data + b"appended")
    assert standard.suffix == ".jpg"
    for word in (b"disguise", b"comment", b"profile", b"appended"):
        assert word not in standard.data
    assert (np.asarray(decoded(standard)) == np.asarray(Image.open(io.BytesIO(data)))).all()


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}]
)
def test_every_kind_of_jpeg_is_stripped_without_decoding_it(options: dict[str, object]) -> None:
    data = encode(Image.fromarray(PIXELS), "JPEG", comment=b"secret", **options)
    stripped = strip_jpeg(data)
    assert b"secret" not in stripped
    assert (
        np.asarray(Image.open(io.BytesIO(stripped))) == np.asarray(Image.open(io.BytesIO(data)))
    ).all()


def test_a_jpeg_on_its_side_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    standard = normalise_image(encode(Image.fromarray(PIXELS), "JPEG", exif=exif))
    assert (standard.width, standard.height) == (20, 30)
    assert standard.suffix == ".jpg"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_one_of_four(mode: str) -> None:
    image = Image.fromarray(PIXELS)
    if mode == "I;16":
        image = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    standard = normalise_image(encode(image, "TIFF" if mode == "CMYK" else "PNG"))
    assert decoded(standard).mode in ("L", "RGB")
    assert decoded(standard).size == (30, 20)
    if mode == "I;16":
        assert (np.asarray(decoded(standard)) == PIXELS[..., 0]).all()


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "WEBP", "ICO"])
def test_other_formats_become_png(form: str) -> None:
    standard = normalise_image(encode(Image.fromarray(PIXELS), form))
    assert standard.suffix == ".png"


def test_what_is_wholly_transparent_becomes_white() -> None:
    values = np.full((4, 4, 4), 7, dtype=np.uint8)
    values[0, 0, 3] = 0
    image = decoded(normalise_image(encode(Image.fromarray(values, "RGBA"))))
    assert image.mode == "RGBA"
    assert image.getpixel((0, 0)) == (255, 255, 255, 0)
    assert image.getpixel((1, 1)) == (7, 7, 7, 7)


def test_a_palette_keeps_its_transparency() -> None:
    image = Image.fromarray(PIXELS[..., 0] % 4, "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    found = decoded(normalise_image(encode(image, transparency=0)))
    assert found.mode == "RGBA"
    assert set(np.asarray(found)[..., 3].ravel().tolist()) == {0, 255}


def test_what_the_bytes_say_counts_not_the_name() -> None:
    assert normalise_image(encode(Image.fromarray(PIXELS), "JPEG")).name.endswith(".jpg")
    assert normalise_image(encode(Image.fromarray(PIXELS), "PNG")).name.endswith(".png")


def test_equal_pixels_have_equal_digests_whatever_the_file() -> None:
    one = normalise_image(encode(Image.fromarray(PIXELS), compress_level=0))
    two = normalise_image(encode(Image.fromarray(PIXELS), "BMP"))
    other = normalise_image(encode(Image.fromarray(PIXELS[::-1])))
    turned = normalise_image(encode(Image.fromarray(PIXELS.reshape(30, 20, 3))))
    assert one.pixels == two.pixels
    assert len({one.pixels, other.pixels, turned.pixels}) == 3


def test_a_image_is_stored_once_under_its_digest(tmp_path: Path) -> None:
    standard = normalise_image(encode(Image.fromarray(PIXELS)))
    write_image(tmp_path, standard)
    write_image(tmp_path, standard)
    (stored,) = (tmp_path / "images").iterdir()
    assert f"images/{stored.name}" == standard.name
    assert stored.read_bytes() == standard.data


def test_an_empty_file_is_no_image() -> None:
    assert refused(b"") == "an empty file"


def test_text_is_no_image() -> None:
    assert refused(b"hello").startswith("not an image of a supported format (PNG, JPEG")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_truncated_image_is_refused(form: str) -> None:
    data = encode(Image.fromarray(PIXELS), form)
    assert refused(data[: len(data) // 2]).startswith("a damaged image")


@pytest.mark.parametrize(("width", "megapixels"), [(21_000, 231), (8_000, 88)])
def test_a_image_of_too_many_pixels_is_refused_unread(width: int, megapixels: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, 11_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert refused(bomb) == f"an image of {megapixels} megapixels (at most 64)"


def test_a_file_above_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("challenge.task.images.MAX_BYTES", 10)
    assert refused(b"x" * 11) == "a file of 11 bytes (at most 10)"


def test_a_drawing_becomes_a_png_on_white() -> None:
    standard = normalise_image((SVG % "").encode())
    image = decoded(standard)
    assert (image.mode, image.size) == ("RGB", (SVG_SIDE, SVG_SIDE // 2))
    assert image.getpixel((10, 10)) == (0, 0, 0)
    assert image.getpixel((SVG_SIDE - 10, 10)) == (255, 255, 255)


@pytest.mark.parametrize(
    "inside",
    [
        '<image href="file:///etc/passwd"/>',
        '<image xlink:href="https://example.org/a.png"/>',
        '<image href="../secret.png"/>',
        '<style>@import "a.css";</style>',
        '<rect fill="url(other.svg#a)"/>',
    ],
)
def test_a_drawing_that_refers_to_outside_is_refused(inside: str) -> None:
    assert refused((SVG % inside).encode()) == "an SVG that refers to something outside itself"


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<?xml version="1.0"?><!DOCTYPE svg [\n<!ENTITY a "b">]>',
    ],
)
def test_a_drawing_with_entities_is_refused(head: str) -> None:
    assert refused((head + SVG % "<text>&x;</text>").encode()).startswith(
        "an SVG that declares entit"
    )


def test_a_drawing_may_refer_to_itself() -> None:
    inside = '<defs><g id="a"/></defs><use href="#a"/><rect fill="url(#a)" width="1" height="1"/>'
    assert normalise_image((SVG % inside).encode()).width == SVG_SIDE


def test_a_broken_drawing_is_refused() -> None:
    assert refused(b'<svg xmlns="http://www.w3.org/2000/svg"><path').startswith(
        "an SVG that cannot"
    )
