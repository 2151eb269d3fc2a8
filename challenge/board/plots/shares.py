"""Shares as bars of a list, and as colours of a heat map."""

from __future__ import annotations

from challenge.board.plots.svg_parts import px

__all__ = ["bar_svg", "heat_class"]


def bar_svg(share: float, *, width: float = 100, kind: str = "") -> str:
    """Return a bar of a list; the number is beside it."""
    filled = max(min(share, 1.0), 0.0) * width
    return (
        f'<svg class="bar {kind}" aria-hidden="true" viewBox="0 0 {px(width)} 8" '
        f'preserveAspectRatio="none"><rect class="track" width="{px(width)}" height="8" rx="2"/>'
        f'<rect class="fill" width="{px(max(filled, 1.0))}" height="8" rx="2"/></svg>'
    )


def heat_class(value: float | None, baseline_score: float, best: float) -> str:
    """Return the class of a heat-map cell, `h0` (the baseline score or worse) to `h8` (the best).

    Lower may be better. The share of the way is raised to the fourth power: good scores are close
    together.
    """
    if value is None:
        return "none"
    if best == baseline_score:
        return "h8"
    share = (value - baseline_score) / (best - baseline_score)
    return f"h{round(8 * min(max(share, 0.0), 1.0) ** 4)}"
