"""The text of a proposed task.toml: each value with what was seen, each note as a comment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from challenge.errors import counted
from challenge.kinds import Kind
from challenge.prepare.proposal.notes import Note
from challenge.prepare.proposal.profiles import Profile
from challenge.task.datasheet import UNANSWERED, hints
from challenge.task.definition import Raw
from challenge.task.toml_text import in_toml, toml_key

__all__ = ["Plan", "Proposal", "RawKeys", "proposal_of", "stated_keys"]

RawKeys = dict[str, str | int | bool | list[str]]
"""Keys and values of `[raw]`."""


@dataclass(frozen=True)
class Proposal:
    """The text of a `task.toml`, its kind, and what to look at before it is used."""

    text: str
    kind: Kind
    notes: tuple[Note, ...]
    unsure: tuple[str, ...]
    """The texts of `notes`, each once."""
    reading: tuple[str, ...] = ()
    """What becomes of each raw column, one line for those alike."""


@dataclass(frozen=True)
class Plan:
    """Everything that the text is made from."""

    kind: Kind
    form: str
    source: Path
    raw: RawKeys
    options: dict[str, str]
    metric: str
    split: dict[str, str | float]
    columns: dict[str, Profile]
    sides: dict[str, str]
    left_out: dict[str, Note]


def stated_keys(raw: Raw | None) -> RawKeys:
    """Return the keys of `[raw]` that were stated beforehand, with their values."""
    if raw is None:
        return {}
    stated = raw.model_dump(exclude_unset=True, exclude={"format"})
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in stated.items()
    }


def _evidence(profile: Profile) -> str:
    missing = f", {profile.n_missing / profile.n:.0%} missing" if profile.n_missing else ""
    distinct = f"{profile.n_distinct:,} different in {counted(profile.n, 'row')}"
    return f"{profile.why.text}; {distinct}{missing}"


def _comment(text: str) -> str:
    return "# " + " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def proposal_of(task_id: str, plan: Plan, path: str, notes: list[Note]) -> Proposal:
    """Return a plan as a commented task.toml; `path` is how its source is named there."""
    unsure = tuple(dict.fromkeys(one.text for one in notes))
    title = task_id.replace("-", " ").capitalize()
    lines = ["# Proposed by `challenge add`. Read it, correct it, then run:"]
    lines += [f"#   challenge convert {task_id}", "#", "# Unsure:"]
    lines += [f"#   - {_comment(question)[2:]}" for question in unsure]
    lines += [
        "",
        "format = 1",
        f"id = {in_toml(task_id)}",
        f"kind = {in_toml(plan.kind.name)}",
        f"title = {in_toml(title)}",
        'description = ""  # what a row is, what the label is, why several modalities are needed',
        f"metric = {in_toml(plan.metric)}",
        "samples = false  # may the pages show rows of train?",
        "",
        "[[source]]",
        f"path = {in_toml(path)}",
        '# licence = "…"  # under which terms may the data be used, and passed on?',
        '# attribution = "…"  # who is to be named?',
        "",
        "[raw]",
        f"format = {in_toml(plan.form)}",
        *(f"{name} = {in_toml(value)}" for name, value in plan.raw.items()),
    ]
    if plan.options:
        lines += ["", "[raw.options]"]
        lines += [f"{toml_key(name)} = {in_toml(value)}" for name, value in plan.options.items()]
    lines += [
        "",
        "[split]",
        *(f"{name} = {in_toml(value)}" for name, value in plan.split.items()),
    ]
    lines.append("public = 0.3  # share of the test rows whose score shows while a contest runs")
    for name, one in plan.columns.items():
        lines += [
            "",
            f"[columns.{toml_key(name)}]",
            f'modality = "{one.modality}"  # {_evidence(one)}',
        ]
        if one.integer:
            lines.append("integer = true")
        if one.form:
            lines.append(f"format = {in_toml(one.form)}")
        if one.timezone:
            lines.append(
                f"timezone = {in_toml(one.timezone)}  # assumed; a date without a time is midnight"
            )
        if name in plan.sides:
            lines.append(f'sides = "{plan.sides[name]}"')
        lines.append('description = ""')
    if plan.left_out:
        lines += ["", "[left_out]"]
        lines += [
            f"{toml_key(name)} = {in_toml(why.text.capitalize())}"
            for name, why in plan.left_out.items()
        ]
    lines += [
        "",
        f"[datasheet]  # unanswered questions show on the page as *{UNANSWERED}*",
        *(f'{key} = ""  # {hint}' for key, hint in hints()),
        "",
    ]
    return Proposal("\n".join(lines), plan.kind, tuple(notes), unsure, tuple(_reading(plan)))


def _reading(plan: Plan) -> list[str]:
    """Return what becomes of the raw columns: features by modality, and what is left out."""
    by_modality: dict[str, list[str]] = {}
    for name, one in plan.columns.items():
        written = f" written {one.form}" if one.form else ""
        by_modality.setdefault(f"{one.modality}{written}", []).append(name)
    lines = [f"{modality}: {', '.join(names)}" for modality, names in by_modality.items()]
    if plan.left_out:
        why = "; ".join(f"{name} ({one.text})" for name, one in plan.left_out.items())
        lines.append(f"left out: {why}")
    return lines
