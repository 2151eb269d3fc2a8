"""The stored outcome of `challenge attack`, and whether it still fits rules and tasks.

It is a file of the organiser beside the ledger; an attack does not change the ledger.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from challenge.ledger.store.clock import iso
from challenge.scoring.attacks import Attack
from challenge.task import Challenge, Task, dump_json, write_atomically
from challenge.task.settings import Settings
from challenge.version import __version__

__all__ = ["AttackRecord", "attack_line", "read_record", "write_record"]

_WORDS = ("title", "description", "url", "server", "downloads")


class _StrictRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AttackEntry(_StrictRecord):
    """One attack as it was stored; the fields are those of `Attack.as_json`."""

    kind: str
    target: str
    attack: str
    tried: Annotated[int, Field(ge=0)]
    counted: bool
    gain: float
    allowed: float
    state: Literal["held", "fell", "not tried"]
    how: str
    fix: str

    def shown_state(self) -> str:
        """Return the state, in capitals where the attack succeeded."""
        return "FELL" if self.state == "fell" else self.state

    def figures(self) -> tuple[str, str]:
        """Return gain and allowed gain as text; counted attacks show how many succeeded."""
        if not self.tried:
            return "–", "–"
        if self.counted:
            return f"{self.gain:.0f} of {self.tried:,}", f"{self.allowed:.0f}"
        return f"{self.gain:.3f}", f"{self.allowed:.3f}"


class AttackRecord(_StrictRecord):
    """What one run of all attacks found, and for which rules and tasks."""

    format: Literal[1] = 1
    at: str
    version: str
    fingerprint: str
    seconds: float
    attacks: tuple[AttackEntry, ...]

    @classmethod
    def of(
        cls,
        challenge: Challenge,
        settings: Settings,
        attacks: Iterable[Attack],
        at: datetime,
        seconds: float,
    ) -> AttackRecord:
        """Return the record of attacks on all built tasks."""
        entries = tuple(AttackEntry.model_validate(one.as_json()) for one in attacks)
        return cls(
            at=iso(at),
            version=__version__,
            fingerprint=_fingerprint(challenge, settings),
            seconds=round(seconds, 1),
            attacks=entries,
        )

    def named(self, state: str) -> list[str]:
        """Return the attacks of a state: name and target."""
        return [f"{one.attack} ({one.target})" for one in self.attacks if one.state == state]


def _path(challenge: Challenge) -> Path:
    return challenge.submissions / "attack.json"


def write_record(challenge: Challenge, record: AttackRecord) -> Path:
    """Store the outcome with the contest; return its path."""
    path = _path(challenge)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, dump_json(record.model_dump(mode="json")), mode=0o600)
    return path


def read_record(challenge: Challenge) -> AttackRecord | None:
    """Return the stored outcome, None when there is none that can be read."""
    try:
        return AttackRecord.model_validate(json.loads(_path(challenge).read_bytes()))
    except (OSError, ValueError, RecursionError, ValidationError):
        return None


def attack_line(challenge: Challenge, settings: Settings, at: datetime) -> str | None:
    """Return one line on the attack before a contest opens; None when all is well, or later.

    A contest without a date of opening counts as open. Where no solution is, as with participants,
    there is no line.
    """
    if not settings.is_contest() or settings.opens is None or at >= settings.opens:
        return None
    if not any(challenge.task(task).private.is_dir() for task in challenge.built_ids()):
        return None
    record = read_record(challenge)
    if record is None:
        return "attack not run: run `challenge attack` before the contest opens"
    if record.fingerprint != _fingerprint(challenge, settings):
        return f"attack stale: rules or tasks changed since {record.at}; run `challenge attack`"
    if fell := record.named("fell"):
        return f"attack of {record.at} fell: {', '.join(fell)}"
    if untried := record.named("not tried"):
        return f"attack of {record.at} held; not tried: {', '.join(untried)}"
    return None


def _fingerprint(challenge: Challenge, settings: Settings) -> str:
    """Return a hash of all that an attack depends on: the rules, and every built task."""
    rules = settings.model_dump(mode="json", exclude=set(_WORDS))
    tasks = [_identity(challenge.task(task)) for task in challenge.built_ids()]
    text = json.dumps([rules, tasks, __version__], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _identity(task: Task) -> Mapping[str, Any]:
    return {
        "id": task.id,
        "metric": task.metric,
        "data": task.data_digest,
        "solution": task.solution_digest,
    }
