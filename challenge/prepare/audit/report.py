"""What an audit found: counts and messages that may be shown, and examples that may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from challenge.errors import Fault
from challenge.task.columns import Column
from challenge.task.findings import absent_column, form_of
from challenge.task.toml_text import in_toml

__all__ = ["SEVERITIES", "AuditReport", "Finding", "Severity", "Shown"]

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")

MOST_ROWS = 10_000
"""Rows of one finding that the full report lists."""


@dataclass(frozen=True)
class Shown:
    """`count`, `of` and `message` of a finding as anybody could find them without test labels."""

    count: int
    of: int
    message: str


@dataclass(frozen=True)
class Finding:
    """One suspicion: `count` rows (or classes, sources) of `of`; `message` names no row.

    `rows` are the ids of rows, each with that of its partner (empty where it has none), for the
    organiser's report only. `shown` replaces message and counts
    on pages where they come from labels of test, which they would reveal. The severity is always
    shown: it is one of three words about the whole side, and who accepts a finding must say so.
    """

    name: str
    severity: Severity
    count: int
    of: int
    message: str
    rows: tuple[tuple[str, str], ...] = ()
    shown: Shown | None = None

    @property
    def share(self) -> float:
        """`count` as a share of `of`, 0 to 1."""
        return self.count / self.of if self.of else 0.0

    @property
    def fix(self) -> str:
        """What to do about it."""
        form = form_of(self.name)
        assert form is not None, f"challenge/task/findings.py lacks {self.name}"
        return form.fix


@dataclass(frozen=True)
class AuditReport:
    """All findings of a task, the most severe first; `notes` say what was looked at in part."""

    task: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def named(self, name: str) -> Finding | None:
        """Return the finding of that name, None when there is none."""
        return next((finding for finding in self.findings if finding.name == name), None)

    def high(self) -> tuple[Finding, ...]:
        """Return the findings that stop a build unless they are accepted."""
        return tuple(finding for finding in self.findings if finding.severity == "high")

    def stopping(
        self, accept: Mapping[str, str], where: str, listed: str = ""
    ) -> tuple[Fault, ...]:
        """Return a fault for each high finding without a reason in `accept`.

        `listed` is the file that lists the rows of findings.
        """
        return tuple(
            Fault(where, f"{finding.name}: {finding.message}", "no high finding of the leak audit",
                  f"{finding.fix}; or, when it is known and bearable, write "
                  f'`{in_toml(finding.name)} = "why"` under [accept]'
                  + (f"; its rows: {listed}" if listed and finding.rows else ""),
                  "audit-high", n=finding.count)
            for finding in self.high()
            if not accept.get(finding.name, "").strip()
        )  # fmt: skip

    def summary(self, accept: Mapping[str, str], columns: Sequence[Column]) -> dict[str, object]:
        """Return what everybody may see: counts and messages, never a row.

        `columns` are the features of the task.
        """
        return {
            "findings": [
                {
                    "name": finding.name,
                    "severity": finding.severity,
                    "count": (finding.shown or finding).count,
                    "of": (finding.shown or finding).of,
                    "message": (finding.shown or finding).message,
                    "accepted": accept.get(finding.name),
                }
                for finding in self.findings
            ],
            "notes": [
                *self.notes,
                *(
                    f"accepted in task.toml, but not found: {name}"
                    + (f" ({why})" if (why := absent_column(name, columns)) else "")
                    for name in sorted(accept)
                    if self.named(name) is None
                ),
            ],
        }

    def as_json(self) -> dict[str, object]:
        """Return the full report, with ids of rows: for `private/` only."""
        return {
            "format": 1,
            "task": self.task,
            "findings": [
                {
                    "name": finding.name,
                    "severity": finding.severity,
                    "count": finding.count,
                    "of": finding.of,
                    "message": finding.message,
                    "fix": finding.fix,
                    "rows": [list(pair) for pair in finding.rows],
                }
                for finding in self.findings
            ],
            "notes": list(self.notes),
        }
