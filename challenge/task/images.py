"""Images of the standard form: any raster or SVG becomes a plain PNG or JPEG without metadata.

A file is named by the SHA-256 of its bytes. A JPEG stays a JPEG, its metadata segments cut out and
its image untouched; everything else becomes PNG. The format is read from the bytes, not the name.
Of several frames the first is stored, upright, as a viewer shows it.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.task.deep_images import (
    bits_used,
    channels,
    choose_low_bytes,
    has_low_bytes,
    is_deep,
    scaled,
)
from challenge.task.image_formats import has_end, looks_like_svg, name_format, raster_formats
from challenge.task.image_process import ImageFault, ImageLimits, ask_image_process
from challenge.task.svg import rebuild_svg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = [
    "MAX_BYTES",
    "MAX_MEGAPIXELS",
    "MOST_MEGAPIXELS",
    "SVG_SIDE",
    "ImageFault",
    "ImageHead",
    "ImageRules",
    "StandardImage",
    "answer_request",
    "deep_bits",
    "draw_svg",
    "normalise_image",
    "read_head",
    "strip_jpeg",
    "write_image",
]

MAX_BYTES = 64 << 20
MAX_MEGAPIXELS = 64
MOST_MEGAPIXELS = 170
"""The most that an organiser may allow; above it Pillow refuses an image unread."""
MAX_EMBEDDED_PIXELS = 4_000_000
SVG_SIDE = 96
"""Pixels of the longer side of a drawn SVG."""
RASTER_LIMITS = ImageLimits(seconds=120, memory_mb=4096)
"""The largest image (noise with transparency) takes a sixth of the time, half of the memory."""
SVG_LIMITS = ImageLimits(seconds=10, memory_mb=1536)

HEAD_BYTES = 65_536
"""Bytes in which the header of most images is, and more than are found after their end."""

STANDARDISE, DRAW, LOOK, MEASURE = b"S", b"D", b"L", b"M"
_HEAD = struct.Struct(">?II32s")
_SIZE = struct.Struct(">II")
_RULES = struct.Struct(">III")
_LOOKED = struct.Struct(">II??")
_KEPT_MODES = ("L", "LA", "RGB", "RGBA")
_JPEG_QUALITY = 95
_JPEG_FORMATS = ("JPEG", "MPO")


@dataclass(frozen=True)
class ImageRules:
    """How an image becomes a stored one.

    `max_megapixels`: a larger image is refused. `max_side`: a larger one is scaled down to that
    many pixels of its longer side; 0 is no limit. `bits`: what the channels of images with more
    than 8 bits use of their 16.
    """

    max_megapixels: int = MAX_MEGAPIXELS
    max_side: int = 0
    bits: int = 16

    @property
    def max_pixels(self) -> int:
        """The most pixels of an image."""
        return self.max_megapixels * 1_000_000

    @property
    def limits(self) -> ImageLimits:
        """Limits of the process that decodes an image under these rules."""
        share = max(1.0, self.max_megapixels / MAX_MEGAPIXELS)
        return ImageLimits(int(RASTER_LIMITS.seconds * share), int(RASTER_LIMITS.memory_mb * share))

    def packed(self) -> bytes:
        """Return the rules as bytes."""
        return _RULES.pack(self.max_megapixels, self.max_side, self.bits)


@dataclass(frozen=True)
class ImageHead:
    """What the header of an image says; size 0 of a drawing, which has none of its own.

    `deep`: more than 8 bits a channel; `animated`: several frames, of which the first is stored.
    """

    width: int
    height: int
    deep: bool
    animated: bool


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

    def packed(self) -> bytes:
        """Return the image as bytes."""
        head = _HEAD.pack(self.suffix == ".jpg", self.width, self.height, self.pixels)
        return head + self.data

    @classmethod
    def unpacked(cls, packed: bytes) -> StandardImage:
        """Return the image of `packed`."""
        is_jpeg, width, height, pixels = _HEAD.unpack_from(packed)
        return cls(packed[_HEAD.size :], ".jpg" if is_jpeg else ".png", width, height, pixels)


def normalise_image(data: bytes, rules: ImageRules | None = None) -> StandardImage:
    """Return the image as a task stores it; raise ImageFault when it is not acceptable.

    The bytes are decoded by a child process that can open nothing.
    """
    rules = rules or ImageRules()
    _check_length(len(data))
    limits = SVG_LIMITS if looks_like_svg(data) else rules.limits
    return StandardImage.unpacked(ask_image_process(STANDARDISE, rules.packed() + data, limits))


def read_head(
    head: bytes, tail: bytes, size: int, whole: Callable[[], bytes], rules: ImageRules
) -> ImageHead:
    """Return what the header of an image of `size` bytes says; raise ImageFault when it is bad.

    `head` and `tail` are up to `HEAD_BYTES` bytes from the start and to the end. `whole` gives all
    bytes. It is called for drawings, where the header is not within `head`, and where the end of
    the image is not within `tail`: such a file is decoded to see whether it is damaged.
    """
    _check_length(size)
    if looks_like_svg(head):
        answer = ask_image_process(LOOK, rules.packed() + whole(), SVG_LIMITS)
        return ImageHead(*_LOOKED.unpack(answer))
    try:
        answer = ask_image_process(LOOK, rules.packed() + head, rules.limits)
    except ImageFault:
        if len(head) >= size:
            raise
        answer = ask_image_process(LOOK, rules.packed() + whole(), rules.limits)
    if not has_end(head, tail, size):
        normalise_image(whole(), rules)
    return ImageHead(*_LOOKED.unpack(answer))


def deep_bits(data: bytes, rules: ImageRules) -> int:
    """Return how many bits the channels of an image with more than 8 bits use, 8 to 16."""
    return ask_image_process(MEASURE, rules.packed() + data, rules.limits)[0]


def _check_length(size: int) -> None:
    if not size:
        raise ImageFault("an empty file")
    if size > MAX_BYTES:
        raise ImageFault(f"a file of {size:,} bytes (at most {MAX_BYTES:,})")


def draw_svg(data: bytes, width: int, height: int) -> bytes:
    """Return a drawing as a PNG of this size on white; raise ImageFault when it cannot be drawn.

    The drawing is rebuilt without references to the outside, and drawn by a child process that
    can open nothing.
    """
    return ask_image_process(DRAW, _SIZE.pack(width, height) + data, SVG_LIMITS)


def answer_request(request: bytes) -> bytes:
    """Return the answer to a request of a function above, in the child process."""
    kind, data = request[:1], request[1:]
    if kind == DRAW:
        return render_svg(data[_SIZE.size :], *_SIZE.unpack_from(data))
    rules = ImageRules(*_RULES.unpack_from(data))
    data = data[_RULES.size :]
    if kind == LOOK:
        return _look(data, rules)
    if kind == MEASURE:
        image, values = _deep_channels(data, rules)
        return bytes([bits_used(image, values, data)])
    return standardise(data, rules).packed()


def _look(data: bytes, rules: ImageRules) -> bytes:
    if looks_like_svg(data):
        rebuild_svg(data, _as_embedded)
        return _LOOKED.pack(0, 0, False, False)
    with _image_faults(data, rules.max_pixels):
        image = _identify(data, rules.max_pixels)
        animated = image.format not in _JPEG_FORMATS and getattr(image, "is_animated", False)
        return _LOOKED.pack(image.width, image.height, is_deep(image), animated)


def standardise(data: bytes, rules: ImageRules) -> StandardImage:
    """Decode an image in this process; for the child process alone."""
    if looks_like_svg(data):
        return _as_png(_open(render_svg(data)), rules)
    with _image_faults(data, rules.max_pixels):
        image = _identify(data, rules.max_pixels)
        deep = is_deep(image)
    if deep:
        image, values = _deep_channels(data, rules)
        return _as_png(_upright(scaled(image, values, rules.bits), _turn(image)), rules)
    with _image_faults(data, rules.max_pixels):
        if _stays_jpeg(image, rules):
            try:
                kept = strip_jpeg(data)
            except ValueError:
                return _as_jpeg(image, rules)
            return StandardImage(
                kept, ".jpg", image.width, image.height, _pixel_digest(_open(kept))
            )
        image.load()
    if image.format in _JPEG_FORMATS:
        return _as_jpeg(image, rules)
    return _as_png(_upright(image, _turn(image)), rules)


def _stays_jpeg(image: Image.Image, rules: ImageRules) -> bool:
    """Whether the pixels of an image that is not decoded yet can be stored as they are encoded."""
    return (
        image.format in _JPEG_FORMATS
        and image.mode in ("L", "RGB")
        and _turn(image) == 1
        and not (rules.max_side and max(image.size) > rules.max_side)
    )


def _deep_channels(data: bytes, rules: ImageRules) -> tuple[Image.Image, NDArray[np.uint16]]:
    """Decode an image of more than 8 bits a channel wholly."""
    with _image_faults(data, rules.max_pixels):
        image, low = _identify(data, rules.max_pixels), None
        if has_low_bytes(image):
            low = _identify(data, rules.max_pixels)
            choose_low_bytes(low)
            low.load()
        image.load()
        return image, channels(image, low)


def _open(
    data: bytes, max_pixels: int = MOST_MEGAPIXELS * 1_000_000, formats: tuple[str, ...] = ()
) -> Image.Image:
    """Decode the first frame wholly, within the caps."""
    with _image_faults(data, max_pixels):
        image = _identify(data, max_pixels, formats)
        image.load()
    return image


def _identify(data: bytes, max_pixels: int, formats: tuple[str, ...] = ()) -> Image.Image:
    """Read the header of an image; formats () are all that are supported."""
    from PIL import Image

    with warnings.catch_warnings():
        # The size is checked below from the header; Pillow's own, higher cap only warns.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(data), formats=formats or raster_formats())
    if image.width * image.height > max_pixels:
        raise ImageFault(_too_large(image.width * image.height, max_pixels))
    return image


@contextmanager
def _image_faults(data: bytes, max_pixels: int) -> Iterator[None]:
    """Turn what Pillow raises into an ImageFault."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except ImageFault:
        raise
    except Image.DecompressionBombError as problem:
        # Pillow's own cap raises before the size is available.
        n_pixels = re.search(r"\((\d+) pixels\)", str(problem))
        n = int(n_pixels.group(1)) if n_pixels else 0
        raise ImageFault(_too_large(n, max_pixels)) from None
    except UnidentifiedImageError:
        raise ImageFault(name_format(data)) from None
    except (OSError, SyntaxError, ValueError, EOFError) as problem:
        raise ImageFault(f"a damaged image ({problem})") from None


