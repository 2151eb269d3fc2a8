"""What a proxy before the server states of its callers: address, scheme, who signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["TrustedProxies"]


class TrustedProxies:
    """An ASGI layer that believes the headers of these addresses, and of no others.

    `user_header` names the header in which the proxies state who signed in; empty: they do not.
    The name is kept as `person` in the state of the request.
    """

    def __init__(self, app: ASGIApp, addresses: str, user_header: str) -> None:
        self._app = ProxyHeadersMiddleware(app, addresses)  # type: ignore[arg-type]
        self._header = user_header.lower().encode("latin-1", "replace")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] == "http" and self._header:
            client = scope.get("client")
            given = [value for name, value in scope["headers"] if name == self._header]
            # Twice: somebody before the proxy sent it too.
            if client and client[0] in self._app.trusted_hosts and len(given) == 1:
                person = given[0].decode(errors="replace").strip()
                scope.setdefault("state", {})["person"] = person
        await self._app(scope, receive, send)  # type: ignore[arg-type]
