"""The web application: the API, the pages of a team, and the static site."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Scope

from challenge.errors import ChallengeError, Fault, SubmissionError, WrongUse
from challenge.server.api_routes import api, health
from challenge.server.openid import OpenIdProvider, add_openid
from challenge.server.problems import MEDIA_TYPE, Refusal, document_of, refusal_of
from challenge.server.request_log import RequestLog
from challenge.server.scoring_process import JobLimits
from challenge.server.service import Service
from challenge.server.submission_routes import submission_calls
from challenge.server.web_pages import page_of, pages
from challenge.task import Challenge
from challenge.version import __version__

__all__ = ["make_application"]

_LOG = logging.getLogger("challenge.server")


class _Site(StaticFiles):
    """The static site; hidden files of a build in progress are not of it."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return a file of the site, none for a hidden one."""
        if any(part.startswith(".") for part in path.split("/") if part != "."):
            return "", None
        return super().lookup_path(path)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with a file that a browser may keep for a moment only.

        It is read at once: between two looks at it, a build may put another one in its place.
        """
        try:
            content = Path(full_path).read_bytes()
        except FileNotFoundError:
            raise HTTPException(404) from None
        kind = guess_type(full_path)[0] or "application/octet-stream"
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"Cache-Control": "no-cache", "ETag": etag}
        response = Response(content, status_code, headers, kind)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


def make_application(
    challenge: Challenge,
    *,
    slots: int,
    limits: JobLimits,
    openid: OpenIdProvider | None = None,
) -> FastAPI:
    """Return the application; `slots` files are scored at once, 0: on other hosts alone."""
    service = Service(challenge, has_line=slots > 0)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        keeper = asyncio.create_task(_keep_line(service, slots, limits)) if slots else None
        yield
        if keeper is not None:
            await service.stop_line()
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper

    app = FastAPI(
        title="challenge",
        version=__version__,
        description="Submissions to a challenge over HTTP.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(api)
    app.include_router(submission_calls)
    app.include_router(health)
    app.include_router(pages)
    app.state.openid = None
    if openid is not None:
        add_openid(app, openid)
    challenge.leaderboard.mkdir(exist_ok=True)
    app.mount("/", _Site(directory=challenge.leaderboard, html=True))
    _add_handlers(app, service)
    _state_problems(app)
    app.add_middleware(RequestLog, service=service)
    return app


async def _keep_line(service: Service, slots: int, limits: JobLimits) -> None:
    """Run the scoring process, and start it again when it ended; the files that wait are kept."""
    arguments = [str(service.challenge.root), str(slots), str(limits.memory_mb)]
    while not service.stopping:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "challenge.server.scoring_host", *arguments, str(limits.seconds)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C is for this process, which ends the other one when its files are scored.
            start_new_session=True,
        )
        reports = asyncio.create_task(service.follow(process))
        # Not until the end of its reports: a process that it forked may outlive it.
        code = await process.wait()
        reports.cancel()
        service.line_ended()
        if not service.stopping:
            _LOG.error("the scoring process ended with %d and is started again", code)
            await asyncio.sleep(1.0)


def _add_handlers(app: FastAPI, service: Service) -> None:
    def answer(request: Request, error: ChallengeError | Refusal) -> Response:
        refusal = error if isinstance(error, Refusal) else refusal_of(error)
        if refusal.status >= 500:
            _LOG.error("request %s: %s", request.state.request, error)
        for fault in refusal.faults:
            service.measures.count_refusal(str(fault["code"]))
        if request.url.path == "/me" or request.url.path.startswith("/me/"):
            return page_of(request, error)
        return JSONResponse(
            document_of(refusal, request.state.request),
            refusal.status,
            dict(refusal.headers),
            media_type=MEDIA_TYPE,
        )

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return answer(request, error)

    @app.exception_handler(ChallengeError)
    async def at_fault(request: Request, error: ChallengeError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [
            Fault(
                " ".join(str(part) for part in one["loc"]),
                repr(one.get("input"))[:200],
                str(one["msg"]),
                "see /api/v1/docs",
                code="request",
            )
            for one in error.errors()
        ]
        return answer(request, SubmissionError(faults))

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        found = f"{request.method} {request.url.path[:200]}"
        if error.status_code == 404:
            fault = Fault("path", found, "a page or call of this server", "see /api/v1/docs")
            return answer(request, WrongUse(Fault(**{**vars(fault), "code": "not-found"})))
        fault = Fault("request", found, str(error.detail), "see /api/v1/docs", code="request")
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods_of(request.url.path))
        return answer(request, Refusal(error.status_code, (fault.as_json(),), headers))


def _methods_of(path: str) -> list[str]:
    """Return the methods that a path takes; those of the site where no call has it."""
    known = (*api.routes, *submission_calls.routes, *health.routes, *pages.routes)
    routes = [one for one in known if isinstance(one, APIRoute) and one.path_regex.match(path)]
    methods = {method for one in routes for method in one.methods or ()} or {"GET"}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _state_problems(app: FastAPI) -> None:
    """Let the OpenAPI document state that refusals are problems, and how a token is sent."""
    plain = app.openapi

    def stated() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = plain()
        parts = document.setdefault("components", {})
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        parts.get("schemas", {}).pop("HTTPValidationError", None)
        parts.get("schemas", {}).pop("ValidationError", None)
        problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
        for path, calls in document["paths"].items():
            for call in calls.values():
                if path.startswith("/api/"):
                    # The rules of the challenge are for everybody.
                    open_to_all: list[dict[str, Any]] = [{}] if path == "/api/v1/info" else []
                    call["security"] = [*open_to_all, {"token": []}]
                for status, response in call["responses"].items():
                    if int(status) >= 400:
                        response["content"] = {MEDIA_TYPE: problem}
        return document

    app.openapi = stated  # type: ignore[method-assign]
