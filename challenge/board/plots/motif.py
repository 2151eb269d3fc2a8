"""The ornament of the home page."""

from __future__ import annotations

__all__ = ["motif_svg"]


def motif_svg() -> str:
    """Return the ornament of the home page: a table of all modalities, its last labels hidden."""
    parts = []
    shapes = ("circle", "square", "ring", "diamond", "circle", "square")
    for row, (number, category, shape) in enumerate(
        zip((58, 34, 66, 22, 48, 30), (44, 30, 52, 36, 48, 32), shapes, strict=True)
    ):
        y = 14 + 42 * row
        first = (96, 78, 90, 70, 98, 84)[row]
        parts.append(
            f'<rect class="m-text" x="8" y="{y + 4}" width="{first}" height="5" rx="2.5"/>'
            f'<rect class="m-text faint" x="8" y="{y + 15}" width="{first * 2 // 3}" height="5" '
            f'rx="2.5"/><rect class="m-numeric" x="132" y="{y + 7}" width="{number}" height="10" '
            f'rx="2"/><rect class="m-categorical" x="226" y="{y + 4}" width="{category}" '
            f'height="16" rx="8"/>'
        )
        parts.append(_shape(shape, 316, y + 12))
        if row < 3:
            parts.append(
                f'<rect class="m-label" x="356" y="{y + 2}" width="56" height="20" rx="4"/>'
            )
        else:
            parts.append(
                f'<rect class="m-hidden" x="356.5" y="{y + 2.5}" width="55" height="19" rx="4"/>'
            )
        parts.append(f'<path class="grid" d="M0 {y + 33}H420"/>')
    return (
        '<svg class="motif" viewBox="0 0 420 264" width="420" height="264" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def _shape(kind: str, x: float, y: float) -> str:
    if kind == "square":
        return f'<rect class="m-image" x="{x - 10}" y="{y - 10}" width="20" height="20" rx="4"/>'
    if kind == "diamond":
        return f'<path class="m-image" d="M{x} {y - 13}l13 13l-13 13l-13 -13z"/>'
    hollow = " hollow" if kind == "ring" else ""
    return f'<circle class="m-image{hollow}" cx="{x}" cy="{y}" r="{9 if hollow else 11}"/>'
