"""What the headers of a call mean, beyond what a parameter of a route can state."""

from __future__ import annotations

import re
from urllib.parse import unquote

from fastapi import Request

from challenge.errors import Fault
from challenge.ledger.submissions.names import clean_text
from challenge.server.problems import Refusal

__all__ = ["check_range", "check_single", "check_whole", "is_known", "text_of"]

_SINGLE = (
    *("authorization", "content-type", "content-encoding", "content-range", "idempotency-key"),
    *("range", "if-range", "x-method", "x-note"),
)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.A)
_ENCODINGS = ("", "identity", "gzip", "x-gzip", "zstd")


def check_single(request: Request) -> None:
    """Raise Refusal 422 for a header that is given twice, since a proxy may read the other one."""
    names = [name.decode("latin-1") for name, _ in request.scope["headers"]]
    faults = [
        Fault(f"header {name}", f"{names.count(name)} of them", "one", "send it once", "request")
        for name in _SINGLE
        if names.count(name) > 1
    ]
    if faults:
        raise Refusal(422, [fault.as_json() for fault in faults])


def check_whole(request: Request) -> None:
    """Raise Refusal 415 or 422 for a body that is encoded in another way, or is a part of a file.

    gzip and zstd need no decoding here: the format of a file is found from its content.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        fault = Fault(
            "Content-Encoding",
            repr(encoding[:100]),
            "gzip, zstd or none",
            "leave the header out",
            code="content-type",
        )
        raise Refusal.of(415, fault)
    if "content-range" in request.headers:
        fault = Fault(
            "Content-Range",
            "a part of a file",
            "a whole file",
            "send the whole file, without this header",
            code="request",
        )
        raise Refusal.of(422, fault)


def text_of(name: str, given: str) -> str:
    """Return the text of a header: ASCII with percent-encoded UTF-8, or UTF-8 as it is.

    `given` has one character for each byte. Raises Refusal 422 for bytes that are not UTF-8.
    """
    try:
        return clean_text(unquote(given.encode("latin-1").decode()))
    except UnicodeError:
        fault = Fault(
            name, "bytes that are not UTF-8", "UTF-8", "percent-encode the text", code="request"
        )
        raise Refusal.of(422, fault) from None


def is_known(request: Request, etag: str) -> bool:
    """Return whether the caller has the content with this ETag."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag in given


def check_range(request: Request, size: int, etag: str) -> None:
    """Drop a header Range that is of another content or cannot be read, as RFC 9110 asks.

    A list of ranges is dropped too. Raises Refusal 416 for a range without a byte of a content of
    `size` bytes.
    """
    given = request.headers.get("range")
    if given is None:
        return
    found = _RANGE.fullmatch(given)
    first, last = (found[1], found[2]) if found else ("", "")
    readable = (first and (not last or int(first) <= int(last))) or (not first and last)
    if not readable or request.headers.get("if-range", etag) != etag:
        kept = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
        request.scope["headers"] = kept
    elif int(first) >= size if first else int(last) == 0:
        fault = Fault(
            "Range",
            repr(given),
            f"a range of {size:,} bytes",
            "leave the header out",
            code="request",
        )
        raise Refusal.of(416, fault, Content_Range=f"bytes */{size}")