def _too_large(n_pixels: int, at_most: int) -> str:
    megapixels = f"{n_pixels / 1e6:.0f}" if n_pixels else "very many"
    return f"an image of {megapixels} megapixels (at most {at_most // 1_000_000})"


def _as_png(image: Image.Image, rules: ImageRules) -> StandardImage:
    plain = _plain(image)
    plain = _reduced(plain, rules)
    target = io.BytesIO()
    # compress_level and the absence of `pnginfo` fix the bytes; nothing of `info` is written.
    plain.save(target, "PNG", compress_level=6)
    return StandardImage(target.getvalue(), ".png", plain.width, plain.height, _pixel_digest(plain))


def _as_jpeg(image: Image.Image, rules: ImageRules) -> StandardImage:
    plain = _upright(image, _turn(image)).convert("L" if image.mode == "L" else "RGB")
    plain = _reduced(plain, rules)
    target = io.BytesIO()
    plain.save(target, "JPEG", quality=_JPEG_QUALITY, exif=b"", icc_profile=None)
    data = target.getvalue()
    return StandardImage(data, ".jpg", plain.width, plain.height, _pixel_digest(_open(data)))


def _turn(image: Image.Image) -> int:
    """Return how the image lies, as EXIF counts it: 1 (upright) to 8."""
    turn = image.getexif().get(0x0112, 1)
    return turn if isinstance(turn, int) and 1 < turn <= 8 else 1


