"""Signing in to `/me` at an OpenID Connect provider: authorization code, PKCE, a verified ID token.

What belongs to a sign-in that has begun is in a signed cookie, so any web process can finish it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request, Response

from challenge.errors import Fault, WrongUse
from challenge.server.problems import Refusal
from challenge.server.sign_in import (
    OPENID,
    address_of,
    person_token,
    service_of,
    set_token_cookie,
    take_call,
)
from challenge.server.web_pages import team_page

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["OpenIdProvider", "add_openid"]

_LOG = logging.getLogger("challenge.server")
_PATH, _KEPT_S = "/me/openid", 600

_routes = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class OpenIdProvider:
    """A provider by its issuer, what it knows this server as, and the claim that names a member.

    Raises WrongUse for an issuer without https that is on another machine.
    """

    issuer: str
    client: str
    secret: str
    claim: str = "email"

    def __post_init__(self) -> None:
        parts = urlsplit(self.issuer)
        own = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or parts.scheme not in (("https", "http") if own else ("https",)):
            raise WrongUse(
                Fault(
                    "--openid",
                    repr(self.issuer),
                    "the https address of a provider",
                    "name its issuer, such as https://login.example.org/realms/one",
                    code="openid-issuer",
                )
            )
        if not (self.client and self.secret):
            raise WrongUse(
                Fault(
                    "--openid",
                    "an issuer without a client or its secret",
                    "--openid-client and CHALLENGE_OPENID_SECRET",
                    "register this server at the provider, and state both",
                    code="openid-client",
                )
            )


def add_openid(app: FastAPI, provider: OpenIdProvider) -> None:
    """Add the two calls of a sign-in to the application."""
    from authlib.integrations.starlette_client import OAuth

    metadata = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
    app.state.openid = provider
    app.state.openid_client = OAuth().register(
        "openid",
        client_id=provider.client,
        client_secret=provider.secret,
        server_metadata_url=metadata,
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "timeout": 10.0,
        },
    )
    app.include_router(_routes)
    app.add_middleware(_Sessions, secret=provider.secret)


class _Sessions:
    """An ASGI layer that keeps a begun sign-in in a cookie, which is secure where the page is."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        from starlette.middleware.sessions import SessionMiddleware

        # Not the secret itself: the cookie shows a signature of something that callers know.
        key = hmac.new(secret.encode(), b"challenge openid session", hashlib.sha256).hexdigest()
        self._app = app
        self._by_scheme = {
            scheme: SessionMiddleware(
                app,
                key,
                session_cookie="challenge_openid",
                max_age=_KEPT_S,
                path=_PATH,
                # The provider leads back here from another site.
                same_site="lax",
                https_only=scheme == "https",
            )
            for scheme in ("http", "https")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        ours = scope["type"] == "http" and scope["path"].startswith(_PATH)
        scheme = "https" if scope.get("scheme") == "https" else "http"
        app = self._by_scheme[scheme] if ours else self._app
        await app(scope, receive, send)


@_routes.get(_PATH)
async def begin(request: Request) -> Response:
    """Lead the browser to the provider."""
    take_call(service_of(request).uploads, f"openid {address_of(request)}", "sign-ins")
    # One at a time, so that the cookie stays small.
    request.session.clear()
    client: Any = request.app.state.openid_client
    try:
        await _check_issuer(request)
        back = str(request.url_for("come_back"))
        response: Response = await client.authorize_redirect(request, back)
    except Exception as error:
        # Which HTTP client is used, and so its errors, is up to Authlib.
        raise _unreachable(request, error) from None
    return response


@_routes.get(f"{_PATH}/back")
async def come_back(request: Request) -> Response:
    """Sign in the person whom the provider names."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError

    take_call(service_of(request).uploads, f"openid {address_of(request)}", "sign-ins")
    provider: OpenIdProvider = request.app.state.openid
    client: Any = request.app.state.openid_client
    options = {
        "iss": {"essential": True, "values": [provider.issuer]},
        "aud": {"essential": True, "values": [provider.client]},
    }
    try:
        await _check_issuer(request)
        answer = await client.authorize_access_token(request, claims_options=options)
        claims = answer["userinfo"]
    except (AuthlibBaseError, JoseError, LookupError, TypeError, ValueError) as error:
        _LOG.warning("request %s: sign-in refused: %s", request.state.request, error)
        raise _refused(
            "no valid answer of the provider, or one to another sign-in", "sign in again"
        ) from None
    except Exception as error:
        raise _unreachable(request, error) from None
    finally:
        request.session.clear()
    person = claims.get(provider.claim)
    if not isinstance(person, str) or not person:
        raise _refused(
            f"no claim {provider.claim!r}", "ask the organiser to let the provider send this claim"
        )
    if provider.claim == "email" and claims.get("email_verified") is not True:
        raise _refused("an e-mail address that is not verified", "verify it at the provider")
    text = await asyncio.to_thread(person_token, request, person, OPENID)
    # A redirect would be of the provider's site, for which the browser keeps the cookie back.
    response = team_page(
        service_of(request), "signed-in.html", "Signed in", person=person, next_page="/me"
    )
    set_token_cookie(request, response, text)
    return response


async def _check_issuer(request: Request) -> None:
    metadata = await request.app.state.openid_client.load_server_metadata()
    if metadata["issuer"] != request.app.state.openid.issuer:
        raise ValueError(f"the provider calls itself {metadata['issuer']!r}")


def _refused(found: str, fix: str) -> Refusal:
    fault = Fault("sign-in", found, "a person whom the provider names", fix, code="sign-in")
    return Refusal.of(403, fault)


def _unreachable(request: Request, error: Exception) -> Refusal:
    _LOG.error("request %s: the OpenID provider: %r", request.state.request, error)
    fault = Fault(
        "sign-in",
        "the provider does not answer as it should",
        "a provider of OpenID Connect",
        "try again later, or sign in with the token of your team",
        code="sign-in",
    )
    return Refusal.of(503, fault, Retry_After="30")
