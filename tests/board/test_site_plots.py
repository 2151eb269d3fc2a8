"""Plots: their scales, their words, and what they leave out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree

from challenge.board.plots.interval_plot import interval_svg
from challenge.board.plots.motif import motif_svg
from challenge.board.plots.progress_plot import Line, progress_svg
from challenge.board.plots.ranks_plot import Move, shake_up_svg
from challenge.board.plots.scales import Scale, scale_for
from challenge.board.plots.shares import bar_svg, heat_class
from challenge.board.plots.svg_parts import Spot
from challenge.kinds import kind_of

ACCURACY = kind_of("classification").metric("accuracy")
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def move(team: str, public: int, final: int) -> Move:
    return Move(team, public, final, Spot(team, f"rank {final}"))


def test_a_scale_holds_its_values_and_its_ticks_are_round() -> None:
    scale = scale_for([0.62, 0.71, None])
    assert scale.low < 0.62 < 0.71 < scale.high
    assert [round(tick, 6) for tick in scale.ticks()] == [0.62, 0.64, 0.66, 0.68, 0.7]
    assert scale_for([None]) == Scale(0.0, 1.0)
    assert scale_for([0.5]).low < 0.5 < scale_for([0.5]).high


def test_figures_have_a_name_and_words_and_are_well_formed() -> None:
    line = Line("A & B <c>", ((START, 0.5), (START + timedelta(days=3), 0.6)), "c1")
    svg = progress_svg("p", "Over time", [line], ACCURACY, until=START + timedelta(days=9))
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "group"
    assert (root.get("aria-labelledby"), root.get("aria-describedby")) == ("p-t", "p-d")
    assert "from 1 Jan 2026 to 10 Jan 2026" in svg
    assert "A &amp; B &lt;c&gt; at .600" in svg
    for other in (
        shake_up_svg("s", "Shake-up", [move("<t>", 1, 2), move("u", 2, 1)]),
        interval_svg(Scale(0, 1), 0.5, 0.4, 0.6, band=(0.4, 0.7), baseline_score=0.1),
        bar_svg(0.4),
        motif_svg(),
    ):
        ElementTree.fromstring(other)


def test_without_any_point_there_is_no_figure() -> None:
    assert progress_svg("p", "t", [Line("a", ())], ACCURACY, until=START) == ""
    assert shake_up_svg("p", "t", []) == ""


def test_the_shake_up_counts_who_climbed_and_who_fell() -> None:
    moves = (("a", 1, 3), ("b", 2, 1), ("c", 3, 2), ("d", 4, 4))
    svg = shake_up_svg("s", "Shake-up", [move(*one) for one in moves])
    assert "Of 4 teams, 2 climbed and 1 fell" in svg


def test_a_score_below_the_scale_is_drawn_as_an_arrow_at_the_edge() -> None:
    assert "beyond" in interval_svg(Scale(0.5, 0.8), 0.1, 0.05, 0.2)
    # A bar is the end of an interval; an arrow says that the interval goes on.
    bars = [
        interval_svg(Scale(0.5, 0.8), 0.6, *ends).count("v8")
        for ends in ((0.55, 0.7), (0.1, 0.7), (0.1, 0.9))
    ]
    assert bars == [2, 1, 0]
    assert "circle" not in interval_svg(Scale(0.5, 0.8), 0.1, 0.05, 0.2)


def test_heat_runs_from_the_floor_to_the_best_and_unknown_is_none() -> None:
    assert heat_class(0.1, 0.1, 0.9) == "h0"
    assert heat_class(0.05, 0.1, 0.9) == "h0"
    assert heat_class(0.9, 0.1, 0.9) == "h8"
    assert heat_class(None, 0.1, 0.9) == "none"
    assert heat_class(0.5, 0.5, 0.5) == "h8"
