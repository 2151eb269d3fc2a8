"""The calls under /api/v1: each asks a function of the ledger or the board, and adds no rule."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse

from challenge.board.exports import json_export
from challenge.board.rules.task_board import task_board
from challenge.board.rules.track_board import track_board
from challenge.errors import Fault, SubmissionError
from challenge.ledger import history, read_snapshot, select, withdraw
from challenge.ledger.network.arrivals import line_state, outcome_of
from challenge.ledger.network.tokens import Token
from challenge.ledger.store import clock
from challenge.ledger.store.chain import head_of
from challenge.ledger.store.clock import iso
from challenge.ledger.store.records import Submission
from challenge.ledger.store.rows import submission_row
from challenge.ledger.store.versions import card_texts
from challenge.ledger.submissions.submit import text_faults
from challenge.server import api_answers as answers
from challenge.server.headers import check_range, check_single, check_whole, is_known, text_of
from challenge.server.problems import Refusal, seconds_to_tomorrow
from challenge.server.service import Service
from challenge.server.sign_in import origin_of, program_token, service_of
from challenge.server.uploads import file_name_of, hand_in, most_bytes_of, receive, upload_of
from challenge.task.export import kept_export
from challenge.version import __version__

__all__ = ["DEADLINE", "api", "health", "own_submission", "receipt_answer"]

OLDEST_CLIENT = "0.1.0"
WAIT_S = 10.0
DEADLINE = (
    "A file counts as handed in when its whole body has arrived, by the clock of this server. "
    "A file that arrived before the end is scored, however long the line is."
)
_CAPABILITIES = ("async", "idempotency-key", "content-digest", "range")
_PAGE = 100

api = APIRouter(prefix="/api/v1", dependencies=[Depends(check_single)])
health = APIRouter()

TaskId = Annotated[str, InPath(description="The id of a task.", max_length=100)]
Number = Annotated[int, InPath(ge=1, le=2**31 - 1, description="A submission's number.")]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a call may answer with, beside those that every call has."""
    return {status: {"model": answers.Problem} for status in (*statuses, 422, 503)}


def reader(request: Request) -> Token:
    """Return the token of a call that reads."""
    return program_token(request, "read")


def submitter(request: Request) -> Token:
    """Return the token of a call that hands in for its team; the organiser's acts for any team."""
    return program_token(request, "submit")


Reader = Annotated[Token, Depends(reader)]
Submitter = Annotated[Token, Depends(submitter)]


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


_BODIES = {
    name: {"schema": {"type": "string", "format": "binary"}}
    for name in (
        *("text/csv", "application/octet-stream", "application/gzip"),
        *("application/zstd", "application/vnd.apache.parquet"),
    )
}


@api.put(
    "/tasks/{task_id}/submissions",
    status_code=201,
    response_model=answers.Receipt,
    responses={
        **problems(401, 403, 404, 408, 409, 413, 415, 429),
        200: {
            "model": answers.Receipt,
            "description": "These predictions were submitted before: the receipt of that one.",
        },
        202: {"model": answers.Waiting, "description": "Stored, and not scored yet."},
    },
    openapi_extra={"requestBody": {"required": True, "content": _BODIES}},
)
async def submit(
    request: Request,
    task_id: TaskId,
    token: Submitter,
    x_method: Annotated[
        str,
        Header(min_length=1, description="The method; other than ASCII is percent-encoded UTF-8."),
    ],
    x_note: Annotated[str, Header(description="A note, encoded as the method.")] = "",
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern="^[!-~]{1,200}$",
            description="Names this upload: a repeated one gets the same receipt. Without it the "
            "content names it.",
        ),
    ] = None,
    content_digest: Annotated[
        str | None, Header(description="`sha-256=:BASE64:` of the body; it is verified.")
    ] = None,
    prefer: Annotated[str, Header(description="`respond-async`: do not wait.")] = "",
) -> Response:
    """Hand in a predictions file; the answer is its receipt, or every fault at once."""
    service = service_of(request)
    if token.team is None:
        raise _no_team()
    check_whole(request)
    method, note = text_of("X-Method", x_method), text_of("X-Note", x_note)
    faults = text_faults(method, note)
    if faults:
        raise SubmissionError(faults)
    task = await asyncio.to_thread(service.task, task_id)
    with upload_of(service, token.team):
        received = await receive(
            service,
            aiter(request.stream()),
            name=file_name_of(request.headers.get("content-type", "")),
            most=most_bytes_of(service, task),
            length=request.headers.get("content-length"),
            digest=content_digest,
        )
    origin = origin_of(request, token, idempotency_key)
    arrival, outcome = await hand_in(
        service,
        task,
        received,
        token=token,
        method=method,
        note=note,
        origin=origin,
        wait=0.0 if "respond-async" in prefer.lower() else WAIT_S,
    )
    if outcome is None:
        return _waiting(service, arrival, iso(origin.arrived))
    return receipt_answer(service, outcome, iso(origin.arrived))


def receipt_answer(service: Service, outcome: Any, arrived: str | None = None) -> Response:
    """Return the answer for a stored outcome; raise Refusal for a refused file."""
    if "faults" in outcome:
        raise Refusal(outcome["status"], outcome["faults"], outcome["headers"])
    receipt = {
        "ok": True,
        **outcome["receipt"],
        "rank": outcome["rank"],
        "lines": outcome["lines"],
        "arrived": arrived,
        "closes": closes_of(service),
    }
    headers = {"Location": f"/api/v1/submissions/{receipt['submission']['id']}"}
    if receipt["quota_left"] is not None:
        limit, reset = service.settings.limits.per_day, seconds_to_tomorrow(clock.now())
        headers["RateLimit-Policy"] = f'"per-day";q={limit};w=86400'
        headers["RateLimit"] = f'"per-day";r={receipt["quota_left"]};t={reset}'
    return JSONResponse(receipt, outcome["status"], headers)


