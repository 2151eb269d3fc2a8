"""The calls under /api/v1: each asks a function of the ledger or the board, and adds no rule."""

from __future__ import annotations

import base64
import hashlib
import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse

from challenge.board.exports import json_export
from challenge.board.rules.task_board import task_board
from challenge.board.rules.track_board import track_board
from challenge.errors import Fault
from challenge.ledger import read_snapshot
from challenge.ledger.network.arrivals import line_state
from challenge.ledger.store import clock
from challenge.ledger.store.chain import head_of
from challenge.ledger.store.clock import iso
from challenge.ledger.store.versions import card_texts
from challenge.server import api_answers as answers
from challenge.server.api_parts import Reader, TaskId, problems
from challenge.server.headers import check_range, check_single, is_known
from challenge.server.problems import Refusal
from challenge.server.service import Service
from challenge.server.sign_in import program_token, service_of
from challenge.task.export import kept_export
from challenge.version import __version__

__all__ = ["DEADLINE", "api", "closes_of", "health"]

OLDEST_CLIENT = "0.1.0"
DEADLINE = (
    "A file counts as handed in when its whole body has arrived, by the clock of this server. "
    "A file that arrived before the end is scored, however long the line is."
)
_CAPABILITIES = ("async", "idempotency-key", "content-digest", "range")

api = APIRouter(prefix="/api/v1", dependencies=[Depends(check_single)])
health = APIRouter()


@api.get("/info", response_model=answers.Info, responses=problems(401, 403, 429))
def info(request: Request) -> dict[str, Any]:
    """Show version, rules, dates and the server's clock; with a token also who holds it."""
    settings = service_of(request).ledger().settings
    you = None
    if "authorization" in request.headers:
        token = program_token(request, "read")
        you = {
            "team": token.team_name,
            "token": token.id,
            "scopes": list(token.scopes),
            "expires": None if token.expires is None else iso(token.expires),
        }
    return {
        "version": __version__,
        "oldest_client": OLDEST_CLIENT,
        "capabilities": list(_CAPABILITIES),
        "title": settings.title,
        "description": settings.description,
        "reveal": settings.reveal,
        "opens": None if settings.opens is None else iso(settings.opens),
        "closes": closes_of(service_of(request)),
        "deadline": DEADLINE,
        "now": iso(clock.now()),
        "limits": settings.limits.model_dump(exclude={"new_teams_per_day"}),
        "tracks": [
            track.model_dump(include={"id", "title", "kind", "metric", "tasks"})
            for track in settings.track
        ],
        "you": you,
    }


@api.get("/tasks", response_model=answers.TaskList, responses=problems(401, 403, 429))
def tasks(request: Request, token: Reader) -> dict[str, Any]:
    """List the tasks."""
    service = service_of(request)
    rows = []
    for task_id in service.challenge.built_ids():
        task = service.task(task_id)
        rows.append(
            {
                "id": task.id,
                "kind": task.kind.name,
                "title": task.title,
                "metric": task.metric,
                "n_classes": len(task.classes),
                "n_train": task.n_train,
                "n_test": task.n_test,
                "modalities": sorted({column.modality for column in task.columns}),
            }
        )
    return {"tasks": rows}


@api.get(
    "/tasks/{task_id}", response_model=answers.TaskDocument, responses=problems(401, 403, 404, 429)
)
def show_task(request: Request, task_id: TaskId, token: Reader) -> dict[str, Any]:
    """Show the card of a task."""
    task_json, card_json = card_texts(service_of(request).task(task_id))
    return {"task": json.loads(task_json), "card": json.loads(card_json)}


@api.get(
    "/tasks/{task_id}/download",
    response_class=FileResponse,
    responses={
        **problems(401, 403, 404, 416, 429),
        206: {"description": "The bytes of the header Range."},
        304: {"description": "Not changed since the ETag of If-None-Match."},
    },
)
def download(request: Request, task_id: TaskId, token: Reader) -> Response:
    """Hand out the public folder of a task as a zip: with ETag, Range and Repr-Digest."""
    service = service_of(request)
    task = service.task(task_id)
    kept = kept_export(task, service.challenge.exports)
    etag = f'"{kept.sha256[:32]}"'
    headers = {
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(kept.sha256)).decode()}:",
        "Cache-Control": "private, no-cache",
    }
    if is_known(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    check_range(request, kept.n_bytes, etag)
    return FileResponse(
        kept.path, headers=headers, media_type="application/zip", filename=f"{task.id}.zip"
    )


_BOARD: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}}
}


@api.get(
    "/leaderboard/tracks/{track_id}",
    responses={**problems(401, 403, 404, 429), **_BOARD, 304: {"description": "Not changed."}},
)
def track_standings(
    request: Request, track_id: Annotated[str, InPath(max_length=100)], token: Reader
) -> Response:
    """Show the standings of a track: the JSON export of its page, with ETag."""
    service = service_of(request)

    def board() -> object:
        snapshot = read_snapshot(service.ledger())
        return track_board(snapshot, track_id, snapshot.vectors).as_json()

    return _board_answer(request, f"track {track_id}", board)


@api.get(
    "/leaderboard/tasks/{task_id}",
    responses={**problems(401, 403, 404, 429), **_BOARD, 304: {"description": "Not changed."}},
)
def task_standings(request: Request, task_id: TaskId, token: Reader) -> Response:
    """Show the standings of a task: the JSON export of its page, with ETag."""
    service = service_of(request)
    service.task(task_id)

    def board() -> object:
        snapshot = read_snapshot(service.ledger())
        return task_board(snapshot, task_id, snapshot.vectors).as_json()

    return _board_answer(request, f"task {task_id}", board)


def _board_answer(request: Request, name: str, board: Any) -> Response:
    service = service_of(request)
    with service.ledger().store.reading() as connection:
        mark = f"{head_of(connection)} {service.settings_mark}"
    body = service.boards.get(name, mark)
    if body is None:
        body = json_export(board()).encode()
        service.boards.put(name, mark, body)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_known(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@health.get("/healthz", response_class=PlainTextResponse)
def alive() -> str:
    """Answer that the web process runs."""
    return "ok\n"


@health.get("/readyz", responses={503: {"model": answers.Problem}}, response_class=JSONResponse)
def ready(request: Request) -> dict[str, Any]:
    """Answer whether a submission could be stored now: ledger, disk, and the scoring line."""
    service = service_of(request)
    lacks = service.lacks()
    if lacks:
        raise Refusal.of(
            503,
            Fault("server", ", ".join(lacks), "all parts", "ask the organiser", code="not-ready"),
            Retry_After="30",
        )
    line = line_state(service.ledger())
    return {"ready": True, "waiting": line.n_waiting, "running": line.n_running}


@health.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> str:
    """Show the counts of this process in the text format of Prometheus."""
    service = service_of(request)
    return service.measures.text(line_state(service.ledger()))


def closes_of(service: Service) -> str | None:
    """Return the end of the challenge as text."""
    closes = service.settings.closes_utc()
    return None if closes is None else iso(closes)
