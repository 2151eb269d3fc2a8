"""Images of the standard form: any raster or SVG becomes a plain PNG or JPEG without metadata.

A file is named by the SHA-256 of its bytes. A JPEG stays a JPEG, its metadata segments cut out and
its image untouched; everything else becomes PNG. The format is read from the bytes, not the name.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.task.image_process import ImageFault, ImageLimits, ask_image_process
from challenge.task.svg import rebuild_svg

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "RASTER_FORMATS",
    "SVG_SIDE",
    "ImageFault",
    "StandardImage",
    "answer_request",
    "draw_svg",
    "normalise_image",
    "strip_jpeg",
    "write_image",
]

MAX_BYTES = 64 << 20
MAX_PIXELS = 64_000_000
MAX_EMBEDDED_PIXELS = 4_000_000
SVG_SIDE = 96
"""Pixels of the longer side of a drawn SVG."""
RASTER_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM")
RASTER_LIMITS = ImageLimits(seconds=120, memory_mb=4096)
"""The largest image (noise with transparency) takes a sixth of the time, half of the memory."""
SVG_LIMITS = ImageLimits(seconds=10, memory_mb=1536)

STANDARDISE, DRAW = b"S", b"D"
_HEAD = struct.Struct(">?II32s")
_SIZE = struct.Struct(">II")
_KEPT_MODES = ("L", "LA", "RGB", "RGBA")
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class StandardImage:
    """An image as it is stored: encoded bytes, suffix, size, and the digest of its pixels."""

    data: bytes
    suffix: str
    width: int
    height: int
    pixels: bytes

    @property
    def name(self) -> str:
        """The path relative to `public/`, content-addressed."""
        return f"images/{hashlib.sha256(self.data).hexdigest()}{self.suffix}"


def normalise_image(data: bytes) -> StandardImage:
    """Return the image as a task stores it; raise ImageFault when it is not acceptable.

    The bytes are decoded by a child process that can open nothing.
    """
    if not data:
        raise ImageFault("an empty file")
    if len(data) > MAX_BYTES:
        raise ImageFault(f"a file of {len(data):,} bytes (at most {MAX_BYTES:,})")
    limits = SVG_LIMITS if _looks_like_svg(data) else RASTER_LIMITS
    answer = ask_image_process(STANDARDISE, data, limits)
    suffix, width, height, pixels = _HEAD.unpack_from(answer)
    return StandardImage(answer[_HEAD.size :], ".jpg" if suffix else ".png", width, height, pixels)


def draw_svg(data: bytes, width: int, height: int) -> bytes:
    """Return a drawing as a PNG of this size on white; raise ImageFault when it cannot be drawn.

    The drawing is rebuilt without references to the outside, and drawn by a child process that
    can open nothing.
    """
    return ask_image_process(DRAW, _SIZE.pack(width, height) + data, SVG_LIMITS)


def answer_request(request: bytes) -> bytes:
    """Return the answer to a request of `normalise_image` or `draw_svg`, in the child process."""
    kind, data = request[:1], request[1:]
    if kind == DRAW:
        return render_svg(data[_SIZE.size :], *_SIZE.unpack_from(data))
    image = standardise(data)
    head = _HEAD.pack(image.suffix == ".jpg", image.width, image.height, image.pixels)
    return head + image.data


def standardise(data: bytes) -> StandardImage:
    """Decode an image in this process; for the child process alone."""
    if _looks_like_svg(data):
        return _as_png(_open(render_svg(data)))
    image = _open(data)
    turned = image.getexif().get(0x0112, 1) not in (0, 1)
    if image.format != "JPEG":
        return _as_png(image)
    if image.mode not in ("L", "RGB") or turned:
        return _as_jpeg(image)
    try:
        kept = strip_jpeg(data)
    except ValueError:
        return _as_jpeg(image)
    return StandardImage(kept, ".jpg", image.width, image.height, _pixel_digest(_open(kept)))


def _open(
    data: bytes, formats: tuple[str, ...] = RASTER_FORMATS, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decode the first frame wholly, within the caps."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # The size is checked below from the header; Pillow's own, higher cap only warns.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=formats)
            if image.width * image.height > max_pixels:
                raise ImageFault(_too_large(image.width * image.height, max_pixels))
            image.load()
    except ImageFault:
        raise
    except Image.DecompressionBombError as problem:
        # Pillow's own cap raises before the size is available.
        n_pixels = re.search(r"\((\d+) pixels\)", str(problem))
        n = int(n_pixels.group(1)) if n_pixels else 0
        raise ImageFault(_too_large(n, max_pixels)) from None
    except UnidentifiedImageError:
        raise ImageFault(
            f"not an image of a supported format ({', '.join(formats)}, SVG)"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as problem:
        raise ImageFault(f"a damaged image ({problem})") from None
    return image


def _too_large(n_pixels: int, at_most: int) -> str:
    megapixels = f"{n_pixels / 1e6:.0f}" if n_pixels else "very many"
    return f"an image of {megapixels} megapixels (at most {at_most // 1_000_000})"


def _as_png(image: Image.Image) -> StandardImage:
    plain = _plain(image)
    target = io.BytesIO()
    # compress_level and the absence of `pnginfo` fix the bytes; nothing of `info` is written.
    plain.save(target, "PNG", compress_level=6)
    return StandardImage(target.getvalue(), ".png", plain.width, plain.height, _pixel_digest(plain))


def _as_jpeg(image: Image.Image) -> StandardImage:
    from PIL import ImageOps

    plain = ImageOps.exif_transpose(image).convert("L" if image.mode == "L" else "RGB")
    target = io.BytesIO()
    plain.save(target, "JPEG", quality=_JPEG_QUALITY, exif=b"", icc_profile=None)
    data = target.getvalue()
    return StandardImage(data, ".jpg", plain.width, plain.height, _pixel_digest(_open(data)))


def _plain(image: Image.Image) -> Image.Image:
    """Return the image as L, LA, RGB or RGBA, upright and without metadata.

    Fully transparent pixels become white: without transparency the background is white, and no
    colour is hidden there.
    """
    import numpy as np
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        image = Image.fromarray(
            (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype("u1")
        )
    elif image.mode == "F":
        raise ImageFault("an image of floating-point values (expected 8 or 16 bits a channel)")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in _KEPT_MODES or "transparency" in image.info:
        has_alpha = image.mode in ("PA", "RGBa", "La") or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    if image.mode in ("LA", "RGBA"):
        alpha = image.getchannel("A")
        if alpha.getextrema() == (255, 255):
            image = image.convert(image.mode[:-1])
        else:
            values = np.asarray(image).copy()
            values[values[..., -1] == 0, :-1] = 255
            image = Image.fromarray(values, image.mode)
    plain = Image.new(image.mode, image.size)
    plain.paste(image)
    return plain


def _pixel_digest(image: Image.Image) -> bytes:
    head = f"{image.mode} {image.width} {image.height}\0".encode()
    return hashlib.sha256(head + image.tobytes()).digest()


def pixel_digest(data: bytes) -> bytes:
    """Return the digest of the pixels of a stored image; raise ImageFault when it is damaged."""
    return _pixel_digest(_open(data))


def _looks_like_svg(data: bytes) -> bool:
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return (
        head.startswith(b"<") and re.search(rb"<svg[\s>:]|<\w+:svg[\s>]", data[:65_536]) is not None
    )


def render_svg(data: bytes, width: int = 0, height: int = 0) -> bytes:
    """Return a drawing as PNG on white; without a size its longer side becomes `SVG_SIDE` pixels.

    For the child process alone: others call `draw_svg`. Raises ImageFault when the drawing asks
    for anything outside itself.
    """
    import resvg_py

    drawing = rebuild_svg(data, _as_embedded)
    if not width:
        is_wide = drawing.width >= drawing.height
        width, height = (SVG_SIDE, 0) if is_wide else (0, SVG_SIDE)
    try:
        rendered = resvg_py.svg_to_bytes(
            svg_string=drawing.text,
            background="white",
            skip_system_fonts=True,
            width=width or None,
            height=height or None,
        )
    except ValueError as problem:
        raise ImageFault(f"an SVG that cannot be drawn ({problem})") from None
    return bytes(rendered)


def _as_embedded(data: bytes) -> bytes:
    image = _open(data, ("PNG", "JPEG"), MAX_EMBEDDED_PIXELS)
    target = io.BytesIO()
    _plain(image).save(target, "PNG", compress_level=1)
    return target.getvalue()


def strip_jpeg(data: bytes) -> bytes:
    """Return a JPEG without metadata: only the segments for decoding remain.

    Application segments are removed, except a bare JFIF header and Adobe's (the colour space).
    So are comments and bytes after the end of the image. Raises ValueError on invalid structure.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG")
    kept = bytearray(data[:2])
    position = 2
    while True:
        if position + 2 > len(data) or data[position] != 0xFF:
            raise ValueError("a marker is missing")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xD9:
            return bytes(kept + b"\xff\xd9")
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        segment = data[position : position + 2 + length]
        if length < 2 or len(segment) < 2 + length:
            raise ValueError("a segment is cut off")
        position += 2 + length
        if marker == 0xE0 and segment[4:9] == b"JFIF\0":
            kept += segment[:16][:2] + b"\x00\x10" + segment[4:16] + b"\0\0"
        elif (marker == 0xEE and segment[4:9] == b"Adobe") or not (
            0xE0 <= marker <= 0xEF or marker == 0xFE
        ):
            kept += segment
        if marker == 0xDA:
            end = _end_of_scan(data, position)
            kept += data[position:end]
            position = end


def _end_of_scan(data: bytes, position: int) -> int:
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise ValueError("the image is cut off")
        following = data[position + 1]
        if following == 0x00 or 0xD0 <= following <= 0xD7:
            position += 2
        elif following == 0xFF:
            position += 1
        else:
            return position


def write_image(public: Path, standard: StandardImage) -> None:
    """Store an image under its name, once."""
    path = public / standard.name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(standard.data)
