"""The encoding of a text file: the one that explains all of its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

from challenge.errors import counted
from challenge.prepare.readers.raw_file import damaged

__all__ = ["find_encoding", "find_shared_encoding"]

_BLOCK = 1 << 22
_SAMPLE = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""A mark of UTF-32 begins like one of UTF-16, so it is looked for first."""
_WIDE = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}
_OLD = (
    "cp1252", "mac_roman", "cp850", "cp437", "cp1250", "cp852", "iso8859_2", "cp1251", "koi8_r",
    "cp866", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp932", "gb18030", "big5",
    "euc_kr", "euc_jp",
)  # fmt: skip
"""Encodings of files that are not Unicode; of those that fit equally well the first is taken."""
_ODD = 0.1
"""Share of odd characters beyond ASCII from which an encoding is taken last."""
_SIGN_IN_WORD = re.compile(
    r"(?<=[^\W\d_])[\xa1-\xa9\xab-\xb1\xb4\xb6\xb8\xbb\xbf\xd7\xf7](?=[^\W\d_])"
)
_MIXED = 0.2
"""Share of the lines beyond ASCII that are UTF-8, from which a file counts as damaged UTF-8."""


def find_encoding(path: Path, sample: bytes) -> tuple[str, str | None]:
    """Return the encoding of a file, and a note when its bytes do not prove it.

    Raises TaskError for a file that is UTF-8 but for some lines, and for bytes that are no text.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name, None
    wide = _without_mark(sample)
    if wide is not None:
        return wide, f"{path.name} was read as {wide}; it has no byte order mark"
    if _decodes(path, "utf-8"):
        return "utf-8", None
    _refuse_damaged(path)
    return _guess([path])


def find_shared_encoding(paths: Sequence[Path]) -> tuple[list[Path], str, str] | None:
    """Return the parts of one table whose bytes prove no encoding, and the likely one of them all.

    The note is like that of `find_encoding`. None for fewer than two such parts: a short one may
    fit encodings that the others rule out.
    """
    unproved = []
    for path in paths:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
        marked = any(sample.startswith(mark) for mark, _ in _MARKS)
        if not marked and _without_mark(sample) is None and not _decodes(path, "utf-8"):
            unproved.append(path)
    if len(unproved) < 2:
        return None
    return unproved, *_guess(unproved)


def _without_mark(sample: bytes) -> str | None:
    """Return the wide encoding whose zero bytes the sample has, None when it has few."""
    if sample.count(0) < len(sample) / 10:
        return None
    for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        width = _WIDE[name]
        whole = sample[: len(sample) - len(sample) % width]
        try:
            text = whole.decode(name, errors="ignore" if len(sample) == _SAMPLE else "strict")
        except UnicodeDecodeError:
            continue
        lines = text.count("\n") + text.count("\r")
        if lines and "\0" not in text and sum(one < "\x7f" for one in text[:4096]) > lines:
            return name
    return None


def _refuse_damaged(path: Path) -> None:
    """Raise TaskError when a good part of the lines beyond ASCII are UTF-8, but not all."""
    n_utf8 = n_other = 0
    first = ""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                n_utf8 += 1
            except UnicodeDecodeError as error:
                n_other += 1
                if not first:
                    at = error.start
                    near = line[max(0, at - 20) : at + 20].decode("utf-8", "replace").strip()
                    first = (
                        f"line {number}: byte 0x{line[at]:02x} at position {at + 1}, "
                        f"in {near!r}, is not UTF-8"
                    )
    if n_utf8 >= _MIXED * (n_utf8 + n_other) and n_utf8 > 1:
        raise damaged(
            path,
            f"{first}; {counted(n_utf8, 'line', 'is', 'are')} UTF-8, {n_other:,} not",
            "write these characters anew in UTF-8, or name the `encoding` of the whole file under "
            "[raw], such as cp1252",
        )


def _guess(paths: Sequence[Path]) -> tuple[str, str]:
    """Return the most likely encoding of all files and a note with one word in each likely one."""
    # charset_normalizer is a dependency of requests, and requests of pooch.
    from charset_normalizer import from_bytes

    path = paths[0]
    lines: list[bytes] = []
    for one in paths:
        size = 0
        with one.open("rb") as file:
            for line in file:
                if not line.isascii() and size < _SAMPLE // len(paths):
                    lines.append(line)
                    size += len(line)
    found = from_bytes(b"".join(lines), cp_isolation=list(_OLD))
    likely: dict[str, tuple[float, float]] = {}
    for match in found:
        for name in (match.encoding, *match.could_be_from_charset):
            if name in _OLD:
                likely.setdefault(name, (match.chaos, -match.coherence))
    if not likely:
        raise damaged(
            path, "neither UTF-8 nor another text encoding",
            "save it as UTF-8, or name its `encoding` under [raw]",
        )  # fmt: skip
    order = [
        name for name in sorted(likely, key=_OLD.index) if all(_decodes(one, name) for one in paths)
    ]
    order = order or list(likely)[:1]
    together = b"".join(lines)
    order.sort(key=lambda name: (_looks_odd(together.decode(name, "replace")), likely[name][0]))
    best = order[0]
    beyond = [word[:40] for line in lines for word in line.split() if not word.isascii()]
    # A word that is the same in the two likeliest encodings does not show which is right.
    word = next(
        (one for one in beyond if len({one.decode(name, "replace") for name in order[:2]}) == 2),
        beyond[0] if beyond else b"",
    )
    words = {name: word.decode(name, "replace") for name in order}
    # What looks less likely may still be right, and only a reader of the language can know.
    names = {text: name for name, text in reversed(words.items()) if text != words[best]}
    others = [f"{text!r} in {name}" for text, name in reversed(names.items())]
    first = [beyond[0].decode(best, "replace")] if beyond else []
    shown = ", ".join(map(repr, dict.fromkeys([*first, words[best]])))
    text = f"{path.name} is not UTF-8; it was read as {best}: {shown}"
    if len(paths) > 1:
        text = (
            f"{counted(len(paths), 'file')}, {path.name} to {paths[-1].name}, are not UTF-8; "
            f"they were read as {best}: {shown}"
        )
    if others:
        text += f", which would be {' or '.join(others[:3])}; correct `encoding` under [raw]"
    return best, text


def _looks_odd(text: str) -> bool:
    """Whether many characters are ones that texts hardly have, such as signs within words."""
    beyond = [character for character in text if character > "\x7f"]
    odd = sum(
        "\uff61" <= one <= "\uff9f"
        or "\u2500" <= one <= "\u25ff"
        or one < "\xa0"
        or one == "\ufffd"
        for one in beyond
    ) + len(_SIGN_IN_WORD.findall(text))
    return odd > _ODD * len(beyond)


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(_BLOCK), b""):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
