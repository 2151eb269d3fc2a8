"""An assessment on a page that needs no other file. It is for the organiser: it shows rows."""

from __future__ import annotations

from challenge.assess.assessment import Assessment, Estimate
from challenge.board.markup import count_text, number_text
from challenge.board.pages.page_frame import render_alone, trusted
from challenge.board.plots.interval_plot import interval_svg
from challenge.board.plots.scales import scale_for

__all__ = ["assessment_page"]


def assessment_page(found: Assessment) -> str:
    """Return a whole HTML page that needs no other file and no network."""
    scores = [
        ("The baseline", found.baseline),
        *((f"linear on {count_text(one.rows)} rows", one.score) for one in found.curve),
        ("linear on twice the rows, expected", found.doubled),
    ]
    losses = [(f"Without {one.modality}", one.loss, one.columns) for one in found.modalities]
    return render_alone(
        "assessment.html",
        f"Assessment of {found.name}",
        found=found,
        scores=[] if found.faults else _drawn(scores),
        losses=[
            (*row, ", ".join(columns))
            for row, (_, _, columns) in zip(
                _drawn([(name, loss) for name, loss, _ in losses], zero=True), losses, strict=True
            )
        ],
        open_questions=sum(not answer for _, answer in found.questions),
        share="" if found.suspected_share is None else f"{found.suspected_share:.1%}",
        costs=[
            (
                one.method,
                *(
                    "not measured" if value is None else f"{number_text(value / per, digits)}{unit}"
                    for value, per, digits, unit in (
                        (one.seconds, 60, 1, " min"),
                        (one.cpu_s, 60, 1, " min"),
                        (one.peak_mb, 1024, 1, " GB"),
                    )
                ),
            )
            for one in found.costs
        ],
    )


def _drawn(
    rows: list[tuple[str, Estimate]], *, zero: bool = False
) -> list[tuple[str, str, object]]:
    """Return name, figure and drawing of each row, all on one scale."""
    ends = [end for _, one in rows for end in (one.value, one.low, one.high)]
    scale = scale_for([*ends, 0.0] if zero else ends)
    return [
        (
            name,
            one.text,
            trusted(
                interval_svg(
                    scale,
                    one.value,
                    one.low,
                    one.high,
                    baseline_score=0.0 if zero else None,
                    text=f"{name}: {one.text}",
                )
            ),
        )
        for name, one in rows
    ]
