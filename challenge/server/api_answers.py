"""The bodies of the API's answers, from which its OpenAPI document is made."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = [
    "Info",
    "Problem",
    "Receipt",
    "Selected",
    "SubmissionPage",
    "SubmissionRow",
    "TaskDocument",
    "TaskList",
    "Waiting",
    "Withdrawn",
]


class FaultBody(BaseModel):
    """One fault: where it is, what was found, what was expected, its fix, how many, the first."""

    code: str
    where: str
    found: str
    expected: str
    fix: str
    n: int
    first: list[str]


class Problem(BaseModel):
    """A refusal (RFC 9457) with every fault at once; `request` is in the organiser's log too."""

    type: str
    title: str
    status: int
    detail: str
    request: str
    faults: list[FaultBody]


class You(BaseModel):
    """The holder of the token that was sent."""

    team: str | None
    token: int
    scopes: list[str]
    expires: str | None


class Rules(BaseModel):
    """The limits of the challenge."""

    per_day: int
    total: int | None
    failed_per_day: int
    file_mb: int


class TrackInfo(BaseModel):
    """A track and its tasks."""

    id: str
    title: str
    kind: str
    metric: str
    tasks: list[str]


class Info(BaseModel):
    """What a client must know first."""

    version: str
    api: int = 1
    oldest_client: str
    capabilities: list[str]
    title: str
    description: str
    reveal: str
    opens: str | None
    closes: str | None
    deadline: str = Field(description="How the end is judged.")
    now: str
    limits: Rules
    tracks: list[TrackInfo]
    you: You | None


class TaskRow(BaseModel):
    """A task in the list."""

    id: str
    kind: str
    title: str
    metric: str
    n_classes: int
    n_train: int
    n_test: int
    modalities: list[str]
    built: bool = True


class TaskList(BaseModel):
    """All tasks."""

    tasks: list[TaskRow]


class TaskDocument(BaseModel):
    """One task: task.json and card.json of its public folder."""

    task: dict[str, Any]
    card: dict[str, Any]


class Receipt(BaseModel):
    """The answer to a submission, as `challenge submit --json` writes it."""

    ok: bool = True
    format: int
    submission: dict[str, Any]
    team: str
    score: dict[str, Any] | None
    released: bool
    reference: float | None
    step: float
    identical_to: int | None
    quota_left: int | None
    message: str
    notes: list[str]
    rank: str | None
    lines: list[str] = Field(description="The receipt as text.")
    arrived: str | None = None
    closes: str | None = None


class Waiting(BaseModel):
    """A file that is not scored yet; ask again at `location`."""

    arrival: int
    location: str
    arrived: str | None = None
    closes: str | None = None


class SubmissionRow(BaseModel):
    """A row of the history, as `challenge submissions --json` writes it."""

    id: int
    task: str
    team: str
    method: str
    note: str
    at: str
    state: str
    selected: bool
    metric: str | None
    value: float | None
    low: float | None
    high: float | None
    figure: str


class SubmissionPage(BaseModel):
    """A page of the history, ascending; `next` is the cursor of the page after it."""

    submissions: list[SubmissionRow]
    next: int | None


class Selected(BaseModel):
    """The submissions of the team on this task that are selected now."""

    selected: list[int]


class Withdrawn(BaseModel):
    """The submission that was withdrawn."""

    submission: dict[str, Any]
