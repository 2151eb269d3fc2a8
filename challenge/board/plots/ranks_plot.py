"""The public against the final rank: a slope a team."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from challenge.board.markup import clip
from challenge.board.plots.svg_parts import figure_svg, px
from challenge.errors import counted

__all__ = ["shake_up_svg"]


_WIDTH = 440.0


def shake_up_svg(name: str, title: str, moves: Sequence[tuple[str, int, int]]) -> str:
    """Return a slope plot of (team, public rank, final rank): at most 20, the best finals."""
    shown = sorted(moves, key=lambda move: (move[2], move[1]))[:20]
    if not shown:
        return ""
    deepest = max(max(public, final) for _, public, final in shown)
    gap = 22.0 if deepest <= 20 else 420.0 / deepest
    height = 44 + gap * deepest

    def y(rank: int) -> float:
        return 34 + gap * (rank - 0.5)

    body = [
        '<text class="tick" x="64" y="16" text-anchor="middle">public rank</text>'
        '<text class="tick" x="220" y="16" text-anchor="middle">final rank</text>'
    ]
    names: dict[int, list[str]] = {}
    for team, public, final in shown:
        kind = "up" if final < public else "down" if final > public else "same"
        names.setdefault(final, []).append(team)
        body.append(
            f'<path class="slope {kind}" d="M76 {px(y(public))}L208 {px(y(final))}"/>'
            f'<circle class="slope {kind}" cx="76" cy="{px(y(public))}" r="3.5"/>'
            f'<circle class="slope {kind}" cx="208" cy="{px(y(final))}" r="3.5"/>'
            f'<text class="tick" x="64" y="{px(y(public) + 4)}" text-anchor="end">{public}</text>'
        )
    last = -100.0
    for final, teams in sorted(names.items()):
        last = max(y(final), last + 14)
        body.append(
            f'<text class="label" x="220" y="{px(last + 4)}">{final}  '
            f"{escape(clip(', '.join(teams), 28))}</text>"
        )
    climbed = sum(final < public for _, public, final in moves)
    fell = sum(final > public for _, public, final in moves)
    text = (
        f"Of {counted(len(moves), 'team')}, {climbed} climbed and {fell} fell between the public "
        f"and the final rank; {len(moves) - climbed - fell} kept theirs."
    )
    return figure_svg(_WIDTH, max(height, last + 24), name, title, text, "".join(body))
