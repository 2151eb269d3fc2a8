"""Calls of a server, and its refusals as the errors that the same command raises locally."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from challenge.errors import ChallengeError, Fault, MissingRequirement, SubmissionError, WrongUse
from challenge.task import sha256_of_file
from challenge.version import __version__

if TYPE_CHECKING:
    import httpx

__all__ = ["Server", "error_of"]

_TRIES, _LONGEST_WAIT_S, _SCORING_S = 6, 30.0, 3600.0
_MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".pq": "application/vnd.apache.parquet",
    ".gz": "application/gzip",
    ".zst": "application/zstd",
}


@dataclass(frozen=True)
class Server:
    """A server by its URL, and the token that opens it."""

    url: str
    token: str

    def info(self) -> dict[str, Any]:
        """Return version, rules, dates, and who holds the token."""
        return self._json("GET", "/info")

    def tasks(self) -> list[dict[str, Any]]:
        """Return a row for each task."""
        rows: list[dict[str, Any]] = self._json("GET", "/tasks")["tasks"]
        return rows

    def task(self, task: str) -> dict[str, Any]:
        """Return task.json and card.json of a task."""
        return self._json("GET", f"/tasks/{quote(task, safe='')}")

    def submissions(self, task: str | None, team: str | None) -> Iterator[dict[str, Any]]:
        """Yield the rows of the history, page by page."""
        asked = {key: one for key, one in (("task", task), ("team", team)) if one is not None}
        cursor: int | None = 0
        while cursor is not None:
            page = self._json("GET", "/submissions", params={**asked, "cursor": str(cursor)})
            yield from page["submissions"]
            cursor = page["next"]

    def select(self, submission: int, *, undo: bool) -> list[int]:
        """Select a submission, or undo it; return those that are selected now."""
        params = {"undo": "true"} if undo else {}
        chosen: list[int] = self._json("POST", f"/submissions/{submission}/select", params=params)[
            "selected"
        ]
        return chosen

    def withdraw(self, submission: int) -> dict[str, Any]:
        """Withdraw a submission; return it."""
        taken: dict[str, Any] = self._json("POST", f"/submissions/{submission}/withdraw")
        return dict(taken["submission"])

    def track(self, track: str) -> dict[str, Any]:
        """Return the standings of a track."""
        return self._json("GET", f"/leaderboard/tracks/{quote(track, safe='')}")

    def task_board(self, task: str) -> dict[str, Any]:
        """Return the standings of a task."""
        return self._json("GET", f"/leaderboard/tasks/{quote(task, safe='')}")

    def submit(self, task: str, path: Path, *, method: str, note: str) -> dict[str, Any]:
        """Hand in a file; return its receipt. A cut connection is tried again, at no cost.

        The server knows a repeated file by its content, so no try is a second submission.

        Raises SubmissionError with every fault when it is refused.
        """
        headers = {
            "X-Method": quote(method),
            "X-Note": quote(note),
            "Content-Type": _MEDIA_TYPES.get(path.suffix.lower(), "text/csv"),
            "Content-Digest": _digest_of(path),
        }
        url = f"/tasks/{quote(task, safe='')}/submissions"
        answer = self._call("PUT", url, headers=headers, body=path)
        until = time.monotonic() + _SCORING_S
        while answer.status_code == 202 and time.monotonic() < until:
            time.sleep(float(answer.headers.get("retry-after", "2")))
            answer = self._call("GET", answer.json()["location"].removeprefix("/api/v1"))
        receipt: dict[str, Any] = answer.json()
        return receipt

    def _json(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        document: dict[str, Any] = self._call(method, path, **given).json()
        return document

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Path | None = None,
    ) -> httpx.Response:
        """Return the answer; a call that is cut or meets a full line is repeated some times."""
        import httpx

        for left in reversed(range(_TRIES)):
            wait = min(_LONGEST_WAIT_S, 0.5 * 2 ** (_TRIES - left - 1))
            try:
                with self.client() as client:
                    if body is None:
                        answer = client.request(method, path, params=params, headers=headers)
                    else:
                        with body.open("rb") as file:
                            sized = {**(headers or {}), "Content-Length": str(body.stat().st_size)}
                            answer = client.request(method, path, headers=sized, content=file)
            except httpx.TransportError as error:
                if not left:
                    raise self.unreachable(error) from None
            except (httpx.InvalidURL, UnicodeError, ValueError) as error:
                raise self.unreachable(error) from None
            else:
                if answer.is_success:
                    return answer
                wait = min(_LONGEST_WAIT_S, float(answer.headers.get("retry-after", wait)))
                if answer.status_code != 503 or not left:
                    raise error_of(answer)
            time.sleep(wait)
        raise AssertionError("unreachable")

    def client(self) -> httpx.Client:
        """Return a client for calls below /api/v1."""
        import httpx

        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={
                "Authorization": f"Bearer {self.token}",
                "User-Agent": f"challenge/{__version__}",
            },
            timeout=httpx.Timeout(60.0, connect=10.0),
        )

    def unreachable(self, error: Exception) -> MissingRequirement:
        """Return the error for a server that does not answer."""
        return MissingRequirement(
            Fault(
                self.url,
                f"no answer: {error or type(error).__name__}",
                "a server of `challenge serve`",
                "check the network and the address, then repeat the command: nothing is counted "
                "twice",
                code="server-unreachable",
            )
        )


def error_of(answer: httpx.Response) -> ChallengeError:
    """Return a refusal as the error that the command raises locally, with every fault."""
    status = answer.status_code
    try:
        document = answer.json()
        faults = [
            Fault(
                str(one["where"]),
                str(one["found"]),
                str(one["expected"]),
                str(one["fix"]),
                code=str(one["code"]),
                n=int(one["n"]),
                first=tuple(map(str, one["first"])),
            )
            for one in document["faults"]
        ]
    except (ValueError, LookupError, TypeError):
        faults = []
    if not faults:
        faults = [
            Fault(
                str(answer.request.url.copy_with(query=None)),
                f"an answer with status {status} that is not of `challenge serve`",
                "a server of this version",
                "check the address",
                code="server-foreign",
            )
        ]
    if status == 404:
        return WrongUse(faults)
    if status == 401 or status >= 500:
        return MissingRequirement(faults)
    return SubmissionError(faults)


def _digest_of(path: Path) -> str:
    digest = bytes.fromhex(sha256_of_file(path))
    return f"sha-256=:{base64.b64encode(digest).decode()}:"
