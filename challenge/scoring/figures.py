"""How a score is written for people, everywhere alike: `.605 [.580, .631]`."""

from __future__ import annotations

__all__ = ["figure", "number"]


def number(value: float, digits: int = 3) -> str:
    """Return a share without its leading zero.

    >>> number(0.6049), number(1.0), number(-0.02)
    ('.605', '1.000', '-.020')
    """
    text = f"{value:.{digits}f}"
    if text.startswith("0."):
        return text[1:]
    return "-" + text[2:] if text.startswith("-0.") else text


def figure(
    value: float | None, low: float | None = None, high: float | None = None, digits: int = 3
) -> str:
    """Return a value with its 95 % interval, `–` when it is undefined.

    >>> figure(0.70912, 0.68, 0.7371)
    '.709 [.680, .737]'
    >>> figure(None)
    '–'
    """
    if value is None:
        return "–"
    if low is None or high is None:
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"
