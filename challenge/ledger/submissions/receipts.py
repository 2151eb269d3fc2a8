"""Records that are shown: the receipt of a submission, and a row of the history."""

from __future__ import annotations

from dataclasses import dataclass

from challenge.ledger.store.clock import iso
from challenge.ledger.store.records import StoredScore, Submission, Team
from challenge.scoring import figures
from challenge.scoring.figures import number

__all__ = ["HistoryRow", "Receipt", "figure"]


def figure(score: StoredScore | None) -> str:
    """Return a value with its interval as text, `–` when there is none.

    Figures rounded to a step have three decimals.
    """
    if score is None or score.value is None:
        return "–"
    return figures.figure(score.value, score.low, score.high, _digits(score.step))


def _digits(step: float) -> int:
    return 4 if step == 0 else 3


@dataclass(frozen=True)
class Receipt:
    """The answer to a submission, with all that its team may see.

    `score` is None when it is not released: no improvement, or a public subset that is too small.
    `reference` is the team's public score on the task after this submission, None when it has none.
    `identical_to` is the earlier submission with the same predictions; then `submission` is that
    one, and no quota was used. `quota_left` is None for baselines.
    """

    submission: Submission
    team: Team
    score: StoredScore | None
    released: bool
    reference: float | None
    step: float
    identical_to: int | None
    quota_left: int | None
    message: str
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the receipt as plain values."""
        return {
            "format": 1,
            "submission": self.submission.as_json(),
            "team": self.team.name,
            "score": self.score.as_json() if self.score else None,
            "released": self.released,
            "reference": self.reference,
            "step": self.step,
            "identical_to": self.identical_to,
            "quota_left": self.quota_left,
            "message": self.message,
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Return the receipt as text, one fact per line."""
        lines = [self.message]
        if self.score is not None:
            for name, values in self.score.metrics.items():
                value, reason = values.get("value"), values.get("reason")
                mark = "  *" if name == self.score.metric else "   "
                if value is None:
                    lines.append(f"{mark}{name}: undefined ({reason})")
                    continue
                digits = _digits(self.score.step)
                text = f"{mark}{name}: {number(value, digits)}"
                if values.get("low") is not None and values.get("high") is not None:
                    low, high = values["low"], values["high"]
                    text += f"  95 % [{number(low, digits)}, {number(high, digits)}]"
                elif reason and name == self.score.metric:
                    text += f"  {reason}"
                lines.append(text)
            if self.score.resolution is not None:
                lines.append(f"   one row is worth {self.score.resolution:.5f}")
        if self.quota_left is not None:
            lines.append(f"   quota left today: {self.quota_left}")
        lines.extend(f"   {note}" for note in self.notes)
        return lines


@dataclass(frozen=True)
class HistoryRow:
    """One line of the history: a submission, its team's name, and what may be shown of it.

    `state` is one of: on the board, counted, withdrawn, not released, no public score, and after
    the close: on the board, counted, not a final. `selected` marks the choices of the team.
    """

    submission: Submission
    team: str
    score: StoredScore | None
    state: str
    selected: bool = False

    def figure(self) -> str:
        """Return the primary metric with its interval, `–` when it is not shown."""
        return figure(self.score)

    def as_json(self) -> dict[str, object]:
        """Return the line as plain values."""
        return {
            "id": self.submission.id,
            "task": self.submission.task,
            "team": self.team,
            "method": self.submission.method,
            "note": self.submission.note,
            "at": iso(self.submission.at),
            "state": self.state,
            "selected": self.selected,
            "metric": self.score.metric if self.score else None,
            "value": self.score.value if self.score else None,
            "low": self.score.low if self.score else None,
            "high": self.score.high if self.score else None,
            "figure": self.figure(),
        }