def _waiting(service: Service, arrival: int, arrived: str | None) -> Response:
    location = f"/api/v1/arrivals/{arrival}"
    body = {
        "arrival": arrival,
        "location": location,
        "arrived": arrived,
        "closes": closes_of(service),
    }
    return JSONResponse(body, 202, {"Location": location, "Retry-After": "2"})


@api.get(
    "/arrivals/{arrival}",
    response_model=answers.Receipt,
    responses={
        **problems(401, 403, 404, 409, 413, 429),
        201: {"model": answers.Receipt, "description": "Scored."},
        202: {"model": answers.Waiting, "description": "Not scored yet."},
    },
)
def show_arrival(
    request: Request,
    arrival: Annotated[int, InPath(ge=1, le=2**31 - 1)],
    token: Submitter,
) -> Response:
    """Show the outcome of a file that was answered with 202; of the own team only."""
    service = service_of(request)
    known, outcome = outcome_of(service.ledger(), arrival, token.team or 0)
    if not known:
        raise _not_found("arrival", str(arrival), "the number of a file of this team")
    if outcome is None:
        return _waiting(service, arrival, None)
    return receipt_answer(service, outcome)


@api.get(
    "/submissions", response_model=answers.SubmissionPage, responses=problems(401, 403, 404, 429)
)
def submissions(
    request: Request,
    response: Response,
    token: Reader,
    task: Annotated[str | None, Query(max_length=100)] = None,
    team: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Annotated[int, Query(ge=0, le=2**31 - 1, description="After this number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = _PAGE,
) -> dict[str, Any]:
    """List submissions, ascending: what the rules release of them, and nothing else."""
    service = service_of(request)
    if task is not None:
        service.task(task)
    rows = history(service.ledger(), task=task, team=team, after=cursor, limit=limit + 1)
    following = rows[limit - 1].submission.id if len(rows) > limit else None
    if following is not None:
        url = request.url.include_query_params(cursor=following)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return {"submissions": [row.as_json() for row in rows[:limit]], "next": following}


@api.get(
    "/submissions/{number}",
    response_model=answers.SubmissionRow,
    responses=problems(401, 403, 404, 429),
)
def show_submission(request: Request, number: Number, token: Reader) -> dict[str, Any]:
    """Show one submission, as the history does."""
    for row in history(service_of(request).ledger(), after=number - 1, limit=1):
        if row.submission.id == number:
            return row.as_json()
    raise _not_found("submission", str(number), "the number of a stored submission")


@api.get(
    "/submissions/{number}/file",
    response_class=FileResponse,
    responses={
        **problems(401, 403, 404, 416, 429),
        206: {"description": "A part."},
    },
)
def submitted_file(request: Request, number: Number, token: Reader) -> Response:
    """Hand out the predictions of an own submission, as they are stored."""
    service = service_of(request)
    submission = own_submission(service, token, number)
    path = service.ledger().files.open_path(submission.sha256)
    etag = f'"{submission.sha256[:32]}"'
    check_range(request, path.stat().st_size, etag)
    return FileResponse(
        path,
        headers={"ETag": etag, "Cache-Control": "private, no-cache"},
        media_type="application/vnd.apache.parquet",
        filename=f"submission-{number}.parquet",
    )


@api.post(
    "/submissions/{number}/select",
    response_model=answers.Selected,
    responses=problems(401, 403, 404, 409, 429),
)
def select_submission(
    request: Request,
    number: Number,
    token: Submitter,
    undo: Annotated[bool, Query(description="Undo the selection.")] = False,
) -> dict[str, Any]:
    """Select an own submission as a final, or undo it."""
    service = service_of(request)
    own_submission(service, token, number)
    origin = origin_of(request, token)
    return {"selected": list(select(service.ledger(), number, chosen=not undo, origin=origin))}


@api.post(
    "/submissions/{number}/withdraw",
    response_model=answers.Withdrawn,
    responses=problems(401, 403, 404, 409, 429),
)
def withdraw_submission(request: Request, number: Number, token: Submitter) -> dict[str, Any]:
    """Withdraw an own submission; the used quota stays used."""
    service = service_of(request)
    own_submission(service, token, number)
    taken = withdraw(service.ledger(), number, origin=origin_of(request, token))
    return {"submission": taken.as_json()}


def own_submission(service: Service, token: Token, number: int) -> Submission:
    """Return a submission of the token's team, or of any team for the organiser's token."""
    with service.ledger().store.reading() as connection:
        submission, _ = submission_row(connection, number)
    if submission.team != token.team and "organise" not in token.scopes:
        fault = Fault(
            "submission",
            f"{number} is of another team",
            "a submission of your own team",
            "see `challenge submissions`",
            code="not-own",
        )
        raise Refusal.of(403, fault)
    return submission


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


def _no_team() -> Refusal:
    fault = Fault(
        "token",
        "the organiser's, which belongs to no team",
        "the token of a team",
        "make one with `challenge token new --team NAME`",
        code="scope",
    )
    return Refusal.of(403, fault)


def _not_found(where: str, found: str, expected: str) -> Refusal:
    fault = Fault(where, found, expected, "see `challenge submissions`", code="not-found")
    return Refusal.of(404, fault)
