"""A raw table assessed: proposed and built as `add` and `convert` would, in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from challenge.assess.assessment import Assessment
from challenge.assess.measure import measure_task, open_findings
from challenge.errors import TaskError
from challenge.kinds import Kind
from challenge.prepare import build_task
from challenge.prepare.build.task_build import stopped_build
from challenge.prepare.proposal.infer import propose_task
from challenge.task import read_task, write_atomically
from challenge.task.definition import Raw
from challenge.task.toml_text import in_toml

__all__ = ["assess_table"]

_NAME = "assessed"


def assess_table(
    source: Path,
    *,
    images: Path | None = None,
    label: str | None = None,
    kind: Kind | None = None,
    pairs: Path | None = None,
    raw: Raw | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Assessment:
    """Assess a raw table; the arguments are those of `propose_task`. Nothing is kept.

    A build that the leak audit stops is measured all the same. Where no task can be built for
    another reason, its faults are the assessment. Raises TaskError where there is no label to find.
    """
    with tempfile.TemporaryDirectory(prefix="challenge-assess-") as scratch:
        folder = Path(scratch) / "datasets" / _NAME
        folder.mkdir(parents=True)
        progress("looking at the data")
        proposal = propose_task(
            _NAME,
            source,
            images=images,
            label=label,
            kind=kind,
            pairs=pairs,
            folder=folder,
            raw=raw,
        )
        write_atomically(folder / "task.toml", proposal.text)
        cache = Path(scratch) / "cache"
        try:
            task = build_task(folder, cache=cache, progress=progress).task
            findings = open_findings(task)
        except TaskError as error:
            stopped = stopped_build(folder) / "public"
            if not (stopped / "task.json").is_file():
                return Assessment(
                    name=source.name,
                    title=source.name,
                    kind=proposal.kind.title,
                    metric="",
                    faults=tuple(map(str, error.faults)),
                    unsure=proposal.unsure,
                )
            findings = open_findings(read_task(stopped))
            progress("building again, to measure the table with its leaks")
            write_atomically(folder / "task.toml", proposal.text + _accepting(findings))
            task = build_task(folder, cache=cache, progress=progress).task
        found = measure_task(task, progress)
    return replace(
        found, name=source.name, title=source.name, unsure=proposal.unsure, findings=findings
    )


def _accepting(findings: tuple[tuple[str, str, str, str], ...]) -> str:
    """Return the lines of task.toml with which the audit lets a build end."""
    names = (name for name, severity, *_ in findings if severity == "high")
    return "\n[accept]\n" + "".join(f'{in_toml(name)} = "measured only"\n' for name in names)
