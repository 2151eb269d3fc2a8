"""What `challenge attack` found, on a page of the organiser that needs no other file.

It is not part of the site: it names weaknesses that are still open.
"""

from __future__ import annotations

from collections.abc import Mapping

from challenge.board.pages.page_frame import render_alone
from challenge.ledger.contest.attack_record import AttackRecord

__all__ = ["attack_page"]


def attack_page(record: AttackRecord, title: str, kinds: Mapping[str, str]) -> str:
    """Return a whole HTML page; `kinds` maps each kind of attack to what it does."""
    groups = [
        (name, text, [one for one in record.attacks if one.kind == name])
        for name, text in kinds.items()
    ]
    return render_alone(
        "attack.html",
        f"Attack on {title}",
        contest=title,
        record=record,
        groups=[group for group in groups if group[2]],
        n_held=len(record.named("held")),
        n_fell=len(record.named("fell")),
        n_untried=len(record.named("not tried")),
    )
