"""The standings of a challenge, of a directory or a server, and handing in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.api.doors import PLACE, require, require_text
from challenge.api.frame_files import as_file
from challenge.api.loaded_task import LoadedTask
from challenge.api.notebook import text_html
from challenge.client.workspace import server_at, server_of
from challenge.errors import ChallengeError, Fault, WrongUse, counted
from challenge.task import find_challenge, find_task

if TYPE_CHECKING:
    import pandas as pd

    from challenge.client.connection import Server

__all__ = ["Board", "Receipt", "Standings", "hand_in"]


_FIRST = ("rank", "team", "value", "low", "high", "tied_first")
"""The columns of standings that a reader looks for."""


class Standings:
    """The standings of a track or a task at one moment.

    Attributes
    ----------
    document : dict
        The JSON export of the board's page: title, metric, notes and `rows`.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = dict(document)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that belong beside the figures."""
        return tuple(self.document["notes"])

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each team, best first.

        First come `rank`, `team`, `value`, `low` and `high` (95 %) and
        `tied_first`; a track has a column of scores for each task.
        """
        import pandas as pd

        rows = [dict(row) for row in self.document["rows"]]
        for row in rows:
            row |= {cell["task"]: cell["value"] for cell in row.pop("tasks", [])}
        first = [name for name in _FIRST if any(name in row for row in rows)]
        frame = pd.DataFrame(rows)
        return frame[[*first, *frame.columns.drop(first)]]

    def __repr__(self) -> str:
        frame = self.to_frame()
        table = frame[list(_FIRST)].to_string(index=False) if len(frame) else "no scores yet"
        return "\n".join(
            [
                f"{self.document['title']}: {self.document['metric']}",
                table,
                *(f"{task}: {why}" for task, why in self.document.get("left_out", {}).items()),
                *self.notes,
            ]
        )

    def _repr_html_(self) -> str:
        head = text_html(f"{self.document['title']}: {self.document['metric']}")
        table: str = self.to_frame().to_html(index=False, escape=True)
        return head + table + text_html("\n".join(self.notes))


class Receipt:
    """The answer to a submission.

    Attributes
    ----------
    document : dict
        The answer as plain values, as `challenge submit --json` prints it.
    rank : str or None
        The team's rank on the task, such as `3 of 12`.
    """

    def __init__(self, document: Mapping[str, Any], lines: list[str], rank: str | None) -> None:
        self.document = dict(document)
        self.rank = rank
        self._lines = lines

    def lines(self) -> list[str]:
        """Return the answer as text, one fact a line."""
        return [*self._lines, *([] if self.rank is None else [f"   rank: {self.rank}"])]

    def __repr__(self) -> str:
        return "\n".join(self.lines())


class Board:
    """The standings of a challenge, and the place where predictions are handed in.

    Parameters
    ----------
    where : str or Path
        A folder in a challenge directory, a folder of `challenge login`, or a server's URL.

    Raises
    ------
    WrongUse
        When no challenge is there, or `where` is no folder.
    MissingRequirement
        When a server is named and there is no token for it.
    """

    def __init__(self, where: str | Path = ".") -> None:
        self._server: Server | None
        require(
            where,
            PLACE,
            "the board",
            "a folder of a challenge, or the address of a server",
            "such as Board('.') or Board('https://challenge.example.org')",
        )
        if "://" in str(where):
            self._root, self._server = None, server_at(str(where))
        else:
            self._root = _root_around(where)
            self._server = server_of(self._root)

    @property
    def tracks(self) -> tuple[str, ...]:
        """Ids of the tracks, in their declared order."""
        if self._server is not None:
            return tuple(str(track["id"]) for track in self._server.info()["tracks"])
        return tuple(track.id for track in self._snapshot().settings.track)

    def track(self, track: str) -> Standings:
        """Return the standings of a track; raise WrongUse when there is none of that id."""
        require_text(track, "the track", "the id of a track")
        if self._server is not None:
            return Standings(self._server.track(track))
        from challenge.board.rules.track_board import track_board

        snapshot = self._snapshot()
        return Standings(track_board(snapshot, track, snapshot.vectors).as_json())

    def task(self, task: str) -> Standings:
        """Return the standings of a task; raise WrongUse when there is none of that id."""
        require_text(task, "the task", "the id of a task")
        if self._server is not None:
            return Standings(self._server.task_board(task))
        from challenge.board.rules.task_board import task_board

        snapshot = self._snapshot()
        return Standings(task_board(snapshot, task, snapshot.vectors).as_json())

    def submissions(self, task: str | None = None, team: str | None = None) -> pd.DataFrame:
        """Return a row for each submission, as `challenge submissions` lists them.

        Parameters
        ----------
        task, team : str, optional
            Only those of this task, of this team.
        """
        import pandas as pd

        for where, value in (("task", task), ("team", team)):
            if value is not None:
                require_text(value, where, f"the {where} whose submissions are listed, or None")
        if self._server is not None:
            return pd.DataFrame(list(self._server.submissions(task, team)))
        from challenge.ledger import history

        return pd.DataFrame([row.as_json() for row in history(self.ledger(), task=task, team=team)])

    def submit(
        self,
        task: LoadedTask | str,
        predictions: Any,
        *,
        method: str,
        team: str | None = None,
        note: str = "",
    ) -> Receipt:
        """Check, score and store predictions of the test rows, as `challenge submit` does.

        Parameters
        ----------
        task : LoadedTask or str
            The task, or its id.
        predictions : path, frame, dict, series, list or array
            As for `LoadedTask.check`; anything but a path needs the public folder of the task.
        method : str
            Name of the method.
        team : str, optional
            Who submits; needed in a directory, where a server knows it by the token.
        note : str
            Anything a reader should know.

        Raises
        ------
        SubmissionError
            With every fault of the predictions, or when a rule refuses them.
        WrongUse
            When there is no such task, or no team where one is needed.
        """
        require(
            task,
            (str, LoadedTask),
            "the task",
            "a task of load_task, or its id",
            "such as board.submit(task, …) or board.submit('icon-tag', …)",
        )
        require_text(method, "method", "the name of the method, which boards show")
        if team is not None:
            require_text(team, "team", "the name of the team, or None")
        if note != "":
            require_text(note, "note", "a text, which may be empty")
        task_id = task if isinstance(task, str) else task.id
        if isinstance(predictions, str | Path):
            return self._submit_file(task_id, Path(predictions), method, team, note)
        found = find_task(task, self._root or Path.cwd()) if isinstance(task, str) else task.task
        with as_file(predictions, found, "test") as path:
            return self._submit_file(task_id, path, method, team, note)

    def ledger(self) -> Any:
        """Return the ledger of the directory; WrongUse where the board is of a server."""
        from challenge.ledger import open_ledger

        if self._root is None or self._server is not None:
            raise WrongUse(
                Fault(
                    "the board",
                    "a server",
                    "a challenge directory with its ledger",
                    "ask the organiser, who has the ledger",
                    code="organiser-only",
                )
            )
        return open_ledger(find_challenge(self._root))

    def _submit_file(
        self, task: str, path: Path, method: str, team: str | None, note: str
    ) -> Receipt:
        if self._server is not None:
            start = self._root or Path.cwd()
            return hand_in(self._server, task, path, start, team=team, method=method, note=note)
        from challenge.board.rules.task_board import rank_of
        from challenge.ledger import submit

        if team is None:
            raise WrongUse(
                Fault("team", "nothing", "who submits", "add team='NAME'", code="team-missing")
            )
        ledger = self.ledger()
        found = ledger.challenge.task(task)
        receipt = submit(ledger, found, path, team=team, method=method, note=note)
        rank = rank_of(ledger, receipt)
        return Receipt({"ok": True, "rank": rank, **receipt.as_json()}, receipt.lines(), rank)

    def _snapshot(self) -> Any:
        from challenge.ledger import read_snapshot

        return read_snapshot(self.ledger())

    def __repr__(self) -> str:
        where = self._server.url if self._server is not None else self._root
        return f"Board of {where}, {counted(len(self.tracks), 'track')}: {', '.join(self.tracks)}"


def _root_around(where: str | Path) -> Path:
    try:
        return find_challenge(Path(where)).root
    except WrongUse as error:
        (fault,) = error.faults
        fix = "name it in Python: Board(FOLDER), or Board('https://…') for a server"
        raise WrongUse(replace(fault, fix=fix)) from None


def hand_in(
    server: Server,
    task: str,
    file: Path,
    start: Path,
    *,
    team: str | None,
    method: str,
    note: str,
    progress: Callable[[str], None] = lambda text: None,
    warn: Callable[[str], None] = lambda text: None,
) -> Receipt:
    """Check a file here where the task was downloaded, then send it to a server.

    `task` is an id, or the folder of a task around `start`. `warn` gets a sentence where only the
    server can check. Raises WrongUse for a team that is not the token's, SubmissionError with
    every fault of the file.
    """
    from challenge.scoring import read_predictions
    from challenge.scoring.reading.intake import take_in

    if team is not None and team != (holder := (server.info()["you"] or {}).get("team")):
        raise WrongUse(
            Fault(
                "team",
                repr(team),
                f"the team of the token, {holder!r}",
                "leave it out, or sign in with the other token",
                code="team-of-token",
            )
        )
    progress("checking")
    try:
        found = find_task(task, start)
    except ChallengeError:
        take_in(file)
        warn(f"{task} is not downloaded, so the server alone checks the file")
    else:
        read_predictions(found, file)
        task = found.id
    progress("sending and scoring")
    document = server.submit(task, file, method=method, note=note)
    lines = document.pop("lines")
    return Receipt(document, lines, document["rank"])
