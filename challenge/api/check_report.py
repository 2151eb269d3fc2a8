"""What a check of predictions found: the faults as objects and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from challenge.api.notebook import text_html
from challenge.errors import ChallengeError, Fault, counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CheckReport"]


@dataclass(frozen=True, repr=False)
class CheckReport:
    """The outcome of `task.check`; true where there is no fault.

    Attributes
    ----------
    task : str
        Id of the task.
    n : int
        Rows that the predictions must have.
    form : str
        What was read (`labels`, `probabilities`, `scores`, `numbers`); empty where faults were
        found.
    faults : tuple of Fault
        Every fault at once: `code`, `where`, `found`, `expected`, `fix`, `n`, `first`.
    notes : tuple of str
        What a person should know although it is no fault.
    """

    task: str
    n: int
    form: str
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    def __bool__(self) -> bool:
        return self.ok

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each fault, the columns as the attributes of a fault."""
        import pandas as pd

        names = ["code", "where", "found", "expected", "fix", "n", "first"]
        return pd.DataFrame([fault.as_json() for fault in self.faults], columns=names)

    def raise_faults(self) -> None:
        """Raise ChallengeError with all faults; return None where there is none."""
        if self.faults:
            raise ChallengeError(self.faults)

    def __repr__(self) -> str:
        if self.faults:
            return "\n".join(map(str, self.faults))
        return "\n".join([f"no faults; {counted(self.n, 'row')}, {self.form}", *self.notes])

    def _repr_html_(self) -> str:
        if self.ok:
            return text_html(repr(self))
        html: str = self.to_frame().to_html(index=False, escape=True)
        return html
