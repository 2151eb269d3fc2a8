"""The page of the rules and of a track say of the prize what the board does."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from challenge.board.pages.rules_text import about_files
from challenge.board.pages.track_page import track_files
from challenge.board.rules.prizes import TIE_RULES
from challenge.board.site import read_context
from challenge.task.settings import Track
from tests.board.showcase import showcase


def test_every_rule_has_its_text() -> None:
    (allowed,) = (
        get_args(part)
        for part in get_args(Track.model_fields["prize_tie"].annotation)
        if get_args(part)
    )
    assert set(TIE_RULES) == set(allowed)


@pytest.mark.parametrize("rule", list(TIE_RULES))
def test_pages_say_who_gets_the_prize(rule: str) -> None:
    snapshot = showcase("closed")
    track = snapshot.settings.track[0].model_copy(update={"prize": "1,000 €", "prize_tie": rule})
    settings = snapshot.settings.model_copy(update={"track": [track]})
    object.__setattr__(snapshot, "settings", settings)
    context = read_context(snapshot)
    pages = [*about_files(context), *track_files(context, track.id)]
    for file in pages:
        path, content = file[:2] if isinstance(file, tuple) else (file.path, file.draw())
        if path.endswith(".html"):
            text = re.sub(r"<[^>]+>", "", str(content))
            assert f"1,000 €, {TIE_RULES[rule]}." in text
            assert "at equal scores" not in text