def _upright(image: Image.Image, turn: int) -> Image.Image:
    from PIL.Image import Transpose

    ways = (
        Transpose.FLIP_LEFT_RIGHT, Transpose.ROTATE_180, Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE, Transpose.ROTATE_270, Transpose.TRANSVERSE, Transpose.ROTATE_90,
    )  # fmt: skip
    return image.transpose(ways[turn - 2]) if turn > 1 else image


def _reduced(image: Image.Image, rules: ImageRules) -> Image.Image:
    """Return the image with at most `max_side` pixels of its longer side."""
    from PIL.Image import Resampling

    longer = max(image.size)
    if not rules.max_side or longer <= rules.max_side:
        return image
    width, height = (max(1, round(side * rules.max_side / longer)) for side in image.size)
    return image.resize((width, height), Resampling.LANCZOS)


def _plain(image: Image.Image) -> Image.Image:
    """Return an upright image as L, LA, RGB or RGBA, without metadata.

    Fully transparent pixels become white: without transparency the background is white, and no
    colour is hidden there.
    """
    import numpy as np
    from PIL import Image

    if image.mode == "F":
        raise ImageFault("an image of floating-point values (expected 8 or 16 bits a channel)")
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode not in _KEPT_MODES or "transparency" in image.info:
        has_alpha = image.mode in ("PA", "RGBa", "La") or "transparency" in image.info
        try:
            image = image.convert("RGBA" if has_alpha else "RGB")
        except ValueError:
            raise ImageFault(f"an image in {image.mode} colours; convert it to RGB") from None
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
    image = _open(data, MAX_EMBEDDED_PIXELS, ("PNG", "JPEG"))
    target = io.BytesIO()
    _plain(_upright(image, _turn(image))).save(target, "PNG", compress_level=1)
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
