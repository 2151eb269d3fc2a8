"""`challenge.toml`: tracks, teams, dates and limits, as the organiser declares them."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator
from typing_extensions import Self

from challenge.task.declarations import Declaration, KindName, read_declaration, time_example

__all__ = ["Limits", "RosterTeam", "Settings", "Track", "read_settings"]


def _address(text: str) -> str:
    """Return an address without the slash at its end; raise ValueError for anything else."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError("an address such as https://challenge.example.org")
    return text.rstrip("/")


_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/%\-]*)?")
_Address = Annotated[str, AfterValidator(_address)]


class Track(Declaration):
    """Several tasks of one kind that are ranked together, all by one primary metric."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)
    title: str
    kind: KindName
    metric: str
    tasks: list[str] = Field(min_length=1)
    prize: str = ""
    prize_tie: Literal["split", "earlier"] | None = None


class RosterTeam(Declaration):
    """A team that may take part, and its members."""

    name: str = Field(min_length=1, max_length=64)
    members: list[str] = []


class Limits(Declaration):
    """Limits on submissions per team and on new teams."""

    per_day: int = Field(default=5, ge=1)
    """Scored submissions per team, task and UTC day."""
    total: int | None = Field(default=None, ge=1)
    failed_per_day: int = Field(default=50, ge=1)
    file_mb: int = Field(default=2048, ge=1)
    new_teams_per_day: int = Field(default=20, ge=1)
    """New teams per UTC day in a contest without a roster."""


class Settings(Declaration):
    """The content of a `challenge.toml`."""

    format: Literal[1]
    title: str
    description: str = ""
    reveal: Literal["all", "contest"] = "contest"
    opens: datetime | None = None
    closes: datetime | None = None
    ladder_step: float | None = Field(default=None, gt=0, lt=1)
    finals: int = Field(default=2, ge=1, le=2)
    limits: Limits = Limits()
    track: list[Track] = []
    team: list[RosterTeam] = []
    url: _Address | None = None
    """Where the site is published: links from elsewhere need the whole address."""
    server: _Address | None = None
    """Where `challenge serve` answers: pages show how to enter there."""
    downloads: bool = False
    """Whether the site holds the zip of each task, for everyone who can read the site."""

    @field_validator("opens", "closes")
    @classmethod
    def _with_an_offset(cls, at: datetime | None) -> datetime | None:
        if at is not None and at.tzinfo is None:
            raise ValueError(time_example(at))
        return at

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.opens and self.closes and self.opens >= self.closes:
            raise ValueError("opens before closes")
        if self.reveal == "contest" and self.closes is None:
            raise ValueError('`closes`, or reveal = "all" when this is a benchmark, no contest')
        if self.server and self.downloads:
            raise ValueError("`server` or `downloads`: a server hands out the zips itself")
        ids = [track.id for track in self.track]
        if len(ids) != len(set(ids)):
            raise ValueError("unique track ids")
        return self

    def is_contest(self) -> bool:
        """Whether part of the truth stays hidden until the close."""
        return self.reveal == "contest"

    def roster(self) -> tuple[str, ...]:
        """The names of the teams that may take part; empty where all may."""
        return tuple(entry.name for entry in self.team)

    def closes_utc(self) -> datetime | None:
        """The close in UTC, None when there is none."""
        return self.closes.astimezone(timezone.utc) if self.closes else None


def read_settings(root: Path) -> Settings:
    """Read `challenge.toml` of a challenge directory; raise TaskError with every fault."""
    return read_declaration(root / "challenge.toml", Settings)
