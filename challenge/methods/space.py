"""The search space of a method: names of its options, each with its possible values.

    class Mine:
        space = {"strength": Float(0.01, 100, log=True), "words": Integer(1, 3)}

        def __init__(self, *, strength=1.0, words=1, seed=0): ...

`space` may also be a static method of the task that returns such a mapping. A search
maps each dimension to coordinates between 0 and 1, so that distances are comparable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from challenge.errors import Fault, WrongUse

__all__ = [
    "Choice",
    "Dimension",
    "Float",
    "Integer",
    "Space",
    "Value",
    "dimension_from_json",
    "holds_options",
]

Value = str | int | float | bool


@dataclass(frozen=True)
class Float:
    """A number from `low` to `high`; with `log` it is sampled on a log scale."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _refuse_range(self)

    def holds(self, value: object) -> bool:
        """Return whether the value is in the range."""
        return _is_number(value) and self.low <= float(value) <= self.high  # type: ignore[arg-type]

    def coordinates(self, value: Any) -> tuple[float, ...]:
        """Return the position of a value between the ends, 0 to 1."""
        return (_share(self, value),)

    def at(self, share: float) -> float:
        """Return the value at a share of the way between the ends, 0 to 1."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)

    def as_json(self) -> dict[str, Any]:
        """Return the dimension as plain values."""
        return {"type": "float", **vars(self)}


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both included; `log` as in Float."""

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        _refuse_range(self)

    def holds(self, value: object) -> bool:
        """Return whether the value is a whole number in the range."""
        return isinstance(value, int) and _is_number(value) and self.low <= value <= self.high

    def coordinates(self, value: Any) -> tuple[float, ...]:
        """Return the position of a value between the ends, 0 to 1."""
        return (_share(self, value),)

    def at(self, share: float) -> int:
        """Return the whole number nearest to a share of the way between the ends, 0 to 1."""
        return round(Float(self.low, self.high, self.log).at(share))

    def as_json(self) -> dict[str, Any]:
        """Return the dimension as plain values."""
        return {"type": "integer", **vars(self)}


@dataclass(frozen=True)
class Choice:
    """One of several values without an order."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2 or len(set(map(repr, self.values))) < len(self.values):
            raise _fault(f"Choice({self.values!r})", "two or more different values")
        if not all(isinstance(value, (str, int, float, bool)) for value in self.values):
            raise _fault(
                f"Choice({self.values!r})",
                "texts, numbers, True or False: write 'none' for None and '1-2' for (1, 2), and "
                "translate them in __init__",
            )

    def holds(self, value: object) -> bool:
        """Return whether the value is one of them."""
        return any(type(value) is type(other) and value == other for other in self.values)

    def coordinates(self, value: Any) -> tuple[float, ...]:
        """Return the one-hot coordinates of a value, so that all values are equally distant."""
        return tuple(float(repr(value) == repr(other)) for other in self.values)

    def at(self, share: float) -> Value:
        """Return the value of the equal interval of 0 to 1 that contains the share."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def as_json(self) -> dict[str, Any]:
        """Return the dimension as plain values."""
        return {"type": "choice", "values": list(self.values)}


Dimension = Float | Integer | Choice
Space = Mapping[str, Dimension]


def dimension_from_json(document: Mapping[str, Any]) -> Dimension:
    """Return the dimension that `as_json` described.

    >>> dimension_from_json(Float(0.1, 10, log=True).as_json())
    Float(low=0.1, high=10, log=True)
    """
    if document["type"] == "choice":
        return Choice(tuple(document["values"]))
    made = Float if document["type"] == "float" else Integer
    return made(document["low"], document["high"], document["log"])


def holds_options(space: Space, options: Mapping[str, Value]) -> bool:
    """Return whether the options name every dimension of the space, each with a value in it."""
    return options.keys() == space.keys() and all(
        space[name].holds(value) for name, value in options.items()
    )


def _share(dimension: Float | Integer, value: float) -> float:
    low, high = dimension.low, dimension.high
    if dimension.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _refuse_range(dimension: Float | Integer) -> None:
    low, high = dimension.low, dimension.high
    if not (_is_number(low) and _is_number(high) and low < high and (low > 0 or not dimension.log)):
        raise _fault(repr(dimension), "low < high, both finite, and above 0 with log=True")
    if not math.isfinite(high / low if dimension.log else high - low):
        raise _fault(repr(dimension), "a range that is itself a finite number")


def _fault(found: str, expected: str) -> WrongUse:
    return WrongUse(Fault("space", found, expected, "correct the method's `space`", code="space"))
