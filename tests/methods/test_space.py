"""What a method declares for a search."""

from __future__ import annotations

import pytest

from challenge.errors import WrongUse
from challenge.methods.space import Choice, Dimension, Float, Integer, dimension_from_json


def test_coordinates_are_places_between_the_ends() -> None:
    assert Float(0, 4).coordinates(1) == (0.25,)
    # .01 to 100 are four powers of ten; 1 lies after two of them.
    assert Float(0.01, 100, log=True).coordinates(1) == pytest.approx((0.5,))
    assert Integer(1, 5).coordinates(2) == (0.25,)
    assert Choice(("a", "b", 3)).coordinates("b") == (0.0, 1.0, 0.0)


def test_a_place_leads_back_to_its_value() -> None:
    assert Float(0.01, 100, log=True).at(0.5) == pytest.approx(1)
    assert Integer(1, 5).at(0.3) == 2
    assert [Choice(("a", "b")).at(share) for share in (0.0, 0.49, 0.5, 1.0)] == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    "dimension", [Float(0.5, 2), Integer(1, 64, log=True), Choice((1, True, "x", 0.5))], ids=repr
)
def test_a_dimension_goes_through_json(dimension: Dimension) -> None:
    assert dimension_from_json(dimension.as_json()) == dimension


def test_values_outside_are_known() -> None:
    assert Float(0, 1).holds(1) and not Float(0, 1).holds(1.1) and not Float(0, 1).holds("1")
    assert not Float(0, 1).holds(float("nan")) and not Float(0, 1).holds(True)
    assert Integer(1, 3).holds(3) and not Integer(1, 3).holds(2.0)
    assert Choice((1, 2)).holds(1) and not Choice((1, 2)).holds(True)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: Float(2, 1), "Float(low=2, high=1, log=False)"),
        (lambda: Float(0, 1, log=True), "log=True"),
        (lambda: Integer(1, 1), "Integer(low=1"),
        (lambda: Float(-1e308, 1e308), "Float(low=-1e+308"),
        (lambda: Float(5e-324, 1e308, log=True), "Float(low=5e-324"),
        (lambda: Choice(("a",)), "Choice(('a',))"),
        (lambda: Choice(("a", "a")), "Choice(('a', 'a'))"),
        (lambda: Choice((None, "balanced")), "write 'none' for None"),  # type: ignore[arg-type]
        (lambda: Choice(((1, 1), (1, 2))), "'1-2' for (1, 2)"),  # type: ignore[arg-type]
    ],
)
def test_an_empty_range_is_refused(make: object, found: str) -> None:
    with pytest.raises(WrongUse) as refused:
        make()  # type: ignore[operator]
    assert found in str(refused.value) and "fix: correct the method's `space`" in str(refused.value)
