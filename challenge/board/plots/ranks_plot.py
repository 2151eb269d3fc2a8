"""The public against the final rank: a slope a team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from challenge.board.markup import clip
from challenge.board.plots.svg_parts import Spot, figure_svg, px, spot_svg
from challenge.errors import counted

__all__ = ["Move", "shake_up_svg"]


_WIDTH = 440.0


@dataclass(frozen=True)
class Move:
    """A team between its public and its final rank."""

    team: str
    public: int
    final: int
    spot: Spot


def shake_up_svg(name: str, title: str, moves: Sequence[Move]) -> str:
    """Return a slope plot of ranks: at most 20 teams, the best finals."""
    shown = sorted(moves, key=lambda move: (move.final, move.public))[:20]
    if not shown:
        return ""
    deepest = max(max(move.public, move.final) for move in shown)
    gap = 22.0 if deepest <= 20 else 420.0 / deepest
    height = 62 + gap * deepest

    def y(rank: int) -> float:
        return 52 + gap * (rank - 0.5)

    behind = [
        '<text class="tick" x="64" y="34" text-anchor="middle">public rank</text>'
        '<text class="tick" x="220" y="34" text-anchor="middle">final rank</text>'
    ]
    marks = []
    names: dict[int, list[str]] = {}
    for move in shown:
        kind = "same"
        if move.final != move.public:
            kind = "up" if move.final < move.public else "down"
        names.setdefault(move.final, []).append(move.team)
        behind.append(
            f'<text class="tick" x="64" y="{px(y(move.public) + 4)}" text-anchor="end">'
            f"{move.public}</text>"
        )
        path = f"M76 {px(y(move.public))}L208 {px(y(move.final))}"
        drawn = (
            f'<path class="near" d="{path}"/><path class="slope {kind}" d="{path}"/>'
            f'<circle class="slope {kind}" cx="76" cy="{px(y(move.public))}" r="3.5"/>'
            f'<circle class="slope {kind}" cx="208" cy="{px(y(move.final))}" r="3.5"/>'
        )
        marks.append(spot_svg(move.spot, drawn))
    last = -100.0
    for final, teams in sorted(names.items()):
        last = max(y(final), last + 14)
        behind.append(
            f'<text class="label" x="220" y="{px(last + 4)}">{final}  '
            f"{escape(clip(', '.join(teams), 28))}</text>"
        )
    climbed = sum(move.final < move.public for move in moves)
    fell = sum(move.final > move.public for move in moves)
    text = (
        f"Of {counted(len(moves), 'team')}, {climbed} climbed and {fell} fell between the public "
        f"and the final rank; {len(moves) - climbed - fell} kept theirs."
    )
    return figure_svg((_WIDTH, max(height, last + 24)), name, title, text, behind, marks)
