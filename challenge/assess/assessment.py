"""What was measured about a task before a contest, and what follows from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from challenge.assess.separation import Separation
from challenge.errors import counted
from challenge.scoring.figures import figure

__all__ = ["Assessment", "Cost", "CurvePoint", "Estimate", "ModalityLoss", "SuspectedLabel"]

Decision = Literal["go", "go after", "no"]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, whose ends are None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """The value with its interval as text."""
        return figure(self.value, self.low, self.high)

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class CurvePoint:
    """The score of `linear` fitted on a share of the rows; `rows` are those of the whole share."""

    share: float
    rows: int
    score: Estimate


@dataclass(frozen=True)
class ModalityLoss:
    """What `linear` loses without the columns of a modality: with all minus without."""

    modality: str
    columns: tuple[str, ...]
    loss: Estimate


@dataclass(frozen=True)
class SuspectedLabel:
    """A row of train whose label looks wrong; for the organiser's eyes only."""

    id: str
    label: str
    suggested: str
    shown: str


@dataclass(frozen=True)
class Cost:
    """What a method took on the whole task: measured on this machine, or None."""

    method: str
    seconds: float | None = None
    cpu_s: float | None = None
    peak_mb: int | None = None


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Everything on the page. Scores are out of fold, on train, in the task's primary metric.

    `gain` is `linear` minus the baseline, better is positive. `doubled` is the expected score at
    twice the rows. `separation` is None where no hidden part is at hand. `suspected_share` is None
    where labels are numbers or no classes are predicted with probabilities.
    """

    name: str
    title: str
    kind: str
    metric: str
    n_train: int = 0
    n_test: int = 0
    n_classes: int = 0
    columns: tuple[tuple[str, str, int], ...] = ()
    """Name, modality and missing values in train of each feature."""
    split: str = ""
    units: str = "rows"
    """What is independent in the test: rows, groups or entities."""
    baseline: Estimate = field(default_factory=lambda: Estimate(None))
    linear: Estimate = field(default_factory=lambda: Estimate(None))
    gain: Estimate = field(default_factory=lambda: Estimate(None))
    curve: tuple[CurvePoint, ...] = ()
    doubled: Estimate = field(default_factory=lambda: Estimate(None))
    at_the_end: bool = False
    """Whether `linear` is within a hundredth of the best possible score."""
    modalities: tuple[ModalityLoss, ...] = ()
    suspected: int = 0
    suspected_share: float | None = None
    suspected_labels: tuple[SuspectedLabel, ...] = ()
    separation: Separation | None = None
    findings: tuple[tuple[str, str, str, str], ...] = ()
    """Name, severity, message and fix of each finding of the audit that nobody accepted."""
    faults: tuple[str, ...] = ()
    """Why no task can be built, each with its fix; empty where one was."""
    costs: tuple[Cost, ...] = ()
    contacts: tuple[tuple[str, int], ...] = ()
    """Columns with cells that look like e-mail addresses, and how many."""
    questions: tuple[tuple[str, str], ...] = ()
    """What only a person can answer, and the answer of task.toml, empty where there is none."""
    unsure: tuple[str, ...] = ()
    """What the proposal of the task guessed."""

    @property
    def blockers(self) -> tuple[tuple[bool, str], ...]:
        """What must change first: whether it ends the plan, and what is to be done."""
        found: list[tuple[bool, str]] = []
        if self.faults:
            return ((True, "the table cannot be built as a task"),)
        high = [name for name, severity, *_ in self.findings if severity == "high"]
        if high:
            found.append((False, f"closing {counted(len(high), 'leak')} ({', '.join(high)})"))
        if not self.gain.above_zero:
            found.append((True, "no signal was found: linear does not beat the baseline"))
        if self.at_the_end:
            found.append((False, "finding harder rows: linear is right on nearly all of them"))
        few = _LEAST_CLUSTERS
        n = self.n_test if self.separation is None else self.separation.clusters
        if n < few:
            found.append(
                (False, f"collecting more rows: the test has {n:,} independent {self.units}, "
                        f"fewer than {few}")
            )  # fmt: skip
        elif self.separation is None:
            if not self.at_the_end:
                found.append((False, "an assessment that can measure the size of the test"))
        elif self.separation.difference > _LARGEST_DIFFERENCE:
            need = self.separation.for_a_point * (0.01 / _LARGEST_DIFFERENCE) ** 2
            found.append(
                (False, f"collecting a test of about {need:,.0f} independent {self.units}")
            )  # fmt: skip
        return tuple(found)

    @property
    def decision(self) -> Decision:
        """Whether to go on."""
        if not self.blockers:
            return "go"
        return "no" if any(ends for ends, _ in self.blockers) else "go after"

    @property
    def verdict(self) -> str:
        """The decision and its reason in one sentence."""
        reasons = self.blockers
        if self.decision == "no":
            return f"No: {'; '.join(text for ends, text in reasons if ends)}."
        if self.decision == "go after":
            return f"Go after {' and '.join(text for _, text in reasons)}."
        assert self.separation is not None
        return (
            f"Go: linear beats the baseline by {self.gain.text}, and the test separates "
            f"{100 * self.separation.difference:.1f} points between two methods."
        )

    def separation_text(self) -> str:
        """Return in one sentence what the test separates, and what one point needs."""
        if self.separation is None:
            return "How small a difference the test separates could not be measured."
        return (
            f"These {self.separation.clusters:,} {self.units} separate "
            f"{100 * self.separation.difference:.1f} points between two methods; for 1 point you "
            f"need about {self.separation.for_a_point:,}."
        )

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values, with the decision and the verdict."""
        return {
            "format": 1,
            "decision": self.decision,
            "verdict": self.verdict,
            **asdict(self),
        }

    def lines(self) -> list[str]:
        """Return the summary for a terminal: the verdict first."""
        lines = [self.verdict, *self.faults]
        if self.faults:
            return lines
        lines += [
            f"{self.metric}, train out of fold: linear {self.linear.text}, "
            f"baseline {self.baseline.text}, difference {self.gain.text}",
            *(f"at {counted(point.rows, 'row')}: {point.score.text}" for point in self.curve),
            f"at twice the rows: about {self.doubled.text}",
            *(f"without {one.modality}: {one.loss.text} lost" for one in self.modalities),
            self.separation_text(),
        ]
        if self.suspected_share is not None:
            lines.append(
                f"{counted(self.suspected, 'label')} to look at; about "
                f"{self.suspected_share:.1%} of train may be wrong; a weak model suspects too many"
            )
        lines += [f"{severity}: {name}. {message}" for name, severity, message, _ in self.findings]
        open_questions = sum(not answer for _, answer in self.questions)
        return [*lines, f"{counted(open_questions, 'question')} for a person to answer"]


_LEAST_CLUSTERS = 100
"""With fewer independent test rows most differences between methods have no interval of use."""
_LARGEST_DIFFERENCE = 0.1
"""A test that separates nothing smaller than ten points ranks few methods."""
