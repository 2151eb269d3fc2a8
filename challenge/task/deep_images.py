"""Images of more than 8 bits a channel: their values, and the scaling to 8 bits.

Scanners write 10, 12 or 14 bits into files of 16. What the values mean follows from a declared
number of bits, or from the largest value of all images of a task: never from one image alone, which
would change its brightness beside the others.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from challenge.task.image_process import ImageFault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["bits_used", "channels", "choose_low_bytes", "has_low_bytes", "is_deep", "scaled"]

_COLOURS = ("RGB;16", "RGBX;16", "RGBA;16")
_GREY_WITH_ALPHA = "LA;16"
_OPPOSITE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_BITS_PER_SAMPLE, _WHITE_IS = 258, 262
"""Tags of a TIFF; 0 of the second one: white is 0."""


def is_deep(image: Image.Image) -> bool:
    """Whether an identified image, not decoded yet, has grey or RGB channels of over 8 bits."""
    if image.mode.startswith("I"):
        return True
    form = _form(image)
    return form.startswith((*_COLOURS, _GREY_WITH_ALPHA)) and "transparency" not in image.info


def has_low_bytes(image: Image.Image) -> bool:
    """Whether Pillow gives the high byte of each channel, and `choose_low_bytes` the low one."""
    return _form(image).startswith(_COLOURS)


def choose_low_bytes(image: Image.Image) -> None:
    """Let an identified image decode to the low bytes of its channels.

    Pillow takes one byte of two: with the opposite byte order it is the other one.
    """
    form = _form(image)
    other = form[:-1] + _OPPOSITE[form[-1]]
    parts: Any = image
    parts.tile = [
        (*tile[:3], (other, *tile[3][1:]) if isinstance(tile[3], tuple) else other)
        for tile in parts.tile
    ]


def _form(image: Image.Image) -> str:
    """Return what Pillow calls the form of the file's pixels, such as RGB;16B."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    args = tiles[0][3]
    form = args[0] if isinstance(args, tuple) and args else args
    return form if isinstance(form, str) else ""


def channels(image: Image.Image, low: Image.Image | None) -> NDArray[np.uint16]:
    """Return the values of a decoded image as (h, w) or (h, w, channels) numbers of 16 bits.

    `low` is a copy with the low bytes. Raises ImageFault for values outside 16 bits.
    """
    import numpy as np

    values = np.asarray(image)
    if values.dtype == np.uint8:
        values = values.astype(np.uint16) << np.uint16(8)
        if low is not None:
            return np.asarray(values | np.asarray(low), dtype=np.uint16)
        if int(values[..., 0].max(initial=0)) < 1 << 15:
            raise ImageFault("grey and transparency of 16 bits, mostly unused; save it as 8 bits")
    if int(values.min(initial=0)) < 0 or int(values.max(initial=0)) > np.iinfo(np.uint16).max:
        raise ImageFault("an image of 32-bit values (expected 8 or 16 bits a channel)")
    return values.astype(np.uint16)


def bits_used(image: Image.Image, values: NDArray[np.uint16], data: bytes) -> int:
    """Return how many bits the colours use: those that the file declares, more if need be."""
    colours = values[..., :3] if values.ndim == 3 else values
    return max(8, _declared_bits(image, data), int(colours.max(initial=0)).bit_length())


def _declared_bits(image: Image.Image, data: bytes) -> int:
    """Return the bits a channel that a file declares where they are fewer than 16, else 0."""
    declared = 0
    if image.format == "TIFF":
        declared = max(_tag(image, _BITS_PER_SAMPLE, (0,)))
    elif image.format == "PNG" and (place := data.find(b"sBIT", 0, 4096)) >= 4:
        size = int.from_bytes(data[place - 4 : place], "big")
        declared = max(data[place + 4 : place + 4 + min(size, 4)], default=0)
    return declared if declared < 16 else 0


def _tag(image: Any, tag: int, default: Any) -> Any:
    return image.tag_v2.get(tag, default)


def scaled(image: Image.Image, values: NDArray[np.uint16], bits: int) -> Image.Image:
    """Return the values, which use `bits` of their 16, as an image of 8 bits a channel.

    Transparency keeps its whole range unless it too fits into `bits`.
    """
    import numpy as np
    from PIL import Image

    white = (1 << bits) - 1
    if image.format == "TIFF" and values.ndim == 2 and _tag(image, _WHITE_IS, 1) == 0:
        values = white - np.minimum(values, white)
    result = np.minimum(values >> np.uint16(bits - 8), 255).astype(np.uint8)
    if values.ndim == 3 and values.shape[2] == 4:
        opacity = values[..., 3]
        if int(opacity.max(initial=0)) > white:
            result[..., 3] = opacity >> np.uint16(8)
    return Image.fromarray(result)
