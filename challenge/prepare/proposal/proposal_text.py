"""The text of a proposed task.toml: every value with what was seen, every question to answer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from challenge.kinds import Kind
from challenge.prepare.proposal.profiles import Profile

__all__ = ["Plan", "Proposal", "proposal_text"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Proposal:
    """The text of a `task.toml`, its kind, and what to look at before it is used."""

    text: str
    kind: Kind
    unsure: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that the text is made from."""

    kind: Kind
    form: str
    source: Path
    raw: dict[str, str]
    options: dict[str, str]
    metric: str
    split: dict[str, str | float]
    columns: dict[str, Profile]
    sides: dict[str, str]
    left_out: dict[str, str]


def _quoted(text: str | float) -> str:
    if isinstance(text, float):
        return repr(text)
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _name(text: str) -> str:
    return text if _BARE.fullmatch(text) else _quoted(text)


def _comment(text: str) -> str:
    return "# " + " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def proposal_text(task_id: str, plan: Plan, place: str, unsure: list[str]) -> str:
    """Return the commented task.toml of a plan; `place` is how its source is named there."""
    title = task_id.replace("-", " ").capitalize()
    lines = ["# Proposed by `challenge add`. Read it, correct it, then run:"]
    lines += [f"#   challenge convert {task_id}", "#", "# Unsure:"]
    lines += [f"#   - {_comment(question)[2:]}" for question in dict.fromkeys(unsure)]
    lines += [
        "",
        "format = 1",
        f"id = {_quoted(task_id)}",
        f"kind = {_quoted(plan.kind.name)}",
        f"title = {_quoted(title)}",
        'description = ""  # what a row is, what the label is, why several modalities are needed',
        f"metric = {_quoted(plan.metric)}",
        "samples = false  # may the pages show rows of train?",
        "",
        "[[source]]",
        f"path = {_quoted(place)}",
        '# licence = "…"  # under which terms may the data be used, and passed on?',
        '# attribution = "…"  # who is to be named?',
        "",
        "[raw]",
        f"format = {_quoted(plan.form)}",
        *(f"{name} = {_quoted(value)}" for name, value in plan.raw.items()),
    ]
    if plan.options:
        lines += ["", "[raw.options]"]
        lines += [f"{_name(name)} = {_quoted(value)}" for name, value in plan.options.items()]
    lines += ["", "[split]", *(f"{name} = {_quoted(value)}" for name, value in plan.split.items())]
    lines.append("public = 0.3  # share of the test rows whose score shows while a contest runs")
    for name, one in plan.columns.items():
        lines += ["", f"[columns.{_name(name)}]", f'modality = "{one.modality}"  # {one.evidence}']
        if one.integer:
            lines.append("integer = true")
        if name in plan.sides:
            lines.append(f'sides = "{plan.sides[name]}"')
        lines.append('description = ""')
    if plan.left_out:
        lines += ["", "[left_out]"]
        lines += [f"{_name(name)} = {_quoted(why)}" for name, why in plan.left_out.items()]
    lines += [
        "",
        "[datasheet]  # unanswered questions show on the page as *not stated*",
        'row = ""  # what is one row, and how was it chosen?',
        'labelled_by = ""  # who decided the label?',
        'certainty = ""  # how sure are they?',
        'not_for = ""  # what must the data not be used for?',
        'weaknesses = ""  # what is known to be weak?',
        "",
    ]
    return "\n".join(lines)
