"""Who calls: the token in the header of a program, or in the cookie of a browser.

Where a trusted proxy or an OpenID provider states who signed in, that person gets a token of the
team for some hours.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from datetime import timedelta

from fastapi import Request, Response

from challenge.errors import Fault
from challenge.ledger.network.actions import Origin
from challenge.ledger.network.tokens import Token, new_token, note_use, token_of
from challenge.ledger.store import clock
from challenge.ledger.submissions.names import clean_text
from challenge.ledger.submissions.roster import enter_team, team_of, team_of_member
from challenge.server.problems import Refusal
from challenge.server.rates import Rates
from challenge.server.service import Service

__all__ = [
    "COOKIE",
    "OPENID",
    "PROXY",
    "address_of",
    "browser_token",
    "csrf_of",
    "origin_of",
    "person_of",
    "person_token",
    "program_token",
    "service_of",
    "set_token_cookie",
    "take_call",
]

COOKIE = "challenge_token"
_LONGEST = 200
PROXY, OPENID = "single sign-on: ", "OpenID Connect: "
"""How the names of tokens begin that were made for a person, by who stated it."""
_PERSON_KEPT = timedelta(hours=12)


def service_of(request: Request) -> Service:
    """Return the state of the web process."""
    service: Service = request.app.state.service
    return service


def address_of(request: Request) -> str:
    """Return the address of the caller; that of a proxy is replaced where the proxy is trusted."""
    return request.client.host if request.client else "-"


def program_token(request: Request, scope: str) -> Token:
    """Return the token of `Authorization: Bearer …` with the scope; raise Refusal 401 or 403."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise _unauthorised("no token", "send the header `Authorization: Bearer TOKEN`")
    return _checked(request, text.strip(), scope)


def browser_token(request: Request, text: str, scope: str) -> Token:
    """Return the token that a browser holds or signs in with; raise Refusal 401 or 403."""
    token = _checked(request, text, scope)
    way = next((one for one in (PROXY, OPENID) if token.name.startswith(one)), None)
    if way is not None:
        ledger = service_of(request).ledger()
        # A proxy names the person in each call, a provider did so once.
        members = [one for team in ledger.settings.team for one in team.members]
        people = members if way == OPENID else [person_of(request) or ""]
        person = next((one for one in people if _name_of(way, one) == token.name), "")
        owner = team_of_member(ledger.settings, person)
        if owner is None or team_of(ledger, owner).id != token.team:
            raise _unauthorised("a token of another person or team", "sign in again")
    return token


def _checked(request: Request, text: str, scope: str) -> Token:
    service, address = service_of(request), address_of(request)
    token = token_of(service.ledger(), text) if len(text) <= _LONGEST else None
    if token is None:
        take_call(service.failed, address, "failed sign-ins of this address")
        raise _unauthorised(
            "a token that is unknown, expired or revoked", "ask the organiser for a new one"
        )
    request.state.token = token.id
    if scope not in token.scopes:
        fault = Fault(
            "token",
            f"the scopes {', '.join(token.scopes)}",
            f"the scope {scope}",
            "ask the organiser for a token with it",
            code="scope",
        )
        raise Refusal.of(403, fault)
    take_call(service.calls, f"token {token.id}", "calls of this token")
    note_use(service.ledger(), token)
    return token


def person_of(request: Request) -> str | None:
    """Return who signed in at a trusted proxy, None where no proxy states it."""
    person: str | None = getattr(request.state, "person", None)
    return person or None


def person_token(request: Request, person: str, way: str) -> str:
    """Return the text of a new token for a member of a team; raise Refusal 403 for anybody else.

    `way` is PROXY or OPENID.
    """
    service = service_of(request)
    take_call(service.uploads, f"person {person}", "sign-ins of this person")
    ledger = service.ledger()
    team = team_of_member(ledger.settings, person)
    if team is None:
        fault = Fault(
            "person",
            repr(person[:100]),
            "a member of a team in challenge.toml",
            "ask the organiser to add you to your team",
            code="unknown-person",
        )
        raise Refusal.of(403, fault)
    entered = enter_team(ledger, team)
    until = clock.now() + _PERSON_KEPT
    return new_token(ledger, team=entered.name, name=_name_of(way, person), expires=until)[1]


def set_token_cookie(request: Request, response: Response, text: str) -> None:
    """Let the browser keep a token in a cookie that scripts and other sites cannot use."""
    response.set_cookie(
        COOKIE,
        text,
        path="/me",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _name_of(way: str, person: str) -> str:
    # The name of a token has at most 100 characters.
    return clean_text(f"{way}{person}")[:100]


def take_call(rates: Rates, key: str, what: str) -> None:
    """Raise Refusal 429 when there were too many calls."""
    wait = rates.wait_of(key)
    if wait:
        raise too_often(what, wait)


def too_often(what: str, wait: float) -> Refusal:
    """Return the refusal of a call that came too soon."""
    seconds = max(1, math.ceil(wait))
    fault = Fault(
        what, "too many in a minute", "fewer", f"wait {seconds} s, then repeat it", code="rate"
    )
    limit = f'"per-minute";r=0;t={seconds}'
    return Refusal.of(429, fault, Retry_After=str(seconds), RateLimit=limit)


def csrf_of(text: str) -> str:
    """Return what forms of a browser with this token must send; other sites cannot know it."""
    return hmac.new(text.encode(), b"challenge form", hashlib.sha256).hexdigest()


def origin_of(request: Request, token: Token, key: str | None = None) -> Origin:
    """Return where a call came from; it has arrived now."""
    return Origin(token.id, address_of(request), request.state.request, clock.now(), key)


def _unauthorised(found: str, fix: str) -> Refusal:
    fault = Fault("token", found, "a valid token of a team", fix, code="token")
    return Refusal.of(401, fault, WWW_Authenticate="Bearer")
