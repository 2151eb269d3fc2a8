"""The rules page, generated from the settings of the challenge."""

from __future__ import annotations

from collections.abc import Iterator

from challenge.board.markup import folder_name
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.rules.prizes import TIE_RULES
from challenge.kinds import metric_title

__all__ = ["about_files"]


def about_files(context: SiteContext) -> Iterator[File]:
    """Yield the page of the rules."""
    settings, snapshot = context.settings, context.snapshot
    yield (
        "about.html",
        context.frame.page(
            "about.html",
            "about.html",
            title="Rules",
            summary="How entries are scored, ranked and compared, and how to take part.",
            section="about",
            settings=settings,
            contest=settings.is_contest(),
            closed_at=snapshot.closed_at,
            state=context.state_text(),
            tracks=[
                {
                    "folder": folder_name(track.id),
                    "title": track.title,
                    "metric": metric_title(track.metric),
                    "prize": track.prize,
                    "prize_tie": TIE_RULES.get(track.prize_tie or "", ""),
                    "tasks": [
                        (folder_name(task), context.title(task), task in snapshot.cards)
                        for task in track.tasks
                    ],
                }
                for track in settings.track
            ],
            steps=[
                (context.title(task), context.step_text(task))
                for task, step in snapshot.steps.items()
                if step
            ]
            if snapshot.subset == "public"
            else [],
            unscored=[context.title(task) for task in sorted(snapshot.unscored)],
            roster=sorted(team.name for team in settings.team),
        ),
    )
