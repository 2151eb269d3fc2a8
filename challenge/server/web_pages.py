"""The pages of a team in a browser, beside the static site; they work without scripts."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message

from challenge.board.markup import clip, folder_name, plain
from challenge.board.pages.page_frame import environment, trusted
from challenge.errors import ChallengeError, Fault, SubmissionError
from challenge.ledger import history, select, withdraw
from challenge.ledger.network.arrivals import outcome_of
from challenge.ledger.network.tokens import Token
from challenge.ledger.store import clock
from challenge.ledger.submissions.names import clean_text
from challenge.ledger.submissions.quota import quota_left
from challenge.ledger.submissions.submit import text_faults
from challenge.server.api_routes import DEADLINE
from challenge.server.problems import Refusal, refusal_of
from challenge.server.service import Service
from challenge.server.sign_in import (
    COOKIE,
    PROXY,
    browser_token,
    csrf_of,
    origin_of,
    person_of,
    person_token,
    service_of,
    set_token_cookie,
)
from challenge.server.submission_routes import WAIT_S, own_submission, receipt_answer
from challenge.server.uploads import (
    Received,
    check_pace,
    hand_in,
    in_time,
    most_bytes_of,
    receive,
    safe_name,
    upload_of,
)
from challenge.task import Task
from challenge.task.settings import Settings
from challenge.version import __version__

__all__ = ["page_of", "pages", "team_page"]

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FORM_BYTES = 16_384
_BLOCK = 1 << 18

pages = APIRouter(include_in_schema=False)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    loaders = [PackageLoader("challenge.server"), PackageLoader("challenge.board")]
    return environment().overlay(loader=ChoiceLoader(loaders))


def team_page(
    service: Service, template: str, title: str, status: int = 200, **values: Any
) -> Response:
    """Return a page that is made from a template, in the frame of the site."""
    settings: Settings = service.settings
    site = plain(settings.title)
    frame = {"root": "/", "site": site, "section": "", "banner": ""}
    tracks = [(folder_name(one.id), one.id, one.title) for one in settings.track]
    html = (
        _templates()
        .get_template(template)
        .render(
            **frame,
            top=trusted(_templates().get_template("top.html").render(**frame, tracks=tracks)),
            version=__version__,
            page_title=clip(title, 120),
            summary=title,
            address="",
            **values,
        )
    )
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(html, status, headers)


def _to(path: str) -> Response:
    return RedirectResponse(path, 303)


def _text_of(faults: Any) -> str:
    """Return faults as `challenge check` prints them."""
    return "\n".join(
        str(
            Fault(
                **{key: fault[key] for key in fault if key != "first"}, first=tuple(fault["first"])
            )
        )
        for fault in faults
    )


def _refused(service: Service, refusal: Refusal) -> Response:
    headings = {403: "Not allowed", 404: "Not found", 429: "Too many", 503: "Please try again"}
    response = team_page(
        service,
        "outcome.html",
        "Refused",
        refusal.status,
        heading=headings.get(refusal.status, "Refused"),
        text=_text_of(refusal.faults),
        waiting=False,
    )
    response.headers.update(refusal.headers)
    return response


def _signed_in(request: Request, scope: str = "read") -> Token:
    return browser_token(request, request.cookies.get(COOKIE, ""), scope)


def _check_form(request: Request, form: FormData) -> None:
    """Raise Refusal for a form that another site made the browser send."""
    expected = csrf_of(request.cookies.get(COOKIE, ""))
    given = form.get("csrf")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        raise _foreign()
    _check_site(request)


def _check_site(request: Request) -> None:
    """Raise Refusal for a form of another site, where the browser says so."""
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise _foreign()


def _foreign() -> Refusal:
    return Refusal.of(
        403,
        Fault(
            "form",
            "not made by this site",
            "a form of the page /me",
            "open /me again",
            code="csrf",
        ),
    )


async def _form(request: Request, most: int = _FORM_BYTES) -> FormData:
    """Return a form of at most so many bytes; raise Refusal for a larger one."""
    size, started = 0, time.monotonic()

    async def capped() -> Message:
        nonlocal size
        message = await in_time(request.receive())
        check_pace(size, started)
        size += len(message.get("body", b""))
        if size > most:
            fault = Fault(
                "form",
                f"more than {most:,} bytes",
                "a smaller file",
                "see the rules of the challenge",
                code="file-too-large",
            )
            raise Refusal.of(413, fault, Connection="close")
        return message

    limited = Request(request.scope, capped)
    return await limited.form(max_files=1, max_fields=8, max_part_size=4096)


@pages.get("/me")
def me(request: Request, done: str = "") -> Response:
    """Show quota, history and forms; or the form to sign in."""
    service = service_of(request)
    if COOKIE not in request.cookies:
        return _sign_in_page(request, 200, "")
    try:
        token = _signed_in(request)
    except Refusal as refusal:
        return _sign_in_again(request, refusal)
    ledger = service.ledger()
    if token.team is None or token.team_name is None:
        fault = Fault("token", "the organiser's", "the token of a team", "use the shell", "scope")
        return _sign_in_again(request, Refusal.of(403, fault))
    with ledger.store.reading() as connection:
        tasks = [
            {
                "id": task_id,
                "title": service.task(task_id).title,
                "left": quota_left(
                    connection, ledger.settings.limits, token.team, task_id, clock.now()
                ),
            }
            for task_id in service.challenge.built_ids()
        ]
    messages = {"select": "The selection is changed.", "withdraw": "The submission is withdrawn."}
    return team_page(
        service,
        "me.html",
        "Your team",
        team=token.team_name,
        closes=ledger.settings.closes_utc(),
        deadline=DEADLINE,
        message=messages.get(done, ""),
        tasks=tasks,
        rows=history(ledger, team=token.team_name)[::-1],
        contest=ledger.settings.is_contest(),
        csrf=csrf_of(request.cookies[COOKIE]),
    )


def _sign_in_page(request: Request, status: int, faults: str) -> Response:
    return team_page(
        service_of(request),
        "sign-in.html",
        "Sign in",
        status,
        faults=faults,
        person=person_of(request),
        openid=request.app.state.openid is not None,
    )


def _sign_in_again(request: Request, refusal: Refusal) -> Response:
    response = _sign_in_page(request, refusal.status, _text_of(refusal.faults))
    if refusal.status in (401, 403):
        response.delete_cookie(COOKIE, path="/me")
    return response


@pages.post("/me/sign-in")
async def sign_in(request: Request) -> Response:
    """Keep the token in a cookie that scripts and other sites cannot use."""
    _check_site(request)
    form = await _form(request)
    text, person = str(form.get("token") or "").strip(), person_of(request)
    try:
        if not text and person is not None:
            text = await asyncio.to_thread(person_token, request, person, PROXY)
        await asyncio.to_thread(browser_token, request, text, "read")
    except Refusal as refusal:
        return _sign_in_again(request, refusal)
    response = _to("/me")
    set_token_cookie(request, response, text)
    return response


@pages.post("/me/sign-out")
async def sign_out(request: Request) -> Response:
    """Forget the token."""
    _check_form(request, await _form(request))
    response = _to("/me")
    response.delete_cookie(COOKIE, path="/me")
    return response


@pages.post("/me/submit")
async def submit(request: Request) -> Response:
    """Hand in the file of the form."""
    service = service_of(request)
    token = await asyncio.to_thread(_signed_in, request, "submit")
    if token.team is None:
        return _to("/me")
    with upload_of(service, token.team):
        task, received, method, note = await _received(request, service)
    arrival, _ = await hand_in(
        service,
        task,
        received,
        token=token,
        method=method,
        note=note,
        origin=origin_of(request, token),
        wait=WAIT_S,
    )
    return _to(f"/me/arrivals/{arrival}")


async def _received(request: Request, service: Service) -> tuple[Task, Received, str, str]:
    """Return what the form to submit has: task, file, method and note."""
    known = service.challenge.built_ids()
    largest = max((most_bytes_of(service, service.task(one)) for one in known), default=0)
    form = await _form(request, largest + _FORM_BYTES)
    _check_form(request, form)
    upload = form.get("file")
    task = await asyncio.to_thread(service.task, str(form.get("task") or ""))
    method = clean_text(str(form.get("method") or ""))
    note = clean_text(str(form.get("note") or ""))
    faults = text_faults(method, note)
    if not isinstance(upload, UploadFile):
        faults.append(Fault("file", "nothing", "a predictions file", "choose one", "file-missing"))
    if faults:
        raise SubmissionError(faults)
    assert isinstance(upload, UploadFile)
    received = await receive(
        service,
        _blocks(upload),
        name=safe_name(upload.filename or ""),
        most=most_bytes_of(service, task),
    )
    return task, received, method, note


async def _blocks(upload: UploadFile) -> AsyncIterator[bytes]:
    while block := await upload.read(_BLOCK):
        yield block


@pages.get("/me/arrivals/{arrival}")
def show_outcome(request: Request, arrival: int) -> Response:
    """Show the receipt of a file, its faults, or that it waits."""
    service = service_of(request)
    token = _signed_in(request)
    known, outcome = outcome_of(service.ledger(), arrival, token.team or 0)
    if not known:
        fault = Fault("file", str(arrival), "a file of this team", "open /me", code="not-found")
        raise Refusal.of(404, fault)
    if outcome is None:
        return team_page(
            service, "outcome.html", "Waiting", heading="Waiting", text="", waiting=True
        )
    try:
        receipt_answer(service, outcome)
    except Refusal as refusal:
        return _refused(service, refusal)
    lines = [*outcome["lines"], *([f"   rank: {outcome['rank']}"] if outcome["rank"] else [])]
    return team_page(
        service,
        "outcome.html",
        "Accepted",
        heading="Accepted",
        text="\n".join(lines),
        waiting=False,
    )


@pages.post("/me/submissions/{number}/{change}")
async def change_submission(request: Request, number: int, change: str) -> Response:
    """Select or withdraw an own submission."""
    service = service_of(request)
    token = await asyncio.to_thread(_signed_in, request, "submit")
    form = await _form(request)
    _check_form(request, form)
    if change not in ("select", "withdraw") or not 1 <= number < 2**31:
        fault = Fault("page", change, "select or withdraw", "open /me", code="not-found")
        raise Refusal.of(404, fault)
    undo = form.get("undo") == "1"
    await asyncio.to_thread(_change, service, token, number, change, undo, request)
    return _to(f"/me?done={change}")


def _change(
    service: Service, token: Token, number: int, change: str, undo: bool, request: Request
) -> None:
    own_submission(service, token, number)
    origin = origin_of(request, token)
    if change == "select":
        select(service.ledger(), number, chosen=not undo, origin=origin)
    else:
        withdraw(service.ledger(), number, origin=origin)


@pages.get("/api/v1/docs")
def docs(request: Request) -> Response:
    """Show the calls of the API to people."""
    service = service_of(request)
    app: FastAPI = request.app
    calls = [
        {
            "method": method.upper(),
            "path": path,
            "text": call["description"],
            "statuses": ", ".join(call["responses"]),
        }
        for path, methods in app.openapi()["paths"].items()
        for method, call in methods.items()
    ]
    base = str(request.base_url).rstrip("/")
    return team_page(service, "api.html", "API", calls=calls, base=base)


def page_of(request: Request, error: ChallengeError | Refusal) -> Response:
    """Return the page for an error of a page below /me."""
    refusal = error if isinstance(error, Refusal) else refusal_of(error)
    if refusal.status == 401:
        return _sign_in_again(request, refusal)
    return _refused(service_of(request), refusal)
