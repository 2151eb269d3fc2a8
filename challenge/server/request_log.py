"""What surrounds every call: its id, the log, the counts, and headers that all answers have."""

from __future__ import annotations

import json
import logging
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from challenge.ledger.store import clock
from challenge.ledger.store.clock import iso
from challenge.server.problems import MEDIA_TYPE, document_of, own_fault

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from challenge.server.service import Service

__all__ = ["RequestLog", "log_to_stderr"]

_LOG = logging.getLogger("challenge.server")
_CUT = 499
"""The status in the log and the counts when the caller was gone before its request was whole."""

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def log_to_stderr() -> None:
    """Send the log of this process to standard error, one line a record."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )


class RequestLog:
    """An ASGI layer around the whole application.

    An error that nothing else caught is logged with its traceback, and answered without it.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = secrets.token_hex(8)
        scope.setdefault("state", {})["request"] = request
        method = scope["method"]
        if method == "HEAD":
            # Each page and call that answers GET; the layer below sends no body for HEAD.
            scope = {**scope, "method": "GET"}
        started, status = time.monotonic(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = list(message.get("headers", ()))
                known = {name for name, _ in given}
                own = [one for one in self._headers(request) if one[0] not in known]
                message["headers"] = given + own
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            # The log has no traceback of each cut connection.
            status = _CUT
        except Exception:
            _LOG.exception("request %s: an error of the server", request)
            if status:
                raise
            body = json.dumps(document_of(own_fault(), request)).encode()
            await send_with_headers(
                {
                    "type": "http.response.start",
                    "status": own_fault().status,
                    "headers": [
                        (b"content-type", MEDIA_TYPE.encode()),
                        (b"content-length", str(len(body)).encode()),
                        (b"retry-after", b"30"),
                    ],
                }
            )
            await send_with_headers({"type": "http.response.body", "body": body})
        finally:
            self._note(scope, method, request, status, time.monotonic() - started)

    def _headers(self, request: str) -> list[tuple[bytes, bytes]]:
        own = [(b"x-request-id", request.encode()), (b"x-server-time", iso(clock.now()).encode())]
        closes = self._service.settings.closes_utc()
        if closes is not None:
            own.append((b"x-closes", iso(closes).encode()))
        return [*_HEADERS, *own]

    def _note(self, scope: Scope, method: str, request: str, status: int, seconds: float) -> None:
        route: Any = scope.get("route")
        name = getattr(route, "path", "") or "other"
        self._service.measures.count_request(method, name, status)
        client = scope.get("client") or ("-", 0)
        token = scope.get("state", {}).get("token", "-")
        _LOG.info(
            "request %s %s %s %d %.3fs from %s token %s",
            *(request, method, name, status, seconds, client[0], token),
        )
