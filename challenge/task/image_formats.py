"""Which formats of images are decoded, and what other files are by their first bytes."""

from __future__ import annotations

import re
from functools import cache

__all__ = ["has_end", "looks_like_svg", "name_format", "raster_formats"]

_ALWAYS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM")
_OPTIONAL = {"AVIF": "avif", "JPEG2000": "jpg_2000"}
"""Formats that a build of Pillow may lack, and what it calls the feature."""
_OTHERS = (
    (rb"version https://git-lfs", "a Git LFS pointer (fetch the image itself with `git lfs pull`)"),
    (rb"\s*(<!doctype\s+html|<html)", "a web page"),
    (rb".{4}ftypavi[fs]", "an AVIF image, which the installed Pillow cannot decode"),
    (rb".{4}ftyp(hei|hev|mif1|msf1)", "a HEIC image"),
    (rb"\xff\x0a|.{4}JXL ", "a JPEG XL image"),
    (rb"\xff\x4f\xff\x51|.{4}jP  ", "a JPEG 2000 image, which the installed Pillow cannot decode"),
    (rb"%PDF", "a PDF"),
    (rb"8BPS", "a Photoshop file"),
    (rb"PK\x03\x04", "a zip archive"),
    (rb"\x1f\x8b", "a file packed with gzip"),
)
_COMMENT = re.compile(rb"<!--.*?(-->|$)", re.DOTALL)
_FIRST_ELEMENT = re.compile(rb"<([A-Za-z_][\w.-]*:)?([\w.-]+)[\s/>]")


@cache
def raster_formats() -> tuple[str, ...]:
    """Return the raster formats that the installed Pillow decodes, by its names."""
    from PIL import features

    return _ALWAYS + tuple(name for name, feature in _OPTIONAL.items() if features.check(feature))


def name_format(data: bytes) -> str:
    """Return what a file that is not decoded is, with a fix, as a noun phrase."""
    for pattern, name in _OTHERS:
        if re.match(pattern, data, re.DOTALL | re.IGNORECASE):
            fix = "" if "`" in name else "; convert it to PNG or JPEG"
            return f"{name}{fix}"
    return f"not an image of a supported format ({', '.join(raster_formats())}, SVG)"


def has_end(head: bytes, tail: bytes, size: int) -> bool:
    """Whether the last bytes of a file of `size` bytes have the mark that ends its format.

    Without one the image may be cut off. Formats without such a mark always have it.
    """
    if head.startswith(b"\x89PNG"):
        return b"IEND" in tail
    if head.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in tail
    if head.startswith(b"GIF8"):
        return tail.rstrip(b"\0").endswith(b";")
    if head.startswith(b"RIFF"):
        return int.from_bytes(head[4:8], "little") + 8 <= size
    return True


def looks_like_svg(data: bytes) -> bool:
    """Whether the first element of a text is `svg`; the rest of the text is not looked at."""
    head = data[:65_536].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(b"<"):
        return False
    if re.search(rb"<!doctype\s+(\w+:)?svg", head, re.IGNORECASE):
        return True
    first = _FIRST_ELEMENT.search(_COMMENT.sub(b"", head))
    return first is not None and first[2] == b"svg"
