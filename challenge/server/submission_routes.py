"""The calls about submissions: hand in, list, show, select and withdraw."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse

from challenge.errors import Fault, SubmissionError
from challenge.ledger import history, select, withdraw
from challenge.ledger.network.arrivals import outcome_of
from challenge.ledger.network.tokens import Token
from challenge.ledger.store import clock
from challenge.ledger.store.clock import iso
from challenge.ledger.store.records import Submission
from challenge.ledger.store.rows import submission_row
from challenge.ledger.submissions.submit import text_faults
from challenge.server import api_answers as answers
from challenge.server.api_parts import Number, Reader, Submitter, TaskId, problems
from challenge.server.api_routes import closes_of
from challenge.server.headers import check_range, check_single, check_whole, text_of
from challenge.server.problems import Refusal, seconds_to_tomorrow
from challenge.server.service import Service
from challenge.server.sign_in import origin_of, service_of
from challenge.server.uploads import file_name_of, hand_in, most_bytes_of, receive, upload_of

__all__ = ["WAIT_S", "own_submission", "receipt_answer", "submission_calls"]

WAIT_S = 10.0
_PAGE = 100
submission_calls = APIRouter(prefix="/api/v1", dependencies=[Depends(check_single)])
_BODIES = {
    name: {"schema": {"type": "string", "format": "binary"}}
    for name in (
        *("text/csv", "application/octet-stream", "application/gzip"),
        *("application/zstd", "application/vnd.apache.parquet"),
    )
}


@submission_calls.put(
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


@submission_calls.get(
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


@submission_calls.get(
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


@submission_calls.get(
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


@submission_calls.get(
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


@submission_calls.post(
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


@submission_calls.post(
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
